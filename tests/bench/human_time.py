"""What a reviewed minute proves: the order of the queue, statements of quality and guarantees, on simulated worlds and real raters.

    python tests/bench/human_time.py [--quick] [--sets N] [--processes 1] [--ratings FILE]
        [--parts order,quality,guarantee,raters,rows]

Prints Markdown tables. All is measured through the functions that the product uses. The worlds are those of
`tests/review_worlds.py`. FILE holds real ratings, a JSON object a line with "ratings": {aspect: [of each rater]} and "words"; each
rater in turn is taken as the labeller and the mean of the others as people, each aspect in turn as the decision.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from feedback.stats.acceptance import acceptance, still_holds
from feedback.stats.next_reviews import next_reviews
from feedback.stats.quality import quality, wilson
from feedback.stats.review_order import queue_gain, review_order
from feedback.stats.review_pace import Timing, pace, rows_within
from feedback.stats.reviewer_pairs import Opinion, mildness, pair_agreement, second_opinions
from feedback.stats.row_signals import MIDDLE, Answer, Population
from tests.review_worlds import MIDDLE_WORLD, USELESS, WORLDS, Rows, World, clock, rows_of

ROWS = 2000
BUDGET = 100
FIRST_AUDIT, AUDIT_EVERY = 20, 3
"""As the product hands them out: so many audit rows first, then one of so many."""
SIZES = (20, 50, 100, 200)
RISK = 0.05
ALL = (*WORLDS, USELESS)
SOURCES = 7919
"""Draws of audit rows take seeds of their own, so that they have nothing in common with the rows."""


def drawn(size: int, of: int, seed: int) -> list[int]:
    """Audit rows, at random."""
    return [int(at) for at in np.random.default_rng(SOURCES * (seed + 1)).permutation(of)[:size]]


def left_after(rows: Rows, answers: Sequence[Answer]) -> list[str]:
    """The rows that nobody has reviewed."""
    answered = {answer.row for answer in answers}
    return [row for row in rows.population.ids if row not in answered]


def share(values: Sequence[bool]) -> str:
    """A share with its own interval, of 95 %."""
    low, high = wilson(float(np.mean(values)), len(values), 1.96)
    return f"{np.mean(values):.1%} ({low:.1%} to {high:.1%})"


def table(names: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    print(f"\n| {' | '.join(names)} |\n|{' --- |' * len(names)}")
    for line in lines:
        print(f"| {' | '.join(str(cell) for cell in line)} |", flush=True)
    print()


# -- 1: the order


def reviewed(rows: Rows, audit: Sequence[int], budget: int, seed: int, *, plain: bool) -> tuple[list[Answer], str]:
    """The answers once so many rows of the queue are reviewed, audit rows among them as the product hands them out, and the order's
    method at the end. A plain queue is in the order of contradiction from the first row to the last.
    """
    population, ids = rows.population, [rows.population.ids[at] for at in audit]
    waiting = list(audit)
    answers = rows.answers(waiting[:FIRST_AUDIT], True)
    del waiting[:FIRST_AUDIT]
    done, method = 0, "contradiction"
    first = review_order(population, [], ids, seed).rows
    position = 0
    while done < budget:
        if plain:
            following = [population.index[row] for row in first[position : position + budget]]
            position += budget
        else:
            order = review_order(population, answers, ids, seed)
            method = order.method
            until_refit = 20 - len(answers) % 20
            following = [population.index[row] for row in order.rows[:until_refit]]
        if not following:
            break
        for at in following:
            if plain or len(answers) % AUDIT_EVERY or not waiting:
                answers.append(rows.answer(at, len(answers), False))
                done += 1
            else:
                answers.append(rows.answer(waiting.pop(0), len(answers), True))
            if done == budget or (not plain and len(answers) % 20 == 0):
                break
    return answers, method


def finds(task: tuple[World, int]) -> tuple[float, float, float, str, bool]:
    """(by contradiction, learned, at random, method at the end, the same again) of one set: wrong decisions found in the budget."""
    world, seed = task
    rows = rows_of(world, ROWS, seed)
    audit = drawn(ROWS // 5, ROWS, seed)
    ids = [rows.population.ids[at] for at in audit]
    plain = review_order(rows.population, [], ids, seed).rows[:BUDGET]
    answers, method = reviewed(rows, audit, BUDGET, seed, plain=False)
    queue = [answer.row for answer in answers if not answer.is_audit]
    assert len(queue) == len(plain) == BUDGET
    is_same = [answer.row for answer in reviewed(rows, audit, BUDGET, seed, plain=False)[0]] == [a.row for a in answers] \
        if seed < 2 else True  # fmt: skip

    def wrong(names: Sequence[str]) -> float:
        return float(rows.wrong[[rows.population.index[row] for row in names]].sum())

    return wrong(plain), wrong(queue), BUDGET * float(rows.wrong.mean()), method, is_same


def order_part(seeds: int, run: Callable[..., Iterable[Any]]) -> None:
    print(f"## Order: wrong decisions found in {BUDGET} of {ROWS:,} rows, over random, {seeds} sets a world")
    lines = []
    for world in ALL:
        results = list(run(finds, [(world, seed) for seed in range(seeds)]))
        plain, learned, random_, methods, same = zip(*results, strict=True)
        p, q = sum(plain) / sum(random_), sum(learned) / sum(random_)
        low, high = np.quantile(np.array(learned) / np.array(random_), (0.05, 0.95))
        at_random = sum(method == "random" for method in methods)
        lines.append((
            world.name, f"{np.mean(random_):.1f}", f"{p:.2f}", f"{q:.2f}", f"{low:.1f} to {high:.1f}", f"{q / p:.0%}", at_random,
            "yes" if all(same) else "NO",
        ))  # fmt: skip
    table(("world", "wrong in 100 random rows", "by contradiction", "learned", "learned, 5 to 95 % of sets", "learned over plain",
           "sets at random at the end", "same again"), lines)  # fmt: skip


# -- 2: the statement


@dataclass
class Covered:
    """What one set's statements said: at each size whether the interval holds the truth, and half its width."""

    holds: list[bool] = field(default_factory=list)
    halves: list[float] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    wilsons: list[float] = field(default_factory=list)


