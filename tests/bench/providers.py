"""Each task against each provider's stand-in: rows, ratings, calls spent on finding out, refusals. A Markdown table.

    python tests/bench/providers.py [--rows 20] [NAME...]

Run by hand. Each line is a run of the installed command with default settings, and the labeller of app/docs/recipes.md.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.bench.meter import environment, taken
from tests.conftest import claywright
from tests.providers import PROVIDERS, StandIn

PASSAGE = (
    "Tides are the rise and fall of the sea. The moon pulls the water nearest to it, and leaves the farthest behind."
)
RATED = {"aspects": ["helpfulness", "truthfulness"]}
TASKS: dict[str, dict[str, Any]] = {
    "Magpie": {"task": {"kind": "magpie"}},
    "SelfInstruct": {"task": {"kind": "self-instruct", "num_instructions": 1, "similarity": 1.0}, "answers": {"n": 0}},
    "Genstruct": {"task": {"kind": "genstruct"}},
    "EvolInstruct, gain check": {"task": {"kind": "evol-instruct"}, "answers": {"n": 0}},
    "answers, rated together": {"task": {"kind": "text-generation"}, "answers": {"n": 2}, "rating": {**RATED, "types": True}},
    "answers, rated singly": {
        "task": {"kind": "text-generation"}, "answers": {"n": 2}, "rating": {**RATED, "types": True, "together": False},
    },
}  # fmt: skip


def inputs(rows: int) -> list[dict[str, str]]:
    columns = ("instruction", "input")
    given = [dict.fromkeys(columns, f"Write a sentence about topic number {n}.") for n in range(rows)]
    return [{**row, "title": "Tides", "content": f"{PASSAGE} ({n})"} for n, row in enumerate(given)]


def run(name: str, model: str, task: str, rows: int, folder: Path) -> str:
    """A line of the table."""
    provider = PROVIDERS[name]
    with StandIn(provider) as server:
        url = server.url
        if "/deployments/" in url:
            url = f"{server.origin}/openai/deployments/{model}?api-version=2024-10-21"
        spec = {"url": url, "model": model, "key_env": "STAND_IN_KEY"}
        recipe = {"name": "p", "rows": rows, "generator": spec, "labeller": spec, **TASKS[task]}
        if task != "Magpie":
            recipe["inputs"] = {"path": str(folder / "rows.jsonl")}
        (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in inputs(rows)))
        (folder / "recipe.json").write_text(json.dumps(recipe))
        host = f"127.0.0.1:{url.partition('://')[2].partition('/')[0].rpartition(':')[2]}"
        words = [
            *claywright(),
            "run",
            str(folder / "recipe.json"),
            "--no-push",
            "--json",
            "--allow-key",
            f"STAND_IN_KEY={host}",
        ]
        done = taken(words, environment(CLAYWRIGHT_DATA=str(folder / "data"), STAND_IN_KEY="right-key"))
        counts = done.said.get("counts", {}) if isinstance(done.said, dict) else {}
        answered = done.said.get("calls", {}).get("answered", 0) if isinstance(done.said, dict) else 0
        asked = [call for call in server.calls if call.method == "POST"]
        readable = counts.get("ratings", 0) - counts.get("unrated", 0) - counts.get("failed_ratings", 0)
        rated = f"{readable} of {counts['ratings']}" if counts.get("ratings") else ""
        errors = [line for line in done.complaint.splitlines() if line.startswith("Error: ")]
        why = "" if counts.get("answered") else "".join(errors)[7:167]
        return (
            f"| {name} | {model} | {task} | {counts.get('answered', 0)} of {rows} | {rated} | {len(asked) - answered} |"
            f" {len(server.refused)} | {why} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="of stand-ins; else all")
    parser.add_argument("--rows", type=int, default=20)
    given = parser.parse_args()
    print("| stand-in | model | task | rows | ratings | calls to find out | refusals | |\n| --- " + "| --- " * 7 + "|")
    for name in given.names or PROVIDERS:
        for model in PROVIDERS[name].models:
            for task in TASKS:
                with tempfile.TemporaryDirectory() as folder:
                    print(run(name, model.name, task, given.rows, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
