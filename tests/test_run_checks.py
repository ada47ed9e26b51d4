"""Checks of a run: kept once for the same words, again after an edit, in exports, and in Argilla as a filter."""

import json
import random
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import recipe, workflow
from app.review.argilla import Argilla
from app.review.reviewed_rows import foresee, judged_rows
from app.runs import row_checks, row_edits
from app.runs.run_recipes import amend
from app.store.row_search import RowQuery
from app.store.runs import Run
from app.store.store import Store
from feedback.argilla.client import Server
from feedback.checks.base import identity_of
from feedback.errors import ExportError
from feedback.exports.selection import Export
from feedback.types import Verdict
from tasks.errors import SettingsError
from tests.check_cases import check
from tests.conftest import Command, Work
from tests.make_runs import Reviewer, made_of, with_run
from tests.make_workspace import make_workspace

SAID_BY_0 = {"kind": "contains", "text": "said by 0", "name": "zero"}
NO_THREE = {"kind": "contains-not", "text": "River 3", "name": "no three"}


def with_checks(*tables: dict[str, Any], **parts: Any) -> recipe.Recipe:
    return made_of(checks=list(tables), **parts)


def written(store: Store, run: Run, path: Path, **settings: Any) -> list[dict[str, Any]]:
    to = Export(path=str(path), **settings)
    workflow.export(make_workspace(store), store.runs.get(run.id), to, overwrite=True)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def approve(store: Store, row: str, answers: dict[str, str] | None = None) -> None:
    said = {"decision": "approve", **(answers or {})}
    at = "2026-01-01T10:00:00"
    store.verdicts.keep("a dataset", [Verdict(row, "ann", "submitted", said, response_id=row, updated_at=at)])


def kept(store: Store) -> list[tuple[Any, ...]]:
    return [
        tuple(r) for r in store.db.all("SELECT row, response, passed, identity, created FROM checks ORDER BY 1, 4, 2")
    ]


# -- kept


def test_responses_are_checked_as_rows_are_made_and_never_twice(work: Work, store: Store) -> None:
    plain = {"rows": 4, "task": {"kind": "magpie"}, "generator": {"preset": "scripted"}, "name": "talks"}
    run = work(plain | {"checks": [{"kind": "length", "least": 1}, {"kind": "contains", "text": "☃"}]})
    length, snowman = recipe.recipe_of(run).checks
    assert [(s.check, s.passed, s.failed, s.rows) for s in row_checks.standings(store, run)] == [
        ("length", 4, 0, 0), ("contains", 0, 4, 4),
    ]  # fmt: skip
    before = kept(store)
    assert {entry[3] for entry in before} == {length.identity, snowman.identity}
    assert workflow.check(make_workspace(store), run) == 0
    work(run)
    assert kept(store) == before

    # another name decides nothing, other settings do: what was kept of the others stays
    changed = amend(store, run, checks=(replace(length, name="not empty"), check("contains", text=" ")))
    assert workflow.check(make_workspace(store), changed) == 4
    assert set(before) < set(kept(store)) and len(kept(store)) == len(before) + 4
    assert [s.check for s in row_checks.standings(store, changed)] == ["not empty", "contains"]


def test_a_resumed_run_checks_what_it_lacks(work: Work, store: Store) -> None:
    plain = {"rows": 3, "task": {"kind": "magpie"}, "generator": {"preset": "scripted"}, "name": "talks"}
    run = work(plain)
    assert kept(store) == []
    run = amend(store, run, checks=(check("length", least=1),))
    assert store.checks.number_lacking(run.id, identity_of(recipe.recipe_of(run).checks)) == 3
    run = work(run)
    assert (run.state, len(kept(store))) == ("done", 3)
    assert store.checks.number_lacking(run.id, identity_of(recipe.recipe_of(run).checks)) == 0


