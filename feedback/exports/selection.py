"""What people approved, as files that trainers read. Corrected texts win; every line says where it comes from.

Which rows go out is decided here; what becomes of them is in record_formats.py, where they go in writers.py and hub.py.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from feedback.errors import ExportError
from feedback.exports.disk_buffer import Spool, without
from feedback.exports.file_kinds import ENDINGS, FOLDER, UNTYPED, Ready, Replaces, kind_of
from feedback.exports.formats import CHECKED, FORMATS, GUARANTEED, TOOLS, Columns, Format
from feedback.exports.preference_pairs import Rule, best
from feedback.exports.record_formats import Line, NotWritten, provenance
from feedback.exports.row_columns import column_types, row_columns
from feedback.exports.train_test_split import TEST, TRAIN, Sides, number
from feedback.reviewed_row import ReviewedRow
from feedback.rubrics import MOST_LEVELS
from feedback.types import sendable
from tasks.errors import SettingsError
from tasks.settings import setting
from tasks.text.near_duplicates import Novelty

ALL = "all"
"""Names all checks that a run has."""
DECISIONS = {"approved": ("approve",), "rejected": ("reject",), "reviewed": ("approve", "reject", "unsure")}
REPOSITORY = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?/[A-Za-z0-9_](?:[\w.-]*[A-Za-z0-9_])?")
LONGEST_NAME, LONGEST_DATASET = 96, 200
SAID_EVERY = 500
"""Rows, or lines, after which it is said how far an export is."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """What to write, in which form, and where to."""

    title: ClassVar[str] = "export"

    format: str = setting("sft", "; ".join(f"{name}: {form.help}" for name, form in FORMATS.items()) + ".")
    path: str = setting(
        "", f"File to write: {ENDINGS}; a name without an ending is a folder for datasets.load_from_disk."
    )
    unreviewed: bool = setting(False, "Take rows that nobody has reviewed as well; they are marked.")
    decision: Literal["", "approved", "rejected", "reviewed"] = setting(
        "", "Which decisions: approved, rejected, or reviewed (any). Empty: approved, and for kto rejected as well."
    )
    reviewer: str = setting("", "User name of a reviewer: only rows on which they decided the same.")
    least_rating: float | None = setting(
        None, "Only rows whose best response is rated so high, on the rubric's levels: by people, else by the labeller."
    )
    checks: str | tuple[str, ...] = setting(
        "",
        "Only rows whose exported response passes these checks: all, or names with commas between. Empty: checked or not.",
    )
    margin: float = setting(0.5, "Least difference between the ratings of a pair, on the rubric's levels.")
    original_pairs: bool = setting(True, "A corrected text makes a pair with its original; else only ratings do.")
    reasoning: bool = setting(
        False, "Keep a model's thoughts beside its answer, as reasoning_content of the message.", label="With thoughts"
    )
    similarity: float | None = setting(
        None,
        "Leave out a row whose instruction is so similar to an earlier one: 0.7 is about seven words in ten, in the same order.",
    )
    shuffle: bool = setting(False, "Shuffle the lines.")
    test_share: float = setting(0.0, "Part of the rows to keep for testing, below 1; rows of one origin stay together.")
    seed: int = setting(0, "Seed of the shuffle and the split.")
    max_rows: int | None = setting(
        None, "Most lines of a file: NAME-00001, NAME-00002 and so on. Empty: one file.", label="Lines a file"
    )
    protect_formulas: bool = setting(
        False,
        "In CSV, put an apostrophe before a text that begins with = + - @, so that no spreadsheet runs it. The text is then "
        "no longer as it was.",
    )
    hub: str = setting("", "Dataset on the Hugging Face Hub to add the rows to: owner/name.")
    argilla: str = setting("", "Dataset in Argilla to write the finished rows into.")
    private: bool = setting(True, "The dataset on the Hub is private.")
    license: str = setting("", "Licence of the dataset on the Hub: cc-by-4.0, say. Empty: to be filled in there.")

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise SettingsError(
                f"There is no export format '{self.format}'. Known: {', '.join(FORMATS)}.", setting="format"
            )
        if self.reasoning and not FORMATS[self.format].holds_reasoning:
            holding = ", ".join(name for name, form in FORMATS.items() if form.holds_reasoning)
            raise SettingsError(
                f"The format {self.format} has no place for thoughts. Those that have: {holding}.", setting="reasoning"
            )
        if self.path and not kind_of(Path(self.path)):
            raise SettingsError(
                f"The export file '{self.path}' should end in one of: {ENDINGS}; or have no ending, for a folder.",
                setting="path",
            )
        if self.decision not in ("", *DECISIONS):
            raise SettingsError(
                f"decision must be empty or one of: {', '.join(DECISIONS)} (given: {self.decision!r}).",
                setting="decision",
            )
        for name, low, high in (("least_rating", 1, MOST_LEVELS), ("margin", 0, MOST_LEVELS - 1)):
            if (value := getattr(self, name)) is not None and not low <= value <= high:
                raise SettingsError(f"{name} must be from {low} to {high} (given: {value}).", setting=name)
        if self.similarity is not None and not 0 < self.similarity <= 1:
            raise SettingsError(
                f"similarity must be above 0 and at most 1, or left empty (given: {self.similarity}).",
                setting="similarity",
            )
        if self.max_rows is not None and self.max_rows < 1:
            raise SettingsError(
                f"max_rows must be at least 1, or left empty (given: {self.max_rows}).", setting="max_rows"
            )
        if not 0 <= self.test_share < 1:
            raise SettingsError(
                f"test_share must be from 0 to below 1 (given: {self.test_share}).", setting="test_share"
            )
        if len(self.argilla) > LONGEST_DATASET:
            raise SettingsError(
                f"argilla must be a name of at most {LONGEST_DATASET} characters.",
                setting="argilla",
                page=f"The name takes {LONGEST_DATASET} characters at most.",
            )
        if self.hub:
            name = self.hub.partition("/")[2]
            if not REPOSITORY.fullmatch(self.hub) or re.search(r"--|\.\.", self.hub) or len(name) > LONGEST_NAME:
                raise SettingsError(
                    f"hub must be owner/name, of letters, digits, '-', '_' and '.' (given: {self.hub[:120]!r}).",
                    setting="hub",
                    page=f"The dataset must be named owner/name, of letters, digits, '-', '_' and '.' (given: {self.hub[:120]!r}).",
                )

    @property
    def check_names(self) -> tuple[str, ...]:
        """The checks that are named, one by one; () for none, and for all."""
        return tuple(name for name in self._asked_checks if name != ALL)

    @property
    def all_checks(self) -> bool:
        """Whether all checks of the run are asked for."""
        return ALL in self._asked_checks

    @property
    def _asked_checks(self) -> list[str]:
        names = self.checks.split(",") if isinstance(self.checks, str) else self.checks
        return [name for name in map(str.strip, names) if name]

    def for_checks(self, names: Sequence[str]) -> "Export":
        """The same with the checks that a run has named, where all of them are asked for. Raises ExportError for others."""
        if unknown := [name for name in self.check_names if name not in names]:
            known = ", ".join(names) or "none"
            raise ExportError(f"No check of the run is called '{unknown[0]}'. It has: {known}.")
        return replace(self, checks=tuple(names)) if self.all_checks else self

    @property
    def form(self) -> Format:
        return FORMATS[self.format].with_reasoning if self.reasoning else FORMATS[self.format]

    @property
    def rule(self) -> Rule:
        return Rule(self.margin, self.original_pairs, self.reasoning, self.check_names)

    def takes(self, judged: ReviewedRow) -> bool:
        """Whether a row is to go out."""
        decision = judged.decision
        decided = decision in DECISIONS[self.decision or "approved"] or self._as_bad(judged)
        if judged.guarantee is not None or (
            judged.unseen and judged.rejecting_check
        ):  # by a stated rule, reviewed by nobody
            if self.decision == "reviewed" or not decided:
                return False
        elif not (self.unreviewed if judged.unseen else decided):
            return False
        if self.reviewer and not any(v.reviewer == self.reviewer and v.decision == decision for v in judged.submitted):
            return False
        return self.least_rating is None or self._as_bad(judged) or _good(judged, self.least_rating)

    def _as_bad(self, judged: ReviewedRow) -> bool:
        """True for a row that the format takes because it was rejected."""
        return judged.decision == "reject" and self.form.rejected and not self.decision


def _good(judged: ReviewedRow, least: float) -> bool:
    """Whether the best response is rated so high; a reviewer's own text always is."""
    top = best(judged)
    return top is not None and (top.corrected or (judged.score(top.place) or 0.0) >= least)


