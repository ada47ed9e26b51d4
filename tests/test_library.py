"""What people keep under a name: it is there once, nothing replaces it unasked, and nothing of it is lost."""

import sqlite3
import threading
from pathlib import Path

import pytest

from app import recipe
from app.recipe import LARGEST_FILE, Recipe
from app.store.migrations import STEPS, migrate
from app.store.store import Store
from app.web import form_values
from app.web.form_values import TYPED
from app.web.saved import LONGEST_NAME, Saved, file_name, from_file, named
from tasks import Magpie, SelfInstruct
from tasks.errors import SettingsError
from tasks.models.spec import ModelSpec
from tests.test_store_page import schema

TIDES = Recipe(task=Magpie(n_turns=2), name="tides", rows=20)
RIVERS = Recipe(task=Magpie(), name="rivers", rows=3)
ODD = ["“tides”", "a'b\"c", "🌊 naïve 海", "<script>alert(1)</script>", "x" * LONGEST_NAME, "%_\\", "a/../b"]


@pytest.fixture
def shelf(store: Store) -> Saved:
    return Saved(store)


@pytest.mark.parametrize("name", ODD)
def test_a_recipe_comes_back_as_it_was_kept(shelf: Saved, name: str) -> None:
    assert shelf.keep_recipe(name, TIDES)
    assert shelf.recipe(name) == TIDES
    assert [kept.name for kept in shelf.store.recipes.all()] == [name]
    assert shelf.store.recipes.delete(name) and not shelf.store.recipes.delete(name)
    assert shelf.store.recipes.all() == []


def test_a_name_that_is_taken_is_replaced_when_that_is_meant(shelf: Saved) -> None:
    assert shelf.keep_recipe("mine", TIDES)
    assert not shelf.keep_recipe("mine", RIVERS)
    assert shelf.recipe("mine") == TIDES
    assert shelf.keep_recipe("mine", RIVERS, replace=True)
    assert shelf.recipe("mine") == RIVERS and len(shelf.store.recipes.all()) == 1


def test_two_that_save_at_once_do_not_both_get_the_name(shelf: Saved) -> None:
    kept: list[bool] = []
    ready = threading.Barrier(8)

    def save() -> None:
        ready.wait()
        kept.append(shelf.keep_recipe("mine", TIDES))

    threads = [threading.Thread(target=save) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(kept) == [False] * 7 + [True]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("  a \n b\tc ", "a b c"), ("e\u0301", "é"), ("a\x00\x1b[31mb", "a [31mb"), ("a\ud800b", "a b"), ("👩‍🔬", "👩‍🔬")],
)
def test_names_are_one_line_that_can_be_seen(typed: str, kept: str) -> None:
    assert named(typed) == kept


