"""A recipe from elsewhere gets no key and no file that nobody allowed: asked for once, by name, before anything happens."""

import json
import os
import pty
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import app.api.functions as claywright
from app import recipe
from app.api_keys import Keys, TypedKeys
from app.config import Settings
from app.inputs.inputs import Inputs
from app.runs.permissions import Need, NotAllowed, Permissions, from_options, host_of, read_by
from app.store.store import Store
from app.web import form_values, saved
from app.web.form_values import FormError
from app.web.pages import consent, models
from app.web.state import AppState
from tasks.errors import SettingsError
from tasks.models.spec import ModelSpec
from tests import conftest
from tests.conftest import Command
from tests.make_state import SOMEBODY, act, at_desk, until_tried
from tests.servers import FakeOpenAI

KEY, DIARY = "sk-canary-of-the-environment", "the diary of a private person"
RECIPE = """
name = "elsewhere"
[generator]
url = "{url}"
model = "m"
key_env = "{key}"
[task]
kind = "text-generation"
[inputs]
path = "{path}"
[export]
path = "{export}"
"""


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    path = tmp_path / "private" / "diary.jsonl"
    path.parent.mkdir()
    path.write_text(json.dumps({"instruction": DIARY}) + "\n")
    return path


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    folder = tmp_path / "downloads"
    folder.mkdir()
    return folder


def written(folder: Path, url: str, path: Path | str, *, key: str = "OPENAI_API_KEY", export: str = "") -> Path:
    file = folder / "recipe.toml"
    file.write_text(RECIPE.format(url=url, key=key, path=path, export=export))
    return file


def test_a_recipe_from_elsewhere_is_asked_for_what_it_would_send_read_and_write(
    command: Command, tmp_path: Path, diary: Path, downloads: Path
) -> None:
    before = diary.read_bytes()
    with FakeOpenAI() as server:
        file = written(downloads, server.url, diary, export=str(diary))
        ended = command("run", file, "--no-push", env={"OPENAI_API_KEY": KEY})
        host = host_of(server.url)
        assert ended.code == 1 and server.calls == [] and "Traceback" not in ended.err
        assert f"sends OPENAI_API_KEY to {host} and reads {diary} and writes {diary}" in ended.err
        options = [f"--allow-key=OPENAI_API_KEY={host}", f"--allow-path={diary}"]
        done = command("run", file, "--no-push", *options, env={"OPENAI_API_KEY": KEY})
        assert done.code == 0, done.err
        assert {call["authorization"] for call in server.calls} == {f"Bearer {KEY}"}
        again = command("run", file, "--no-push", env={"OPENAI_API_KEY": KEY})  # once is enough
        assert again.code == 0, again.err
    assert diary.read_bytes() == before and (tmp_path / "data" / "permissions.json").stat().st_mode & 0o777 == 0o600


def test_what_stands_beside_a_recipe_is_free_but_what_is_hidden_there_is_not(tmp_path: Path, downloads: Path) -> None:
    (downloads / "rows.jsonl").write_text("{}")
    (downloads / ".env").write_text("A=b")
    (downloads / "link.jsonl").symlink_to("/etc/hostname")
    permissions = Permissions(tmp_path / "data")
    assert permissions.needed_path(str(downloads / "rows.jsonl"), downloads) is None
    assert permissions.needed_path(str(downloads / "deeper" / "rows.jsonl"), downloads) is None
    for odd in (".env", ".git/config", "../private", "link.jsonl", "../downloads2/x", "a/../../x"):
        assert permissions.needed_path(str(downloads / odd), downloads) is not None, odd
    home = Path.home()
    assert permissions.needed_path(str(home / "rows.jsonl"), home) is None
    for deeper in ("private/rows.jsonl", ".netrc", ".ssh/id"):  # a home folder is not a recipe's own
        assert permissions.needed_path(str(home / deeper), home) is not None, deeper
    assert permissions.needed_path("/etc/passwd", Path("/")) is not None
    assert permissions.needed_path(str(tmp_path / "data" / "inputs" / "x" / ".rows.jsonl"), None) is None
    assert permissions.needed_path("\0", downloads) is not None