Seen = Callable[[ReviewedRow, list[Line]], None]
Say = Callable[[str], None]


@dataclass
class Passed:
    """Rows that were to go out and did not: `lineless` give no line in the format, `alike` are like an earlier one.

    `reasons` say why, for those rows that the readers of the format would refuse.
    """

    lineless: int = 0
    alike: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def lines(
    rows: Iterable[ReviewedRow], to: Export, run: str, task: str, passed: Passed
) -> Iterator[tuple[ReviewedRow, list[Line]]]:
    """Each row that goes out, with its lines, in the order of `rows`. What does not is counted in `passed`."""
    known = Novelty(to.similarity) if to.similarity is not None else None
    for judged in rows:
        if not to.takes(judged):
            continue
        try:
            row_lines = [
                sendable({**line, **row_columns(judged, line, to.form), **provenance(judged, run, task)})
                for line in to.form.lines(judged, to.rule)
            ]
        except NotWritten as error:
            passed.reasons[str(error)] += 1
            row_lines = []
        if not row_lines:
            passed.lineless += 1
            continue
        if known is not None:
            prompt = "\n".join(m["content"] for m in judged.messages()[0] if m["role"] == "user")
            if known.nearest(prompt) is not None:
                passed.alike += 1
                continue
            known.add(prompt)
        yield judged, row_lines


