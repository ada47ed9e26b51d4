"""One run worked in shards, each in a store of its own, and merged: what one run without shards gives, exactly once."""

import asyncio
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings
from app.recipe import load, recipe_of, recipe_text
from app.runs import shards
from app.runs.shards import Shard
from app.store import lease
from app.store import merge as store_merge
from app.store.store import Store
from app.workspace import Workspace
from feedback.checks.refusal import Refusal
from tasks.engine.budget import Budget
from tasks.errors import ClaywrightError, SettingsError
from tests.conftest import Command
from tests.servers import FakeOpenAI
from tests.test_kill import kill_when, resume

ROWS, SHARDS = 30, 3
TABLES = {
    "units": "idx, state, rows, reason",
    "drops": "unit, place, reason, raw",
    "rows": "id, unit, position, revision, stage, state, reason, messages, origin, content_hash, rated_by, models, marks, aspects,"
    " checked_by, fails",
    "responses": "row, place, text, model, finish_reason, prompt_tokens, words, marks",
    "ratings": "row, content_hash, response, aspect, repeat, judge, status, value, rationale, raw, model, prompt, shown",
    "checks": "row, content_hash, response, identity, passed, reason",
    "scores": "unit, position, row, whole, kept, lowest, highest, ratings, unrated, failed",
    "calls": "hex(key), endpoint, draw, scope",
    "counted": "units, failed_units, drops, made, answered, rated, failed_rows, ratings, unrated, failed_ratings",
}
"""What must not depend on shards; times and the numbers of lines do."""


def contents(data: Path) -> dict[str, list[tuple[Any, ...]]]:
    with closing(sqlite3.connect(data / "claywright.db")) as store:
        return {
            table: sorted(store.execute(f"SELECT {columns} FROM {table}").fetchall(), key=repr)
            for table, columns in TABLES.items()
        }


def usage(data: Path) -> tuple[int, ...]:
    """Rows, tokens of prompts and answers, over all work on the run."""
    with closing(sqlite3.connect(data / "claywright.db")) as store:
        sums = "sum(prompt_tokens), sum(completion_tokens), sum(rows)"
        return tuple(store.execute(f"SELECT {sums} FROM workings").fetchone())


def recipe(
    folder: Path,
    url: str,
    task: str = "text-generation",
    *,
    rows: int | None = None,
    number: int = ROWS,
    concurrency: int = 4,
) -> Path:
    """Two responses a row, checked and rated."""
    seeds = folder / "seeds.jsonl"
    seeds.write_text("".join(json.dumps({"instruction": f"Name river number {n}."}) + "\n" for n in range(number)))
    file = folder / "recipe.toml"
    model = f'url = "{url}"\nmodel = "fake"\nconcurrency = {concurrency}\n'
    given = "" if task == "magpie" else f'[inputs]\npath = "{seeds}"\n'
    family = 'template = "chatml"\n' if task == "magpie" else ""
    settings = "num_evolutions = 2\nstore_evolutions = true\n" if task == "evol-instruct" else ""
    head = f"rows = {rows}\n" if rows else ""
    file.write_text(
        f'name = "rivers"\n{head}[generator]\n{model}{family}[labeller]\n{model}max_tokens = 400\n[task]\nkind = "{task}"\n'
        f'{settings}{given}[answers]\nn = 2\n[[checks]]\nkind = "length"\nmost = 2\n'
        '[rating]\naspects = ["helpfulness", "honesty"]\n'
        "together = false\n"
    )
    return file


