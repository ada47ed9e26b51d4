"""The command of each page: the command line understands it, and it says what the page would do."""

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from app import recipe, workflow
from app.cli.main import app as command_line
from app.config import Settings, settings, usual_data
from app.recipe import Recipe
from app.store.runs import Run
from app.store.store import Store
from app.web import form_values
from app.web.cli_snippets import Snippet, way
from app.web.pages import recipes
from app.web.state import AppState
from app.web.tab_state import DrawerPart, TabState
from app.workspace import Workspace
from feedback.exports.selection import Export
from feedback.labeller.ultrafeedback import UltraFeedback
from tasks import Magpie
from tasks.models.spec import ModelSpec
from tests.make_state import SOMEBODY, at_desk

TIDES = Recipe(task=Magpie(), name="tides", rows=20, rating=UltraFeedback(aspects=("helpfulness",)))


@pytest.fixture
def desk(here: Settings, store: Store) -> Iterator[AppState]:
    with at_desk(store, here) as made:
        yield made


@pytest.fixture
def run(desk: AppState, here: Settings) -> Run:
    desk.keep(SOMEBODY, form_values.fill(TIDES))
    return workflow.start(Workspace(here, desk.store), TIDES)


def understood(found: Snippet) -> dict[str, Any]:
    """The parameters that the command line reads from it."""
    name, *words = shlex.split(found.command)
    assert name == "claywright"
    group = typer.main.get_command(command_line)
    assert isinstance(group, typer.core.TyperGroup)
    if words[0] == "--data":
        assert Path(words[1]).is_dir()
        words = words[2:]
    with group.commands[words[0]].make_context(words[0], words[1:]) as context:
        return {"command": words[0], **context.params}


def of(desk: AppState, page: str, run: Run | None = None, **filled: Any) -> Snippet:
    desk.keep(SOMEBODY, {name.replace("__", "."): value for name, value in filled.items()})
    return way(desk.look(SOMEBODY, run.id if run else ""), page)


@pytest.mark.parametrize("page", ["models", "generate", "rate", "review", "insights", "export"])
@pytest.mark.parametrize("with_run", [True, False])
def test_every_page_has_one_that_is_understood(desk: AppState, run: Run, page: str, with_run: bool) -> None:
    found = of(desk, page, run if with_run else None)
    command = understood(found)
    if found.python:
        compile(found.python, "it", "exec")
    ones = {
        "models": "doctor",
        "generate": "run",
        "rate": "rate",
        "review": "push",
        "insights": "agreement",
        "export": "export",
    }
    assert command["command"] == (ones[page] if with_run or page == "models" else "run")
    if with_run and page not in ("models", "generate"):
        assert command["run_id"] == run.id
    tab = TabState(page, drawer=DrawerPart(panel="command"))
    shown = recipes.shown(desk.look(SOMEBODY, run.id if with_run else "", tab))
    assert "claywright" in shown and ("Download the recipe first" in shown) == bool(found.file)


def test_the_forms_are_run_from_a_file(desk: AppState) -> None:
    found = of(desk, "generate", name="a 'b' $(c) 🌊", generator__preset="openai")
    assert understood(found)["file"] == Path(found.file) == Path("a-b-c.toml") and understood(found)["no_push"]
    assert found.notes == ("It takes its key from the environment: OPENAI_API_KEY.",)
    assert 'made = run("a-b-c.toml", data=Path(' in found.python


def test_a_run_goes_on_where_the_forms_say_the_same(desk: AppState, run: Run) -> None:
    assert understood(of(desk, "generate", run))["resume"] == run.id
    more = understood(of(desk, "generate", run, rows=50))
    assert (more["resume"], more["rows"]) == (run.id, 50)
    assert understood(of(desk, "generate", run, generator__prompt_price=3.0))["resume"] == run.id
    found = of(desk, "generate", run, magpie__n_turns=3)
    assert understood(found)["file"] == Path("tides.toml") and "It begins a new run" in found.notes[0]
    found = of(desk, "generate", run, magpie__n_turns=1, rating__repeats=3)
    assert understood(found)["file"] == Path("tides.toml")
    desk.store.runs.set(run.id, state="paused")
    assert understood(of(desk, "generate", run))["resume"] == run.id


def test_a_data_folder_of_ones_own_is_named(desk: AppState, run: Run, here: Settings) -> None:
    assert shlex.split(of(desk, "rate", run).command)[1:3] == ["--data", str(here.data)]
    desk.settings = settings(environment={})
    assert desk.settings.data == usual_data()
    found = of(desk, "rate", run)
    assert found.command == f"claywright rate {run.id}" and "Path" not in found.python


