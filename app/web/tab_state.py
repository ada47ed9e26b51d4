"""What one open tab shows: the page, the row, and for each page a part of its own, which no other page reads.

All of it is frozen. An action is given the state as it was when it began and returns its page's part as it is to be;
`with_part` puts only those fields of it into the tab that the action changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from app.review.argilla import Invited
from app.review.insights import RISK
from app.runs.row_edits import Dropped
from app.store.reviews.local_verdicts import Added

HOME = "generate"


@dataclass(frozen=True)
class Confirmation:
    """What is asked before something that is kept under a name is replaced or deleted; "" for nothing."""

    replacing: str = ""
    deleting: str = ""
    since: float = 0.0
    """When it was asked about deleting, by the monotonic clock in seconds."""


@dataclass(frozen=True)
class SwitcherPart:
    """The run switcher in the header, with runs by their ids; "" for none."""

    naming: str = ""
    deleting: str = ""
    since: float = 0.0
    """When it was asked about deleting, by the monotonic clock in seconds."""


@dataclass(frozen=True)
class DrawerPart:
    """The drawer with recipes: which side of it is open, the two recipes that are compared, what is asked."""

    panel: str = ""
    left: str = ""
    right: str = ""
    confirmation: Confirmation = Confirmation()


@dataclass(frozen=True)
class ModelsPart:
    """The page Models."""

    confirmation: Confirmation = Confirmation()


@dataclass(frozen=True)
class Edit:
    """A row that is being edited on Generate: its texts as they are written by now, and which response is in the field."""

    row: str
    instruction: str
    responses: tuple[str, ...]
    index: int = 0


@dataclass(frozen=True)
class FirstPrompt:
    """The first prompt as (role, text), none where no model is asked; and the recipe that gave it, as text."""

    messages: tuple[tuple[str, str], ...]
    recipe: str


@dataclass(frozen=True)
class GeneratePart:
    """The page Generate."""

    editing: Edit | None = None
    redrawing: str = ""
    """The row that is being drawn anew."""
    prompt: FirstPrompt | None = None


@dataclass(frozen=True)
class Correction:
    """A row that is being corrected on Review: which response, what the fields held when that began, who had decided then."""

    row: str
    index: int
    instruction: str
    response: str
    decided: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """(decision, corrected instruction, corrected response) by reviewer."""


@dataclass(frozen=True)
class Draft:
    """A correction that was left for something else: which response, the texts."""

    index: int
    instruction: str
    response: str


@dataclass(frozen=True)
class Undo:
    """The last thing done with several rows of a run, in words, with the versions that undo it; none once it was undone."""

    run: str
    sentence: str
    added: tuple[Added, ...] = ()
    dropped: tuple[Dropped, ...] = ()

    @property
    def number(self) -> int:
        return len(self.added) + len(self.dropped)


@dataclass(frozen=True)
class ReviewPart:
    """The page Review. Rows are named by their ids."""

    settings: bool = False
    """True while the settings are shown."""
    filters: bool = False
    """True while the second line of filters is shown."""
    raw: str = ""
    """The row whose texts are shown as they are."""
    selected: tuple[str, ...] = ()
    anchor: str = ""
    """The row that was selected last, from which a selection with shift goes."""
    undo: Undo | None = None
    pending: Mapping[str, Any] | None = None
    """What the button said that waits for the reviewer's name; {} where nothing does and the name is asked for."""
    correcting: Correction | None = None
    drafts: Mapping[str, Draft] = field(default_factory=dict)
    """By row."""
    invited: Invited | None = None


@dataclass(frozen=True)
class RubricEdit:
    """A rubric that is being written: its fields as plain values, as a recipe has them, and the key it had before, "" for none."""

    values: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""


@dataclass(frozen=True)
class RatePart:
    """The page Rate."""

    editing: RubricEdit | None = None
    library: bool = False
    """True while the saved rubrics are shown."""
    confirmation: Confirmation = Confirmation()


@dataclass(frozen=True)
class InsightsPart:
    """The page Insights."""

    risk: float = RISK
    """The share of accepted rows that may be wrong, as it is chosen there."""


Part = SwitcherPart | DrawerPart | ModelsPart | GeneratePart | RatePart | ReviewPart | InsightsPart


@dataclass(frozen=True)
class TabState:
    """Above the pages' parts is what all pages share."""

    page: str = HOME
    row: str = ""
    """The row that is open; "" for the first of the list."""
    offset: int = 0
    """How many rows of the list come before those that are shown."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """What is wrong, by field or by what it is about."""
    leads: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    """(page, field, title) of where a problem is mended, by what it is about."""
    toast: tuple[str, float] = ("", 0.0)
    """A word about what was just done, and when."""
    focus: tuple[str, float] = ("", 0.0)
    """The field that is to have the focus, and since when."""

    switcher: SwitcherPart = SwitcherPart()
    drawer: DrawerPart = DrawerPart()
    models: ModelsPart = ModelsPart()
    generate: GeneratePart = GeneratePart()
    rate: RatePart = RatePart()
    review: ReviewPart = ReviewPart()
    insights: InsightsPart = InsightsPart()

    def with_part(self, part: Part | None, before: "TabState") -> "TabState":
        """The state with what an action changed of its page's part since `before`, when it began.

        What other actions changed meanwhile stays.
        """
        if part is None:
            return self
        name = next(f.name for f in fields(self) if type(getattr(self, f.name)) is type(part))
        now, old = getattr(self, name), getattr(before, name)
        changed = {f.name: getattr(part, f.name) for f in fields(part) if getattr(part, f.name) != getattr(old, f.name)}
        own: dict[str, Any] = {name: replace(now, **changed)}
        return replace(self, **own)


NEW_TAB = TabState()
