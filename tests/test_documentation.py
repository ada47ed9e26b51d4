"""README, the documents of the app and those for developers: every command, recipe and link in them is true."""

import importlib
import re
import shlex
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
import typer
from markupsafe import escape

from app import docs, recipe
from app.cli.main import app as command_line
from app.errors import DocumentationError
from app.web.html import fragments, markdown
from app.web.html.markdown import anchor
from app.web.layout import PAGES
from feedback import checks
from feedback.checks import check_kinds
from feedback.checks.base import NOT_SETTINGS
from feedback.exports.selection import Export
from feedback.labeller.ultrafeedback import UltraFeedback
from tasks import TASKS
from tasks.cluster.settings import Cluster
from tasks.errors import InputError
from tasks.models.presets import PRESETS
from tasks.models.spec import ModelSpec
from tasks.settings import build
from tasks.types import Response, Row
from tests import api_reference, scripts
from tests.conftest import Command
from tests.documentation import DEVELOPERS, README, ROOT, TOPICS, blocks

ALL = [README, ROOT / "CHANGELOG.md", *TOPICS, *DEVELOPERS]
TABLES = {"cluster": Cluster, "export": Export, "embedder": ModelSpec, "rating": UltraFeedback}
CODE = re.compile(r"```.*?```", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,4} (.+)$", re.MULTILINE)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def headings(path: Path) -> set[str]:
    return {anchor(title) for title in HEADING.findall(CODE.sub("", path.read_text(encoding="utf-8")))}


# -- README


def test_readme_is_short() -> None:
    assert README.stat().st_size <= 10_000
    pictures = re.findall(r"!\[.+?\]\((.+?)\)", README.read_text(encoding="utf-8"))
    assert pictures and all((ROOT / picture).stat().st_size <= 250_000 for picture in pictures)


def test_readme_names_the_folders() -> None:
    text = README.read_text(encoding="utf-8")
    layout = text[text.index("## Project layout") : text.index("## Development")]
    packages = [ROOT / name for name in ("app", "feedback", "tasks", "tests")]
    for folder in [*packages, *(path for path in (ROOT / "app").iterdir() if path.is_dir())]:
        if folder.name != "__pycache__":
            assert re.search(rf"^ *{folder.name}/ +\S", layout, re.MULTILINE), f"Project layout lacks {folder.name}/"
    for package in packages:
        assert f"]({package.name}/README.md)" in layout


# -- what is where


@pytest.mark.parametrize("package", ["app", "feedback", "tasks", "tests"])
def test_the_folder_readmes_name_every_module(package: str) -> None:
    text = (ROOT / package / "README.md").read_text(encoding="utf-8")
    rooms = text[text.index("## Rooms") :].split("\n### ")[1:]
    tables = {room.partition("\n")[0].strip("`/"): set(re.findall(r"`([a-z_]+\.py)`", room)) for room in rooms}
    there: dict[str, set[str]] = {}
    kinds = {
        f"{check.__module__.replace('.', '/')}.py" for check in check_kinds().values()
    }  # which their document lists
    for path in (ROOT / package).rglob("*.py"):
        if path.name in ("__init__.py", "__main__.py") or name_of(path) in kinds:
            continue
        if not (package == "tests" and is_test(path)):
            there.setdefault(name_of(path.parent), set()).add(path.name)
    assert tables.keys() == there.keys()
    for room, modules in there.items():
        assert tables[room] == modules, f"{package}/README.md, {room}/: {sorted(tables[room] ^ modules)}"


def is_test(path: Path) -> bool:
    """True for modules of tests, which say by their names what they test, and for benchmarks, which have a README."""
    return path.name.startswith("test_") or path.parent.name == "bench"


def test_the_tests_and_benchmarks_that_are_named_are_there() -> None:
    named = re.findall(r"`(test_[\w*]+\.py)`", (ROOT / "tests/README.md").read_text(encoding="utf-8"))
    assert all(list((ROOT / "tests").glob(name)) for name in named)
    bench = set(re.findall(r"`([a-z_]+\.py)`", (ROOT / "tests/bench/README.md").read_text(encoding="utf-8")))
    assert bench == {path.name for path in (ROOT / "tests/bench").glob("*.py")}