@dataclass
class Gathered:
    """All lines of an export. `order` is theirs; `places` says of each line which row of `sides` it is of."""

    spool: Spool
    to: Export
    sides: Sides
    order: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    passed: Passed = field(default_factory=Passed)
    rows: int = 0
    fields: dict[str, Any] = field(default_factory=dict)
    """The types of the columns of rows of a shape of their own."""
    checked: bool = False
    """Whether a row that goes out was checked."""
    guaranteed: bool = False
    """Whether one goes out under a guarantee."""

    @property
    def form(self) -> Format:
        """The format, with what its lines hold."""
        form = self.to.form.holding(self.spool.paths, checked=self.checked, guaranteed=self.guaranteed)
        return form.with_fields(self.fields)

    def lines(self, order: Iterable[int]) -> Iterator[Line]:
        """The lines, all with the same columns."""
        further_names = (TOOLS, *CHECKED, *GUARANTEED)
        kinds: Columns = {name: kind for name, kind in self.form.columns.items() if name in further_names}
        further: Line = {name: [] if isinstance(kind, list) else None for name, kind in kinds.items()}
        empty: Line = {name: [] if isinstance(kind, list) else None for name, kind in self.fields.items()}
        for line in self.spool.read(order):
            full = {**empty, **line} if self.fields.keys() - line.keys() else line
            if self.guaranteed and "decision_by" not in full:
                full = {**full, "decision_by": "people" if full["decision"] else None}
            yield {**full, **{name: full.get(name, none) for name, none in further.items()}} if further else full

    def parts(self, there: Mapping[str, str] = MappingProxyType({})) -> dict[str, list[int]]:
        """The lines of {"train"}, or of train and test, in their order. Rows `there` are out already, on that side."""
        if not self.to.test_share:
            return {TRAIN: self.order}
        self.sides.settle(there)
        return {part: [k for k in self.order if self.sides.of(self.places[k]) == part] for part in (TRAIN, TEST)}


