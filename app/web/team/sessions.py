"""Where people are signed in, as pages of a team list it, with a button that ends each."""

import time
from collections.abc import Sequence

from markupsafe import Markup

from app.store.people.sessions import Session
from app.web.html.fragments import ago_seconds
from app.web.html.markup import joined, markup

BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
SYSTEMS = {
    "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows", "Mac OS X": "macOS", "CrOS": "ChromeOS",
    "Linux": "Linux",
}  # fmt: skip
"""By what a browser says of itself; the first that it says holds, as most say several."""


def listed(sessions: Sequence[Session], action: str) -> Markup:
    """One line each; the button posts end=SESSION and name=PERSON to `action`."""
    lines = joined(
        markup(
            '<tr><td>{browser}</td><td>since {since}</td><td>last seen {seen}</td><td><form method="post" action="{action}"'
            ' class="acts"><input type="hidden" name="name" value="{person}"><input type="hidden" name="session" value="{id}">'
            '<button name="do" value="end" type="submit" aria-label="End the session of {browser}">End</button></form></td></tr>',
            browser=browser_named(session.browser),
            since=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(session.created)),
            seen=ago_seconds(time.time() - session.seen),
            action=action,
            person=session.person,
            id=session.id,
        )
        for session in sessions
    )
    return markup('<div class="scroll"><table><tbody>{}</tbody></table></div>', lines)


def browser_named(said: str) -> str:
    """A browser in words, by what it says of itself (its User-Agent)."""
    browser = next((name for sign, name in BROWSERS.items() if sign in said), "")
    system = next((name for sign, name in SYSTEMS.items() if sign in said), "")
    return " on ".join(filter(None, [browser, system])) or "A program"