def test_what_a_kill_left_half_checked_is_finished(store: Store) -> None:
    run = with_run(store, 3, with_checks(SAID_BY_0, NO_THREE), responses=2)
    row_checks.check_run(store, run)
    whole = kept(store)
    store.db.write(lambda c: c.execute("UPDATE rows SET checked_by='' WHERE position=0 AND unit=1"))
    store.db.write(lambda c: c.execute("DELETE FROM checks WHERE row LIKE '%000001-0' AND response=1"))
    assert row_checks.check_run(store, run) == 1
    assert [entry[:4] for entry in kept(store)] == [entry[:4] for entry in whole]
    assert [entry for entry in kept(store) if entry in whole] == [
        e for e in whole if not (e[0].endswith("1-0") and e[1])
    ]


def test_an_edited_row_is_checked_anew(store: Store) -> None:
    run = with_run(store, 2, with_checks(NO_THREE))
    row_checks.check_run(store, run)
    row = store.rows.page(run.id, 0, 1)[0]
    row_edits.edit(store, row.id, row.instruction, ["River 3 it is."], "me")
    (judged, other) = judged_rows(store, run)
    assert [(result.check, result.passed) for result in judged.checks] == [("no three", False)]
    assert other.failed_checks == []
    assert [r["fails"] != "" for r in store.db.all("SELECT fails FROM rows ORDER BY unit")] == [True, False]


def test_a_recipe_of_checks_is_told_what_is_wrong() -> None:
    for tables, message in (
        ([{"kind": "contain", "text": "x"}], "Did you mean 'contains'?"),
        ([{"kind": "contains"}], "needs a text to look for"),
        ([{"kind": "contains", "txt": "x"}], "Did you mean 'text'?"),
        ([{"kind": "regex", "pattern": "(a|a)*$"}], "runs on"),
        ([{"kind": "json-schema", "schema": {"$ref": "#"}}], "refers to itself"),
        ([{"kind": "length", "least": 5, "most": 4}], "No response is as long as 5 and as short as 4"),
        ([SAID_BY_0, SAID_BY_0], "Two checks are called 'zero'"),
        ([{"kind": "json"}] * 41, "40 are the most"),
        ({"kind": "json"}, "with two brackets"),
        (["json"], "with two brackets"),
        ([{"kind": "json", "name": "all"}], "can't"),
    ):
        with pytest.raises(SettingsError, match=r".") as error:
            made_of(checks=tables)
        assert message in str(error.value), str(error.value)
    with pytest.raises(SettingsError, match="no check is called so"):
        with_checks(SAID_BY_0, export={"checks": ["zero", "one"]})
    given = with_checks(SAID_BY_0, {"kind": "json", "reject": True}, export={"checks": "all"})
    assert recipe.parse(given.dump()) == given and recipe.read(recipe.recipe_text(given)) == given
    assert recipe.parse(tomllib.loads(recipe.to_toml(given.dump()))) == given


def test_rows_are_found_by_what_they_fail(store: Store) -> None:
    run = with_run(store, 5, with_checks(SAID_BY_0, NO_THREE), responses=2)
    row_checks.check_run(store, run)
    zero, no_three = (check.identity for check in recipe.recipe_of(run).checks)

    def found(**asked: Any) -> list[str]:
        query = RowQuery(**asked)
        ids = store.row_search.page(run.id, query, 0, 10)
        assert store.row_search.count(run.id, query) == len(ids) == len(store.row_search.among(run.id, query, ids))
        assert [store.row_search.place(run.id, query, row) for row in ids] == [*range(len(ids))]
        return [row.rpartition("-")[0][-1] for row in ids]

    assert found(check=no_three) == ["3"] and found(check=zero) == ["0", "1", "2", "3", "4"]
    assert found(check=f"{no_three} {zero}") == found(check=zero) and found(check="nothing") == []
    assert found(check=no_three, model="model-0") == ["3"] and found(check=zero, text="River 2") == ["2"]
    assert found(check=zero, order="highest", value="5", text="river")[:1] != []