@contextmanager
def gathered(
    rows: Iterable[ReviewedRow], to: Export, run: str, task: str, folder: Path | None = None, seen: Seen | None = None,
    say: Say = lambda message: None,
) -> Iterator[Gathered]:  # fmt: skip
    """The lines of an export of all `rows` of a run, kept in `folder` meanwhile; `seen` is told of each row that goes out.

    `say` is told how far it is, and may raise to end it. Raises ExportError if there are none, OSError if they can't be kept.
    """
    with Spool(folder) as spool:
        collected = Gathered(spool, to, Sides(to.seed, to.test_share))
        names: list[str] = []  # of each line, what it is shuffled by

        def counted() -> Iterator[ReviewedRow]:
            for judged in rows:
                collected.sides.add(judged.row)
                yield judged
                if len(collected.sides) % SAID_EVERY == 0:
                    say(f"Gathering the rows: {len(collected.sides):,} looked at.")

        for judged, row_lines in lines(counted(), to, run, task, collected.passed):
            for index, line in enumerate(row_lines):
                spool.add(line)
                collected.places.append(len(collected.sides) - 1)
                names.append(f"{judged.row.id} {index}")
            collected.rows += 1
            collected.fields |= column_types(judged.row, to.form)
            collected.checked |= bool(judged.checks)
            collected.guaranteed |= judged.guarantee is not None
            if seen is not None:
                seen(judged, row_lines)
        if not collected.rows:
            raise ExportError(_nothing(to, collected.passed), terminal="With --unreviewed.")
        collected.order = list(range(len(spool)))
        if to.shuffle:
            collected.order.sort(key=lambda k: number(to.seed, names[k]))
        yield collected


def _nothing(to: Export, passed: Passed) -> str:
    passing = f"It must pass the checks {', '.join(to.check_names)}." if to.check_names else ""
    none = (
        f"{passed.lineless} rows gave no {to.format} line{why_not(passed.reasons)}. {to.form.needs} {passing}".strip()
    )
    why = f" ({none})" if passed.lineless else ""
    what = "was approved" if to.decision in ("", "approved") else f"was {to.decision}"
    narrowed = ", of those that the settings leave" if to.reviewer or to.least_rating is not None or to.checks else ""
    return (
        f"There is nothing to export yet{why}: no row that can be used {what}{narrowed}. Review in Argilla, then pull; "
        "or take rows that nobody has reviewed."
    )


def why_not(reasons: Mapping[str, int]) -> str:
    """Why rows gave no line, to follow a sentence on how many those are: " (2: an empty turn)"."""
    causes = "; ".join(f"{number:,}: {reason}" for reason, number in sorted(reasons.items(), key=lambda item: -item[1]))
    return f" ({causes})" if causes else ""


@dataclass
class Exported:
    """`written` lines, in `files`; `passed_over` rows were to go out and gave no line, `alike` were like an earlier one.

    `parts` counts the lines of train and test. `left_out` are columns that only lines for testing fill: files without types
    go without them.
    """

    path: Path
    written: int = 0
    passed_over: int = 0
    alike: int = 0
    files: tuple[Path, ...] = ()
    parts: dict[str, int] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    reasons: dict[str, int] = field(default_factory=dict)
    """Why rows gave no line, where the format's readers would refuse them."""
    kept: tuple[Path, ...] = ()
    """Numbered files beyond the last one that stay, as they are not as an export of this run left them."""
    formulas: int = 0
    """Texts in CSV files that a spreadsheet would run as a formula."""

    @property
    def warning(self) -> str:
        """A sentence on those texts; "" if there are none."""
        if not self.formulas:
            return ""
        texts = "1 text begins" if self.formulas == 1 else f"{self.formulas:,} texts begin"
        return f"{texts} with = + - or @, which a spreadsheet runs as a formula."