def test_the_task_in_40_lines_makes_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = blocks("python", ROOT / "tasks/README.md")
    assert len(code.splitlines()) <= 40
    (tmp_path / "shorten.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    shorten = importlib.import_module("shorten")
    task = build(shorten.Shorten, {"words": 4}, "[task]")
    inputs = {"text": "The moon's pull raises the sea on both sides of the earth."}
    found = scripts.row(scripts.made(task, inputs, scripts.Model([("Shorten", "The moon makes tides.")])))
    assert found.responses[0].text == "The moon makes tides." and found.messages[0]["content"].endswith(inputs["text"])
    long = scripts.made(task, inputs, scripts.Model([("Shorten", "It is the moon that does.")]))
    assert scripts.dropped(long) == ("longer than it may be", "It is the moon that does.")
    with pytest.raises(InputError, match="no column 'text'"):
        task.check({"content": "x"}, 0)


# -- examples


def test_every_recipe_is_one() -> None:
    recipes = {block: recipe.parse(tomllib.loads(block)) for block in blocks("toml")}
    (complete,) = [found for found in recipes.values() if len(found.responders) == 2]
    assert complete.kind == "self-instruct" and complete.budget.dollars == 5
    in_tasks = blocks("toml", docs.FOLDER / "tasks.md")
    assert {recipes[block].kind for block in in_tasks} == TASKS.keys()  # an example of each task
    for found in recipes.values():
        assert recipe.parse(found.dump()) == found


def test_every_table_of_a_recipe_is_one() -> None:
    tables = [table for block in blocks("ini") for table in tomllib.loads(block).items()]
    assert {name for name, _ in tables} == TABLES.keys()
    for name, values in tables:
        build(TABLES[name], values, f"[{name}]")


def commands() -> list[str]:
    lines = [line.partition("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return list(dict.fromkeys(line[line.index("claywright") :] for line in lines if "claywright" in line))


@pytest.mark.parametrize("line", commands())
def test_every_command_is_understood(line: str) -> None:
    name, *words = shlex.split(line)[1:] or ["--help"]
    group = typer.main.get_command(command_line)
    assert isinstance(group, typer.core.TyperGroup)
    if name.startswith("--") and words:  # without a command, the app opens: on an address, say
        group.make_context("claywright", [name, *words]).close()
    elif name != "--help":
        group.commands[name].make_context(name, words).close()


def test_the_commands_of_the_recipes_document_are_all_that_there_are() -> None:
    group = typer.main.get_command(command_line)
    assert isinstance(group, typer.core.TyperGroup)
    listed = blocks("sh", docs.FOLDER / "recipes.md")[0]
    assert {line.split()[1] for line in listed.splitlines()} == set(group.commands) - {"rows"}


def test_every_preset_and_task_is_in_its_table() -> None:
    models, tasks = docs.text("models"), docs.text("tasks")
    assert all(f"`{name}`" in models for name in PRESETS)
    assert all(f"| `{name}` |" in tasks for name in TASKS)


def test_every_check_is_in_its_table_with_its_settings() -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \|(.+)\|$", docs.text("checks"), re.MULTILINE))
    assert rows.keys() == check_kinds().keys()
    for kind, check in check_kinds().items():
        own = [f.name for f in fields(check) if f.name not in NOT_SETTINGS]
        assert all(f"`{name}`" in rows[kind] for name in own), kind


def test_the_check_in_20_lines_is_known_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = blocks("python", ROOT / "feedback/README.md")
    lines = code[code.index("@dataclass") :].strip().splitlines()
    assert len(lines) <= 20
    (tmp_path / "exclaims.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(checks, "__path__", [*checks.__path__, str(tmp_path)])
    exclaims = build(checks.check_kinds.__wrapped__()["exclaims"], {"most": 1}, "[[checks]]")
    row = Row(({"role": "user", "content": "Hi"},), (Response("Oh! No!", "m"), Response("Oh!", "m")))
    assert [exclaims.result(row, response).passed for response in row.responses] == [False, True]


def test_the_reference_is_up_to_date() -> None:
    assert api_reference.PYTHON.read_text(encoding="utf-8") == api_reference.document(), (
        "bring it up to date: python -m tests.api_reference --write"
    )


# -- links


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_every_link_leads_somewhere(path: Path) -> None:
    for link in LINK.findall(CODE.sub("", path.read_text(encoding="utf-8"))):
        file, _, heading = link.partition("#")
        if link.startswith("https://"):
            continue
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        assert not heading or heading in headings(target), link


# -- in the app


def test_each_topic_is_a_file_and_each_page_has_one() -> None:
    assert sorted(path.stem for path in docs.FOLDER.glob("*.md")) == sorted(docs.TOPICS)
    assert docs.PAGES.keys() == PAGES.keys()
    assert set(docs.PAGES.values()) <= set(docs.TOPICS)


@pytest.mark.parametrize("topic", docs.TOPICS)
def test_a_document_links_within_the_app_and_loads_nothing(topic: str) -> None:
    shown = fragments.help_panel(topic)
    text = docs.text(topic)
    assert not re.search(r"<(?:img|script|iframe|style|link|form|input)\b|<[^>]*\son\w+=|javascript:", shown)
    for other, heading in re.findall(r'data-doc="(\w+)" data-at="([^"]*)"', shown):
        assert other in docs.TOPICS
        assert not heading or f'id="{heading}"' in fragments.help_panel(other)
    assert not re.search(r"<span>[^<]+</span>", shown), "a link that the app can't follow"
    assert f'<h2 id="help-title" tabindex="-1">{escape(docs.title(topic))}</h2>' in shown
    letters = [sign for sign in CODE.sub("", LINK.sub("]", text)) if sign.isalnum()]
    assert len([sign for sign in re.sub(r"<[^>]*>", "", shown) if sign.isalnum()]) >= len(letters)


def test_what_looks_like_a_tag_or_another_address_is_text() -> None:
    shown = markdown.document(
        "# T\n\n<img src=x> [a](javascript:b) [c](http://d) [e](../f.md) ![g](https://h)", "start"
    )
    assert "<img" not in shown and "href" not in shown
    assert 'data-doc="review" data-at="in-the-app"' in markdown.document("[a](review.md#in-the-app)", "start")
    assert 'data-doc="start" data-at="b"' in markdown.document("[a](#b)", "start")


def test_in_the_terminal(command: Command) -> None:
    listed = command("docs")
    assert listed.code == 0 and all(re.search(rf"^{topic} ", listed.out, re.MULTILINE) for topic in docs.TOPICS)
    assert command("docs", "export").out == docs.text("export")
    assert command("docs", "export", "--json").json["title"] == "Export"
    assert [each["topic"] for each in command("docs", "--json").json["topics"]] == list(docs.TOPICS)
    unknown = command("docs", "exprot")
    assert unknown.code == 1 and all(topic in unknown.err for topic in ("There is no document", *docs.TOPICS))
    with pytest.raises(DocumentationError):
        docs.text("../../config")
