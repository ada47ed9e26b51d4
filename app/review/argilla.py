"""Where people review: which Argilla, how to get in, and in words what a dataset there shows and asks."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from app import services
from app.config import Settings
from app.recipe import Recipe
from app.services import Say
from app.store.runs import Run
from app.store.store import Store
from feedback.argilla.dataset_settings import Review, Shape, fields, guidelines, questions
from feedback.errors import ArgillaError
from tasks.errors import ClaywrightError

EMBEDDED = "embedded"
"""The embedded Argilla's name in the store, wherever it happens to listen."""


def argilla_name(settings: Settings) -> str:
    """The name in the store of the Argilla that `settings` lead to."""
    return settings.argilla_url or EMBEDDED


@dataclass(frozen=True)
class Argilla:
    """Where Argilla is and how to get in. `own` is True for the embedded one."""

    url: str
    key: str
    workspace: str = ""
    own: bool = False

    @property
    def name(self) -> str:
        """Names the server in the store, wherever the embedded one happens to listen."""
        return EMBEDDED if self.own else self.url


def argilla(settings: Settings, say: Say, port: int = 0) -> Argilla:
    """The server of ARGILLA_API_URL and ARGILLA_API_KEY, else the embedded one, started where it does not run yet."""
    if settings.argilla_url:
        if not settings.argilla_key:
            raise ClaywrightError(f"Argilla at {settings.argilla_url} needs a key: set ARGILLA_API_KEY.")
        return Argilla(settings.argilla_url, settings.argilla_key, settings.argilla_workspace)
    running = services.local(settings).ensure(services.ARGILLA, say, port)
    return embedded(running, settings)


def embedded(running: services.Running, settings: Settings) -> Argilla:
    """The embedded Argilla that runs."""
    credentials = json.loads(Path(str(running.details["credentials"])).read_text(encoding="utf-8"))
    return Argilla(running.url, str(credentials["api_key"]), settings.argilla_workspace, own=True)


@dataclass(frozen=True)
class Described:
    """A dataset in Argilla, in words: what a record shows, what it asks, what reviewers are told."""

    fields: list[str]
    questions: list[str]
    guidelines: str


def described(shape: Shape, recipe: Recipe) -> Described:
    """What a push makes of rows of that shape."""
    labelled = recipe.rating.keys if recipe.rating else ()
    shape = replace(shape, compared=is_pairwise(recipe))
    to_answer = questions(shape, recipe.review, labelled)
    return Described(
        [part.title for part in fields(shape, recipe.review, labelled)],
        [part.title for part in to_answer],
        guidelines_of(recipe),
    )


def guidelines_of(recipe: Recipe) -> str:
    labeller = recipe.labeller.model or recipe.labeller.preset
    return guidelines(
        [recipe.rating.known[key] for key in recipe.rating.keys] if recipe.rating else [],
        labeller,
        for_trying=for_trying(recipe),
        blind_audit=recipe.review.blind_audit is True,
        compared=is_pairwise(recipe),
    )


def is_pairwise(recipe: Recipe) -> bool:
    """True if the labeller compares responses in pairs."""
    return recipe.rating is not None and recipe.rating.method == "pairwise"


def with_audit(store: Store, run: Run, recipe: Recipe, rows: int) -> Recipe:
    """The recipe with what its audit comes to for so many rows: without suggestions, or with them.

    A run of which something was sent goes on as its audit was sealed, where the recipe does not say.
    """
    blind = recipe.review.is_blind(rows, store.pushes.sealed_blind(run.id))
    return replace(recipe, review=replace(recipe.review, blind_audit=blind))


SIGN_IN = "/claywright/sign-in"
OPEN = "/argilla/open"
"""Where the embedded Argilla signs a browser in, and where the app sends one there."""
ANSWERS_WITHIN = 5.0


def opening(settings: Settings, address: str) -> str:
    """The address behind a link to Argilla: of the embedded one by way of the app, which signs the browser in."""
    if settings.argilla_url or not address:
        return address
    parts = urlsplit(address)
    to = f"{parts.path}?{parts.query}" if parts.query else parts.path or "/"
    return f"{OPEN[1:]}?{urlencode({'to': to})}"  # from the app's page, under whatever path that lies


