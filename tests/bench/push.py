"""Rows to Argilla and back: our push beside the SDK's own `records.log` against the same server, a second push, a pull.

    uv run python tests/bench/push.py --rows 10000 --responses 4

Each step is a process of its own, so that its time, its CPU and its memory are what a user pays, imports and all. "share" is
the part of the wall time in which that process itself was busy; the rest waits for the server.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.make_workspace import make_workspace

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app import services, workflow
from app.config import Settings
from app.review import reviewed_rows
from app.review.argilla import Argilla
from app.review.push_plan import about_of
from app.store.store import Store
from feedback.argilla.dataset_settings import shape_of
from feedback.argilla.records import Place, item
from feedback.rating_summary import priority
from feedback.types import Rating
from tests.conftest import ArgillaServer, claywright
from tests.make_runs import Reviewer, made_of, with_run

TEXT = "The response names what was asked for and says why it matters, but leaves out where it comes from. "
AT_ONCE = 100
LOG = """
import json, sys
import argilla as rg
url, key, name, path = sys.argv[1:]
client = rg.Argilla(api_url=url, api_key=key, timeout=300)
dataset = client.datasets(name, workspace="default")
def value(said):  # a ranking is a list of names here
    return [r["value"] for r in sorted(said, key=lambda r: r["rank"])] if isinstance(said, list) else said
records = []
for line in open(path, encoding="utf-8"):
    one = json.loads(line)
    records.append(rg.Record(
        id=one["external_id"], fields=one["fields"], metadata=one["metadata"],
        suggestions=[
            rg.Suggestion(s["question"], value(s["value"]), score=s["score"], agent=s["agent"]) for s in one["suggestions"]
        ],
    ))
dataset.records.log(records)
"""


def rated(number: int, responses: int) -> list[Rating]:
    return [
        Rating(place, aspect, 0, "rated", float((number + place) % 5 + 1), TEXT * 3, model="judge")
        for place in range(responses)
        for aspect in ("helpfulness", "honesty")
    ]


def step(name: str, records: int, command: list[str], environment: dict[str, str]) -> str:
    """Runs a command; gives its line of the table, and prints what it said if it failed."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(said.read().decode("utf-8", "replace")[-2000:])
    took = time.monotonic() - began
    busy = used.ru_utime + used.ru_stime
    return (
        f"| {name} | {took:.1f} | {records / took:.0f} | {busy:.1f} | {busy / took:.0%} | {used.ru_maxrss / 1024:.0f} |"
    )


def answer_all(argilla: ArgillaServer, dataset: str) -> None:
    """An answer to every record, by the server's bulk endpoint."""
    with Reviewer(argilla) as reviewer:
        dataset_id, offset = reviewer.dataset(dataset)["id"], 0
        while True:
            page = reviewer.http.get(
                f"/api/v1/datasets/{dataset_id}/records", params={"limit": 500, "offset": offset}
            ).json()
            for at in range(0, len(page["items"]), AT_ONCE):
                values: dict[str, Any] = {"decision": {"value": "approve"}, "helpfulness-1": {"value": 4}}
                said = [
                    {"record_id": record["id"], "status": "submitted", "values": values}
                    for record in page["items"][at : at + AT_ONCE]
                ]
                reviewer.http.post("/api/v1/me/responses/bulk", json={"items": said}).raise_for_status()
            offset += len(page["items"])
            if offset >= page["total"]:
                return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--responses", type=int, default=4)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        here = Settings(data=folder / "data", owner="bench")
        with services.local(here).stopping(), Store(here.data) as store:
            running = services.local(here).ensure(services.ARGILLA, lambda words: print(words, file=sys.stderr))
            way_in = json.loads(Path(running.details["credentials"]).read_text(encoding="utf-8"))
            argilla = ArgillaServer(running.url, way_in["username"], way_in["password"], way_in["api_key"])
            where = Argilla(argilla.url, argilla.api_key, own=True)
            made = made_of()
            run = with_run(store, asked.rows, made, responses=asked.responses, rate=rated)
            few = with_run(store, 1, made, responses=asked.responses, rate=rated, name="few-1")
            workflow.push(
                make_workspace(store), few, where, lambda done, total: None, dataset="plain"
            )  # makes the dataset, same shape
            records = folder / "records.jsonl"
            shape, about = shape_of(store.rows.walk(run.id)), about_of(run, made)
            with records.open("w", encoding="utf-8") as file:
                for number, judged in enumerate(reviewed_rows.judged_rows(store, run), 1):
                    place = Place("queue", priority(judged.row, judged.ratings, "helpfulness"), number)
                    file.write(json.dumps(item(judged.row, judged.ratings, shape, about, place)) + "\n")
            environment = {**os.environ, "CLAYWRIGHT_DATA": str(here.data)}
            print("| step | seconds | records/s | CPU s, own process | share | peak MiB |")
            print("| --- | --- | --- | --- | --- | --- |", flush=True)
            log = [sys.executable, "-c", LOG, argilla.url, argilla.api_key, "plain", str(records)]
            print(step("SDK's records.log", asked.rows, log, environment), flush=True)
            push = [*claywright(), "push", run.id, "--json"]
            print(step("push", asked.rows, push, environment), flush=True)
            print(step("push again, nothing changed", asked.rows, push, environment), flush=True)
            answer_all(argilla, run.id)
            pull = [*claywright(), "pull", run.id, "--json"]
            print(step("pull, all reviewed", asked.rows, pull, environment), flush=True)
            print(step("pull again, nothing said since", asked.rows, pull, environment), flush=True)
            with Reviewer(argilla) as reviewer:
                counted = reviewer.http.get(f"/api/v1/datasets/{reviewer.dataset(run.id)['id']}/progress").json()
            counts = store.runs.counts(run.id)
            print(f"records {counted['total']}, reviewed {counts.reviewed}, approved {counts.approved}")


if __name__ == "__main__":
    main()
