"""Runs whose labeller compared pairs, without any model."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

from app.store.rows import content_hash
from app.store.runs import Run
from app.store.store import Store
from feedback.types import Better, Preference
from tasks.types import Row
from tests.make_runs import JUDGE, made_of, with_run

Compare = Callable[[Row, int, int], Better]
RECIPE = made_of(rating={"aspects": ["helpfulness"], "method": "pairwise"})


def second_best(row: Row, first: int, second: int) -> Better:
    """The later response is better; in every third row the one that stands first."""
    return "first" if row.unit % 3 == 0 or first > second else "second"


def preferences(row: Row, compare: Compare = second_best, why: str = "") -> list[Preference]:
    """Each pair in both orders, by one aspect."""
    reason = why or "Response {} names a river that is there, the other one does not."
    made = []
    for pair in combinations(range(len(row.responses)), 2):
        for first, second in (pair, pair[::-1]):
            better = compare(row, first, second)
            text = reason.replace("{}", {"first": "A", "second": "B"}.get(better, "A"))
            made.append(Preference(first, second, "helpfulness", 0, "compared", better, text, raw=text, model="judge"))
    return made


def keep(store: Store, said: Sequence[tuple[Row, Sequence[Preference]]]) -> None:
    """Keeps preferences of rows, which are then rated."""

    async def all_of_them() -> None:
        for row, preferred in said:
            await store.preferences.keep(row.id, content_hash(row), JUDGE, preferred, last=True)

    with ThreadPoolExecutor(1) as thread:  # where a browser is open, this thread has a loop already
        thread.submit(asyncio.run, all_of_them()).result()


def with_compared_run(
    store: Store, rows: int, *, responses: int = 2, compare: Compare = second_best, why: str = "", name: str = "pairs-1"
) -> Run:
    """A run with so many rows, each with all its pairs compared."""
    run = with_run(store, rows, RECIPE, responses=responses, rate=lambda *_: [], name=name)
    keep(store, [(row, preferences(row, compare, why)) for row in store.rows.page(run.id, 0, rows)])
    return run