def statements(rows: Rows, audit: Sequence[int], of: str, sizes: Sequence[int]) -> Covered:
    population, covered = rows.population, Covered()
    truth = float(rows.keep.mean()) if of == "keep" else float(rows.people.mean())
    answers = rows.answers(audit, True)
    for size in sizes:
        now = quality(population, answers[:size], of="keep" if of == "keep" else "rating")
        assert now.value is not None and now.low is not None and now.high is not None and now.half_width is not None
        covered.holds.append(now.low - 1e-9 <= truth <= now.high + 1e-9)
        covered.halves.append(now.half_width)
        covered.methods.append(now.method)
        kept = float(rows.keep[list(audit[:size])].mean())
        low, high = wilson(kept, size / (1 - size / len(population)), 1.96)
        covered.wilsons.append((high - low) / 2)
    return covered


def stated(task: tuple[World, int]) -> tuple[Covered, Covered]:
    world, seed = task
    rows = rows_of(world, ROWS, seed)
    audit = drawn(SIZES[-1], ROWS, seed)
    return statements(rows, audit, "keep", SIZES), statements(rows, audit, "rating", SIZES)


def stated_beside(task: tuple[World, int]) -> Covered:
    """The same with the queue: 300 of its rows reviewed while 200 audit rows are; looked at after every 20 reviews."""
    world, seed = task
    rows = rows_of(world, ROWS, seed)
    audit = drawn(SIZES[-1], ROWS, seed)
    ids = [rows.population.ids[at] for at in audit]
    answers, _ = reviewed(rows, audit, 360, seed, plain=False)
    covered = Covered()
    truth = float(rows.keep.mean())
    for n in range(20, len(answers) + 1, 20):
        seen = answers[:n]
        now = quality(rows.population, [a for a in seen if a.is_audit], [a for a in seen if not a.is_audit], audit=ids)
        if now.low is None or now.high is None or now.half_width is None:
            continue
        covered.holds.append(now.low - 1e-9 <= truth <= now.high + 1e-9)
        covered.halves.append(now.half_width)
        covered.methods.append(now.method)
    return covered


