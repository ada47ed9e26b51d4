"""Where people review: which Argilla, how to get in, and in words what a dataset there shows and asks."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from app import services
from app.config import Settings
from app.recipe import Recipe
from app.services import Say
from app.store import Store
from app.tables.runs import Run
from feedback.schema import Review, Shape, fields, guidelines, questions
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
    running = services.ensure(services.ARGILLA, settings, say, port)
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


def described(shape: Shape, made: Recipe) -> Described:
    """What a push makes of rows of that shape."""
    asked = questions(shape, made.review, made.rating.aspects if made.rating else ())
    return Described([part.title for part in fields(shape)], [part.title for part in asked], guidelines_of(made))


def guidelines_of(made: Recipe) -> str:
    labeller = made.labeller.model or made.labeller.preset
    return guidelines(made.rating.aspects if made.rating else (), labeller, for_trying=for_trying(made))


@dataclass(frozen=True)
class WayIn:
    """How a person signs in to the embedded Argilla. `file` is where that is kept."""

    username: str
    password: str = field(repr=False)
    file: str


def way_in(settings: Settings) -> WayIn | None:
    """None where Argilla is not the embedded one, or does not run yet."""
    if settings.argilla_url:
        return None
    try:
        record = json.loads((settings.services / f"{services.ARGILLA.name}.json").read_text(encoding="utf-8"))
        file = Path(str(record["credentials"]))
        found = json.loads(file.read_text(encoding="utf-8"))
        return WayIn(str(found["username"]), str(found["password"]), str(file))
    except (OSError, ValueError, KeyError):
        return None


def for_trying(made: Recipe) -> bool:
    """True if the built-in model rates: its ratings are for trying only, and everybody should know."""
    return made.rating is not None and made.labeller.preset == "local"


def dataset_of(store: Store, run: Run, review: Review) -> str:
    """The name of the dataset that a push goes to: the one that is asked for, else the last one, else the run's own."""
    last = next((str(push["dataset"]) for push in store.reviews.pushes(run.id)), "")
    return review.dataset or last or run.id