def test_of_the_data_folder_an_upload_alone_is_free(tmp_path: Path) -> None:
    data = tmp_path / "data"
    permissions = Permissions(data)
    assert permissions.needed_path(str(data / "inputs" / "0123456789abcdef" / "rows.jsonl"), tmp_path) is None
    for place in (
        "inputs",
        ".",
        "services/argilla.json",
        "exports/run/rows.jsonl",
        "..",
    ):  # also for a recipe beside it
        assert permissions.needed_path(str(data / place), tmp_path) is not None, place
        assert permissions.needed_path(str(data / place), data) is not None, place


def test_a_model_that_names_a_folder_reads_it(tmp_path: Path, downloads: Path) -> None:
    spec = ModelSpec(url="http://models.example.org/v1", model=str(tmp_path))
    assert read_by(Inputs(), [spec, replace(spec, model="org/name")]) == [str(tmp_path)]


def test_no_path_is_too_odd_to_be_asked_for(tmp_path: Path, downloads: Path) -> None:
    for odd in ("~nobody-of-that-name/rows.jsonl", "a" * 400, "\ud800.jsonl"):
        file = downloads / "recipe.json"
        values = {
            "generator": {"preset": "scripted", "template": odd, "model": odd},
            "task": {"kind": "text-generation"}, "inputs": {"path": odd}, "export": {"path": odd},
        }  # fmt: skip
        file.write_text(json.dumps(values))
        found = recipe.load(file)
        assert found.inputs.path == str(downloads / odd)
        needs = Permissions(tmp_path / "data").needs(found, Keys(), downloads)
        assert [need.kind for need in needs] == ["writes"]
        saved.from_file(file)


def test_who_sits_at_a_terminal_is_asked_in_words(tmp_path: Path, diary: Path, downloads: Path) -> None:
    with FakeOpenAI() as server:
        file = written(downloads, server.url, diary)
        for answer, code in (("n", 1), ("y", 0)):
            ours, theirs = pty.openpty()
            os.write(ours, f"{answer}\n".encode())
            environment = {**os.environ, "CLAYWRIGHT_DATA": str(tmp_path / "data"), "OPENAI_API_KEY": KEY}
            ended = subprocess.run(
                [*conftest.claywright(), "run", str(file), "--no-push"], stdin=theirs, capture_output=True, text=True,
                env=environment, timeout=120, check=False,
            )  # fmt: skip
            os.close(ours)
            os.close(theirs)
            assert ended.returncode == code, ended.stderr
            assert f"  sends OPENAI_API_KEY to {host_of(server.url)}\n  reads {diary}" in ended.stderr
            assert bool(server.calls) == (answer == "y") and "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "name",
    [
        "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GITHUB_TOKEN", "GH_TOKEN", "NPM_TOKEN", "SECRET_KEY", "DATABASE_URL", "PATH",
        "SSH_PRIVATE_KEY", "ARGILLA_API_KEY", "PASSWORD", "HOME", "STRIPE_API_KEY", "SLACK_BOT_TOKEN", "ENCRYPTION_KEY",
    ],
)  # fmt: skip
def test_a_variable_that_holds_no_models_key_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=f"key_env must name the variable of a model's key.*{name}"):
        ModelSpec(url="http://models.example.org/v1", key_env=name)


@pytest.mark.parametrize(
    "name", ["OPENAI_API_KEY", "HF_TOKEN", "TEAM_KEY", "KEY_FOR_MODELS_EXAMPLE_ORG", "REPLICATE_API_TOKEN"]
)
def test_a_models_key_may_be_named(name: str) -> None:
    assert ModelSpec(url="http://models.example.org/v1", key_env=name).key_variable == name