def quality_part(seeds: int, run: Callable[..., Iterable[Any]]) -> None:
    print(f"## Statement: how often the interval holds the truth, {seeds} sets a world")
    lines: list[Sequence[object]] = []
    ratings: list[Sequence[object]] = []
    beside: list[Sequence[object]] = []
    for world in ALL:
        tasks = [(world, seed) for seed in range(seeds)]
        keeps, means = zip(*run(stated, tasks), strict=True)
        for found, into in ((keeps, lines), (means, ratings)):
            holds = np.array([each.holds for each in found])
            halves = np.array([each.halves for each in found])
            wilsons = np.array([each.wilsons for each in found])
            cells = [f"{holds[:, at].mean():.3f} (± {halves[:, at].mean():.3f})" for at in range(len(SIZES))]
            over = f"{halves[:, 2].mean() / wilsons[:, 2].mean():.2f}" if found is keeps else ""
            into.append((world.name, *cells, f"{holds.mean():.3f}", share([bool(all(row)) for row in holds]), over))
        with_queue: list[Covered] = list(run(stated_beside, tasks[: max(seeds // 4, 1)]))
        beside.append((
            world.name, share([all(each.holds) for each in with_queue]), f"{np.mean([e.halves[-1] for e in with_queue]):.3f}",
            f"{np.mean([e.methods[-1] == 'signals and queue' for e in with_queue]):.0%}",
        ))  # fmt: skip
    names = (
        "world",
        *(f"n = {size}" for size in SIZES),
        "mean",
        "never wrong, looked at throughout",
        "half at 100 over Wilson's",
    )
    print("\nShare of rows kept:")
    table(names, lines)
    print("Mean rating:")
    table(names, ratings)
    print("Share of rows kept, with the queue reviewed beside the audit, looked at every 20 reviews:")
    table(("world", "never wrong", "half at the end", "told with the queue"), beside)


# -- 3: the guarantee


def guaranteed(task: tuple[World, int, float]) -> tuple[bool, bool, dict[int, float], bool, bool, bool]:
    """(ever too much, too much at the sizes, share accepted at each size; of what was accepted as soon as anything could be:
    whether there was any, whether that was withdrawn by the last size, whether it was ever too much while it stood).
    """
    world, seed, risk = task
    rows = rows_of(world, ROWS, seed)
    audit = drawn(SIZES[-1], ROWS, seed)
    answers = rows.answers(audit, True)
    ever = at_size = False
    shares: dict[int, float] = {}
    first = None
    for n in range(20, SIZES[-1] + 1, 5):
        left = left_after(rows, answers[:n])
        now = acceptance(rows.population, answers[:n], left, risk)
        wrong = rows.contested[[rows.population.index[row] for row in now.rows]].mean() if now.rows else 0.0
        ever |= bool(wrong > risk + 1e-9)
        if now.rows and first is None:
            first = now
        if n in SIZES:
            shares[n] = len(now.rows) / len(left)
            at_size |= bool(wrong > risk + 1e-9)
    stands, too_much = first is not None, False
    for n in range(20, SIZES[-1] + 1, 20):
        if first is None or not stands or n < first.stated_at:
            continue
        left = left_after(rows, answers[:n])
        stands = still_holds(first, rows.population, answers[:n], left).holds
        standing = [rows.population.index[row] for row in set(first.rows) & set(left)]
        too_much |= stands and bool(rows.contested[standing].mean() > risk + 1e-9)
    return ever, at_size, shares, first is not None, first is not None and not stands, too_much


def flat(seed: int, wrong: float) -> Rows:
    """Rows whose signals say nothing, of which people decide a share otherwise: the hardest case for a sequence of thresholds."""
    rng = np.random.default_rng(seed)
    opinions = np.round(rng.uniform(3.5, 5, ROWS), 2)
    keep = np.ones(ROWS, dtype=bool)
    keep[rng.permutation(ROWS)[: round(wrong * ROWS)]] = False
    population = Population.of(
        [f"row-{at}" for at in range(ROWS)],
        {"keeps": [True] * ROWS, "rating": [5.0] * ROWS, "opinions": opinions, "contradiction": MIDDLE - opinions},
    )
    return Rows(population, keep, np.where(keep, 5.0, 1.0), np.ones(ROWS, dtype=bool))


def guaranteed_flat(task: tuple[int, float]) -> bool:
    seed, risk = task
    rows = flat(seed, risk + 0.004)
    answers = rows.answers(drawn(SIZES[-1], ROWS, seed), True)
    for n in range(20, SIZES[-1] + 1, 5):
        now = acceptance(rows.population, answers[:n], left_after(rows, answers[:n]), risk)
        if now.rows and rows.contested[[rows.population.index[row] for row in now.rows]].mean() > risk:
            return True
    return False


def guarantee_part(seeds: int, run: Callable[..., Iterable[Any]]) -> None:
    print(f"## Guarantee: more than the risk of {RISK:.0%} accepted, {seeds} sets a world")
    lines = []
    for world in ALL:
        results = list(run(guaranteed, [(world, seed, RISK) for seed in range(seeds)]))
        ever, at_size, shares, given, withdrawn, too_much = zip(*results, strict=True)
        accepted = [
            f"{np.mean([s[n] for s in shares]):.1%} ({np.mean([s[n] > 0 for s in shares]):.0%})" for n in SIZES[1:]
        ]
        lines.append((
            world.name, share(at_size), share(ever), *accepted, f"{np.mean(given):.0%}",
            f"{np.mean(withdrawn):.1%}", f"{np.mean(too_much):.1%}",
        ))  # fmt: skip
    results = list(run(guaranteed_flat, [(seed, RISK) for seed in range(seeds)]))
    lines.append(("signals say nothing, just above the risk", "", share(results), *[""] * 6))
    table(("world", "broken at 20, 50, 100 or 200", "ever broken, looked at every 5 reviews",
           *(f"accepted at {n} (sets with any)" for n in SIZES[1:]), "sets accepted as soon as can be", "of all, withdrawn by 200",
           "of all, wrong while it stood"), lines)  # fmt: skip
    print(f"Share accepted in the middle world at other risks, {max(seeds // 5, 20)} sets:")
    lines = []
    for risk in (0.1, 0.2):
        results = list(run(guaranteed, [(MIDDLE_WORLD, seed, risk) for seed in range(max(seeds // 5, 20))]))
        lines.append((f"{risk:.0%}", *(f"{np.mean([result[2][n] for result in results]):.1%}" for n in SIZES[1:])))
    table(("risk", *(f"accepted at {n}" for n in SIZES[1:])), lines)


# -- 4: real raters


def rated_by(lines: Sequence[dict[str, dict[str, list[float]]]], rater: int, aspect: str) -> Rows:
    """The rows as one rater would have labelled them, and the mean of the others as people."""
    others = [name for name in lines[0]["ratings"] if name != aspect]
    rating = np.array([line["ratings"][aspect][rater] for line in lines], dtype=float)
    opinions = np.array([np.mean([line["ratings"][name][rater] for name in others]) for line in lines])
    spread = np.array([np.std([line["ratings"][name][rater] for name in line["ratings"]]) for line in lines])
    people = np.array([np.mean([v for at, v in enumerate(line["ratings"][aspect]) if at != rater]) for line in lines])
    keeps = rating >= 4
    population = Population.of(
        [f"row-{at}" for at in range(len(lines))],
        {
            "keeps": keeps, "rating": rating, "opinions": opinions, "spread": spread,
            "contradiction": np.where(keeps, MIDDLE - opinions, opinions - MIDDLE),
            "length": [float(line.get("words", 0)) for line in lines],  # type: ignore[arg-type]
        },
    )  # fmt: skip
    return Rows(population, people >= MIDDLE, people, people >= MIDDLE)


def raters_part(path: Path, seeds: int) -> None:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    aspects, raters = list(lines[0]["ratings"]), len(next(iter(lines[0]["ratings"].values())))
    size, budget = len(lines), len(lines) // 4
    sizes = [n for n in (20, 50, 100) if n < size]
    print(
        f"## Real raters: {size} rows, {seeds} draws of the audit each; {budget} rows of the queue beside 50 of the audit"
    )
    orders, stats = [], []
    sentences: list[str] = []
    for rater in range(raters):
        for aspect in aspects:
            rows = rated_by(lines, rater, aspect)
            contested = rows.contested
            plain, learned, possible, at_random = [], [], [], 0
            covers, never, broken, accepted = [], [], [], []
            for seed in range(seeds):
                audit = drawn(max(50, size // 5), size, seed)
                ids = [rows.population.ids[at] for at in audit]
                first = [
                    rows.population.index[row] for row in review_order(rows.population, [], ids, seed).rows[:budget]
                ]
                answers, method = reviewed(rows, audit, budget, seed, plain=False)
                queue = [rows.population.index[a.row] for a in answers if not a.is_audit]
                rest = np.delete(np.arange(size), audit)
                chance = len(queue) * float(contested[rest].mean())
                plain.append(float(contested[first].sum()) / chance)
                learned.append(float(contested[queue].sum()) / chance)
                possible.append(min(float(contested[rest].sum()), len(queue)) / chance)
                at_random += method == "random"
                covered = statements(rows, drawn(sizes[-1], size, seed), "keep", sizes)
                covers.append(covered.holds)
                never.append(all(covered.holds))
                all_audit = rows.answers(drawn(100, size, seed), True)
                too_much = False
                for n in range(20, 101, 20):
                    now = acceptance(rows.population, all_audit[:n], left_after(rows, all_audit[:n]), 0.2)
                    too_much |= bool(now.rows) and bool(
                        contested[[rows.population.index[r] for r in now.rows]].mean() > 0.2
                    )
                broken.append(too_much)
                accepted.append(len(now.rows) / (size - 100))
                if seed == 0 and not sentences:
                    stated = quality(rows.population, [a for a in answers if a.is_audit])
                    sentences += [stated.sentence, queue_gain(rows.population, answers).sentence, now.sentence]
            orders.append((
                rater + 1, aspect, f"{contested.mean():.0%}", f"{np.mean(plain):.2f}", f"{np.mean(learned):.2f}",
                f"{np.quantile(learned, 0.05):.2f} to {np.quantile(learned, 0.95):.2f}", f"{np.mean(possible):.2f}", at_random,
            ))  # fmt: skip
            holds = np.array(covers)
            stats.append((
                rater + 1, aspect, *(f"{holds[:, at].mean():.3f}" for at in range(len(sizes))), share(never), share(broken),
                f"{np.mean(accepted):.1%}",
            ))  # fmt: skip
    table(("labeller", "decided by", "wrong", "by contradiction, over random", "learned, over random", "5 to 95 %", "most possible",
           "draws at random at the end"), orders)  # fmt: skip
    table(("labeller", "decided by", *(f"covers at {n}" for n in sizes), "never wrong", "20 % risk broken, looked at every 20",
           "accepted at 100"), stats)  # fmt: skip
    print("What the page says of the first of them:\n")
    for sentence in sentences:
        print(f"> {sentence}\n>")


# -- 7: many rows


def rows_part(count: int) -> None:
    print(f"## {count:,} rows: seconds of the processor, with 400 audit reviews and 800 of the queue")
    rows = rows_of(MIDDLE_WORLD, count, 1)
    population = rows.population
    audit = drawn(count // 5, count, 1)
    ids = [population.ids[at] for at in audit]
    columns = {name: getattr(population, name).tolist() for name in
               ("keeps", "rating", "opinions", "contradiction", "spread", "failed_checks", "length", "responses")}  # fmt: skip
    columns["model"] = ["some model" if at % 2 else "another" for at in range(count)]
    answers = rows.answers(audit[:400], True)
    first = [population.index[row] for row in review_order(population, answers, ids, 1).rows[:800]]
    answers += rows.answers(first, False, 400)
    of_audit, of_queue = answers[:400], answers[400:]
    left = left_after(rows, answers)
    timings = [
        Timing(f"reviewer {at % 3}", a.row, clock(30 * at), None, 500 + at % 900, 2) for at, a in enumerate(answers)
    ]
    opinions = [Opinion(name, a.row, a.keep, a.rating) for a in answers for name in ("ann", "ben")]
    lines, total = [], 0.0

    def timed(name: str, call: Callable[[], object]) -> object:
        nonlocal total
        start = time.process_time()
        result = call()
        taken = time.process_time() - start
        total += taken
        lines.append((name, f"{taken:.3f}"))
        return result

    timed("signals, from columns", lambda: Population.of(population.ids, columns))
    order = review_order(population, answers, ids, 1)
    timed("order of the queue", lambda: review_order(population, answers, ids, 1))
    gain = queue_gain(population, answers)
    timed("what the queue finds", lambda: queue_gain(population, answers))
    statement = quality(population, of_audit, of_queue, audit=ids)
    timed("statement, kept", lambda: quality(population, of_audit, of_queue, audit=ids))
    timed("statement, mean rating", lambda: quality(population, of_audit, of="rating"))
    accepted = acceptance(population, of_audit, left, RISK)
    timed("rows that need nobody", lambda: acceptance(population, of_audit, left, RISK))
    timed("whether they still do", lambda: still_holds(accepted, population, of_audit, left))
    timed("what the next reviews bring", lambda: next_reviews(population, answers, order, statement, gain))
    measured = pace(timings)
    timed("pace", lambda: pace(timings))
    timed("rows within 30 minutes", lambda: rows_within(30, order.rows, population, measured))
    timed("reviewers beside each other", lambda: (pair_agreement(opinions), mildness(opinions)))
    timed("second opinions", lambda: second_opinions(population, answers, {}))
    table(("what", "seconds"), [*lines, ("all", f"{total:.2f}")])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--sets", type=int, help="at most so many sets a world")
    parser.add_argument("--parts", default="order,quality,guarantee,raters,rows")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--ratings", type=Path)
    given = parser.parse_args()
    parts = given.parts.split(",")

    def sets(number: int) -> int:
        return min(number // 10 if given.quick else number, given.sets or number)

    started = time.perf_counter()
    with ProcessPoolExecutor(given.processes) as pool:

        def run(work: Callable[..., Any], tasks: Sequence[Any]) -> Iterable[Any]:
            if given.processes == 1:
                return map(work, tasks)
            return pool.map(work, tasks, chunksize=math.ceil(len(tasks) / given.processes / 4))

        if "order" in parts:
            order_part(sets(100), run)
        if "quality" in parts:
            quality_part(sets(600), run)
        if "guarantee" in parts:
            guarantee_part(sets(1000), run)
    if "raters" in parts and given.ratings is not None:
        raters_part(given.ratings, sets(100))
    if "rows" in parts:
        rows_part(100_000)
    print(f"{time.perf_counter() - started:.0f} s.")


if __name__ == "__main__":
    main()
