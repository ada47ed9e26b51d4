"""Checks of a run's rows: each response against each check of the recipe, once for the same words and settings."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.recipe import recipe_of
from app.store.rows import content_hash
from app.store.runs import Run
from app.store.store import Store
from feedback.checks.base import Check, CheckResult, identity_of
from tasks.errors import SettingsError
from tasks.types import Row

if TYPE_CHECKING:
    from feedback.exports.selection import Export


@dataclass(frozen=True, slots=True)
class Standing:
    """How the responses of a run fare under one of its checks: those that passed and failed, and rows with one that failed."""

    check: str
    kind: str
    rejects: bool
    passed: int
    failed: int
    rows: int


def standings(store: Store, run: Run) -> list[Standing]:
    """Those of the checks of a run, in their order; none for a recipe that this version can't read."""
    try:
        checks = recipe_of(run).checks
    except SettingsError:
        return []
    counts = store.checks.counts(run.id, [check.identity for check in checks]) if checks else {}
    return [
        Standing(check.called, check.kind, check.reject, counted.passed, counted.failed, counted.rows)
        for check in checks
        for counted in [counts[check.identity]]
    ]


async def check_row(store: Store, checks: Sequence[Check], row: Row, *, new: bool = False) -> None:
    """Keeps the verdicts that a row lacks; a `new` one lacks all."""
    known = {} if new else store.checks.of([row.id])[row.id]
    verdicts = await asyncio.to_thread(_verdicts, checks, row, known)
    await store.checks.keep(row.id, content_hash(row), verdicts, identity_of(checks))


def check_run(store: Store, run: Run, watch: Callable[[int], None] = lambda rows: None) -> int:
    """Keeps the verdicts that the answered rows of a run lack; returns how many rows did.

    `watch` is told how many were looked at, and may raise to end it: what is kept stays.
    """
    checks, done = recipe_of(run).checks, 0
    if not checks:
        return 0
    for ids in store.checks.lacking(run.id, identity_of(checks)):
        known = store.checks.of(ids)
        for row in store.rows.of(ids):
            _write(store, checks, row, known[row.id])
            done += 1
            watch(done)
    return done


def check_for_export(store: Store, run: Run, to: "Export") -> None:
    """Keeps the verdicts that an export asks for, or that its rules need, where rows lack them."""
    if store.db.writable and (to.checks or any(check.reject for check in recipe_of(run).checks)):
        check_run(store, run)


def check_again(store: Store, run: Run, row: Row) -> None:
    """Keeps the verdicts on a row whose words were changed."""
    if checks := recipe_of(run).checks:
        _write(store, checks, row, store.checks.of([row.id])[row.id])


def _write(store: Store, checks: Sequence[Check], row: Row, known: dict[tuple[str, int], CheckResult]) -> None:
    store.checks.write(row.id, content_hash(row), _verdicts(checks, row, known), identity_of(checks))


def _verdicts(
    checks: Sequence[Check], row: Row, known: dict[tuple[str, int], CheckResult]
) -> dict[tuple[str, int], CheckResult]:
    return {
        (check.identity, index): check.result(row, response)
        for check in checks
        for index, response in enumerate(row.responses)
        if (check.identity, index) not in known
    }
