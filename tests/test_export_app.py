"""Export from the command, the page's parts and Python: the same rows, to a file or the Hub, errors where they belong."""

import asyncio
import json
import re
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
from markupsafe import escape

from app import docs, recipe, workflow
from app.api import functions
from app.config import Settings
from app.recipe import recipe_of, recipe_text
from app.review.card_facts import facts
from app.store.store import Store
from app.web import form_values
from app.web.form_values import ARGILLA, HUB, FormError, FormValues
from app.web.jobs import Job, Jobs
from app.web.page_builder import Act, stop
from app.web.pages import export as page
from app.web.pages import generate
from app.web.service_monitor import ServiceMonitor
from app.web.state import AppState
from app.web.tab_state import NEW_TAB
from app.workspace import Workspace
from feedback.exports.dataset_card import Held, Summary
from feedback.exports.dataset_card import part as card_part
from feedback.exports.formats import FORMATS
from feedback.exports.selection import Export, export
from feedback.exports.to_argilla import Finished
from feedback.reviewed_row import ReviewedRow
from tasks.errors import SettingsError, Stopped
from tasks.settings import build
from tests.conftest import Command
from tests.far_hub import GOOD, FakeHub
from tests.make_runs import all_said
from tests.test_jobs import ended
from tests.test_store_page import RECIPE, SAID, verdict

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
NAME = "me/rivers"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", GOOD)
    with FakeHub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


@pytest.fixture
def desk(store: Store, here: Settings) -> Iterator[AppState]:
    """A run of six rows, of which four are approved and one rejected."""
    store.runs.create("r", "rivers", "me", RECIPE, 7, "")
    rows = [
        replace(SAID, id=f"r-{unit}-0", unit=unit, messages=({"role": "user", "content": f"Name river {unit}."},))
        for unit in range(6)
    ]

    async def keep() -> None:
        for row in rows:
            await store.rows.keep_unit("r", row.unit, [row], [])
            await store.rows.answered(row)

    asyncio.run(keep())
    said = ["approve"] * 4 + ["reject"]
    all_said(store, "d", [verdict(row, one) for row, one in zip(rows, said, strict=False)])
    jobs = Jobs(store, here)
    yield AppState(store, here, jobs, ServiceMonitor(here, lambda words: None))
    jobs.close()


def forms(**changes: Any) -> FormValues:
    return {**form_values.fill(recipe.example()), **{f"export.{name}": value for name, value in changes.items()}}


def act(desk: AppState, **changes: Any) -> Act:
    desk.keep("ann", forms(**changes))
    return Act(desk, "ann", "r", desk.filled("ann"), NEW_TAB)


def done(desk: AppState) -> Job:
    job = desk.jobs.of("r")
    assert job is not None
    return ended(job)


def test_the_page_hands_out_one_file_or_two(desk: AppState) -> None:
    first = act(desk, kind="parquet")
    assert page.button_label(first.look) == "Export 4 rows" and page.made(first.look) == ""
    page.export(first)
    assert done(desk).exported is not None and page.published(first.look) == ""
    assert page.made(first.look).count("download>") == 1 and "exports/r/r-sft.parquet" in page.made(first.look)
    both = act(desk, format="kto", test_share=0.5, unreviewed=form_values.ROWS[False])
    assert page.button_label(both.look) == "Export 6 lines"
    page.export(both)
    done(desk)
    shown = page.made(both.look)
    assert "6 lines, " in shown
    assert "exports/r/r-kto-train.jsonl" in shown and "exports/r/r-kto-test.jsonl" in shown
    assert "Download train" in shown and "Download test" in shown
    numbered = act(desk, kind="csv", max_rows=1, unreviewed=form_values.ROWS[False])
    page.export(numbered)
    done(desk)
    shown = page.made(numbered.look)
    assert [f"exports/r/r-sft-{k:05}.csv" in shown for k in range(1, 6)] == [True] * 4 + [False]
    assert "Download 4<" in shown and "r-sft-00001.csv … r-sft-00004.csv" in shown and "4 rows, 4 files, " in shown
    page.export(act(desk, kind="csv", max_rows=3, test_share=0.5, unreviewed=form_values.ROWS[False]))
    done(desk)
    shown = page.made(numbered.look)
    assert "Download train 1<" in shown and "Download test 1<" in shown and "Download 1<" not in shown


