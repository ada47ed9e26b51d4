"""What is wrong with a setting stands at its field, in the page's words; what is mended elsewhere has a button that leads there."""

import ast
import asyncio
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import gradio as gr
import pytest

import tasks.models.spec
from app import recipe
from app.config import Settings
from app.errors import PageError
from app.inputs import inputs
from app.store.runs import RunCounts
from app.store.store import Store
from app.web import form_values
from app.web.form_values import OWN_ADDRESS, FormError
from app.web.jobs import Job
from app.web.layout import PAGES
from app.web.page_builder import Board
from app.web.pages import generate, header
from app.web.pages import inputs as inputs_page
from app.web.pages.row_cards import lead
from app.web.state import AppState
from app.web.tab_state import TabState
from feedback import reviewed_row
from feedback.argilla import dataset_settings
from feedback.exports import selection
from feedback.labeller import ultrafeedback
from tasks import TASKS, answering
from tasks.engine import budget
from tasks.errors import InputError
from tasks.models.spec import ModelSpec
from tests.make_state import SOMEBODY, act, at_desk
from tests.test_draft import TROUBLES, filled

CLASSES = {
    inputs: "Inputs", selection: "Export", reviewed_row: "MergeRule", dataset_settings: "Review", ultrafeedback: "UltraFeedback",
    answering: "Answers", budget: "Budget", tasks.models.spec: "ModelSpec", recipe: "Recipe",
    **{inspect.getmodule(task): task.__name__ for task in TASKS.values()},
}  # fmt: skip
"""Where settings that a form fills are checked."""


@pytest.fixture
def desk(here: Settings, store: Store) -> Iterator[AppState]:
    with at_desk(store, here) as desk:
        yield desk


@pytest.fixture(scope="module")
def board() -> Board:
    """The board of all pages, as the app builds it."""

    async def built() -> Board:
        board = Board()
        with gr.Blocks(analytics_enabled=False):
            header.build(board)
            for board.form.page, make in PAGES.items():
                make(board)
        return board

    return asyncio.run(built())  # in a loop: without one, gradio opens loops that it never closes


