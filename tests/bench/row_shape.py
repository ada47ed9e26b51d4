"""How many answers of the built-in model have the five fields that are asked for: held to a schema, and only told the form.

    uv run python tests/bench/row_shape.py

Prints a Markdown table, and each reason for which an answer could not be used. An answer that could not be is asked for once
more; `tries` counts the answers that were read for 100 rows. Installs the built-in model where it is not there.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app import recipe, services, workflow
from app.config import Settings
from app.store.store import Store
from app.workspace import Workspace
from tasks.row_shape import columns

FIELDS = [
    {"name": "title", "description": "The title of a book"},
    {"name": "year", "kind": "whole number", "description": "When it came out"},
    {"name": "price", "kind": "number", "description": "In euros"},
    {"name": "in_print", "kind": "yes or no"},
    {"name": "genre", "kind": "one of", "choices": ["novel", "poetry", "history", "cooking"]},
]
PLACES = ("Lyon", "Oslo", "Lima", "Cairo", "Delhi", "Kyoto", "Rome", "Porto", "Accra", "Quito")
SUBJECTS = ("rivers", "bread", "trains", "gardens", "birds", "tides", "markets", "songs", "winters", "bridges")


def shares(folder: Path, answer_format: str, rows: int, temperature: float) -> tuple[int, int, Counter[str], float]:
    """(rows with all fields, calls, why the others have none, seconds) of a run of so many rows."""
    inputs = folder / "inputs.jsonl"
    pairs = [(place, subject) for subject in SUBJECTS for place in PLACES]
    lines = (json.dumps({"place": place, "subject": subject}) for place, subject in pairs[:rows])
    inputs.write_text("\n".join(lines), encoding="utf-8")
    here = Settings(data=folder, owner="bench")
    generator = {"preset": "local", "temperature": temperature, "concurrency": 8, "answer_format": answer_format}
    # with the same seed, the second run would find the first one's answers: a request is remembered in one form
    values = {
        "name": "books", "seed": 2 if answer_format else 1, "generator": generator, "inputs": {"path": str(inputs)},
        "task": {
            "kind": "text-generation", "template": "Make up a book about {{ subject }} in {{ place }}.", "fields": FIELDS
        },
    }  # fmt: skip
    with Store(here.data) as store:
        workspace = Workspace(here, store)
        run = workflow.start(workspace, recipe.parse(values))
        began = time.perf_counter()
        run = asyncio.run(workflow.generate(workspace, run, lambda *_: None))
        seconds = time.perf_counter() - began
        valid = [row for row in store.rows.walk(run.id) if row.responses and columns(row, row.responses[0].text)]
        reasons = Counter(store.runs.drop_reasons(run.id)) + Counter(why for _, why in store.rows.failures(run.id))
        return len(valid), sum(tally.sent for tally in store.usage.spent(run.id).values()), reasons, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--data", type=Path, help="a data folder in which the built-in model is installed already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.data or Path(scratch)
        with services.local(Settings(data=folder, owner="bench")).stopping():
            services.local(Settings(data=folder, owner="bench")).ensure(services.MODEL, lambda line: None)
            print("| answers | rows with all fields | tries | seconds |")
            print("| --- | --- | --- | --- |")
            whys: list[str] = []
            for name, answer_format in (("held to the schema", ""), ("told the form", "text")):
                valid, calls, reasons, seconds = shares(folder, answer_format, options.rows, options.temperature)
                share = f"{valid} of {options.rows} ({100 * valid / options.rows:.0f} %)"
                print(f"| {name} | {share} | {calls} | {seconds:.0f} |", flush=True)
                whys += [f"- {name}: {number} × {why}" for why, number in reasons.most_common()]
            print("\n" + "\n".join(whys))


if __name__ == "__main__":
    main()