def test_a_key_goes_to_its_own_provider_unasked_and_to_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("KEY_FOR_MODELS_EXAMPLE_ORG", KEY)
    monkeypatch.setenv("KEY_FOR_127_0_0_1", KEY)
    permissions = Permissions(tmp_path)

    def needed(**spec: Any) -> str:
        need = permissions.needed_key(ModelSpec(model="m", **spec), Keys())
        return need.sentence if need else ""

    assert needed(preset="openai") == needed(url="https://api.openai.com/v1", key_env="OPENAI_API_KEY") == ""
    assert needed(url="https://models.example.org/v1", key_env="KEY_FOR_MODELS_EXAMPLE_ORG") == ""
    assert needed(url="https://models.example.org/v1") == ""  # no key is named
    assert needed(url="https://models.example.org/v1", key_env="UNSET_KEY") == ""  # there is none
    monkeypatch.setenv("KEY_FOR_STRASSE_DE", KEY)
    monkeypatch.setenv("KEY_FOR_LOCALHOST", KEY)
    monkeypatch.setenv("KEY_FOR_MODELS", KEY)
    for url, key, host in (  # another host than its letters look like; unencrypted; another server of the same machine
        ("https://straße.de/v1", "KEY_FOR_STRASSE_DE", "xn--strae-oqa.de"),
        ("http://①27.0.0.1:9999/v1", "KEY_FOR_127_0_0_1", "127.0.0.1:9999"),
        ("http://ｌocalhost:9999/v1", "KEY_FOR_LOCALHOST", "localhost:9999"),
        ("https://аpi.openai.com/v1", "OPENAI_API_KEY", "xn--pi-6kc.openai.com"),
        ("http://models.example.org/v1", "KEY_FOR_MODELS_EXAMPLE_ORG", "http://models.example.org"),
        ("http://models:9999/v1", "KEY_FOR_MODELS", "http://models:9999"),
        ("https://models:9999/v1", "KEY_FOR_MODELS", "models:9999"),
    ):
        assert needed(url=url, key_env=key) == f"sends {key} to {host}"
    for url in (
        "http://api.openai.com/v1", "https://api.openai.com.evil.org/v1", "https://evil.org/api.openai.com/v1",
        "https://api-openai.com/v1", "http://127.0.0.1:18901/steal/v1", "https://openai.com/v1",
    ):  # fmt: skip
        assert needed(url=url, key_env="OPENAI_API_KEY") == f"sends OPENAI_API_KEY to {host_of(url)}"
    assert needed(url="https://models-example.org/v1", key_env="KEY_FOR_MODELS_EXAMPLE_ORG")
    assert needed(url="http://127.0.0.1:8000/v1", key_env="KEY_FOR_127_0_0_1")  # each port may be somebody else's
    permissions.allow([Need("key", "OPENAI_API_KEY", "127.0.0.1:18901")])
    assert needed(url="http://127.0.0.1:18901/v1", key_env="OPENAI_API_KEY") == ""
    assert needed(url="http://127.0.0.1:18902/v1", key_env="OPENAI_API_KEY")
    permissions.allow(from_options(["OPENAI_API_KEY=elsewhere.example.org"], []))
    assert needed(url="https://elsewhere.example.org/v1", key_env="OPENAI_API_KEY") == ""
    assert needed(url="http://elsewhere.example.org/v1", key_env="OPENAI_API_KEY")  # that would be unencrypted
    permissions.allow(from_options(["OPENAI_API_KEY=http://elsewhere.example.org"], []))
    assert needed(url="http://elsewhere.example.org/v1", key_env="OPENAI_API_KEY") == ""


@pytest.mark.parametrize("url", ["http://a b/v1", "http://a\\@b/v1", "http://a\tb/v1", "http://a\u200b.org/v1"])
def test_an_address_that_can_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        ModelSpec(url=url, model="m")


def test_a_key_that_was_typed_is_not_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    keys, spec = TypedKeys(), ModelSpec(url="http://models.example.org/v1", key_env="OPENAI_API_KEY")
    with pytest.raises(
        NotAllowed, match=r"sends OPENAI_API_KEY to http://models\.example\.org, which is not its provider"
    ):
        Permissions(tmp_path).key(spec, keys)
    keys.type(spec, "sk-typed")
    assert Permissions(tmp_path).key(spec, keys) == "sk-typed"


def test_a_file_of_permissions_that_can_not_be_read_allows_nothing(tmp_path: Path) -> None:
    permissions, need = Permissions(tmp_path), Need("reads", "/etc/hostname")
    permissions.allow([need])
    assert permissions.needed_path("/etc/hostname", None) is None
    for broken in ("", "{", "[]", '{"keys": 1, "paths": 2}', '{"keys": [["a"]], "paths": []}', "[" * 100_000):
        (tmp_path / "permissions.json").write_text(broken)
        assert permissions.needed_path("/etc/hostname", None) == need
    permissions.allow([need])
    assert permissions.needed_path("/etc/hostname", None) is None


