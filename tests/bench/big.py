"""A run of 100,000 rated rows, as large as a page has to bear: `python tests/bench/big.py FOLDER [ROWS]` makes its store.

Prints how long a page of it takes to look up, with filters and search, as a Markdown table. Run by hand.
"""

import json
import random
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from app.recipe import recipe_text

sys.path.insert(0, str(Path(__file__).parents[2]))
from app import recipe
from app.review import reviewed_rows
from app.store import rating_index
from app.store.row_search import RowQuery
from app.store.store import Store
from feedback.types import Verdict

ASPECTS = ("helpfulness", "honesty", "instruction-following", "truthfulness")
WORDS = [
    "river",
    "lake",
    "moon",
    "rain",
    "stone",
    "city",
    "bread",
    "song",
    "letter",
    "glass",
    "paper",
    "tree",
    "light",
    "water",
]
TIMES = 5


def said(number: int, length: int) -> str:
    chance = random.Random(number)
    return " ".join(chance.choices(WORDS, k=length)).capitalize() + "."


def fill(folder: Path, rows: int) -> str:
    """Makes the store with one run of `rows` rows, two responses and eight ratings each; returns the run's id."""
    folder.mkdir(parents=True, exist_ok=True)
    with Store(folder) as store:
        if any(run.id == "big" for run in store.runs.all()):
            return "big"
        made = recipe.example()
        run = store.runs.create("big", "big", "bench", recipe_text(made), 1, "")
        store.runs.set(run.id, state="done")

        def write(c: sqlite3.Connection) -> None:
            when = "2026-01-01T00:00:00.000+00:00"
            for n in range(rows):
                row = f"big-{n:07d}-0"
                talk = json.dumps([{"role": "user", "content": f"Question {n}: {said(n, 14)}"}], separators=(",", ":"))
                c.execute("INSERT INTO units VALUES(?,?,?,?,?,?)", ("big", n, "done", 1, "", when))
                c.execute(
                    "INSERT INTO rows(id, run, unit, position, stage, messages, origin, content_hash, rated_by, created, updated)"
                    " VALUES(?,?,?,0,'answered',?,'{}','h','judge',?,?)", (row, "big", n, talk, when, when),
                )  # fmt: skip
                for place in range(2):
                    c.execute(
                        "INSERT INTO responses(row, place, text, model, finish_reason, prompt_tokens, completion_tokens, created)"
                        " VALUES(?,?,?,?,?,?,?,?)", (row, place, said(n + place, 60), f"model-{place}", "stop", 20, 80, when),
                    )  # fmt: skip
                    for k, aspect in enumerate(ASPECTS):
                        c.execute(
                            "INSERT INTO ratings(row, content_hash, response, aspect, repeat, judge, status, value, rationale,"
                            " note, raw, shown, model, prompt, prompt_hash, lengths, revision, created)"
                            " VALUES(?, 'h', ?, ?, 0, 'judge', 'rated', ?, ?, '', '', '[]', 'judge', 'p', 'h', '[]', '1', ?)",
                            (row, place, aspect, 1 + (n * 7 + place * 3 + k) % 5, said(n + k, 12), when),
                        )  # fmt: skip
            rating_index.keep_all(c)

        store.db.write(write)
        return run.id


def send(folder: Path) -> None:
    """Sends the rows of the run, a fifth of them as a blind audit, at priorities of chance."""
    with Store(folder) as store:
        ids = [r["id"] for r in store.db.all("SELECT id FROM rows WHERE run='big' ORDER BY id")]
        push = store.pushes.begin_push("big", "here", "d", "d", "w", 1, "")
        store.pushes.plan(push, {row: random.Random(row).uniform(-2, 2) for row in ids}, blind_audit=True)
        for at in range(0, len(ids), 10_000):
            store.pushes.keep_sent(push, [(row, "h", {}) for row in ids[at : at + 10_000]], "2026-01-02")