# -- exported


def test_only_what_passes_goes_out(store: Store, tmp_path: Path) -> None:
    run = with_run(store, 5, with_checks(SAID_BY_0, NO_THREE), responses=2)
    path = tmp_path / "rows.jsonl"
    lines = written(
        store, run, path, unreviewed=True
    )  # the best response is now the second: it is rated higher, but for one
    assert len(lines) == 5
    row_checks.check_run(store, run)
    best = [line["failed_checks"] for line in written(store, run, path, unreviewed=True)]
    assert best == [["zero"], ["zero"], ["zero"], ["zero", "no three"], []]
    assert len(written(store, run, path, unreviewed=True, checks="all")) == 1
    assert len(written(store, run, path, unreviewed=True, checks="no three")) == 4
    assert len(written(store, run, path, unreviewed=True, checks=("no three", "zero"))) == 1
    rewards = written(store, run, path, unreviewed=True, format="reward", checks="zero")
    assert [(line["response"]) for line in rewards] == [0] * 5
    raw = written(store, run, path, unreviewed=True, format="raw")
    assert raw[3]["checks"][0] == {
        "response": 0, "check": "zero", "passed": True, "reason": "contains “said by 0”", "rejects": False
    }  # fmt: skip
    with pytest.raises(ExportError, match="No check of the run is called 'two'"):
        written(store, run, path, unreviewed=True, checks="two")


def test_the_preview_counts_what_was_not_checked_yet(store: Store) -> None:
    run, to = with_run(store, 5, with_checks(NO_THREE)), Export(unreviewed=True)
    assert foresee(store, run, to).unchecked == 5
    row_checks.check_run(store, run)
    assert foresee(store, run, to).unchecked == 0


def test_what_a_check_rejects_is_rejected_unless_people_approve(store: Store, tmp_path: Path) -> None:
    run = with_run(store, 5, with_checks({**NO_THREE, "reject": True}), responses=2)
    path = tmp_path / "rows.jsonl"
    assert len(written(store, run, path, unreviewed=True)) == 4  # and it was checked for that
    rejected = next(judged for judged in judged_rows(store, run) if judged.rejecting_check)
    assert (rejected.decision, rejected.decision_by, rejected.unseen) == ("reject", "check: no three", True)
    (line,) = written(store, run, path, decision="rejected")
    assert (line["decision"], line["decision_by"], line["reviewed"], line["reviewers"]) == (
        "reject", "check: no three", False, [],
    )  # fmt: skip
    bad = written(store, run, path, format="kto", unreviewed=True)
    assert {line["because"] for line in bad if line["row_id"].endswith("3-0")} == {"fails the check no three"}
    assert store.runs.counts(run.id).reviewed == 0

    approve(store, rejected.row.id)
    lines = written(store, run, path)
    assert [(line["row_id"], line["decision_by"]) for line in lines] == [(rejected.row.id, "people")]


def test_a_rejected_response_is_never_chosen(store: Store, tmp_path: Path) -> None:
    run = with_run(store, 5, with_checks({**SAID_BY_0, "reject": True}), responses=2)
    pairs = written(store, run, tmp_path / "pairs.jsonl", format="preference", unreviewed=True)
    texts = [line["chosen"][0]["content"] for line in pairs]
    assert texts == ["River 4, said by 0."]  # of the other rows the second is rated higher
    whole = written(store, run, tmp_path / "all.jsonl", unreviewed=True)
    assert all("said by 0" in line["messages"][-1]["content"] for line in whole) and len(whole) == 5


def test_a_correction_is_checked_itself(store: Store, tmp_path: Path) -> None:
    run = with_run(store, 2, with_checks({"kind": "contains", "text": "corrected"}))
    row = store.rows.page(run.id, 0, 1)[0]
    approve(store, row.id, {"corrected-response": "A corrected text."})
    (line,) = written(store, run, tmp_path / "rows.jsonl", checks="all")
    assert (line["row_id"], line["failed_checks"]) == (row.id, [])