def test_a_file_of_permissions_that_others_can_change_allows_nothing(tmp_path: Path) -> None:
    permissions, need = Permissions(tmp_path), Need("reads", "/etc/hostname")
    permissions.allow([need])
    permissions.path.chmod(0o666)
    assert permissions.needed_path("/etc/hostname", None) == need
    permissions.allow([need])
    assert permissions.needed_path("/etc/hostname", None) is None


def test_options_say_what_is_wrong_with_them() -> None:
    for odd in ("OPENAI_API_KEY", "=host", "NAME="):
        with pytest.raises(SettingsError, match="takes NAME=HOST"):
            from_options([odd], [])
    (key, path) = from_options(["A_KEY=HTTPS://Models.Example.org:443/v1"], ["/etc/../etc/hostname"])
    assert (key, path) == (Need("key", "A_KEY", "models.example.org"), Need("reads", "/etc/hostname"))


# -- the page


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[AppState]:
    here = Settings(data=tmp_path / "data", owner="tester")
    with Store(here.data) as store, at_desk(store, here) as desk:
        yield desk


def test_the_page_asks_before_it_sends_a_key_or_reads_a_file(
    desk: AppState, diary: Path, downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with FakeOpenAI() as server:
        made = recipe.load(written(downloads, server.url, diary))
        desk.keep(SOMEBODY, form_values.fill(made))
        asked = consent.question(desk.look(SOMEBODY, ""))
        assert f"Sends OPENAI_API_KEY to {host_of(server.url)}" in asked and f"Reads {diary}" in asked
        models.test(act(desk, extra=[""]), "generator")
        until_tried(desk)
        spec = desk.look(SOMEBODY, "").described("generator")
        assert spec is not None
        trial = desk.look(SOMEBODY, "").trial(spec)
        assert trial is not None and "Allow it on the page Models" in trial.trouble and server.calls == []
        with pytest.raises(FormError, match=f"This reads {diary}"):
            desk.recipe(desk.filled(SOMEBODY))
        with pytest.raises(FormError, match=f"This reads {diary}"):
            desk.begin(desk.filled(SOMEBODY), "")
        assert desk.store.runs.all() == []
        (digest,) = re.findall(r'data-needs="(\w+)"', asked)
        consent.allow(act(desk, {"act": "allow", "needs": "of other forms"}))
        assert consent.question(desk.look(SOMEBODY, "")) == asked  # only what was read is allowed
        consent.allow(act(desk, {"act": "allow", "needs": digest}))
        assert consent.question(desk.look(SOMEBODY, "")) == ""
        assert desk.recipe(desk.filled(SOMEBODY)).inputs.path == str(diary)
        models.test(act(desk, extra=[""]), "generator")
        until_tried(desk)
        assert server.calls and KEY in server.calls[0]["authorization"]


def test_what_was_pasted_is_not_asked_for(desk: AppState) -> None:
    filled = {**desk.usual, "task.kind": "text-generation", "inputs.source": "paste", "inputs.text": "Name a river."}
    assert desk.recipe({**filled, "rows": None}).inputs.path.startswith(str(desk.settings.data / "inputs"))
    assert desk.needs(SOMEBODY, filled) == []


# -- from Python


def test_a_recipe_file_is_asked_for_from_python_too_and_a_programs_own_models_are_not(
    data: Path, diary: Path, downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with FakeOpenAI() as server:
        file = written(downloads, server.url, diary)
        with pytest.raises(NotAllowed, match=r"sends OPENAI_API_KEY to .* and reads"):
            claywright.run(file)
        assert server.calls == []
        allowed = {"OPENAI_API_KEY": host_of(server.url)}
        assert claywright.run(file, allow_keys=allowed, allow_paths=[diary]).state == "done"
        sent = len(server.calls)
        own = claywright.OpenAILLM(model="m", base_url=server.url)
        task = replace(recipe.load(file).task)
        made = claywright.Recipe(task=task, generator=own, inputs=claywright.Inputs(path=str(diary)))
        assert claywright.run(made).state == "done" and len(server.calls) > sent
