"""What all work on runs needs, made once at the edge: by a command, by the app for a browser, by a call from Python."""

from dataclasses import dataclass, field, replace

from app.api_keys import Keys
from app.config import Settings
from app.inputs.known_inputs import KnownInputs
from app.services import Say
from app.store.store import Store
from tasks.engine.fair_shares import FairShares


def silent(message: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class Workspace:
    """`report` is told what a person may want to know meanwhile, a sentence a call; it may raise to end the work."""

    settings: Settings
    store: Store
    keys: Keys = field(default_factory=Keys)
    report: Say = silent
    inputs: KnownInputs = field(default_factory=KnownInputs)
    shares: FairShares | None = None
    """Divides the servers of models between people whose runs are worked at the same time; None where one person works."""

    def reporting(self, report: Say) -> "Workspace":
        """The same one, with somebody else to tell."""
        return replace(self, report=report)