def test_what_differs_from_the_runs_recipe_is_given(desk: AppState, run: Run) -> None:
    found = of(desk, "rate", run, rating__aspects=["honesty", "helpfulness"], rating__together=False, rating__repeats=3)
    rated = understood(found)
    assert (rated["aspect"], rated["together"], rated["repeats"]) == (["honesty", "helpfulness"], False, 3)
    assert 'UltraFeedback(aspects=("honesty", "helpfulness"), together=False, repeats=3)' in found.python
    found = of(desk, "rate", run, rating__types=True, labeller__preset="openai", labeller__model="x")
    assert any("More" in note for note in found.notes) and any(
        "own recipe, not with the one" in note for note in found.notes
    )
    found = of(desk, "review", run, review__dataset="a b", review__blind_audit="blind", review__ranking=False)
    sent = understood(found)
    assert (sent["dataset"], sent["blind_audit"]) == ("a b", True)
    assert any("How rows are sent" in note for note in found.notes)


UNTOLD = ("least_rating", "similarity", "max_rows")
EXPORTS = [
    Export(
        format="preference", unreviewed=True, margin=1.5, original_pairs=False, shuffle=True, seed=7, test_share=0.1
    ),
    Export(format="kto", decision="reviewed", reviewer="ann 'o' <b>", least_rating=3.0, similarity=0.7),
    Export(reasoning=True, protect_formulas=True, max_rows=1000),
    Export(hub="owner/name", private=False, license="mit"),
    Export(argilla="finished rows"),
    Export(),
]


@pytest.mark.parametrize("to", EXPORTS)
@pytest.mark.parametrize("old", EXPORTS)
def test_the_command_exports_what_the_page_would(desk: AppState, here: Settings, to: Export, old: Export) -> None:
    run = workflow.start(Workspace(here, desk.store), replace(TIDES, export=old))
    desk.keep(SOMEBODY, form_values.fill(replace(TIDES, export=to)))
    found = of(desk, "export", run)
    said = {name: value for name, value in understood(found).items() if value is not None}
    said["path"] = str(said.pop("to", ""))
    for theirs, ours in (("form", "format"), ("into_argilla", "argilla"), ("licence", "license")):
        if theirs in said:
            said[ours] = said.pop(theirs)
    made = replace(old, **{name: value for name, value in said.items() if name in Export.__dataclass_fields__})
    if not (to.hub or to.argilla):
        assert made.path == "tides.jsonl"
        made = replace(made, path="", hub="", argilla="")
    untold: dict[str, Any] = {name: None for name in UNTOLD if getattr(to, name) is None}
    assert replace(made, **untold) == to
    assert bool(found.notes) == any(getattr(old, name) is not None for name in untold)
    if to.argilla:
        assert found.python == ""
    else:
        called: dict[str, Any] = {}
        functions = {"export": lambda run, file, data, **more: called.update(more)}
        functions["publish"] = lambda run, hub, data, **more: called.update(more, hub=hub)
        exec(found.python.split("\n")[-1], {**functions, "Path": Path})
        assert Export(**called) == to


def test_forms_that_can_not_be_used_are_said(desk: AppState, run: Run) -> None:
    for page, wrong in (
        ("rate", {"rating.aspects": []}),
        ("review", {"review.min_submitted": 0}),
        ("export", {"export.margin": 10}),
    ):
        desk.keep(SOMEBODY, wrong)
        found = of(desk, page, run)
        assert understood(found)["run_id"] == run.id and "can't be used as they are" in found.notes[0]
    assert understood(of(desk, "generate", run))["command"] == "run"


def test_a_run_of_another_version_and_one_that_is_no_more(desk: AppState, run: Run) -> None:
    desk.store.runs.set(run.id, recipe='{"task": {"kind": "of tomorrow"}}')
    assert understood(of(desk, "export", run))["command"] == "run"
    desk.store.runs.delete(run.id)
    assert understood(of(desk, "export", run))["command"] == "run"


def test_keys_are_named_once(desk: AppState) -> None:
    made = replace(
        TIDES, generator=ModelSpec(preset="openai", model="a"), labeller=ModelSpec(preset="openai", model="b"),
        responders=(ModelSpec(preset="groq", model="c"),),
    )  # fmt: skip
    desk.keep(SOMEBODY, form_values.fill(made))
    assert of(desk, "generate").notes == ("It takes its keys from the environment: OPENAI_API_KEY, GROQ_API_KEY.",)
    assert recipe.parse(made.dump()) == made