def test_the_page_and_the_command_say_which_texts_are_formulas(
    desk: AppState, command: Command, tmp_path: Path
) -> None:
    first = next(desk.store.rows.walk("r"))
    desk.store.rows.edit(replace(first, responses=(replace(first.responses[0], text="=1+1"),)), "ann")
    asks = act(desk, kind="csv", format="plain", unreviewed=form_values.ROWS[True])
    page.export(asks)
    done(desk)
    warning = "1 text begins with = + - or @, which a spreadsheet runs as a formula."
    assert f"{warning} “Protect formulas” puts an apostrophe before each." in page.published(asks.look)
    page.export(act(desk, kind="csv", format="plain", unreviewed=form_values.ROWS[True], protect_formulas=True))
    done(desk)
    assert page.published(asks.look) == ""
    words = ("export", "r", "--format", "plain", "--unreviewed", "--to")
    told = command(*words, tmp_path / "out.csv", data=desk.settings.data)
    assert f"{warning} With --protect-formulas" in told.out
    told = command(*words, tmp_path / "safe.csv", "--protect-formulas", data=desk.settings.data)
    assert told.code == 0 and "formula" not in told.out


def test_every_format_is_chosen_previewed_and_described(desk: AppState) -> None:
    for name, form in FORMATS.items():
        view = act(desk, format=name).look
        assert form.help[1:] in page.described(view)
        shown = page.preview(view)
        assert "As it will be" in shown or (form.needs and escape(form.needs) in shown), name


def test_what_took_long_to_foresee_is_believed_for_a_while(desk: AppState) -> None:
    """Whatever the counts do meanwhile; each setting for itself."""
    run, to = desk.store.runs.get("r"), Export()
    first = desk.foreseen(run, to)
    desk.exports.keep(("r", to), first, took=float("inf"))
    rows = list(desk.store.rows.walk("r"))
    desk.store.verdicts.keep("d", [verdict(row, "reject", at="2026-02-01T11:00:00") for row in rows])
    assert desk.store.runs.counts("r").approved == 0
    assert desk.foreseen(run, to) is first and first.lines == 4
    assert desk.foreseen(run, replace(to, format="grpo")).lines == 0
    assert desk.foreseen(run, to) is first
    desk.exports.keep(("r", to), first)
    assert desk.foreseen(run, to).lines == 0


@contextmanager
def before_it_begins(desk: AppState) -> Iterator[None]:
    """Jobs that are started in here begin when it ends."""
    go_on = threading.Event()
    desk.jobs._loop.call_soon_threadsafe(go_on.wait, 30)
    yield
    go_on.set()


def test_a_file_is_written_in_a_job_that_can_be_stopped(desk: AppState) -> None:
    asks = act(desk, kind="jsonl")
    page.export(asks)
    before = done(desk).exported
    assert before is not None and before.written == 4
    with before_it_begins(desk):
        page.export(act(desk, kind="jsonl", format="grpo"))
        assert page._publishing(asks.look) and page.button_label(asks.look) == "" == page.made(asks.look)
        assert "Gathering the rows" in page.published(asks.look) and "into a file" in generate.head(asks.look)
        assert "before the file is there" in stop(asks).toast
    assert done(desk).state == "stopped" and "No file was written" in page.published(asks.look)
    assert [path.name for path in before.path.parent.iterdir()] == ["r-sft.jsonl"]
    assert "r-sft.jsonl" in page.made(asks.look)


