"""A labeller that takes the first place in a share of the cases: what its rankings are worth, and whether that is measured.

    python tests/bench/pairwise.py [ROWS] [BIAS]     200 rows of 3 responses, 0.3

Prints a Markdown table: the measured position bias beside the true one, and the errors of the rankings beside those of the
same labeller asked in one order. Intervals are of 95 %: Wilson's for shares, Student's for the mean of Kendall's tau.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from statistics import fmean

from app import recipe, workflow
from app.config import Settings
from app.review.reviewed_rows import judged_rows
from app.store.store import Store
from app.workspace import Workspace
from feedback.stats.measures import difference, share
from feedback.stats.pairwise import figures
from tests.biased_judge import Errors, both_orders, errors, judge, one_order, recipe_values, rows, true_bias
from tests.servers import FakeOpenAI


def _lines(what: str, found: Errors) -> None:
    for name, values in (("rows with a wrong top", found.wrong), ("rows whose top is shared", found.shared)):
        measured = share(name, values, "row")
        print(f"| {what}: {name} | {measured.shown} | {measured.interval} | {measured.n} rows |")
    tau = difference("tau", found.tau)
    print(f"| {what}: Kendall's tau | {tau.shown} | {tau.interval} | {tau.n} rows |")


def main(count: int, bias: float) -> None:
    with FakeOpenAI(faults=judge(bias)) as server, tempfile.TemporaryDirectory() as folder:
        values = recipe_values(Path(folder), server.url, rows(count))
        with Store(Path(folder) / "data") as store:
            workspace = Workspace(Settings(data=Path(folder) / "data", owner="bench"), store)
            run = workflow.start(workspace, recipe.parse(values))
            run = asyncio.run(workflow.generate(workspace, run, lambda *_: None))
            found = figures(store.preferences.of_run(run.id))
            judged = list(judged_rows(store, run))
            print(f"{len(judged)} rows of {len(judged[0].row.responses)} responses, {len(server.calls)} calls.\n")
            print("| what | measured | 95 % interval | n |\n| --- | --- | --- | --- |")
            print(f"| true position bias | {true_bias(count, bias):.1%} | | {found.compared} pairs |")
            for name, measured in (("position bias", found.bias), ("changes of mind", found.changed)):
                low, high = measured.low or 0.0, measured.high or 0.0
                print(f"| {name} | {measured.value or 0:.1%} | {low:.1%} to {high:.1%} | {measured.n} pairs |")
            both = errors(judged, both_orders)
            _lines("both orders", both)
            _lines("one order", errors(judged, one_order))
            print(f"| both orders: mean probability given to the top | {fmean(both.sure):.0%} | | {count} rows |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, float(sys.argv[2]) if len(sys.argv) > 2 else 0.3)