def number_of(data: Path, table: str) -> int:
    """How many lines a table has; 0 while there is none."""
    with closing(sqlite3.connect(data / "claywright.db")) as store:
        try:
            return int(store.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def environment(data: Path) -> dict[str, str]:
    return {**os.environ, "CLAYWRIGHT_DATA": str(data)}


def change(data: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(data / "claywright.db", isolation_level=None)) as store:
        store.execute(statement, values)


def folders(data: Path, of: int = SHARDS, named: str = "whole") -> list[Path]:
    return [data / "shards" / named / f"{number}-of-{of}" for number in range(1, of + 1)]


def worked(command: Command, file: Path, of: int = SHARDS, *, named: str = "whole", only: Sequence[int] = ()) -> None:
    for number in only or range(1, of + 1):
        done = command("run", file, "--shard", f"{number}/{of}", "--as", named)
        assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("task", "rows"), [("text-generation", None), ("text-generation", 20), ("magpie", 20), ("evol-instruct", 31)]
)
def test_shards_that_are_merged_are_the_run_without_shards(
    tmp_path: Path, command: Command, task: str, rows: int | None
) -> None:
    with FakeOpenAI() as server:
        file = recipe(tmp_path, server.url, task, rows=rows)
        whole, data = tmp_path / "whole", tmp_path / "data"
        done = command("run", file, "--no-push", "--as", "whole", data=whole)
        assert done.code == 0, done.err
        worked(command, file)
        merged = command("merge", *folders(data), "--json")
        assert merged.code == 0, merged.err
        calls = len(server.calls)
        again = command("run", "--resume", "whole", "--no-push", "--json")
        assert again.code == 0, again.err
        if rows != 31:  # the last unit gives rows beyond those wanted: only who has all the others can tell which
            assert json.loads(merged.out)["state"] == "done"
            assert len(server.calls) == calls
        assert contents(data) == contents(whole)
        assert usage(data) == usage(whole)
        told = [json.loads(command("runs", "whole", "--json", data=where).out) for where in (data, whole)]
        first, second = ({**entry["runs"][0], "created": ""} for entry in told)
        assert first == second


def test_a_shard_that_is_killed_and_a_merge_of_what_is_not_finished(tmp_path: Path, command: Command) -> None:
    with FakeOpenAI(latency=0.02) as server:
        file = recipe(tmp_path, server.url)
        whole, data = tmp_path / "whole", tmp_path / "data"
        assert command("run", file, "--no-push", "--as", "whole", data=whole).code == 0
        words = ["run", str(file), "--shard", "2/3", "--as", "whole"]
        for part in (10, 15):
            until = len(server.calls) + part
            assert kill_when(words, environment(data), lambda until=until: len(server.calls) >= until)  # type: ignore[misc]
        worked(command, file, only=[1])
        merged = command("merge", *folders(data)[:2], "--json")
        assert merged.code == 0, merged.err
        told = json.loads(merged.out)
        assert (told["state"], told["lacking"]) == ("stopped", ["2/3", "3/3"])
        assert [part["done"] for part in told["merged"]] == [True, False]
        assert "2/3" in told["reason"]
        worked(command, file, only=[2, 3])
        merged = command("merge", *folders(data))
        assert merged.code == 0, merged.err
        assert contents(data) == contents(whole)
        once, calls = contents(data), usage(data)
        again = json.loads(command("merge", *folders(data), "--json").out)
        assert [part[name] for part in again["merged"] for name in ("units", "rows", "completed", "answers")] == [
            0
        ] * 12
        assert (contents(data), usage(data)) == (once, calls)
        assert again["state"] == "done"


