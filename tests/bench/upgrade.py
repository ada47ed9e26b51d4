"""A data folder of an older version, opened and worked on by this one: `python tests/bench/upgrade.py COMMAND`.

COMMAND is an installed `claywright` of that version. It finishes one run and is killed in the middle of another; this version lists
both, resumes the second, and has to end with what it makes by itself, without a call that was answered before.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from app.store.store import Store
from tests.conftest import claywright
from tests.servers import FakeOpenAI
from tests.test_kill import kill_when, resume
from tests.test_shards import environment, number_of, recipe

ROWS, CONCURRENCY = 30, 4
ALIKE = {
    "rows": "id, unit, position, messages, state",
    "responses": "row, place, text, model",
    "ratings": "row, response, aspect, repeat, status, value, rationale",
}


def contents(data: Path, of: str) -> list[list[tuple[object, ...]]]:
    """Rows, responses and ratings of the only run, without its id."""
    with Store(data) as store:
        tables = [store.db.all(f"SELECT {columns} FROM {table}") for table, columns in ALIKE.items()]
    return [
        sorted((tuple(str(value).replace(of, "RUN") for value in tuple(row)) for row in rows), key=repr)
        for rows in tables
    ]


def the_run(data: Path) -> str:
    listed = subprocess.run(
        [*claywright(), "runs", "--json"], env=environment(data), capture_output=True, text=True, check=True
    )
    (run,) = json.loads(listed.stdout)["runs"]
    return str(run["run"])


def reached(server: FakeOpenAI, calls: int) -> bool:
    return len(server.calls) >= calls


def main() -> int:
    old, folder, faults = sys.argv[1:2], Path(tempfile.mkdtemp(prefix="claywright-upgrade-")), 0
    with FakeOpenAI(latency=0.02) as server:
        file = recipe(folder, server.url, number=ROWS, concurrency=CONCURRENCY)
        without = file.read_text().replace('[[checks]]\nkind = "length"\nmost = 2\n', "")  # 0.1.0 knows none
        file.write_text(f"seed = 7\n{without}")
        words, whole = ["run", str(file), "--no-push"], folder / "whole"
        resume(words, environment(whole))
        alone = len(server.calls)
        for name, calls in (("finished", 0), ("killed", 40)):
            data = folder / name
            if calls:
                until = len(server.calls) + calls
                assert kill_when(words, environment(data), partial(reached, server, until), old)
            else:
                resume(words, environment(data), old)
            run, made, began = the_run(data), number_of(data, "ratings"), len(server.calls)
            resume(["run", "--resume", run, "--no-push"], environment(data))
            again, same = len(server.calls) - began, contents(data, run) == contents(whole, the_run(whole))
            faults += not same or (not calls and again > 0)
            as_anew = "yes" if same else "NO"
            print(f"{name}: {made} ratings there, {again} of {alone} calls to its end; as made anew: {as_anew}")
    shutil.rmtree(folder)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