def test_an_export_says_how_far_it_is_and_can_be_ended_anywhere(tmp_path: Path) -> None:
    many = [ReviewedRow(replace(SAID, id=f"r-{k}"), (), ()) for k in range(1200)]
    said: list[str] = []
    export(many, Export(unreviewed=True), tmp_path / "out.jsonl", "run", "Task", said.append)
    assert said == [
        "Gathering the rows: 500 looked at.", "Gathering the rows: 1,000 looked at.", "Writing the file.",
        "Writing the file: 500 lines.", "Writing the file: 1,000 lines.",
    ]  # fmt: skip
    before = (tmp_path / "out.jsonl").read_bytes()
    for last in said:

        def stopped(words: str, last: str = last) -> None:
            if words == last:
                raise Stopped("Stopped.")

        with pytest.raises(Stopped):
            export(many, Export(unreviewed=True, format="grpo"), tmp_path / "out.jsonl", "run", "Task", stopped)
        assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]
        assert (tmp_path / "out.jsonl").read_bytes() == before


def test_what_goes_wrong_with_a_file_is_said(desk: AppState) -> None:
    (desk.settings.data / "exports").write_text("in the way")
    page.export(act(desk, kind="jsonl"))
    assert done(desk).state == "failed" and "be written: " in page.published(act(desk).look)


def test_words_while_rows_are_finished_into_argilla(desk: AppState) -> None:
    sent = act(desk, kind=ARGILLA, argilla="x", format="kto")
    assert page.button_label(sent.look) == "Write 6 lines into Argilla"
    with before_it_begins(desk):
        page.export(sent)
        assert "on their way to Argilla" in generate.head(sent.look) and "after the batch" in stop(sent).toast
        job = desk.jobs.of("r")
        assert job is not None
        with pytest.raises(Stopped, match="until then is in Argilla"):
            job.writing(Finished("x", "w", "u", 500))
        assert "500 records" in job.saying
    assert done(desk).state == "stopped" and "until then is in Argilla" in page.published(sent.look)


def test_what_can_not_be_used_is_said_beside_its_field(desk: AppState) -> None:
    wrong = act(desk, margin=10).look
    assert (
        form_values.unusable(wrong.filled)["export.margin"].startswith("Margin must be")
        and page._wrong(wrong, "export") == ""
    )
    assert page.button_label(wrong) == "" == page.preview(wrong)
    odd = act(desk, kind=HUB, hub="rivers").look
    assert form_values.unusable(odd.filled)["export.hub"].startswith("The dataset must be named owner/name")
    assert form_values.unusable(act(desk, kind="csv", hub="rivers").look.filled) == {}
    with pytest.raises(FormError, match="Name the dataset") as caught:
        page.export(act(desk, kind=HUB))
    assert caught.value.place == "hub"


def test_a_job_sends_rows_to_the_hub(desk: AppState, hub: FakeHub) -> None:
    sent = act(desk, kind=HUB, hub=NAME, private=True)
    assert page.button_label(sent.look) == "Add 4 rows to the Hub"
    page.export(sent)
    job = desk.jobs.of("r")
    assert job is not None and ended(job).state == "done" and job.published is not None
    assert "4 rows added to me/rivers, which is private." in page.published(sent.look)
    assert len(hub.repos[NAME].files) == 3 and desk.store.runs.counts("r").exported == 4
    page.export(act(desk, kind=HUB, hub=NAME))
    again = desk.jobs.of("r")
    assert again is not None and ended(again).published is not None
    assert "0 rows added" in page.published(sent.look) and "4 rows were there already" in page.published(sent.look)
    page.export(act(desk, kind=HUB, hub="them/rivers"))
    refused = desk.jobs.of("r")
    assert refused is not None and ended(refused).state == "failed"
    assert "may not write to them/rivers" in page.published(sent.look)


def test_a_job_that_is_stopped_in_time_sends_nothing(desk: AppState, hub: FakeHub) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def wait(method: str, path: str, times: int) -> None:
        asked.set()
        go_on.wait(30)

    hub.faults = wait
    sent = act(desk, kind=HUB, hub=NAME)
    page.export(sent)
    assert asked.wait(30)
    assert (
        page.button_label(sent.look) == ""
        and page._publishing(sent.look)
        and "on their way" in generate.head(sent.look)
    )
    assert "before anything changes on the Hub" in stop(sent).toast
    go_on.set()
    found = desk.jobs.of("r")
    assert found is not None
    job = ended(found)
    assert job.state == "stopped" and "what was there before" in job.trouble and hub.repos == {}


