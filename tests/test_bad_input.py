"""What can go wrong for a user: one sentence that says what and what to do, an exit code, no traceback, nothing lost."""

import os
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app import services
from app.config import Settings
from app.runs.permissions import host_of
from tests.conftest import ArgillaServer, Command, Ended
from tests.servers import FakeOpenAI, Fault, protocol

Recipe = Callable[..., Path]


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """Writes a recipe and its input."""

    def write(url: str, *, kind: str = "text-generation", rows: int = 3, model: str = "fake", more: str = "") -> Path:
        inputs = tmp_path / "inputs.jsonl"
        inputs.write_text("".join(f'{{"instruction": "Name river {n}."}}\n' for n in range(rows)))
        file = tmp_path / "recipe.toml"
        file.write_text(
            f'name = "bad"\n{"rows = 2" if kind == "magpie" else ""}\n[generator]\nurl = "{url}"\nmodel = "{model}"\n{more}\n'
            f'[task]\nkind = "{kind}"\n' + ("" if kind == "magpie" else f'[inputs]\npath = "{inputs}"\n')
        )
        return file

    return write


def said(ended: Ended, *words: str) -> str:
    """The sentence of a command that failed as it should."""
    assert ended.code not in (0, 2), (ended.out, ended.err)
    assert "Traceback" not in ended.err + ended.out
    sentence = ended.err[ended.err.index("Error: ") :]
    for word in words:
        assert word.lower() in sentence.lower(), sentence
    return sentence


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_a_dead_endpoint(command: Command, recipe: Recipe) -> None:
    ended = command("run", recipe(f"http://127.0.0.1:{closed_port()}/v1"), "--no-push")
    said(ended, "can't be reached", "is the address right", "--resume bad-")


def test_an_address_that_is_none(command: Command, recipe: Recipe) -> None:
    said(command("run", recipe("localhost:8000"), "--no-push"), "not a web address", "http://localhost:8000/v1")


@pytest.mark.parametrize(
    ("status", "words", "expected"),
    [
        (401, "Incorrect API key", ("refused the key", "key_env")),
        (404, "The model `fake` does not exist", ("is not there", "model's name")),
        (402, "No credit", ("refused because the account has no credit",)),
    ],
)
def test_a_refusal_pauses_the_run_with_the_endpoints_words(
    command: Command, recipe: Recipe, status: int, words: str, expected: tuple[str, ...]
) -> None:
    def fault(body: object, number: int) -> tuple[int, dict[str, str], dict[str, object]]:
        return status, {}, {"error": {"message": words}}

    with FakeOpenAI(faults=fault) as server:
        said(command("run", recipe(server.url), "--no-push"), words, *expected)
    assert command("runs", "--json").json["runs"][0]["state"] == "paused"


def test_a_key_that_is_not_set(command: Command, recipe: Recipe) -> None:
    file = recipe("http://127.0.0.1:1/v1", more='key_env = "SOME_KEY"')
    said(command("run", file, "--no-push"), "SOME_KEY", "not set")


def test_a_wrong_key_is_told_without_the_key(command: Command, recipe: Recipe) -> None:
    def fault(body: object, number: int) -> tuple[int, dict[str, str], dict[str, object]]:
        return 401, {}, {"error": {"message": "bad key sk-secret-0815"}}

    with FakeOpenAI(faults=fault) as server:
        file, allowed = recipe(server.url, more='key_env = "SOME_KEY"'), f"SOME_KEY={host_of(server.url)}"
        ended = command("run", file, "--no-push", "--allow-key", allowed, env={"SOME_KEY": "sk-secret-0815"})
    assert "sk-secret" not in said(ended, "refused the key", "SOME_KEY")


def test_magpie_on_a_chat_only_endpoint(command: Command, recipe: Recipe) -> None:
    with FakeOpenAI(chat_only=True) as server:
        said(command("run", recipe(server.url, kind="magpie"), "--no-push"), "raw prompts", "vLLM")


def test_a_file_without_the_column(command: Command, recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "wrong.csv").write_text("question,answer\nWhy?,Because.\n")
    file = recipe("http://127.0.0.1:1/v1")
    file.write_text(file.read_text().replace("inputs.jsonl", "wrong.csv"))
    said(command("run", file, "--no-push"), "no column 'instruction'", "question", "[inputs.columns]")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"\x00\x01\x02\xff" * 100, "binary"),
        ("{}".encode("utf-16") + b"\0", "utf-16"),
        (b'{"instruction": "a"}\nnot json\n', "line 2"),
        (b"x" * 100_000_000, "longer than"),
    ],
    ids=["empty", "binary", "UTF-16", "broken", "100 MB"],
)
def test_a_bad_file(command: Command, recipe: Recipe, tmp_path: Path, content: bytes, expected: str) -> None:
    file = recipe("http://127.0.0.1:1/v1")
    (tmp_path / "inputs.jsonl").write_bytes(content)
    said(command("run", file, "--no-push"), "inputs.jsonl", expected)


def test_a_prompt_longer_than_the_context_costs_its_unit_alone(
    command: Command, tmp_path: Path, services_data: Settings, local_model: services.Running
) -> None:
    (tmp_path / "long.jsonl").write_text(f'{{"instruction": "{"word " * 9000}"}}\n{{"instruction": "Say hello."}}\n')
    file = tmp_path / "long.toml"
    file.write_text(
        '[generator]\npreset = "local"\nmax_tokens = 8\n[task]\nkind = "text-generation"\n[inputs]\npath = "long.jsonl"\n'
    )
    ended = command("run", file, "--no-push", "--json", data=services_data.data)
    assert ended.code == 0, ended.err
    assert ended.json["counts"]["answered"] == 1
    (failure,) = ended.json["failures"]
    assert failure["what"] == "unit 0" and "does not fit" in failure["why"] and "context" in failure["why"]