def export(
    rows: Iterable[ReviewedRow],
    to: Export,
    path: Path,
    run: str,
    task: str,
    say: Say = lambda message: None,
    replaces: Replaces = lambda path: True,
    ready: Ready = lambda seals: None,
    owned: Replaces = lambda path: False,
) -> Exported:
    """Writes the file, whole or not at all, from all `rows` of a run. `say` is told how far it is, and may raise to end it.

    `replaces` decides whether what is there already may be replaced; `ready` is told what takes its place; `owned` says
    what an earlier export left, and may go where this one has fewer files.
    Raises ExportError if there is nothing to write or no place for it.
    """
    from feedback.exports.writers import check, check_length, first_targets, remove_beyond, write

    if not (kind := kind_of(path)):
        raise ExportError(f"The export file '{path}' should end in one of: {ENDINGS}; or have no ending, for a folder.")
    try:
        check(path, first_targets(path, (TRAIN, TEST) if to.test_share else (TRAIN,), to.max_rows), replaces)
        path.parent.mkdir(parents=True, exist_ok=True)
        with gathered(rows, to, run, task, path.parent, say=say) as collected:
            orders = collected.parts()
            if empty := next((part for part, order in orders.items() if not order), None):
                raise ExportError(
                    f"With test_share {to.test_share:g} none of the {collected.rows} rows is for {empty}ing. "
                    "Take another share or seed, or none."
                )
            hidden = collected.spool.untold(*orders.values()) if kind in UNTYPED and to.test_share else set[str]()
            for order in orders.values():
                check_length(path, min(len(order), to.max_rows or len(order)))
            parts, formulas = {}, Formulas(to.protect_formulas)
            say("Writing the file.")
            for part, order in orders.items():
                read = _with_progress(
                    collected.lines(collected.spool.telling(order, to.max_rows) if kind in UNTYPED else order), say
                )
                read = (without(line, hidden) for line in read) if hidden else read
                parts[part] = formulas.of(read) if kind == "csv" else read
            files = write(parts, collected.form.columns, path, replaces, ready, to.max_rows)
            kept = remove_beyond(path, parts, files, owned) if to.max_rows and kind != FOLDER else ()
            counts = {part: len(order) for part, order in orders.items()}
            return Exported(
                files[0],
                sum(counts.values()),
                collected.passed.lineless,
                collected.passed.alike,
                files,
                counts,
                _topmost(hidden),
                dict(collected.passed.reasons),
                kept,
                formulas.left,
            )
    except OSError as error:
        raise ExportError(
            f"{path} can't be written: {error.strerror or error}.", terminal="Name another place with --to FILE."
        ) from error


def _with_progress(read: Iterator[Line], say: Say) -> Iterator[Line]:
    """The same lines, while `say` is told how many there were."""
    for so_far, line in enumerate(read, 1):
        yield line
        if so_far % SAID_EVERY == 0:
            say(f"Writing the file: {so_far:,} lines.")


@dataclass
class Formulas:
    """Lines on their way into a CSV file: texts that a spreadsheet would take for formulas are protected, or counted."""

    protect: bool
    left: int = 0

    def of(self, lines: Iterable[Line]) -> Iterator[Line]:
        from feedback.exports.writers import is_formula, protected

        for line in lines:
            if self.protect:
                yield {name: protected(value) for name, value in line.items()}
            else:
                self.left += sum(map(is_formula, line.values()))
                yield line


def _topmost(paths: set[str]) -> tuple[str, ...]:
    """The paths without those inside of others."""
    names = {path.removesuffix("[]") for path in paths}
    return tuple(sorted(name for name in names if not any(name.startswith(f"{other}.") for other in names)))