def test_the_recipe_on_the_card_has_nothing_of_this_machine(store: Store, here: Settings, tmp_path: Path) -> None:
    (tmp_path / "seeds.jsonl").write_text('{"input": "Name a river."}\n')
    model = {
        "url": "https://me:pw@models.example.org/v1?key=abc",
        "model": "big",
        "extra": {"api_key": "abc", "top_k": 1},
    }
    values = {
        "name": "rivers", "task": {"kind": "self-instruct"}, "inputs": {"path": str(tmp_path / "seeds.jsonl")},
        "generator": {**model, "template": str(tmp_path)}, "labeller": {"preset": "local"}, "rating": {"aspects": ["honesty"]},
    }  # fmt: skip
    made = recipe.read(json.dumps(values))  # as an earlier version kept it
    run = workflow.start(Workspace(here, store), made)
    about = facts(run, made)
    text = json.dumps(about.recipe)
    assert str(tmp_path) not in text and "abc" not in text and "pw" not in text and "seeds.jsonl" in text
    assert about.recipe["generator"]["url"] == "https://models.example.org/v1"
    assert about.recipe["generator"]["extra"] == {"top_k": 1}
    assert (about.generator, about.labeller, about.for_trying) == ("big", "the built-in model", True)
    assert about.responders == ["big"]
    brought = recipe.read(json.dumps({**values, "task": {"kind": "existing"}}))
    assert facts(run, brought).responders == [] and "input" in facts(run, brought).generator
    recipe.parse(dict(about.recipe))


def test_the_card_says_how_checks_are_set(store: Store) -> None:
    tables = [
        {"kind": "length", "most": 90},
        {"kind": "contains", "text": "a" * 300},
        {"kind": "refusal", "reject": True},
    ]
    made = recipe.read(json.dumps({"name": "x", "rows": 1, "task": {"kind": "magpie"}, "checks": tables}))
    length, contains, refusal = facts(store.runs.create("c", "x", "me", "{}", 7, ""), made).checks
    assert length.endswith(". (most: 90)") and contains.endswith(f'(text: "{"a" * 199}…)') and "(" not in refusal


SECRETS: dict[str, Any] = {
    "url": "https://me:s3cret@models.example.org/v1?key=s3cret",
    "key_env": "S3CRET_KEY",
    "extra": {
        "headers": {"Authorization": "Bearer s3cret"}, "metadata": {"user": "s3cret"}, "user": "s3cret", "seed": "s3cret",
        "min_p": 0.1, "stop": ["END"], "stop_token": "s3cret",
    },
}  # fmt: skip


@pytest.mark.parametrize("part", ["generator", "responders", "labeller", "embedder"])
def test_no_model_of_a_recipe_brings_a_secret_onto_the_card(store: Store, here: Settings, part: str) -> None:
    spec = {**SECRETS, "model": "/home/s3cret/models/m"}
    values = {
        "name": "rivers", "rows": 1, "task": {"kind": "magpie"}, "rating": {"aspects": ["honesty"]},
        part: [spec] if part == "responders" else spec,
    }  # fmt: skip
    made = recipe.read(json.dumps(values))
    about = facts(workflow.start(Workspace(here, store), made), made)
    assert "s3cret" not in json.dumps([about.recipe, about.generator, about.labeller, *about.responders]).lower()
    shown = about.recipe[part][0] if part == "responders" else about.recipe[part]
    assert (
        shown["model"] == "m"
        and shown["extra"] == {"min_p": 0.1, "stop": ["END"]}
        and shown["url"] == "https://models.example.org/v1"
    )