def test_answers_that_end_oddly_are_kept_marked_and_counted(command: Command, recipe: Recipe) -> None:
    reasons = {"river 0": "because_i_say_so", "river 1": "because_i_say_so", "river 2": "length"}

    def odd(body: dict[str, Any], number: int) -> Fault:
        answer = protocol("The Loire is", body)
        answer["choices"][0]["finish_reason"] = next(end for name, end in reasons.items() if name in str(body))
        return 200, {}, answer

    with FakeOpenAI(faults=odd) as server:
        ended = command("run", recipe(server.url), "--no-push")
    lines = [
        "marked 1: cut off, ended by a limit or a filter",
        "marked 2: unknown end, ended for a reason that is not known, so that something may be missing",
    ]
    assert ended.code == 0, ended.err
    assert [line for line in ended.out.splitlines() if "marked" in line] == lines
    listed = command("runs", "last")
    assert [line.strip() for line in listed.out.splitlines() if "marked" in line] == lines
    assert command("runs", "last", "--json").json["runs"][0]["marked"] == {"cut off": 1, "unknown end": 2}


def test_argilla_is_down_or_refuses_and_the_rows_are_kept(
    command: Command, recipe: Recipe, argilla: ArgillaServer
) -> None:
    dead = {"ARGILLA_API_URL": f"http://127.0.0.1:{closed_port()}", "ARGILLA_API_KEY": "x"}
    with FakeOpenAI() as server:
        said(command("run", recipe(server.url), env=dead), "argilla", "can't be reached")
    assert command("runs", "--json").json["runs"][0]["answered"] == 3
    wrong = {"ARGILLA_API_URL": argilla.url, "ARGILLA_API_KEY": "wrong"}
    said(command("push", "last", env=wrong), "refuses the key", "ARGILLA_API_KEY")
    missing = {"ARGILLA_API_URL": argilla.url}
    said(command("push", "last", env=missing), "needs a key")
    with FakeOpenAI() as server:
        other = {"ARGILLA_API_URL": server.url.removesuffix("/v1"), "ARGILLA_API_KEY": "x"}
        said(command("push", "last", env=other), "argilla")


def test_a_dataset_of_that_name_with_other_settings(command: Command, recipe: Recipe, argilla: ArgillaServer) -> None:
    import argilla as rg

    client = rg.Argilla(api_url=argilla.url, api_key=argilla.api_key)
    settings = rg.Settings(fields=[rg.TextField(name="other")], questions=[rg.TextQuestion(name="what")])
    rg.Dataset(name="taken", workspace="default", settings=settings, client=client).create()
    client.http_client.close()
    env = {"ARGILLA_API_URL": argilla.url, "ARGILLA_API_KEY": argilla.api_key}
    with FakeOpenAI() as server:
        assert command("run", recipe(server.url), "--no-push").code == 0
    said(command("push", "last", "--dataset", "taken", env=env), "taken", "no field 'instruction'", "--dataset taken-2")
    assert command("push", "last", "--dataset", "free", env=env).code == 0


def test_a_data_folder_that_can_not_be_written(command: Command, recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("")
    said(command("runs", data=tmp_path / "a-file" / "data"), "data folder", "CLAYWRIGHT_DATA")
    said(command("runs", data=Path("/proc/claywright")), "data folder", "CLAYWRIGHT_DATA")


def test_a_store_that_is_none(command: Command, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "claywright.db").write_bytes(b"this is not a database at all" * 100)
    said(command("runs"), "is damaged", "not a database")


def test_a_port_in_use(command: Command, services_data: Settings, argilla: ArgillaServer, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environments = tmp_path / "data" / "services"
        environments.mkdir(parents=True)
        for installed in services_data.services.glob("*-*"):
            if installed.is_dir():
                (environments / installed.name).symlink_to(installed)
        port = taken.getsockname()[1]
        said(command("argilla", "--port", str(port)), "port", str(port))
        said(command("model", "--port", str(port)), "port", str(port))


def test_a_run_that_another_process_works_on(command: Command, recipe: Recipe, tmp_path: Path) -> None:
    with FakeOpenAI() as server:
        assert command("run", recipe(server.url), "--no-push").code == 0
    with sqlite3.connect(tmp_path / "data" / "claywright.db") as store:
        from app.store.lease import name

        store.execute("UPDATE runs SET worker=?, heartbeat=strftime('%s')", (name(),))
    store.close()
    said(command("run", "--resume", "last"), "works on the run", str(os.getpid()))
    assert command("export", "last", "--unreviewed", "--to", tmp_path / "out.jsonl").code == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("run", "missing.toml"), "can't be read"),
        (("run", "--resume", "nothing"), "no run 'nothing'"),
        (("push", "nothing"), "no run 'nothing'"),
        (("export", "nothing"), "no run 'nothing'"),
        (("pull", "last"), "no run 'last'"),
    ],
)
def test_what_is_not_there(command: Command, words: tuple[str, ...], expected: str) -> None:
    said(command(*words), expected)


def test_nothing_to_export_yet(command: Command, recipe: Recipe, tmp_path: Path) -> None:
    with FakeOpenAI() as server:
        assert command("run", recipe(server.url), "--no-push").code == 0
    said(command("export", "last"), "nothing to export", "pull", "--unreviewed")
    said(command("export", "last", "--to", "x.docx"), ".jsonl")
    said(command("export", "last", "--unreviewed", "--to", "/proc/nowhere/x.jsonl"), "can't be written", "--to")
    said(command("rate", "last", "--aspect", "beauty"), "no aspect 'beauty'", "helpfulness")