def signed_in(settings: Settings, to: str) -> str:
    """An address that opens the path `to` of the embedded Argilla as its owner, good once and for a minute.

    "" where Argilla does not run. Where it does not know such addresses, its own page asks for the password.
    """
    import httpx

    running = services.local(settings).find(services.ARGILLA)
    if running is None:
        return ""
    try:
        key = embedded(running, settings).key
        with httpx.Client(trust_env=False, timeout=ANSWERS_WITHIN) as client:
            answer = client.post(running.url + SIGN_IN, headers={"X-Argilla-Api-Key": key})
            code = answer.raise_for_status().json()["code"]
    except (httpx.HTTPError, OSError, ValueError, KeyError, TypeError):
        return f"{running.url}{to}"
    return f"{running.url}{SIGN_IN}?{urlencode({'code': code, 'to': to})}"


@dataclass(frozen=True)
class Invited:
    """A reviewer who can begin. `link` signs in once where Argilla is the embedded one, else only leads there; a new account's
    `password` is told once.
    """

    name: str
    link: str
    password: str = ""
    signs_in: bool = False


def invite(settings: Settings, name: str, workspace: str, to: str, *, anew: bool = False) -> Invited:
    """Lets somebody review in a workspace; `to` is the path of what they are to see first. With `anew` only the link is new.

    Raises SettingsError and ArgillaError.
    """
    import httpx

    from feedback.argilla.client import Server
    from feedback.argilla.reviewers import Added, add_reviewer

    where = argilla(settings, lambda message: None)
    added = Added(name)
    if not anew:
        with Server(where.url, where.key) as server:
            added = add_reviewer(server, workspace or where.workspace, name)
    if not where.own:
        return Invited(added.name, f"{where.url.rstrip('/')}{to}", added.password)
    try:
        with httpx.Client(trust_env=False, timeout=ANSWERS_WITHIN) as client:
            headers = {"X-Argilla-Api-Key": where.key}
            answer = client.post(where.url + SIGN_IN, params={"user": added.name}, headers=headers)
            code = answer.raise_for_status().json()["code"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        own = (
            f" They can sign in with the password {added.password}, which is said this once." if added.password else ""
        )
        raise ArgillaError(
            f"Argilla gave no link for {added.name}.{own} Add them once more, or start Claywright again where that does not help."
        ) from error
    link = f"{where.url}{SIGN_IN}?{urlencode({'invited': '', 'code': code, 'to': to})}"
    return Invited(added.name, link, added.password, signs_in=True)


def reviewers_of(settings: Settings, workspace: str) -> list[str]:
    """Who may review in a workspace of the Argilla that runs; [] where that can't be told now."""
    from feedback.argilla.client import Server
    from feedback.argilla.reviewers import reviewers

    if not settings.argilla_url and services.local(settings).find(services.ARGILLA) is None:
        return []
    try:
        where = argilla(settings, lambda message: None)
        with Server(where.url, where.key) as server:
            return reviewers(server, workspace or where.workspace)
    except ClaywrightError:
        return []


@dataclass(frozen=True)
class Owner:
    """Who owns the embedded Argilla. `file` is where the password is kept."""

    username: str
    file: str


def owner(settings: Settings) -> Owner | None:
    """None where Argilla is not the embedded one, or does not run yet."""
    if settings.argilla_url:
        return None
    try:
        record = json.loads((settings.services / f"{services.ARGILLA.name}.json").read_text(encoding="utf-8"))
        return Owner(str(record["username"]), str(record["credentials"]))
    except (OSError, ValueError, KeyError):
        return None


def for_trying(recipe: Recipe) -> bool:
    """True if the built-in model rates: its ratings are for trying only, and everybody should know."""
    return recipe.rating is not None and recipe.labeller.preset == "local"


def dataset_of(store: Store, run: Run, review: Review) -> str:
    """The name of the dataset that a push goes to: the one that is asked for, else the last one, else the run's own."""
    last = next((str(push["dataset"]) for push in store.pushes.of_run(run.id)), "")
    return review.dataset or last or run.id