def test_a_merge_that_is_killed_leaves_nothing_half_and_doubles_nothing(
    parts: Path, tmp_path: Path, command: Command
) -> None:
    data = tmp_path / "data"
    with Store(data) as store:
        pass
    second = Store(folders(parts)[1])
    with second:
        row = next(iter(second.rows.walk("whole"))).id
    endless = "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n"
    change(data, f"CREATE TRIGGER endless AFTER INSERT ON ratings WHEN new.row='{row}' BEGIN SELECT ({endless}); END")

    def in_the_second() -> bool:
        with closing(sqlite3.connect(data / "claywright.db", isolation_level=None, timeout=0)) as connection:
            if not connection.execute("SELECT 1 FROM merged WHERE shard='1/3'").fetchone():
                return False
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
            return False

    assert kill_when(["merge", *map(str, folders(parts))], environment(data), in_the_second)
    change(data, "DROP TRIGGER endless")
    with Store(data) as store:
        assert store_merge.shards(store.db, "whole") == {"1/3": "done"}
        assert store.runs.counts("whole").units == len([n for n in range(ROWS) if Shard(1, 3).has(n)])
    done = command("merge", *folders(parts))
    assert done.code == 0, done.err
    with Store(data) as store:
        counts = store.runs.counts("whole")
        assert (counts.answered, counts.rated, counts.ratings, counts.units) == (ROWS, ROWS, 4 * ROWS, ROWS)
        assert store.runs.get("whole").state == "done"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with three finished shards."""
    folder = tmp_path_factory.mktemp("parts")
    with FakeOpenAI() as server:
        file = recipe(folder, server.url)
        for number in range(1, SHARDS + 1):
            resume(["run", str(file), "--shard", f"{number}/{SHARDS}", "--as", "whole"], environment(folder / "data"))
    return folder / "data"


@pytest.fixture
def copies(parts: Path, tmp_path: Path) -> list[Path]:
    """The same three, to be spoilt."""
    shutil.copytree(parts / "shards", tmp_path / "copies" / "shards")
    return folders(tmp_path / "copies")


def refused(data: Path, *stores: Path) -> str:
    """The sentence of a merge that was refused."""
    with Store(data) as store, pytest.raises(ClaywrightError) as refusal:
        asyncio.run(shards.merge(Workspace(Settings(data=data, owner="me"), store), stores))
    return str(refusal.value)


def nothing_merged(tmp_path: Path) -> None:
    with Store(tmp_path / "data") as store:
        assert store.runs.all() == []


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("seed", 1, "was drawn with another seed"),
        ("inputs", "another", "has other inputs"),
        ("shard", "2/4", "divided into 3 and 4 shards"),
        ("shard", "1/3", "Name one of them"),
        ("shard", "", "holds no shard of a run"),
    ],
)
def test_shards_that_do_not_belong_together_are_refused(
    copies: list[Path], tmp_path: Path, column: str, value: object, sentence: str
) -> None:
    change(copies[1], f"UPDATE runs SET {column}=?", value)
    assert sentence in refused(tmp_path / "data", *copies)
    nothing_merged(tmp_path)


def test_shards_of_different_recipes_are_refused(copies: list[Path], tmp_path: Path, command: Command) -> None:
    with Store(copies[2]) as store:
        old = store.runs.get("whole").recipe
        change(copies[2], "UPDATE runs SET recipe=?", old.replace("honesty", "truthfulness"))
    assert "has another recipe" in refused(tmp_path / "data", *copies)
    nothing_merged(tmp_path)
    assert command("merge", *copies[:2]).code == 0
    assert "has another recipe" in refused(tmp_path / "data", copies[2])


def test_what_is_no_store_is_refused_and_left_as_it_is(copies: list[Path], tmp_path: Path) -> None:
    text, empty, foreign = tmp_path / "text.db", tmp_path / "empty", tmp_path / "foreign.db"
    text.write_text("Not a database.")
    empty.mkdir()
    with closing(sqlite3.connect(foreign)) as other:
        other.execute("CREATE TABLE things(a)")
        other.commit()
    before = foreign.read_bytes()
    for path in (text, empty, foreign, tmp_path / "nowhere"):
        assert "is no store of Claywright" in refused(tmp_path / "data", copies[0], path)
    assert foreign.read_bytes() == before
    assert list(empty.iterdir()) == []
    nothing_merged(tmp_path)


def test_a_store_of_a_newer_version_twice_or_the_own_one_is_refused(copies: list[Path], tmp_path: Path) -> None:
    change(copies[1], "PRAGMA user_version=9999")
    assert "Update Claywright" in refused(tmp_path / "data", *copies)
    assert "is named twice" in refused(tmp_path / "data", copies[0], copies[0] / "claywright.db")
    assert "that shards are merged into" in refused(tmp_path / "data", copies[0], tmp_path / "data")
    nothing_merged(tmp_path)


def test_a_shard_or_a_run_that_is_worked_on_is_refused(copies: list[Path], tmp_path: Path, command: Command) -> None:
    with Store(copies[1]) as store:
        assert store.runs.claim("whole", lease.name(), time.time(), lease.STALE_AFTER, [])
    assert "is being worked on" in refused(tmp_path / "data", *copies)
    nothing_merged(tmp_path)
    with Store(copies[1]) as store:
        store.runs.release("whole", lease.name())
    assert command("merge", copies[0]).code == 0
    with Store(tmp_path / "data") as store:
        assert store.runs.claim("whole", lease.name(), time.time(), lease.STALE_AFTER, [])
        assert "The run whole is being worked on" in refused(tmp_path / "data", *copies)
        assert list(store_merge.shards(store.db, "whole")) == ["1/3"]


def test_a_row_under_the_name_of_another_is_refused(copies: list[Path], tmp_path: Path) -> None:
    with Store(copies[1]) as store:
        row = next(iter(store.rows.walk("whole"))).id
    change(copies[1], "UPDATE rows SET id='elsewhere-000001-0' WHERE id=?", row)
    assert "a row of another run" in refused(tmp_path / "data", copies[1])
    with Store(tmp_path / "data") as store:
        assert store.runs.counts("whole").units == 0


def test_what_failed_in_a_shard_is_tried_again_there_and_merged_again(tmp_path: Path, command: Command) -> None:
    broken = True

    def faults(body: dict[str, Any], number: int) -> int | None:
        return 400 if broken and any(f"number {n}." in json.dumps(body) for n in (4, 7)) else None

    with FakeOpenAI(faults=faults) as server:
        file = recipe(tmp_path, server.url)
        whole, data = tmp_path / "whole", tmp_path / "data"
        worked(command, file)
        first = json.loads(command("merge", *folders(data), "--json").out)
        assert (first["counts"]["answered"], first["counts"]["failed"], first["state"]) == (ROWS - 2, 2, "done")
        broken = False
        for number in range(1, SHARDS + 1):
            done = command("run", file, "--shard", f"{number}/{SHARDS}", "--as", "whole", "--retry-failed")
            assert done.code == 0, done.err
        second = json.loads(command("merge", *folders(data), "--json").out)
        assert (second["counts"]["answered"], second["counts"]["failed"]) == (ROWS, 0)
        assert command("run", file, "--no-push", "--as", "whole", data=whole).code == 0
        assert contents(data) == contents(whole)


def test_what_people_did_to_merged_rows_stays(copies: list[Path], tmp_path: Path, command: Command) -> None:
    assert command("merge", *copies).code == 0
    with Store(tmp_path / "data") as store:
        row = next(iter(store.rows.walk("whole")))
        store.rows.mark(row.id, "kept", "dropped", "by hand")
    before = contents(tmp_path / "data")
    assert command("merge", *copies).code == 0
    assert contents(tmp_path / "data") == before


def test_which_server_answered_is_merged_and_a_check_may_be_added_in_between(
    copies: list[Path], tmp_path: Path, command: Command
) -> None:
    for number, copy in enumerate(copies, 1):
        change(copy, "INSERT INTO served SELECT id, 'http://a/v1', ?, 1, 1, 1.0 FROM workings LIMIT 1", number)
    assert command("merge", *copies[:2]).code == 0
    with Store(tmp_path / "data") as store:
        run = store.runs.get("whole")
        made = recipe_of(run)
        more = replace(made, checks=(*made.checks, Refusal()))
        store.runs.set(run.id, recipe=recipe_text(more))
    assert command("merge", *copies).code == 0
    with Store(tmp_path / "data") as store:
        assert [(each.server, each.answered) for each in store.usage.served("whole")] == [("http://a/v1", 6)]


def test_a_backup_of_a_shard_is_merged_as_well(copies: list[Path], tmp_path: Path, command: Command) -> None:
    assert command("backup", tmp_path / "first.db", data=copies[0]).code == 0
    done = command("merge", tmp_path / "first.db", *copies[1:], "--json")
    assert json.loads(done.out)["counts"]["answered"] == ROWS


@pytest.mark.parametrize(
    "text", ["x", "", "3/0", "0/3", "4/3", "-1/3", "1/2/3", "1.5/3", "1/99999", "\N{SUPERSCRIPT TWO}/3"]
)
def test_a_shard_that_is_none_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        Shard.parse(text)
    assert "given" in str(refusal.value)


def test_options_that_do_not_go_together_are_refused(tmp_path: Path, command: Command) -> None:
    file = recipe(tmp_path, "http://127.0.0.1:9/v1")
    for words, sentence in (
        (["run", str(file), "--shard", "9/8"], "there are 1/8 to 8/8"),
        (["run", "--resume", "last", "--shard", "1/8"], "name both again"),
        (["run", str(file), "--shard", ""], "written as 3/8"),
        (["run", str(file), "--shard", "1/8", "--as", "../up"], "letters, digits and hyphens"),
        (["run", str(file), "--as", ""], "letters, digits and hyphens"),
    ):
        done = command(*words)
        assert (done.code, sentence in done.err) == (1, True), done.err
    assert not (tmp_path / "data" / "shards").exists()


def test_a_task_whose_rows_depend_on_each_other_says_what_to_do(tmp_path: Path, command: Command) -> None:
    file, seeds = tmp_path / "recipe.toml", tmp_path / "seeds.jsonl"
    seeds.write_text('{"input": "rivers"}\n')
    file.write_text(
        'rows = 30\n[generator]\npreset = "scripted"\n[task]\nkind = "self-instruct"\n[inputs]\npath = "seeds.jsonl"\n'
    )
    done = command("run", file, "--shard", "1/3")
    assert done.code == 1
    assert "can't be worked in shards" in done.err
    assert "run it without --shard" in done.err


def test_another_recipe_under_the_same_id_and_an_id_that_is_taken_are_refused(tmp_path: Path, command: Command) -> None:
    with FakeOpenAI() as server:
        file = recipe(tmp_path, server.url, rows=6)
        worked(command, file, 2, only=[1])
        file = recipe(tmp_path, server.url, rows=7)
        done = command("run", file, "--shard", "1/2", "--as", "whole")
        assert (done.code, "begun with another recipe" in done.err) == (1, True), done.err
        assert command("run", file, "--no-push", "--as", "whole").code == 0
        done = command("run", file, "--no-push", "--as", "whole")
        assert (done.code, "There is a run whole already" in done.err) == (1, True), done.err


def test_a_shard_to_which_no_unit_falls_ends_well(tmp_path: Path, command: Command) -> None:
    number = next(n for n in range(1, 9) if not any(Shard(n, 8).has(unit) for unit in range(2)))
    with FakeOpenAI() as server:
        worked(command, recipe(tmp_path, server.url, rows=2), 8, only=[number])


def test_owners_come_to_the_same_id_wherever_the_input_lies(tmp_path: Path) -> None:
    ids = []
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        file = recipe(tmp_path / place, "http://127.0.0.1:9/v1")
        ids.append(shards.run_id(load(file), "content"))
    known = load(file)
    assert ids[0] == ids[1]
    driven = replace(known, name="rivers", budget=Budget(tokens=5), generator=replace(known.generator, concurrency=99))
    assert shards.run_id(driven, "content") == ids[0]
    assert shards.run_id(known, "other") != ids[0]
    assert shards.run_id(replace(known, rows=7), "content") != ids[0]
    assert shards.run_id(replace(known, labeller=replace(known.labeller, temperature=0.5)), "content") != ids[0]
    assert shards.seed(known, ids[0]) == shards.seed(known, ids[1])
    assert shards.seed(replace(known, seed=7), ids[0]) == 7


@pytest.mark.parametrize("of", [1, 2, 3, 8, 100])
def test_each_unit_falls_to_one_shard(of: int) -> None:
    owners = [[n for n in range(1, of + 1) if Shard(n, of).has(unit)] for unit in range(2000)]
    assert all(len(own) == 1 for own in owners)
    assert {own[0] for own in owners} == set(range(1, of + 1))


def test_shares_of_a_budget_stay_within_the_whole() -> None:
    shares = [Shard(n, 8).share(Budget(tokens=1000, dollars=4.0)) for n in range(1, 9)]
    assert sum(share.tokens or 0 for share in shares) <= 1000
    assert sum(share.dollars or 0 for share in shares) == pytest.approx(4.0)
    assert Shard(1, 8).share(Budget()) == Budget()
