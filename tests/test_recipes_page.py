"""What is behind "Recipe", and the model presets: what is shown, what each button does, what is said of bad input."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from app import recipe, workflow
from app.config import Settings
from app.recipe import LARGEST_FILE, Recipe
from app.store.store import Store
from app.web import form_values
from app.web.form_values import TYPED, FormError
from app.web.page_builder import Done
from app.web.pages import confirm, header, model_sets, recipe_compare, recipes
from app.web.state import AppState, RunView
from app.web.tab_state import NEW_TAB, DrawerPart, ModelsPart, TabState
from app.workspace import Workspace
from tasks import Magpie
from tests.make_state import SOMEBODY, act, after, at_desk

ODD = "“x” <b>&'\"</b> 🌊"
TIDES = Recipe(task=Magpie(n_turns=2), name="tides", rows=20)


@pytest.fixture
def desk(here: Settings, store: Store) -> Iterator[AppState]:
    with at_desk(store, here) as made:
        yield made


def look(desk: AppState, run: str = "", tab: TabState = NEW_TAB, right: str = "") -> RunView:
    """The view of a tab whose drawer is open."""
    drawer = replace(tab.drawer, panel=recipes.RECIPE, right=right or tab.drawer.right)
    return desk.look(SOMEBODY, run, replace(tab, drawer=drawer))


def earlier(tab: TabState, seconds: float) -> TabState:
    """The same where it was asked about deleting a recipe so many seconds before."""
    confirmation = replace(tab.drawer.confirmation, since=tab.drawer.confirmation.since - seconds)
    return replace(tab, drawer=replace(tab.drawer, confirmation=confirmation))


def kept(desk: AppState) -> list[str]:
    return [one.name for one in desk.store.recipes.all()]


def saved(desk: AppState, name: str, made: Recipe = TIDES) -> None:
    assert desk.saved.keep_recipe(name, made)


# -- what is shown


def test_nothing_is_there_until_it_is_asked_for(desk: AppState) -> None:
    closed = desk.look(SOMEBODY, "", TabState("generate"))
    assert recipes.head(closed) == recipes.shown(closed) == recipes.kept(closed) == ""
    assert recipes.tools(closed).count('aria-expanded="false"') == 2
    tab = after(recipes.turn(act(desk, {"act": "recipe"})))
    assert tab.drawer.panel == "recipe" and 'aria-expanded="true"' in recipes.tools(desk.look(SOMEBODY, "", tab))
    for word, panel in (("command", "command"), ("recipe", ""), ("close", "")):
        assert after(recipes.turn(act(desk, {"act": word}, tab=tab)), tab).drawer.panel == panel


def test_the_recipe_is_that_of_the_forms_to_copy_and_to_take_away(desk: AppState) -> None:
    desk.keep(SOMEBODY, {"name": ODD, "rows": 7})
    shown = recipes.shown(look(desk))
    assert "<b>&" not in shown and "&lt;b&gt;" in shown and "data-copy" in shown
    link = re.search(r'download="([^"]+)" href="data:application/toml;charset=utf-8,([^"]+)"', shown)
    assert link is not None and link[1] == "x-b-b.toml"
    assert recipe.parse(tomllib.loads(unquote(link[2]))) == desk.recipe(desk.filled(SOMEBODY))


def test_what_can_not_be_run_yet_says_why_and_shows_the_rest(desk: AppState) -> None:
    desk.keep(SOMEBODY, {"task.kind": "self-instruct", "inputs.source": "upload"})
    shown = recipes.shown(look(desk))
    assert "This can&#39;t be run yet. Inputs: " in shown and "Upload a file" in shown
    assert "kind = &#34;self-instruct&#34;" in shown and "[generator]" in shown and "download=" not in shown
    desk.keep(SOMEBODY, {"generator.preset": "url", "generator.url": "nowhere", "rows": float("inf")})
    shown = recipes.shown(look(desk))
    assert "Generator: " in shown or "Task: " in shown
    assert "[generator]" not in shown and "[labeller]" in shown
    with pytest.raises(FormError, match="It can't be saved yet") as raised:
        recipes.save(act(desk, extra=["mine"]))
    assert raised.value.place == "save" and kept(desk) == []


def test_a_key_is_never_in_it(desk: AppState) -> None:
    desk.keep(SOMEBODY, {"generator.preset": "openai", "generator.key_env": "sk-secret-1234"})
    assert "sk-secret" not in recipes.shown(look(desk)) and desk.filled(SOMEBODY)["generator.key_env"] == TYPED
    recipes.save(act(desk, extra=["mine"]))
    model_sets.save(act(desk, extra=["mine"]))
    assert "sk-secret" not in json.dumps(
        [one.content for one in desk.store.recipes.all() + desk.store.model_sets.all()]
    )


# -- saving and opening


def test_saved_ones_are_listed_and_fill_the_forms(desk: AppState) -> None:
    desk.keep(SOMEBODY, form_values.fill(TIDES))
    done = recipes.save(act(desk, extra=[f"  {ODD}\n"]))
    assert kept(desk) == [ODD] and ODD in done.toast
    listed = recipes.kept(look(desk))
    assert "<b>&" not in listed and "20 rows" in listed
    desk.keep(SOMEBODY, form_values.fill(recipe.example()))
    done = recipes.library(act(desk, {"act": "open", "name": ODD}))
    assert done.fill is not None and form_values.recipe_from(done.fill) == TIDES
    assert done.own == DrawerPart() and "is replaced" in done.toast and done.run is None


@pytest.mark.parametrize("name", ["", "  \n ", "\x00", "x" * 300])
def test_names_that_are_none_are_said_at_the_field(desk: AppState, name: str) -> None:
    for save in (recipes.save, model_sets.save):
        with pytest.raises(FormError, match=r"Give it a name|at most 100 characters") as raised:
            save(act(desk, extra=[name]))
        assert raised.value.place in ("save", "sets")
    assert kept(desk) == [] and desk.store.model_sets.all() == []


def test_a_name_that_is_taken_is_asked_about(desk: AppState) -> None:
    saved(desk, ODD)
    tab = after(recipes.save(act(desk, extra=[ODD])))
    asked = recipes.kept(look(desk, tab=tab))
    assert "There is a recipe named" in asked and "Replace it" in asked and desk.saved.recipe(ODD) == TIDES
    left = recipes.library(act(desk, {"act": "leave"}, tab=tab))
    assert "Replace it" not in recipes.kept(look(desk, tab=after(left, tab))) and desk.saved.recipe(ODD) == TIDES
    done = recipes.library(act(desk, {"act": "replace", "name": ODD}, tab=tab))
    assert desk.saved.recipe(ODD) == desk.recipe(desk.filled(SOMEBODY)) and "is replaced" in done.toast
    assert "Replace it" not in recipes.kept(look(desk, tab=after(done, tab)))


def test_deleting_is_asked_in_two_steps_and_a_double_click_is_one(desk: AppState) -> None:
    saved(desk, "a")
    saved(desk, "b")

    def press(name: str, tab: TabState, later: float = 0) -> TabState:
        before = earlier(tab, later)
        return after(recipes.library(act(desk, {"act": "delete", "name": name}, tab=before)), before)

    tab = press("a", NEW_TAB)
    assert "Delete for good?" in recipes.kept(look(desk, tab=tab)) and sorted(kept(desk)) == ["a", "b"]
    tab = press("a", tab)
    assert sorted(kept(desk)) == ["a", "b"]
    tab = press("b", tab, confirm.TWICE)
    assert sorted(kept(desk)) == ["a", "b"]
    tab = press("b", tab, confirm.TWICE)
    assert "Delete for good?" not in recipes.kept(look(desk, tab=tab)) and kept(desk) == ["a"]


def test_what_another_tab_deleted_is_said(desk: AppState) -> None:
    for what in ("open", "duplicate"):
        with pytest.raises(FormError, match="no recipe named 'gone' any more"):
            recipes.library(act(desk, {"act": what, "name": "gone"}))
    with pytest.raises(FormError, match="no model preset named 'gone' any more"):
        model_sets.choose(act(desk, {"act": "use", "name": "gone"}))


def test_one_of_a_newer_version_is_listed_with_the_reason_and_not_opened(desk: AppState) -> None:
    desk.store.recipes.keep("newer", {**TIDES.dump(), "colour": "blue"})
    listed = recipes.kept(look(desk))
    assert "saved by another version" in listed and 'data-act="open"' not in listed and 'data-act="delete"' in listed
    with pytest.raises(FormError, match="another version"):
        recipes.library(act(desk, {"act": "open", "name": "newer"}))
    recipes.library(act(desk, {"act": "duplicate", "name": "newer"}))
    assert sorted(kept(desk)) == ["newer", "newer (2)"]


def test_a_file_fills_the_forms(desk: AppState, tmp_path: Path) -> None:
    file = tmp_path / "tides.toml"
    file.write_text('name = "tides"\nrows = 20\n[task]\nkind = "magpie"\nn_turns = 2\n')
    done = recipes.open_file(act(desk, extra=[str(file)]))
    assert done.fill is not None and form_values.recipe_from(done.fill) == TIDES and "tides.toml" in done.toast
    assert recipes.open_file(act(desk, extra=[None])) == Done()
    for content in (b"rows = ", b"\xff", b"#" * (LARGEST_FILE + 1), b'rows = 1\n[task]\nkind = "magpie"\nn_turn = 2'):
        file.write_bytes(content)
        with pytest.raises(FormError, match=r"tides.toml") as raised:
            recipes.open_file(act(desk, extra=[str(file)]))
        assert raised.value.place == "open" and str(tmp_path) not in str(raised.value)


# -- two of them


def test_two_recipes_side_by_side(desk: AppState, here: Settings) -> None:
    desk.keep(SOMEBODY, form_values.fill(TIDES))
    run = workflow.start(Workspace(here, desk.store), recipe.example())
    saved(desk, ODD)
    same = recipes.kept(look(desk, right=f"saved:{ODD}"))
    assert "They are the same." in same and "<b>&" not in same
    other = recipes.kept(look(desk, run.id))
    assert '<th scope="row">task › n_turns</th><td><div>2</div></td><td><div>1</div></td>' in other
    assert "Choose two recipes." in recipes.kept(look(desk))
    chosen = after(recipes.library(act(desk, {"act": "right", "value": f"run:{run.id}"})))
    assert chosen.drawer == DrawerPart(right=f"run:{run.id}")
    assert "task › n_turns" in recipes.kept(look(desk, tab=chosen))


@pytest.mark.parametrize("which", ["saved:gone", "run:gone", "saved:newer", "nonsense"])
def test_what_can_not_be_compared_is_said(desk: AppState, which: str) -> None:
    desk.store.recipes.keep("newer", {"task": {"kind": "of tomorrow"}})
    said = recipe_compare.comparison(look(desk, right=which), desk.store.recipes.all())
    assert 'class="field-error"' in said and "<table" not in said


def test_forms_that_can_not_run_can_be_compared(desk: AppState) -> None:
    saved(desk, "tides")
    desk.keep(SOMEBODY, {"task.kind": "genstruct", "inputs.source": "upload"})
    assert "task › kind" in recipes.kept(look(desk, right="saved:tides"))


# -- in the switcher's menu


def test_a_run_is_duplicated_into_a_new_one(desk: AppState, here: Settings) -> None:
    run = workflow.start(Workspace(here, desk.store), TIDES)
    assert "Duplicate this one" in header.header(look(desk, run.id))
    assert "Duplicate this one" not in header.header(look(desk))
    done = header.choose(act(desk, {"act": "duplicate", "id": run.id}, run=run.id))
    assert done.run == "" and done.fill is not None and done.page == "generate"
    assert form_values.recipe_from(done.fill) == replace(TIDES, name=f"{TIDES.name} 2")
    assert after(header.choose(act(desk, {"act": "recipe"}))).drawer.panel == "recipe"
    assert header.choose(act(desk, {"act": "new"})).run == ""


# -- model presets


def test_a_set_is_saved_listed_used_and_deleted(desk: AppState) -> None:
    desk.keep(SOMEBODY, {"generator.preset": "openai", "generator.model": "<i>big</i>"})
    model_sets.save(act(desk, extra=[ODD]))
    listed = model_sets.listed(look(desk))
    assert "&lt;i&gt;big&lt;/i&gt; writes" in listed and "<b>&" not in listed and "built-in model rates" in listed
    desk.keep(SOMEBODY, form_values.fill(recipe.example()))
    done = model_sets.choose(act(desk, {"act": "use", "name": ODD}))
    assert done.fill is not None and done.fill["generator.model"] == "<i>big</i>"
    assert done.fill["task.kind"] == desk.filled(SOMEBODY)["task.kind"]
    tab = after(model_sets.save(act(desk, extra=[ODD])))
    assert "There is a model preset named" in model_sets.listed(look(desk, tab=tab))
    model_sets.choose(act(desk, {"act": "replace", "name": ODD}, tab=tab))
    assert "built-in model writes" in model_sets.listed(look(desk))
    tab = after(model_sets.choose(act(desk, {"act": "delete", "name": ODD})))
    assert len(desk.store.model_sets.all()) == 1
    assert tab.models.confirmation.deleting == ODD
    tab = replace(tab, models=ModelsPart(replace(tab.models.confirmation, since=tab.models.confirmation.since - 1)))
    model_sets.choose(act(desk, {"act": "delete", "name": ODD}, tab=tab))
    assert desk.store.model_sets.all() == []


def test_a_set_that_is_not_one_says_what_is_missing(desk: AppState) -> None:
    with pytest.raises(FormError, match="address is missing") as raised:
        model_sets.save(act(desk, extra=["mine"], filled={"labeller.preset": "url", "labeller.url": ""}))
    assert raised.value.place == "labeller"
    desk.store.model_sets.keep("odd", {"generator": 3})
    assert "saved by another version" in model_sets.listed(look(desk))


def test_that_a_typed_key_is_not_kept_is_said(desk: AppState) -> None:
    assert "typed again" not in model_sets._line(look(desk))
    desk.keep(SOMEBODY, {"generator.preset": "openai", "generator.key_env": TYPED})
    assert "has to be typed again" in model_sets._line(look(desk))