@pytest.mark.parametrize(("module", "name"), CLASSES.items(), ids=CLASSES.values())
def test_every_check_of_a_setting_names_the_setting(module: ModuleType, name: str) -> None:
    tree = ast.parse(inspect.getsource(module))
    (cls,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    for check in [node for node in cls.body if isinstance(node, ast.FunctionDef) and node.name == "__post_init__"]:
        for call in [node for node in ast.walk(check) if isinstance(node, ast.Call)]:
            if getattr(call.func, "id", "") == "SettingsError":
                assert "setting" in [keyword.arg for keyword in call.keywords], ast.unparse(call)


def test_what_can_not_be_used_is_said_at_a_field_of_the_page(board: Board) -> None:
    assert set(board.form.pages.values()) <= {*PAGES, "top"}
    for name, (_, forms, _) in TROUBLES.items():
        with pytest.raises(FormError) as caught:
            form_values.recipe_from(forms())
        if name not in ("bad responder", "bad task"):
            assert caught.value.field in board.form.pages, (name, caught.value.field)


@pytest.mark.parametrize(
    ("forms", "field", "words"),
    [
        ({"generator.preset": OWN_ADDRESS, "generator.url": "localhost"}, "generator.url", "not a web address"),
        ({"generator.extra": "[1]"}, "generator.extra", "Extra must be JSON"),
        ({"magpie.n_turns": 0}, "magpie.n_turns", "Turns must be from 1"),
        ({"rows": 0}, "rows", "Rows must be at least 1"),
        ({"review.min_submitted": 0}, "review.min_submitted", "Reviewers per record must be"),
        ({"export.test_share": 2}, "export.test_share", "Test share must be"),
        ({"answers.by": "others", "new.preset": "openai", "new.timeout": 0}, "new.timeout", "Timeout of a model"),
    ],
)  # fmt: skip
def test_what_a_field_holds_that_can_not_be_used(forms: dict[str, object], field: str, words: str) -> None:
    (found,) = form_values.unusable({**filled(), **forms}).items()
    assert found[0] == field and words in found[1]


def test_what_is_only_missing_is_not_wrong_before_it_is_needed() -> None:
    empty = {"generator.preset": OWN_ADDRESS, "task.kind": "genstruct", "inputs.source": "dataset"}
    assert form_values.unusable({**filled(), **empty}) == {}


def test_a_field_says_what_is_wrong_with_it_on_its_page_alone(board: Board, desk: AppState) -> None:
    view = act(desk, filled={"generator.top_p": "<b>"}, tab=TabState("models")).look
    view.filled = {**view.filled, "generator.top_p": "<b>"}
    shown = board.wrong(view)
    assert 'data-at="generator-top_p"' in shown and 'data-fold="fold-' in shown and "<b>" not in shown
    view.tab = TabState("rate")
    assert board.wrong(view) == ""


def test_what_is_mended_elsewhere_has_a_button_that_leads_there(board: Board, desk: AppState) -> None:
    assert board.lead("models", "generator.url", "Generator").count("Open Models → Generator") == 1
    said = {"generator.url": "The address is missing.", "generate": "Generator: The address is missing."}
    tab = TabState(problems=said, leads={"generate": ("models", "generator.url", "Generator")})
    done = board.follow(act(desk, {"page": "models", "field": "generator.url"}, tab=tab))
    assert (done.page, done.field, dict(done.problems)) == (
        "models",
        "generator.url",
        {"generator.url": said["generator.url"]},
    )
    for odd in ({"page": "nowhere"}, {"page": "models", "field": "nothing"}, {}):
        with pytest.raises(PageError):
            board.follow(act(desk, odd, tab=tab))


@pytest.mark.parametrize(
    ("text", "asked", "button", "line"),
    [
        ("One.", None, "Preview 1 row", "Try 1 row, look at it, then run."),
        ("One.\nTwo.", None, "Preview 2 rows", "Try 2 rows, look at them, then run."),
        ("One.\nTwo.\nThree.\nFour.", None, "Preview 3 rows", "Try 3 rows, look at them, then run the rest."),
        ("One.\nTwo.\nThree.\nFour.", 1, "Preview 1 row", "Try 1 row, look at it, then run."),
        ("", None, "Preview 3 rows", "Try 3 rows, look at them, then run the rest."),
    ],
)
def test_a_preview_is_of_no_more_rows_than_there_are(
    desk: AppState, text: str, asked: int | None, button: str, line: str
) -> None:
    desk.keep(SOMEBODY, {"task.kind": "text-generation", "inputs.source": "paste", "inputs.text": text, "rows": asked})
    view = desk.look(SOMEBODY, "")
    assert generate.preview_words(view) == button
    assert line in generate.head(view) and f"writes {button.removeprefix('Preview ')}" in generate.cards(view)


@pytest.mark.parametrize("preset", ["", "local"])
@pytest.mark.parametrize(("stage", "role"), [("generate", "generator"), ("answer", "generator"), ("rate", "labeller")])
def test_what_made_a_job_fail_has_a_button_to_its_field(
    board: Board, desk: AppState, stage: str, role: str, preset: str
) -> None:
    view = act(desk).look
    view.filled = {**view.filled, f"{role}.preset": preset or OWN_ADDRESS}
    for setting in [*(field.name for field in fields(ModelSpec)), "", "nothing"]:
        view.job = Job("r", "rate", RunCounts(), trouble="Refused.", mended_on="models", stage=stage, setting=setting)
        (name,) = re.findall('data-field="([^"]+)"', lead(view))
        assert board.follow(act(desk, {"page": "models", "field": name})).field == name
        is_shown = not preset or setting not in ("url", "model", "key_env")
        assert name == f"{role}.{setting if f'{role}.{setting}' in board.form.pages and is_shown else 'preset'}"
    view.job = Job("r", "rate", RunCounts(), trouble="Refused.", mended_on="models", setting="url")
    assert "data-field" not in lead(view) and "Open Models" in lead(view)


def test_a_missing_column_is_said_where_it_is_chosen() -> None:
    error = InputError("no column", column="instruction")
    forms = {**filled(), "task.kind": "text-generation", "inputs.source": "upload"}
    assert form_values.of_input(forms, error).field == "inputs.path"
    assert form_values.of_input({**forms, "inputs.found": {"columns": ["a"]}}, error).field == "inputs.column0"


def test_a_file_that_can_not_be_read_takes_the_one_before_it_away(desk: AppState, tmp_path: Path) -> None:
    (tmp_path / "good.jsonl").write_text('{"instruction": "Name a river."}\n')
    (tmp_path / "bad.png").write_bytes(b"PNG")
    (tmp_path / "empty.jsonl").write_bytes(b"")
    forms = {"task.kind": "text-generation", "inputs.source": "upload"}
    taken = inputs_page.take_files(act(desk, extra=[[str(tmp_path / "good.jsonl")]], filled=forms))
    assert taken.fill is not None and Path(taken.fill["inputs.path"]).name == "good.jsonl" and not taken.problems
    desk.keep("somebody", taken.fill)
    failed = inputs_page.take_files(act(desk, extra=[[str(tmp_path / "bad.png")]]))
    assert failed.fill is not None and failed.fill["inputs.path"] == "" and failed.fill["inputs.found"] == {}
    words = failed.problems["inputs.path"]
    assert "bad.png" in words and "good.jsonl is no longer the input" in words
    unread = inputs_page.take_files(
        act(desk, extra=[[str(tmp_path / "empty.jsonl")]])
    ).fill  # it may be said how to read it
    assert unread is not None and Path(unread["inputs.path"]).name == "empty.jsonl"
    assert "empty.jsonl is empty" in form_values.unusable(unread)["inputs.path"]


def test_no_more_rows_are_offered_than_the_input_gives(desk: AppState) -> None:
    task = TASKS["text-generation"]()
    view = act(desk).look
    view.filled = {**view.filled, "inputs.found": {"rows": 1}}
    assert inputs_page.most_rows(view, task) == 1
    view.filled = {**view.filled, "inputs.found": {"rows": 1, "more": True}}
    assert inputs_page.most_rows(view, task) is None
    assert inputs_page.most_rows(view, TASKS["magpie"]()) is None


def test_only_a_click_takes_the_focus(board: Board) -> None:
    pressed = {getattr(action.event, "event_name", ""): action.pressed for action in board.actions}
    assert pressed["click"] and not pressed["blur"] and not pressed["input"] and not pressed["upload"]
