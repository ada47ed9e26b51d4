"""What a recipe may hold: no counts, names, texts or tables that nobody means, and no field that a request has by itself."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import recipe
from app.recipe import deep
from tasks.errors import SettingsError
from tests.conftest import Command

GENERATOR = {"preset": "scripted"}


def of(**more: Any) -> dict[str, Any]:
    return {"rows": 1, "generator": GENERATOR, "task": {"kind": "magpie"}, **more}


def on_input(**task: Any) -> dict[str, Any]:
    return of(task=task, inputs={"path": "rows.jsonl"})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (of(generator={**GENERATOR, "extra": {"messages": []}}), "extra can't hold messages"),
        (of(generator={**GENERATOR, "extra": {"prompt": "x"}}), "extra can't hold prompt"),
        (of(generator={**GENERATOR, "extra": {"model": "x"}}), "extra can't hold model.*name the model as model"),
        (of(generator={**GENERATOR, "extra": {"stream": True}}), "extra can't hold stream"),
        (of(generator={**GENERATOR, "model": "m" * 5_000_000}), "text of more than 1,000,000"),
        (of(generator={**GENERATOR, "model": "m" * 1000}), "takes 500 characters at most"),
        (of(generator={**GENERATOR, "key_env": "K" * 1000}), "takes 500 characters at most"),
        (of(generator={"url": "http://host/" + "v" * 3000}), "url takes 2,000 characters at most"),
        (of(generator={**GENERATOR, "max_tokens": 10**12}), "at most 10,000,000"),
        (of(generator={**GENERATOR, "extra": {"x": [0] * 20_000}}), "more than 10,000 entries"),
        (of(name="n" * 5_000_000), "name takes 200 characters"),
        (of(responders=[GENERATOR] * 100), "100 response models. 64 are the most"),
        (of(task={"kind": "magpie", "n_turns": 10**6}), "n_turns must be from 1 to 100"),
        (of(task={"kind": "magpie", "max_instruction_tokens": 10**12}), "max_instruction_tokens must be from 1"),
        (of(task={"kind": "magpie", "system_prompt": ["x"] * 20_000}), "more than 10,000 entries"),
        (of(task={"kind": "magpie", "system_prompt": "x" * 2_000_000}), "text of more than 1,000,000"),
        (on_input(kind="text-generation", num_generations=10**6), "num_generations must be from 1 to 1000"),
        (on_input(kind="genstruct", passage_tokens=10**12), "passage_tokens must be from 1"),
    ],
)  # fmt: skip
def test_what_nobody_means_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        recipe.parse(values)
    assert len(str(caught.value)) < 500


def test_tables_in_tables_are_bounded() -> None:
    inner: Any = 1
    for _ in range(100):
        inner = {"x": inner}
    with pytest.raises(SettingsError, match="tables inside tables"):
        recipe.parse(of(generator={**GENERATOR, "extra": inner}))


@pytest.mark.parametrize(
    ("data", "as_json", "words"),
    [
        (b"a" + b".a" * 50_000 + b" = 1\n", False, "a name of more than 30 parts"),
        (b"[a" + b".a" * 50_000 + b"]\n", False, "a name of more than 30 parts"),
        (b'"a"' + b' . "b.c"' * 50_000 + b" = 1\n", False, "a name of more than 30 parts"),
        (b"x = {a" + b".a" * 50_000 + b" = 1}\n", False, "a name of more than 30 parts"),
        (b"x = " + b"[" * 50_000 + b"]" * 50_000, False, "can't be read as TOML"),
        (b"x = " + b"{a=" * 50_000, False, "can't be read as TOML"),
        (b'x = """' + b'\\"""' * 100_000, False, "can't be read as TOML"),
        (b"#" * 3_000_000, False, "longer than 1 MB"),
        (b'{"a":' * 100_000, True, "can't be read as JSON"),
        (b" " * 3_000_000, True, "longer than 1 MB"),
    ],
    ids=["dotted", "header", "quoted", "inline", "lists", "tables", "quotes", "long", "JSON", "long JSON"],
)
def test_a_hostile_file_is_refused_at_once(data: bytes, as_json: bool, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        recipe.decoded(data, "The recipe", as_json=as_json)


def test_a_file_without_an_end_is_refused(tmp_path: Path, command: Command) -> None:
    (tmp_path / "r.toml").symlink_to("/dev/zero")
    ended = command("run", "r.toml", "--no-push")
    assert ended.code != 0 and "no ordinary file but a pipe, a device or a socket" in ended.err


@pytest.mark.parametrize(
    "text",
    [
        'x = "' + "a." * 100 + '"', "x = '" + "a." * 100 + "'", 'x = """\n' + "a.b.c.d." * 100 + '\n"""',
        "x = '''\n" + "a.b\n" * 100 + "'''", "# " + "a." * 100, "x = [" + "1.5, " * 100 + "]", "a.b = 1\n" * 100,
        'x = "a\\"b' + "." * 100 + '"', 'x = """a\\"""' + "." * 100 + '"""', "x = ''''a" + "." * 100 + "''''",
    ],
)  # fmt: skip
def test_dots_that_part_no_names_are_not_counted(text: str) -> None:
    tomllib.loads(text.replace("a.b = 1\n" * 100, "a.b = 1\n"))
    assert not deep(text)


@given(st.text("ab.\"'=\n[]{},#\\ ", max_size=60))
def test_no_file_that_toml_takes_is_called_deep(text: str) -> None:
    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    assert deep(text) is False


@pytest.mark.parametrize("name", ["a", "'a'", '"a b"', '"\\"."', "a-b_1"])
def test_a_deep_name_is_seen_however_it_is_written(name: str) -> None:
    for join in (".", " . ", "\t.\t"):
        text = join.join([name] * 40)
        assert deep(f"x = 1\n{text} = 1") and deep(f"[{text}]") and deep(f"x = {{ {text} = 1 }}")