def test_a_correction_is_checked_to_the_corrected_instruction_and_once(store: Store) -> None:
    run = with_run(store, 1, with_checks({"kind": "copied", "words": 3}))
    row = store.rows.page(run.id, 0, 1)[0]
    said = {"corrected-instruction": "Where is the old mill?", "corrected-response": "Where is the old mill, you ask."}
    approve(store, row.id, said)

    (first,), (again,) = ((one for judged in judged_rows(store, run) for one in judged.correction_checks) for _ in "ab")
    assert not first.passed and "where is the" in first.reason
    assert again.reason is first.reason  # the same object, not one made anew


# -- the command and Argilla


def test_the_command_checks_by_another_recipe(command: Command, tmp_path: Path) -> None:
    text = 'rows = 3\n[generator]\npreset = "scripted"\n[task]\nkind = "magpie"\n'
    (tmp_path / "plain.toml").write_text(text, encoding="utf-8")
    (tmp_path / "checks.toml").write_text(f'{text}[[checks]]\nkind = "contains"\ntext = "☃"\n', encoding="utf-8")
    assert command("run", str(tmp_path / "plain.toml"), "--no-push").code == 0
    assert "has no checks" in command("check", "last").err
    done = command("check", "last", "--recipe", str(tmp_path / "checks.toml"), "--json").json
    assert done["rows_checked"] == 3 and done["checks"][0]["failed"] == 3
    assert "check contains: 3 of 3 responses failed" in command("check", "last").out
    assert "plain.toml has no checks" in command("check", "last", "--recipe", str(tmp_path / "plain.toml")).err
    assert command("runs", "last", "--json").json["runs"][0]["checks"][0]["rows"] == 3
    none = command("export", "last", "--unreviewed", "--checks", "all", "--to", str(tmp_path / "none.jsonl"))
    assert none.code == 1 and "It must pass the checks contains" in none.err


def test_argilla_filters_by_failed_checks(store: Store, where: Argilla, owner: Reviewer) -> None:
    name = f"checks-{random.randrange(10**9)}"
    run = with_run(store, 5, responses=2)

    def push() -> tuple[int, int]:
        sent = workflow.push(make_workspace(store), store.runs.get(run.id), where, dataset=name)
        return sent.pushed.sent, sent.pushed.unchanged

    assert push() == (5, 0)
    run = amend(store, run, checks=with_checks(SAID_BY_0, NO_THREE).checks)
    assert push() == (5, 0) and push() == (0, 5)  # into the dataset as it was there, which gets the property
    failed = {record["metadata"]["number"]: record["metadata"]["failed-checks"] for record in owner.records(name)}
    assert failed == {1: ["zero"], 2: ["zero"], 3: ["zero"], 4: ["zero", "no three"], 5: ["zero"]}
    run = amend(store, run, checks=with_checks(NO_THREE).checks)
    workflow.check(make_workspace(store), run)
    assert push() == (5, 0) and push() == (0, 5)
    failed = {record["metadata"]["number"]: record["metadata"]["failed-checks"] for record in owner.records(name)}
    assert failed == {1: ["none"], 2: ["none"], 3: ["none"], 4: ["no three"], 5: ["none"]}
    with Server(where.url, where.key) as server:
        dataset = next(d for d in server.get("/api/v1/me/datasets")["items"] if d["name"] == name)
        scope = {"entity": "metadata", "metadata_property": "failed-checks"}
        condition = {"type": "terms", "scope": scope, "values": ["no three"]}
        found = server.post(
            f"/api/v1/me/datasets/{dataset['id']}/records/search", {"filters": {"type": "and", "and": [condition]}}
        )
    assert [item["record"]["metadata"]["number"] for item in found["items"]] == [4]
