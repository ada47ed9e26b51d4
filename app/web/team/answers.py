"""How a page of a team answers: with itself, and above it what came of a form; or with why it is not for whoever asks."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from markupsafe import Markup

from app.web.html import sign_in_pages
from app.web.html.markup import markup
from app.web.security.access import NO_STORE
from tasks.errors import ClaywrightError

if TYPE_CHECKING:
    from starlette.responses import Response


def answered(content: Callable[[], Markup], home: str = "./") -> "Response":
    """The page that `content` makes; what it raises is said in its place, with the way `home`, to the app's page."""
    from starlette.responses import HTMLResponse

    try:
        page = sign_in_pages.plain("Claywright", content(), wide=True)
    except ClaywrightError as error:
        back = markup('<p><a href="{}">Back to the runs</a></p>', home)
        return HTMLResponse(sign_in_pages.plain("Not here", trouble(str(error)) + back), 403, NO_STORE)
    return HTMLResponse(page, headers=NO_STORE)


def said(sentence: str) -> Markup:
    """What was done."""
    return markup('<p class="said" role="status">{}</p>', sentence)


def trouble(sentence: str) -> Markup:
    """What could not be done, and why."""
    return markup('<p class="wrong" role="alert">{}</p>', sentence)
