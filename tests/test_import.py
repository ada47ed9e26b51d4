"""What is there already becomes a run: files, and any dataset in a real Argilla; its ids stay."""

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import argilla as rg
import httpx
import pytest

from app import dataset_import, workflow
from app.config import Settings
from app.inputs.inputs import Inputs
from app.inputs.table import TableOptions
from app.review import reviewed_rows
from app.review.argilla import Argilla
from app.store.runs import Run
from app.store.store import Store
from app.web.form_values import FormError
from app.web.jobs import Jobs
from app.web.page_builder import Act
from app.web.pages import inputs as page
from app.web.pages.row_cards import row_card
from app.web.service_monitor import ServiceMonitor
from app.web.state import AppState
from app.web.tab_state import NEW_TAB
from app.workspace import Workspace
from feedback.argilla import dataset_reader
from feedback.argilla.client import Server
from feedback.errors import ArgillaError, ArgillaRefused, Missing
from feedback.exports.selection import Export
from tasks.errors import InputError, SettingsError
from tasks.existing_rows import own_id
from tasks.types import Row
from tests.conftest import ArgillaServer, Command
from tests.make_runs import with_run
from tests.make_workspace import make_workspace


@pytest.fixture(scope="module")
def client(argilla: ArgillaServer) -> Iterator[rg.Argilla]:
    sdk = rg.Argilla(api_url=argilla.url, api_key=argilla.api_key)
    yield sdk
    sdk.http_client.close()


@pytest.fixture(scope="module")
def server(where: Argilla) -> Iterator[Server]:
    with Server(where.url, where.key) as opened:
        yield opened


Create = Callable[..., rg.Dataset]


@pytest.fixture
def create(client: rg.Argilla) -> Create:
    """Makes a dataset with these fields, and logs these records."""

    def made(fields: list[Any], records: list[Any] = [], **more: Any) -> rg.Dataset:  # noqa: B006 - only read
        settings = rg.Settings(
            fields=fields,
            questions=more.get("questions", [rg.RatingQuestion(name="quality", values=[1, 2, 3, 4, 5])]),
            metadata=more.get("metadata", []),
        )
        name = more.get("name", f"import-{uuid.uuid4().hex[:8]}")
        dataset = rg.Dataset(name=name, workspace=more.get("workspace", "default"), settings=settings, client=client)
        dataset.create()
        if records:
            dataset.records.log(records)
        return dataset

    return made


def run_of(store: Store, here: Settings, given: Inputs, **more: Any) -> tuple[Run, list[Row]]:
    """A run of an input, worked without any model, and its rows."""
    run = workflow.start(Workspace(here, store), dataset_import.recipe_of(given, "imported", **more))
    done = asyncio.run(workflow.generate(Workspace(here, store), run, lambda execution, total: None))
    return done, list(store.rows.walk(run.id))


def taken(store: Store, here: Settings, where: Argilla, name: str, *columns: str) -> list[Row]:
    path = dataset_import.snapshot(where, name, "", here, lambda words: None)
    return run_of(store, here, dataset_import.inputs_of(str(path), columns))[1]


# -- files


def test_ids_of_a_file_are_kept(tmp_path: Path, store: Store, here: Settings) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [
        {"id": "a", "instruction": "One?", "response": "1"}, {"id": "a", "instruction": "Two?", "response": "2"},
        {"id": None, "instruction": "Three?"}, {"id": 7, "instruction": "Four?"}, {"instruction": "Five?"},
    ]  # fmt: skip
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run, made = run_of(store, here, dataset_import.inputs_of(str(file)))
    assert [row.origin.get("id") for row in made] == ["a", "a", None, 7, None]
    assert len({row.id for row in made}) == 5
    assert dataset_import.brought_along(store, run) == (dataset_import.Ids(3, 1), {})
    assert run.state == "done"
    assert '<span class="note">id a</span>' in row_card(made[0], "1") and ">id " not in row_card(made[2], "3")
    export = reviewed_rows.foresee(store, run, Export(format="raw", unreviewed=True), first=1)
    assert json.loads(export.first[0]["origin"])["id"] == "a"