def test_the_card_names_neither_folders_nor_reviewers(store: Store, here: Settings, tmp_path: Path) -> None:
    run = store.runs.create("r", "rivers", "me", RECIPE, 7, "")
    (tmp_path / "mine").mkdir()

    def shown(dataset: str, **more: Any) -> Any:
        values = {"name": "x", "task": {"kind": "existing"}, "inputs": {"dataset": dataset}, "generator": SECRETS}
        made = recipe.read(json.dumps({**values, **more}))
        about = facts(run, made)
        return about if more else about.recipe["inputs"]["dataset"]

    for folder in (str(tmp_path / "mine"), "~/private/mine", "./mine", "../private/mine", "private/of/mine"):
        assert shown(folder) == "mine"
    assert shown("owner/name") == "owner/name" and shown("name") == "name"
    about = shown(
        "owner/name",
        merge={"text": "ann-smith", "decision": "unanimous"},
        review={"dataset": "ann-smith-1", "workspace": "ann-smith", "guidelines": "Be fair."},
    )
    assert "ann-smith" not in json.dumps(about.recipe) + about.rule and "one chosen reviewer" in about.rule
    assert about.recipe["review"] == {"guidelines": "Be fair."} and about.recipe["merge"] == {"decision": "unanimous"}
    text = card_part("me/x", Export(reviewer="ann-smith"), about, Summary(), Held(), 0)
    assert "ann-smith" not in text and "decided so by one chosen reviewer" in text


def test_from_python(desk: AppState, hub: FakeHub, tmp_path: Path) -> None:
    done = functions.export("r", tmp_path / "out.jsonl", data=desk.settings.data, format="kto", decision="rejected")
    assert done.written == 2
    with pytest.raises(SettingsError, match=r"export has no setting 'fromat'. Did you mean 'format'"):
        functions.export("r", tmp_path / "out.jsonl", data=desk.settings.data, fromat="kto")
    assert functions.publish("r", NAME, data=desk.settings.data).added == 4


def test_the_command(desk: AppState, hub: FakeHub, tmp_path: Path, command: Command) -> None:
    data = desk.settings.data
    to = tmp_path / "out.csv"
    found = command("export", "r", "--to", to, "--test-share", "0.5", "--shuffle", "--json", data=data).json
    assert found["parts"]["train"] + found["parts"]["test"] == found["written"] == 4 and len(found["files"]) == 2
    env = {"HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "HF_ENDPOINT": hub.url, "HF_TOKEN": GOOD}
    several = command("export", "r", "--to", tmp_path / "some.csv", "--max-rows", "1", data=data)
    assert f"4 lines written to 4 files, {tmp_path}/some-00001.csv to some-00004.csv" in several.out
    sent = command("export", "r", "--hub", NAME, "--public", "--license", "mit", data=data, env=env)
    assert sent.code == 0 and f"4 lines added to {hub.url}/datasets/{NAME} (public)" in sent.out
    assert "license: mit" in hub.repos[NAME].files["README.md"].decode() and not hub.repos[NAME].private
    refused = command("export", "r", "--hub", NAME, data=data, env={**env, "HF_TOKEN": "hf_none"})
    assert refused.code == 1 and "refuses the token" in refused.err and "Traceback" not in refused.err
    assert "hf_none" not in refused.err
    wrong = command("export", "r", "--format", "xml", data=data)
    assert wrong.code == 1 and "Known: sft, prompt-completion" in wrong.err


def test_a_recipe_says_where_to(desk: AppState, hub: FakeHub, tmp_path: Path) -> None:
    to = Export(hub=NAME, private=False)
    run = desk.store.runs.get("r")
    desk.store.runs.set("r", recipe=recipe_text(replace(recipe_of(run), export=to)))
    filled = form_values.fill(recipe_of(desk.store.runs.get("r")))
    assert (filled["export.kind"], filled["export.hub"], filled["export.private"]) == (HUB, NAME, False)
    assert form_values.export_of(filled) == to


def test_the_document_shows_settings_and_formats_that_there_are() -> None:
    text = (docs.FOLDER / "export.md").read_text(encoding="utf-8")
    (block,) = [one for one in re.findall(r"```ini\n(.*?)```", text, re.DOTALL) if "[export]" in one]
    assert build(Export, tomllib.loads(block)["export"], "[export]").test_share == 0.1
    table = text[text.index("| format | columns |") :]
    for name, form in FORMATS.items():
        (line,) = [line for line in table.splitlines() if line.startswith(f"| `{name}` |")]
        named = re.findall(r"`(\w+)`", line.split("|")[2])
        assert [one for one in named if one in form.own or name == "sharegpt"] == named, name
