"""A copy of the store that is made while five people work, put up elsewhere, goes on to the same end."""

import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from app.store.store import Store
from tests.conftest import claywright
from tests.servers import FakeOpenAI
from tests.test_kill import resume
from tests.test_shards import contents, number_of, recipe

PEOPLE = ("ann", "ben", "cem", "dia", "eva")
ROWS = 10
HELD_FROM = 60
"""A call that is held until the backup begins: fewer than one run takes, so that nobody has ended by then."""
IN_FLIGHT, PROBES = 4, 3
"""Calls of each person that have no answer yet at a moment, and those by which a process learns what a model can do."""


def environment(data: Path, person: str) -> dict[str, str]:
    return {**os.environ, "CLAYWRIGHT_DATA": str(data), "CLAYWRIGHT_OWNER": person}


def everybody(data: Path) -> dict[str, list[Any]]:
    """Who is known, and what belongs to whom."""
    with Store(data) as store:
        return {
            "people": sorted((person.name, person.role) for person in store.people.all()),
            "shares": [(share.person, share.may) for share in store.shares.of("run-of-ann")],
            "owners": sorted((run.id, run.owner) for run in store.runs.all()),
        }


def test_a_backup_while_five_people_work_goes_on_elsewhere(tmp_path: Path) -> None:
    data, elsewhere, copy = tmp_path / "data", tmp_path / "elsewhere", tmp_path / "copy.db"
    with Store(data) as store:
        for person in PEOPLE:
            store.people.add(person, "admin" if person == "ann" else "curator")
    with FakeOpenAI(latency=0.25, holds_from=HELD_FROM) as server:
        file = recipe(tmp_path, server.url, number=ROWS, concurrency=2)

        def work(person: str) -> None:
            resume(["run", str(file), "--no-push", "--as", f"run-of-{person}"], environment(data, person))

        with ThreadPoolExecutor(len(PEOPLE)) as people:
            working = [people.submit(work, person) for person in PEOPLE]
            until = time.monotonic() + 120
            while len(server.calls) < HELD_FROM or number_of(data, "runs") < len(PEOPLE):
                assert time.monotonic() < until
                time.sleep(0.05)
            with Store(data) as store:
                store.shares.set("run-of-ann", "ben", "read")
            asked = len(server.calls)
            server.go_on()
            made = subprocess.run(
                [*claywright(), "backup", str(copy)],
                env=environment(data, "ann"),
                capture_output=True,
                text=True,
                check=False,
            )
            assert made.returncode == 0, made.stderr
            at_work = sum(not one.done() for one in working)
            for one in working:
                one.result()
        assert at_work == len(PEOPLE)  # or it would have been no backup of what is worked on
        whole, calls = contents(data), len(server.calls)
        elsewhere.mkdir(mode=0o700)
        shutil.copy(copy, elsewhere / "claywright.db")
        before = number_of(elsewhere, "ratings")
        assert 0 < before < number_of(data, "ratings")
        server.latency = 0.0
        for person in PEOPLE:
            resume(["run", "--resume", f"run-of-{person}", "--no-push"], environment(elsewhere, person))
        assert contents(elsewhere) == whole
        most = calls - asked + len(PEOPLE) * (IN_FLIGHT + PROBES)
        assert len(server.calls) - calls <= most  # what the backup held is not asked again
    assert everybody(elsewhere) == everybody(data)
    assert everybody(data)["shares"] == [("ben", "read")]