@pytest.mark.parametrize(
    ("typed", "words"),
    [("", "Give it a name"), (" \n\t", "Give it a name"), ("\x00", "Give it"), ("x" * 300, "has 300")],
)
def test_names_that_are_none(shelf: Saved, typed: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        shelf.keep_recipe(typed, TIDES)
    assert shelf.store.recipes.all() == []


def test_duplicates_get_names_of_their_own(shelf: Saved) -> None:
    long = "y" * LONGEST_NAME
    shelf.keep_recipe("mine", TIDES)
    shelf.keep_recipe(long, RIVERS)
    assert shelf.duplicate_recipe("mine") == "mine (2)"
    assert shelf.duplicate_recipe("mine (2)") == "mine (3)"
    assert len(again := shelf.duplicate_recipe(long)) == LONGEST_NAME and again.endswith(" (2)")
    assert shelf.recipe("mine (3)") == TIDES and shelf.recipe(again) == RIVERS


def test_what_a_newer_version_saved_is_said_and_kept(shelf: Saved) -> None:
    newer = {**TIDES.dump(), "colour": "blue"}
    shelf.store.recipes.keep("newer", newer)
    with pytest.raises(SettingsError, match=r"'newer' was saved by another version .* no 'colour'.*stays as it is"):
        shelf.recipe("newer")
    assert shelf.duplicate_recipe("newer") == "newer (2)"
    assert [kept.content for kept in shelf.store.recipes.all()] == [newer, newer]


def test_what_is_no_more_is_said(shelf: Saved) -> None:
    for ask in (shelf.recipe, shelf.duplicate_recipe, shelf.models):
        with pytest.raises(SettingsError, match="named 'gone' any more"):
            ask("gone")


# -- model presets


OWN = "https://models.example.org/v1"


def test_a_set_fills_the_three_roles(shelf: Saved) -> None:
    made = Recipe(
        task=Magpie(), rows=1, generator=ModelSpec(preset="openai", model="a", temperature=0.0),
        labeller=ModelSpec(url=OWN, model="c", key_env="MY_KEY", extra={"top_k": 0}),
        responders=(ModelSpec(preset="vllm", model="b"), ModelSpec(preset="openai", model="d")),
    )  # fmt: skip
    assert shelf.keep_models("judge large", form_values.fill(made))
    filled = {**form_values.fill(recipe.example()), **shelf.models("judge large")}
    back = form_values.recipe_from(filled)
    assert (back.generator, back.labeller, back.responders) == (made.generator, made.labeller, made.responders)
    assert back.task == recipe.example().task
    assert not shelf.keep_models("judge large", filled)


def test_a_set_takes_the_response_models_away_where_it_has_none(shelf: Saved) -> None:
    shelf.keep_models("alone", form_values.fill(TIDES))
    before = form_values.fill(Recipe(task=Magpie(), rows=1, responders=(ModelSpec(preset="vllm", model="b"),)))
    assert form_values.recipe_from({**before, **shelf.models("alone")}).responders == ()


def test_a_typed_key_is_in_no_set(shelf: Saved) -> None:
    filled = form_values.fill(TIDES)
    filled.update({"generator.preset": form_values.OWN_ADDRESS, "generator.url": OWN, "generator.key_env": TYPED})
    shelf.keep_models("typed", filled)
    content = shelf.store.model_sets.all()[0].content
    assert content["generator"] == {"url": OWN, "key_env": "KEY_FOR_MODELS_EXAMPLE_ORG"} | {
        name: value for name, value in content["generator"].items() if name not in ("url", "key_env")
    }
    assert shelf.models("typed")["generator.key_env"] == TYPED


@pytest.mark.parametrize(
    "content",
    [
        {"generator": {"preset": "local"}},
        {"generator": {"preset": "of tomorrow"}, "labeller": {"preset": "local"}, "responders": []},
        {"generator": {"preset": "local"}, "labeller": {"preset": "local"}, "responders": 3},
        {"generator": [], "labeller": {"preset": "local"}, "responders": []},
    ],
)
def test_a_set_of_another_version_is_said_and_kept(shelf: Saved, content: dict[str, object]) -> None:
    shelf.store.model_sets.keep("odd", content)
    with pytest.raises(SettingsError, match="'odd' was saved by another version"):
        shelf.models("odd")
    assert shelf.store.model_sets.all()[0].content == content


# -- files


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.toml", b"name = x\n", r"a.toml can't be read as TOML: .*line 1"),
        ("a.json", b"{", r"a.json can't be read as JSON"),
        ("a.toml", b'name = "\xe9"', "a.toml is not a text in UTF-8"),
        ("a.toml", '[task]\nkind = "magpie"'.encode("utf-16"), "not a text in UTF-8"),
        ("a.toml", b'rows = 3\n[task]\nkind = "magpie"\nn_turn = 2', r"no setting 'n_turn'. Did you mean 'n_turns'"),
        ("a.toml", b'rows = 3\n[tusk]\nkind = "magpie"', "task"),
        ("a.toml", b'rows = 3\n[task]\nkind = "magpie"\n[ratng]', "Did you mean 'rating'"),
        ("a.toml", b"", "task"),
        ("a.json", b"[1]", "must hold tables"),
        ("a.json", b"[" * 100_000, "can't be read as JSON"),
        ("a.toml", b"#" * (LARGEST_FILE + 1), "too big for a recipe"),
        ("a.png", b"\x89PNG", "a.png is no recipe: its name should end in .toml or .json"),
    ],
)
def test_files_that_are_no_recipe(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError, match=words) as raised:
        from_file(tmp_path / name)
    assert str(tmp_path) not in str(raised.value)


def test_a_file_with_a_mark_and_returns_is_read(tmp_path: Path) -> None:
    file = tmp_path / "A.TOML"
    file.write_bytes('\ufeffname = "tides"\r\nrows = 20\r\n[task]\r\nkind = "magpie"\r\nn_turns = 2\r\n'.encode())
    filled, more = from_file(file)
    assert form_values.recipe_from(filled) == TIDES and more == ""


def test_an_input_beside_the_file_is_asked_for(tmp_path: Path) -> None:
    file, seeds = tmp_path / "a.json", tmp_path / "seeds.jsonl"
    file.write_text('{"task": {"kind": "self-instruct"}, "rows": 3, "inputs": {"path": "seeds.jsonl"}}')
    filled, more = from_file(file)
    assert filled["inputs.path"] == "" and more == "Its input seeds.jsonl is not here: upload it on Generate."
    seeds.write_text("{}")
    file.write_text(f'{{"task": {{"kind": "self-instruct"}}, "rows": 3, "inputs": {{"path": "{seeds}"}}}}')
    filled, more = from_file(file)
    assert (filled["inputs.path"], more) == (str(seeds), "")
    assert isinstance(form_values.recipe_from(filled).task, SelfInstruct)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("tides", "tides.toml"),
        ("a b/c\n<d>", "a-b-c-d.toml"),
        ("-x.", "x.toml"),
        ("…", "recipe.toml"),
        ("海", "海.toml"),
    ],
)
def test_names_of_files(name: str, file: str) -> None:
    assert file_name(name) == file
    assert len(file_name(name * 500)) <= 65


def test_a_store_without_a_library_gets_one(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "claywright.db", isolation_level=None)
    for step in STEPS[:4]:
        step(old)
    old.execute("PRAGMA user_version = 4")
    old.execute("INSERT INTO forms VALUES('ann', '{\"name\": \"x\"}', 'a')")
    old.close()
    with Store(tmp_path) as store:
        assert Saved(store).keep_recipe("mine", TIDES) and store.form_drafts.get("ann") == {"name": "x"}
    with Store(tmp_path) as store:
        assert Saved(store).recipe("mine") == TIDES
        brought = schema(store.db.reader)
    new = sqlite3.connect(":memory:", isolation_level=None)
    migrate(new)
    assert schema(new) == brought
    new.close()
