"""The rows of an export as a dataset of the real Argilla: each once, whatever the format."""

import random
from typing import Any

import pytest

from app import workflow
from app.review import reviewed_rows
from app.review.argilla import Argilla
from app.store.runs import Run
from app.store.store import Store
from feedback.errors import ExportError
from feedback.exports.selection import Export
from feedback.exports.to_argilla import Finished
from feedback.types import Verdict
from tasks.errors import SettingsError, Stopped
from tests.conftest import ArgillaServer
from tests.make_reviewed_rows import all_of
from tests.make_runs import Reviewer, all_said, with_run
from tests.make_workspace import make_workspace


def approved(store: Store, rows: int = 3) -> Run:
    """A run of rows with two responses, all but the last approved, the first corrected."""
    run = with_run(store, rows, responses=2, name=f"finished-{random.randrange(10**9)}")
    said = []
    for number, judged in enumerate(reviewed_rows.judged_rows(store, run)):
        answers: dict[str, Any] = {"decision": "approve" if number < rows - 1 else "reject"}
        if number == 0:
            answers["corrected-response"] = "Better words."
        said.append(Verdict(judged.row.id, "ann", "submitted", answers, {}, f"r{number}", f"a{number}", "ann"))
    all_said(store, "d", said)
    return run


@pytest.mark.parametrize("form", ["sft", "preference", "kto", "alpaca"])
def test_finished_rows_go_into_argilla(store: Store, argilla: ArgillaServer, form: str) -> None:
    run, name = approved(store), f"{form}-{random.randrange(10**9)}"
    where = Argilla(argilla.url, argilla.api_key, own=True)
    to = Export(format=form, argilla=name)
    done = workflow.archive(make_workspace(store), run, to, where)
    lines = reviewed_rows.foresee(store, run, to, 50).first
    assert done.records == len(lines) > 0 and done.refused == []
    assert workflow.archive(make_workspace(store), run, to, where).records == len(lines)
    with Reviewer(argilla) as owner:
        records = owner.records(name)
    assert len(records) == len(lines)
    for record in records:
        (line, *_) = [
            line for line in lines
            if line["row_id"] == record["external_id"].partition("/")[0]
            and all(record["fields"][field] == line[field] for field in record["fields"])
        ]  # fmt: skip
        assert record["metadata"]["row-id"] == line["row_id"] and record["metadata"]["run"] == run.id


def test_written_again_with_more_lines_and_with_fewer(store: Store, argilla: ArgillaServer) -> None:
    """Each line keeps its record, whatever else its row gives; what is no longer made is taken out, other runs stay."""
    name, where = f"again-{random.randrange(10**9)}", Argilla(argilla.url, argilla.api_key, own=True)
    run, other = (with_run(store, 2, responses=2, rate=lambda *_: [], name=f"{name}-{k}") for k in "ab")
    to, hours = Export(format="kto", argilla=name), iter(range(10, 24))

    def write(which: Run, *said: dict[str, Any]) -> dict[str, tuple[str, str]]:
        """What is there afterwards of that run: (record, text and label) by the record's name."""
        ids = [judged.row.id for judged in reviewed_rows.judged_rows(store, which)]
        found = [
            Verdict(
                row,
                "ann",
                "submitted",
                answers,
                {},
                "r",
                row,
                "ann",
                updated_at=f"2026-01-01T{next(hours)}:00",
                origins=all_of(answers),
            )
            for row, answers in zip(ids, said, strict=True)
        ]
        store.verdicts.keep(f"d-{which.id}", found)
        workflow.archive(make_workspace(store), which, to, where)
        with Reviewer(argilla) as owner:
            return {
                one["external_id"].removeprefix(f"{which.id}-"): (one["id"], one["fields"]["completion"][0]["content"])
                for one in owner.records(name)
                if one["metadata"]["run"] == which.id
            }

    yes: dict[str, Any] = {"decision": "approve"}
    first = write(run, yes, {"decision": "reject"})
    assert set(first) == {"000000-0/1", "000001-0/1", "000001-0/2"}
    beside = write(other, yes, yes)
    more = write(run, {**yes, "rating-1": 5, "rating-2": 1}, {"decision": "reject"})
    assert set(more) == {*first, "000000-0/2"} and {name: more[name] for name in first} == first
    turned = write(run, {**yes, "rating-1": 1, "corrected-response": "Better words."}, yes)
    assert set(turned) == {"000000-0/1-corrected", "000000-0/1", "000001-0/1"}
    assert turned["000000-0/1"] == first["000000-0/1"] and turned["000000-0/1-corrected"][1] == "Better words."
    fewer = write(run, yes, {"decision": "unsure"})
    assert fewer == {"000000-0/1": first["000000-0/1"]}
    assert write(other, yes, yes) == beside


def test_writing_is_watched_and_can_be_stopped(store: Store, argilla: ArgillaServer) -> None:
    run, name = approved(store), f"stopped-{random.randrange(10**9)}"
    seen = []

    def watch(done: Finished) -> None:
        seen.append(done.records)
        raise Stopped("Stopped.")

    with pytest.raises(Stopped):
        workflow.archive(
            make_workspace(store), run, Export(argilla=name), Argilla(argilla.url, argilla.api_key, own=True), watch
        )
    assert seen == [2] and store.runs.last_export(run.id) is None


def test_whether_there_is_anything_is_known_from_the_first_rows(store: Store) -> None:
    run = with_run(store, reviewed_rows.PAGE + 1, rate=lambda *_: [], name="many-1")
    asked: list[str] = []
    store.db.reader.set_trace_callback(asked.append)
    assert reviewed_rows.gives(store, run, Export(unreviewed=True))
    few = len(asked)
    assert not reviewed_rows.gives(store, run, Export())
    assert len(asked) - few > few
    store.db.reader.set_trace_callback(None)


def test_what_cannot_be_shown_or_is_not_there(store: Store, argilla: ArgillaServer) -> None:
    where = Argilla(argilla.url, argilla.api_key, own=True)
    with pytest.raises(SettingsError, match="can't show the format 'raw'"):
        workflow.archive(make_workspace(store), approved(store), Export(format="raw", argilla="x"), where)
    bare = with_run(store, 1, name="bare-1")
    with pytest.raises(ExportError, match="nothing to write into Argilla"):
        workflow.archive(make_workspace(store), bare, Export(argilla="x"), where)
    with pytest.raises(SettingsError):
        Export(argilla="x" * 201)
