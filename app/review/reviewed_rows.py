"""Rows with everything that was said of them, read from the store; and what an export of them would hold."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from app import recipe
from app.store.cache import Cache
from app.store.columns import dumps
from app.store.rows import content_hash
from app.store.runs import Run
from app.store.store import Store
from feedback.checks.base import Check, CheckResult, identity_of
from feedback.exports.selection import Export, Passed
from feedback.exports.selection import lines as lines_of
from feedback.reviewed_row import MergeRule, ReviewedRow
from feedback.rubrics import STANDARD, Rubrics
from feedback.types import Checked
from tasks.errors import SettingsError
from tasks.types import Row

if TYPE_CHECKING:
    from feedback.stats.agreement import Agreement

PAGE = 500
_corrections: Cache[tuple[str, str], CheckResult] = Cache(20_000)
"""What a check, by its identity, says of a corrected text: rows are read again and again. It is true of the words for ever."""


@dataclass(frozen=True)
class Foreseen:
    """What an export would hold: its first lines, how many there are, how many rows give none or are like another."""

    first: list[dict[str, Any]]
    lines: int
    passed_over: int
    alike: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Why rows give none, where the format's readers would refuse them."""
    unchecked: int = 0
    """Rows of the run that its checks did not look at yet."""


def foresee(store: Store, run: Run, to: Export, first: int = 3) -> Foreseen:
    """What `export` would write, without writing it; before it is shuffled and split."""
    examples: list[dict[str, Any]] = []
    run_recipe = recipe.read(run.recipe)
    lines, passed, kind, mark = 0, Passed(), run_recipe.kind, identity_of(run_recipe.checks)
    for _, row_lines in lines_of(judged_rows(store, run), for_run(run, to), run.id, kind, passed):
        lines += len(row_lines)
        examples.extend(row_lines[: first - len(examples)])
    unchecked = store.checks.number_lacking(run.id, mark) if mark else 0
    return Foreseen(examples, lines, passed.lineless, passed.alike, passed.reasons, unchecked)


def for_run(run: Run, to: Export) -> Export:
    """The export with the run's checks named, where it asks for all of them. Raises ExportError for a check that it has not."""
    return to.for_checks([check.called for check in recipe.read(run.recipe).checks])


def gives(store: Store, run: Run, to: Export) -> bool:
    """Whether an export would hold anything: looks no further than the first line."""
    lines = lines_of(judged_rows(store, run), for_run(run, to), run.id, recipe.read(run.recipe).kind, Passed())
    return next(lines, None) is not None


def agreement_of(store: Store, run: Run) -> "Agreement":
    """How well reviewers agree with each other and with the labeller, by the audit rows of a run that was pulled."""
    from feedback.stats.agreement import agreement

    def measured() -> "Agreement":
        run_recipe = recipe.read(run.recipe)
        aspects = run_recipe.review.rated(run_recipe.rating.keys if run_recipe.rating else ())
        return agreement(
            judged_rows(store, run, store.pushes.audit_rows(run.id)),
            aspects,
            run_recipe.review.min_submitted,
            run_recipe.known_rubrics,
        )

    return store.db.remembered(f"agreement of {run.id}", measured)


def judged_page(store: Store, run: Run, offset: int, limit: int) -> list[ReviewedRow]:
    """Some of the rows that a run has, answered or not, with their ratings and verdicts."""
    return list(_judged(store, store.rows.page(run.id, offset, limit), _rules_of(run)))


def judged_of(store: Store, run: Run, ids: list[str]) -> dict[str, ReviewedRow]:
    """Some rows by their ids."""
    return {judged.row.id: judged for judged in _judged(store, store.rows.of(ids), _rules_of(run))}


@dataclass(frozen=True)
class _Rules:
    """What of a recipe says how its rows are read: as by default for one that this version can't read."""

    merging: MergeRule = field(default_factory=MergeRule)
    rubrics: Rubrics = STANDARD
    checks: tuple[Check, ...] = ()


def _rules(run_recipe: recipe.Recipe) -> _Rules:
    return _Rules(run_recipe.merge, run_recipe.known_rubrics, run_recipe.checks)


def _rules_of(run: Run) -> _Rules:
    try:
        return _rules(recipe.read(run.recipe))
    except SettingsError:
        return _Rules()


def judged_rows(store: Store, run: Run, only: Collection[str] | None = None) -> Iterator[ReviewedRow]:
    """The answered rows of a run in unit order, or `only` those with these ids, with their ratings and verdicts."""
    page: list[Row] = []
    run_recipe = recipe.read(run.recipe)
    rules = _rules(run_recipe)
    for row in store.rows.walk(run.id) if only is None else store.rows.walk_among(run.id, only):
        page.append(row)
        if len(page) == PAGE:
            yield from _judged(store, page, rules)
            page = []
    yield from _judged(store, page, rules)


def _judged(store: Store, rows: list[Row], rules: _Rules) -> Iterator[ReviewedRow]:
    ids = [row.id for row in rows]
    ratings, verdicts, settled = store.ratings.of(ids), store.verdicts.of(ids), store.settlements.of(ids)
    preferences, accepted = store.preferences.of(ids), store.acceptances.of(ids)
    results, checks = results_of(store, ids, rules.checks), rules.checks
    for row in rows:
        judged = ReviewedRow(
            row,
            ratings[row.id],
            verdicts[row.id],
            rules.merging,
            settled.get(row.id),
            rules.rubrics,
            preferences[row.id],
            results.get(row.id, ()),
            accepted=accepted.get(row.id),
        )
        if checks and (corrected := judged.corrected_response()) is not None:
            judged = replace(judged, correction_checks=_of_correction(judged, *corrected, checks))
        yield judged


def results_of(store: Store, ids: Sequence[str], checks: Sequence[Check]) -> dict[str, list[Checked]]:
    """What the checks said of the responses of rows, by row, in the order of the checks; nothing of what was not checked."""
    if not checks:
        return {}
    return {
        row_id: [
            Checked(index, check.called, result.passed, result.reason, check.reject)
            for check in checks
            for (identity, index), result in sorted(verdicts.items(), key=lambda item: item[0])
            if identity == check.identity
        ]
        for row_id, verdicts in store.checks.of(ids).items()
    }


def _of_correction(judged: ReviewedRow, text: str, index: int, checks: Sequence[Check]) -> list[Checked]:
    """What the checks say of a response as a reviewer corrected it, to the instruction as it was corrected."""
    row = judged.row
    response = replace(row.responses[index], text=text)
    corrected = replace(row, messages=tuple(judged.messages()[0]), responses=(response,))
    words = f"{content_hash(corrected)} {hashlib.sha256(dumps(dict(row.origin)).encode()).hexdigest()}"
    results = [
        _corrections.get((check.identity, words), partial(check.result, corrected, response), "") for check in checks
    ]
    return [
        Checked(index, check.called, result.passed, result.reason, check.reject)
        for check, result in zip(checks, results, strict=True)
    ]