def review(folder: Path) -> None:
    """Sends the rows of the run; two people decide a fifth of all by chance, and tick a reason."""
    send(folder)
    with Store(folder) as store:
        ids = [r["id"] for r in store.db.all("SELECT id FROM rows WHERE run='big' ORDER BY id")]
        for name in ("ann", "ben"):
            decided = random.Random(name).sample(ids, len(ids) // 5)
            for at in range(0, len(decided), 10_000):
                store.verdicts.keep("d", [by_chance(row, name) for row in decided[at : at + 10_000]])


def by_chance(row: str, name: str) -> Verdict:
    return verdict(row, name, random.Random(f"{row} {name}").choice(["approve", "approve", "reject"]))


def verdict(row: str, name: str, decision: str) -> Verdict:
    answers = {"decision": decision, "reasons": ["harmful"] if decision == "reject" else []}
    return Verdict(row, name, "submitted", answers, {}, row, f"{row} {name}", name, "2026-01-03", "2026-01-03")


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _look(folder: Path, wanted: RowQuery) -> tuple[int, float, float, float]:
    """(rows found, seconds to count them, for their first page, for their last one)"""
    with Store(folder) as store:
        run = store.runs.get("big")

        def page(offset: int) -> None:
            if wanted.everything:
                reviewed_rows.judged_page(store, run, offset, 10)
            else:
                reviewed_rows.judged_of(store, run, store.row_search.page(run.id, wanted, offset, 10))

        if wanted.everything:
            counted = seconds(lambda: store.runs.counts(run.id))
            found = store.runs.counts(run.id).made
        else:
            counted = seconds(lambda: store.row_search.count(run.id, wanted))
            found = store.row_search.count(run.id, wanted)
        return found, counted, seconds(lambda: page(0)), seconds(lambda: page(max(found - 10, 0)))


def main() -> None:
    folder, rows = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    if not (folder / "claywright.db").exists():
        print(f"made in {seconds(lambda: fill(folder, rows)):.0f} s", file=sys.stderr)
    wanted = {
        "all rows": RowQuery(),
        "lowest under one aspect": RowQuery(aspect="helpfulness", rating="low"),
        "ratings missing": RowQuery(rating="missing"),
        "responses apart": RowQuery(aspect="helpfulness", spread="far"),
        "lowest first": RowQuery(order="lowest"),
        "a model": RowQuery(model="model-1"),
        "status: not sent": RowQuery(status="unsent"),
        "a word that is rare": RowQuery(text="question 77777"),
        "a word that is everywhere": RowQuery(text="river"),
        "all of it": RowQuery(
            text="bread", aspect="honesty", rating="high", model="model-0", status="unsent", order="apart"
        ),
    }
    reviewed = {
        "as in the queue": RowQuery(order="queue", person="app:me"),
        "as in the queue, lowest under 2.5": RowQuery(order="queue", rating="low", person="app:me"),
        "as in the queue, ratings missing": RowQuery(order="queue", rating="missing", person="app:me"),
        "as in the queue, rejected": RowQuery(order="queue", status="reject", person="app:me"),
        "as in the queue, a word that is everywhere": RowQuery(order="queue", text="river", person="app:me"),
        "lowest first, with a blind audit": RowQuery(order="lowest", person="app:me"),
        "lowest under one aspect, with a blind audit": RowQuery(aspect="helpfulness", rating="low", person="app:me"),
        "a model, with a blind audit": RowQuery(model="model-1", person="app:me"),
        "waiting": RowQuery(status="waiting", person="app:me"),
        "audit": RowQuery(sample="audit", person="app:me"),
        "cut off": RowQuery(mark="cut off", person="app:me"),
        "a reviewer": RowQuery(reviewer="ann", person="app:me"),
        "a reason": RowQuery(reason="reject harmful", person="app:me"),
        "corrected": RowQuery(status="corrected", person="app:me"),
    }
    print(f"| {rows:,} rows | found | counted | first page | last page |\n| --- | ---: | ---: | ---: | ---: |")
    for asked in (wanted, reviewed):
        if asked is reviewed and not (folder / "reviewed").exists():
            print(f"reviewed in {seconds(lambda: review(folder)):.0f} s", file=sys.stderr)
            (folder / "reviewed").touch()
        for name, one in asked.items():
            times = [_look(folder, one) for _ in range(TIMES)]
            cells = " | ".join(f"{statistics.median(some):.3f} s" for some in list(zip(*times, strict=True))[1:])
            print(f"| {name} | {times[0][0]:,} | {cells} |", flush=True)
    with Store(folder) as store:
        print(f"| the histogram | | {seconds(lambda: store.ratings.histogram('big')):.3f} s | | |")


if __name__ == "__main__":
    main()