def test_ids_of_another_name_are_mapped(tmp_path: Path, store: Store, here: Settings) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("key,q,a\nx-1,One?,1\n,Two?,2\n")
    given = dataset_import.inputs_of(str(file), ["id=key", "instruction = q", "response=a"])
    made = run_of(store, here, given)[1]
    assert [(row.origin.get("id"), row.instruction, row.responses[0].text) for row in made] == [
        ("x-1", "One?", "1"), (None, "Two?", "2"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "kept"),
    [("a", "a"), (3, 3), (3.0, 3), (2.5, "2.5"), (float("nan"), None), (None, None), ("", None), (" ", None),
     (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"), (True, "True")],
)  # fmt: skip
def test_an_id(given: Any, kept: Any) -> None:
    assert own_id(given) == kept


def test_what_is_not_said_of_a_table_is_in_no_recipe(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    assert dataset_import.recipe_of(dataset_import.inputs_of(str(tmp_path / "a.csv")), "mine").dump()["inputs"] == {
        "path": str(tmp_path / "a.csv")
    }
    given = dataset_import.inputs_of(str(tmp_path / "a.csv.gz"), table=TableOptions(";", False, "One", "latin-1"))
    assert dataset_import.recipe_of(given, "mine").dump()["inputs"] == {
        "path": str(tmp_path / "a.csv.gz"), "separator": ";", "header": False, "sheet": "One", "encoding": "latin-1",
    }  # fmt: skip


def test_what_a_source_is(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "dataset_info.json").write_text("{}")
    for path in (tmp_path / "folder", tmp_path / "gone.csv"):
        assert dataset_import.inputs_of(str(path)).path == str(path)
    assert dataset_import.inputs_of(str(tmp_path / "saved")).dataset == str(tmp_path / "saved")
    assert dataset_import.inputs_of("owner/name", config="c", split="test") == Inputs(
        dataset="owner/name", config="c", split="test"
    )
    for wrong in ("instruction", "=x", "x="):
        with pytest.raises(SettingsError, match="ours=theirs"):
            dataset_import.inputs_of("rows.csv", [wrong])


# -- Argilla


def test_what_claywright_sent_comes_back_without_any_mapping(
    tmp_path: Path, store: Store, here: Settings, where: Argilla
) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [
        {"instruction": "One?", "responses": [{"model": "a", "text": "1"}, {"model": "b", "text": "I"}]},
        {"instruction": "Two?", "system_prompt": "Be brief.", "responses": [{"model": "b", "text": "II"}]},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    first, ours = run_of(store, here, dataset_import.inputs_of(str(file)))
    name = workflow.push(make_workspace(store), first, where, lambda done, total: None).to.name
    again = taken(store, here, where, name)
    by_id = {row.origin["id"]: row for row in again}
    assert by_id.keys() == {row.id for row in ours}
    for row in ours:
        back = by_id[row.id]
        assert back.messages == row.messages
        assert [(r.text, r.model) for r in back.responses] == [(r.text, r.model) for r in row.responses]
        assert back.origin["argilla.dataset"] == name
        assert not any(str(value) == row.instruction for value in back.origin.values())


def test_a_foreign_dataset_with_its_columns_mapped(
    store: Store, here: Settings, where: Argilla, create: Create, client: rg.Argilla
) -> None:
    dataset = create(
        [rg.TextField(name="prompt"), rg.TextField(name="completion", required=False), rg.TextField(name="input", required=False)],
        [
            rg.Record(
                id="x-1", fields={"prompt": "One?", "completion": "1"}, metadata={"topic": "numbers"},
                suggestions=[rg.Suggestion("quality", 4), rg.Suggestion("better", "One."), rg.Suggestion("tags", ["a", "b"])],
                responses=[
                    rg.Response("quality", 5, user_id=client.me.id, status="submitted"),
                    rg.Response("better", "The one.", user_id=client.me.id, status="submitted"),
                ],
            ),
            rg.Record(id="x-2", fields={"prompt": "Two?"}, suggestions=[rg.Suggestion("better", "Two?")]),
        ],
        questions=[
            rg.RatingQuestion(name="quality", values=[1, 2, 3, 4, 5]),
            rg.TextQuestion(name="better", required=False),
            rg.MultiLabelQuestion(name="tags", labels=["a", "b"], required=False),
        ],
        metadata=[rg.TermsMetadataProperty(name="topic")],
    )  # fmt: skip
    one, two = taken(store, here, where, dataset.name, "instruction=prompt", "response=completion")
    assert (one.instruction, one.responses[0].text, two.instruction, two.responses) == ("One?", "1", "Two?", ())
    assert {name: value for name, value in one.origin.items() if name != "argilla.responses"} == {
        "id": "x-1", "topic": "numbers", "argilla.dataset": dataset.name, "suggestion.quality": 4,
        "suggestion.better": "One.", "suggestion.tags": '["a", "b"]', "answer.quality": 5, "answer.better": "The one.",
    }  # fmt: skip
    assert json.loads(one.origin["argilla.responses"]) == [
        {"user": client.me.username, "status": "submitted", "answers": {"quality": 5, "better": "The one."}}
    ]
    assert two.origin == {"id": "x-2", "argilla.dataset": dataset.name}  # its suggestion says nothing new
    answers = taken(store, here, where, dataset.name, "instruction=prompt", "response=answer.better")
    assert [response.text for response in answers[0].responses] == ["The one."]
    unmapped = taken(store, here, where, dataset.name)  # prompt and completion are known by their names
    assert [(row.messages, row.responses) for row in unmapped] == [(row.messages, row.responses) for row in (one, two)]
    with pytest.raises(InputError, match="no column 'other'"):
        taken(store, here, where, dataset.name, "instruction=other")


def test_columns_of_one_name() -> None:
    """A field keeps its name, what is behind it is told apart."""
    found = dataset_reader.Dataset(
        "d", "n", "w", 1, {"text": "text", "talk": "chat", "messages": "text"}, ("text", "gone"), {}, frozenset(), ()
    )
    fields = {"text": "T", "messages": "M", "talk": [{"role": "user", "content": "x"}]}
    record = {"id": "server's", "fields": fields, "metadata": {"text": "m", "id": "meta", "more": 1}}
    assert dataset_reader.row(record, found, {}) == {
        "id": "server's", "text": "T", "talk": [{"role": "user", "content": "x"}], "messages": "M", "metadata.text": "m",
        "gone": None, "metadata.id": "meta", "more": 1, "argilla.responses": None, "argilla.dataset": "n",
    }  # fmt: skip


def test_chats_become_messages(store: Store, here: Settings, where: Argilla, create: Create) -> None:
    talk = [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "1"}]
    dataset = create(
        [rg.ChatField(name="talk"), rg.ChatField(name="other", required=False)], [{"id": "t", "talk": talk}]
    )
    (row,) = taken(store, here, where, dataset.name)
    assert row.messages == ({"role": "user", "content": "One?"},) and row.responses[0].text == "1"


def test_fields_that_are_no_texts_are_left_out_and_said(
    here: Settings, server: Server, where: Argilla, create: Create
) -> None:
    mixed = create(
        [rg.TextField(name="instruction"), rg.ImageField(name="photo", required=False),
         rg.CustomField(name="view", template="<p>{{record.fields.view.a}}</p>", required=False)],
        [{"id": "1", "instruction": "One?", "view": {"a": 1}}],
    )  # fmt: skip
    said: list[str] = []
    path = dataset_import.snapshot(where, mixed.name, "default", here, said.append)
    assert said == [
        "The field 'photo' is left out: its kind is 'image', and rows are made of texts.",
        "The field 'view' is left out: its kind is 'custom', and rows are made of texts.",
    ]
    (row,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert row["id"] == "1" and row["instruction"] == "One?" and "photo" not in row and "view" not in row
    only = create([rg.ImageField(name="photo")])
    with pytest.raises(ArgillaError, match=r"no field with a text or a chat \(its fields: 'photo' \(image\)\)"):
        dataset_reader.find(server, only.name)


def test_datasets_that_can_not_be_taken(server: Server, client: rg.Argilla, create: Create) -> None:
    with pytest.raises(Missing, match=r"has no dataset 'nothing-like-it'\. Is the name right"):
        dataset_reader.find(server, "nothing-like-it")
    with pytest.raises(Missing, match=r"no workspace 'nowhere' that this key may see \(there: .*default"):
        dataset_reader.find(server, "any", "nowhere")
    empty = create([rg.TextField(name="text")])
    with pytest.raises(ArgillaError, match="holds no records yet"):
        dataset_reader.find(server, empty.name)
    half = f"half-{uuid.uuid4().hex[:6]}"
    default = client.workspaces("default")
    assert default is not None
    body = {"name": half, "workspace_id": str(default.id)}
    made = server.http.post("/api/v1/datasets", json=body).raise_for_status().json()
    with pytest.raises(ArgillaError, match=r"its fields: none"):
        dataset_reader.find(server, half)
    field = {"name": "text", "title": "Text", "settings": {"type": "text"}}
    server.http.post(f"/api/v1/datasets/{made['id']}/fields", json=field).raise_for_status()
    with pytest.raises(ArgillaError, match="holds no records yet"):  # a draft, as a push leaves that was killed
        dataset_reader.find(server, half)
    with pytest.raises(Missing, match=f"Did you mean '{empty.name}'"):
        dataset_reader.find(server, empty.name + "s")
    other = f"other-{uuid.uuid4().hex[:6]}"
    rg.Workspace(name=other, client=client).create()
    second = create([rg.TextField(name="text")], [{"id": "1", "text": "x"}], name=empty.name, workspace=other)
    with pytest.raises(ArgillaError, match=f"in 2 workspaces: default, {other}. Name the workspace") as caught:
        dataset_reader.find(server, empty.name)
    assert caught.value.terminal == "With --workspace default."
    found = dataset_reader.find(server, empty.name, other)
    assert (found.workspace, found.records) == (other, 1)
    second.delete()
    workspace = client.workspaces(other)
    assert workspace is not None
    client.api.workspaces.delete(workspace.id)


def test_a_key_that_may_not_read_everything(
    argilla: ArgillaServer, client: rg.Argilla, create: Create, here: Settings
) -> None:
    dataset = create([rg.TextField(name="text")], [{"id": "1", "text": "x"}])
    owner = {"X-Argilla-Api-Key": argilla.api_key}
    name = f"annotator-{uuid.uuid4().hex[:6]}"
    body = {"username": name, "password": "12345678x", "first_name": name, "role": "annotator"}
    user = httpx.post(f"{argilla.url}/api/v1/users", json=body, headers=owner).raise_for_status().json()
    key = Argilla(argilla.url, user["api_key"])
    with pytest.raises(Missing, match="may this key see it"):
        dataset_import.snapshot(key, dataset.name, "", here, print)
    workspace = client.workspaces("default")
    assert workspace is not None
    workspace.add_user(name)
    with pytest.raises(ArgillaRefused, match=f"may not read the records of '{dataset.name}'"):
        dataset_import.snapshot(key, dataset.name, "", here, print)
    assert not list((here.data / "inputs").glob(".*"))


def test_a_snapshot_is_one_file_a_content(here: Settings, where: Argilla, create: Create) -> None:
    dataset = create([rg.TextField(name="text")], [{"id": str(k), "text": f"text {k}"} for k in range(3)])
    first = dataset_import.snapshot(where, dataset.name, "", here, print)
    assert first == dataset_import.snapshot(where, dataset.name, "", here, print)
    assert first.name == f"{dataset.name}.jsonl" and len(first.read_text().splitlines()) == 3
    dataset.records.log([{"id": "9", "text": "more"}])
    assert dataset_import.snapshot(where, dataset.name, "", here, print) != first and first.exists()


# -- the command, the page


def test_the_command(tmp_path: Path, command: Command, argilla: ArgillaServer, create: Create) -> None:
    dataset = create([rg.TextField(name="prompt"), rg.TextField(name="completion")], [
        {"id": str(k), "prompt": f"Question {k}?", "completion": f"Answer {k}."} for k in range(4)
    ])  # fmt: skip
    there = {"ARGILLA_API_URL": argilla.url, "ARGILLA_API_KEY": argilla.api_key}
    columns = ("--column", "instruction=prompt", "--column", "response=completion")
    done = command("import", "--argilla", dataset.name, *columns, "--json", env=there)
    assert done.code == 0, done.err
    assert done.json["counts"]["answered"] == 4 and done.json["ids"] == {"kept": 4, "repeated": 0}
    assert done.json["calls"].get("sent", 0) == 0


def test_the_command_says_what_is_missing(tmp_path: Path, command: Command) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"id": "a", "wish": "One?"}\n{"id": "a", "wish": "Two?"}\n')
    asked = command("import", file)
    assert asked.code == 1 and "no column 'instruction'" in asked.err and "--column instruction=THEIRS" in asked.err
    assert "Name what to import" in command("import", file, "--argilla", "x").err
    done = command("import", file, "--column", "instruction=wish", "--name", "mine")
    assert done.code == 0 and "2 rows in" in done.out
    assert "2 ids kept; 1 of them at more than one row, which stay rows of their own" in done.out


def test_the_command_says_how_a_table_is_read(tmp_path: Path, command: Command) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes("Wo liegt Köln?^Am Rhein.\n".encode("mac-roman"))
    options = ("--separator", "^", "--no-header", "--encoding", "mac-roman")
    columns = ("--column", "instruction=column 1", "--column", "response=column 2")
    done = command("import", file, *options, *columns, "--json")
    assert done.code == 0 and done.json["counts"]["answered"] == 1, done.err
    wrong = command("import", file, "--encoding", "rot13")
    assert wrong.code == 1 and "'rot13' is no encoding that is known" in wrong.err and "--column" not in wrong.err
    assert "separator must be one character" in command("import", file, "--separator", "||").err
    file.write_text("instruction;response\nWhy?;So.;Too many.\n")
    several = command("import", file)
    assert "line 2 has more cells" in several.err and "--column" not in several.err


def test_who_rates_what_is_imported(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    rated = dataset_import.recipe_of(Inputs(path=str(file)), "mine", ["honesty"], "ollama:llama3.2:1b")
    assert rated.rating is not None and rated.rating.aspects == ("honesty",)
    assert (rated.labeller.preset, rated.labeller.model) == ("ollama", "llama3.2:1b")


def test_the_page_takes_a_dataset_of_argilla(
    store: Store, here: Settings, argilla: ArgillaServer, create: Create
) -> None:
    dataset = create([rg.TextField(name="instruction"), rg.ImageField(name="photo", required=False)], [
        {"id": "1", "instruction": "One?"}, {"id": "2", "instruction": "Two?"},
    ])  # fmt: skip
    there = Settings(here.data, "me", argilla_url=argilla.url, argilla_key=argilla.api_key)
    jobs = Jobs(store, there)
    desk = AppState(store, there, jobs, ServiceMonitor(there, lambda words: None))
    desk.keep("me", {"task.kind": "existing", "inputs.source": "argilla", "inputs.argilla": dataset.name})
    view = desk.look("me", "")
    assert view.wanted is None  # nothing is read before it is asked for
    done = page.take_records(Act(desk, "me", "", view.filled, NEW_TAB))
    assert done.fill is not None
    desk.keep("me", done.fill)
    view = desk.look("me", "")
    said = page.found(view)
    assert f"{dataset.name}.jsonl: 2 rows, columns id, instruction" in said and "&#39;photo&#39; is left out" in said
    assert view.wanted is not None and desk.expected(view.wanted) == 2
    again = page.examine(Act(desk, "me", "", view.filled, NEW_TAB))
    assert again.fill is not None and again.fill["inputs.snapshot"] == view.filled["inputs.snapshot"]
    with pytest.raises(FormError, match="has no dataset 'gone'"):
        page.take_records(Act(desk, "me", "", {**view.filled, "inputs.argilla": "gone"}, NEW_TAB))
    emptied = page.take_records(Act(desk, "me", "", {**view.filled, "inputs.argilla": " "}, NEW_TAB))
    assert emptied.fill is not None and emptied.fill["inputs.snapshot"] == ""
    desk.keep("me", emptied.fill)
    with pytest.raises(FormError, match="Name a dataset in Argilla"):
        desk.recipe(desk.filled("me"))
    jobs.close()


def test_the_rows_of_another_run_are_input(store: Store, here: Settings) -> None:
    run = with_run(store, 3, responses=2, name="other-1")
    one = store.rows.page(run.id, 0, 1)[0]
    shown = {"corrected-response": one.responses[1].text}
    store.local_verdicts.say(one.id, "me", {"decision": "approve", "corrected-response": "Better."}, shown)
    path = dataset_import.rows_of(store, run, here)
    first, second, _ = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert (first["instruction"], first["decision"]) == (one.instruction, "approve")
    assert first["responses"] == [one.responses[0].text, "Better."]
    assert (second["responses"][0], second["decision"]) == ("River 1, said by 0.", "")
    assert second["messages"] == [{"role": "user", "content": "Name river number 1."}]
    assert dataset_import.rows_of(store, run, here) == path  # the same rows, the same file
    again, rows = run_of(store, here, Inputs(path=str(path)))
    assert [row.instruction for row in rows] == [f"Name river number {n}." for n in range(3)] and again.id != run.id
    assert [r.text for r in rows[0].responses] == [one.responses[0].text, "Better."]
