"""Where a model's chat template comes from: the user, its server, the Hub or a folder, its name; what is said where none has it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import SettingsError, Unsupported
from tasks.models import tokenizer_config
from tasks.models.base import Capabilities
from tasks.models.chat_templates import Template, resolve
from tasks.models.scripted import TEMPLATE, ScriptedEndpoint
from tasks.models.template_families import FAMILIES
from tests.conftest import ROOT
from tests.scripts import do


class Places:
    """The Hub, with what it has and what it was asked for."""

    def __init__(self, **has: tokenizer_config.Tokenizer) -> None:
        self.has = {name.replace("__", "/"): tokenizer for name, tokenizer in has.items()}
        self.asked: list[str] = []

    def __call__(self, place: str) -> tokenizer_config.Tokenizer:
        self.asked.append(place)
        if place not in self.has:
            raise tokenizer_config.NotThere("the Hub has no such model, or it is private")
        return self.has[place]


THEIRS = tokenizer_config.Tokenizer("the hub's", "<s>", "</s>")


def test_the_users_template_wins_over_the_servers_over_the_hubs_over_the_name() -> None:
    places = Places(meta__Llama_3_8B=THEIRS)
    told = Capabilities(chat_template="told", bos_token="<b>", eos_token="<e>")
    assert resolve("chatml", told, "meta/Llama_3_8B", tokenizer=places).source == FAMILIES["chatml"].source
    own = resolve("my own {{ messages }}", told, "meta/Llama_3_8B", tokenizer=places)
    assert own == Template("my own {{ messages }}", "<b>", "<e>")
    assert resolve(None, told, "meta/Llama_3_8B", tokenizer=places) == Template("told", "<b>", "<e>")
    assert places.asked == []
    assert resolve(None, Capabilities(), "meta/Llama_3_8B", tokenizer=places) == Template("the hub's", "<s>", "</s>")
    assert resolve("meta/Llama_3_8B", told, "x", tokenizer=places).source == "the hub's"
    llama = resolve("", Capabilities(), "meta/Llama-3.1-8B-Instruct", tokenizer=places)
    assert llama.source == FAMILIES["llama3.1"].source and llama.stop[0] == "<|eot_id|>"
    assert resolve(None, Capabilities(), "Qwen2.5-7B", tokenizer=places).source == FAMILIES["qwen2.5"].source
    assert places.asked == ["meta/Llama_3_8B", "meta/Llama_3_8B", "meta/Llama-3.1-8B-Instruct"]


def test_the_hub_is_asked_for_what_the_server_says_it_serves() -> None:
    places = Places(own__tuned=THEIRS)
    assert resolve(None, Capabilities(weights="own/tuned"), "best", tokenizer=places).source == "the hub's"
    served = resolve(None, Capabilities(weights="own/Llama-3-secret"), "best", tokenizer=places)
    assert served.source == FAMILIES["llama3"].source
    routed = resolve(None, Capabilities(), "own/tuned:cheapest", tokenizer=places)
    assert routed.source == "the hub's"


def test_a_server_can_not_point_at_a_folder_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path / "own", {})
    folder(tmp_path / "own" / "tuned", {"chat_template": "mine"})
    monkeypatch.chdir(tmp_path)
    for name in ("own/tuned", str(tmp_path / "own" / "tuned"), "../x"):
        with pytest.raises(Unsupported):
            resolve(None, Capabilities(weights=name), "best")
    assert resolve(None, Capabilities(), "own/tuned").source == "mine"


def test_where_no_place_has_a_template_each_says_why() -> None:
    with pytest.raises(Unsupported, match=r"chat template of gpt-nobody: .*no name of a model on the Hub.*chatml"):
        resolve(None, Capabilities(), "gpt-nobody", tokenizer=Places())
    with pytest.raises(
        Unsupported, match=r"the Hub does not give it \(a/nobody: the Hub has no such model.*\).*owner/name"
    ):
        resolve(None, Capabilities(), "a/nobody", tokenizer=Places())
    with pytest.raises(SettingsError, match=r"template of a/nobody can't be had: the Hub has no such model"):
        resolve("a/nobody", Capabilities(chat_template="told"), "x", tokenizer=Places())
    with pytest.raises(SettingsError, match=r"'llama9' is no family \(.*llama3\.1.*no Jinja source"):
        resolve("llama9", Capabilities(), "x", tokenizer=Places())


def folder(path: Path, config: Any = None, jinja: str | None = None) -> str:
    path.mkdir(exist_ok=True)
    if config is not None:
        (path / "tokenizer_config.json").write_text(
            config if isinstance(config, str) else json.dumps(config), encoding="utf-8"
        )
    if jinja is not None:
        (path / "chat_template.jinja").write_text(jinja, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("config", "jinja", "read"),
    [
        ({"chat_template": "t"}, None, tokenizer_config.Tokenizer("t")),
        ({"chat_template": "old", "bos_token": "<s>"}, "new", tokenizer_config.Tokenizer("new", "<s>")),
        (None, "alone", tokenizer_config.Tokenizer("alone")),
        (
            {"chat_template": "t", "bos_token": {"content": "<s>"}, "eos_token": "</s>", "add_bos_token": False},
            None,
            tokenizer_config.Tokenizer("t", "<s>", "</s>", adds_bos=False),
        ),
        (
            {"chat_template": [{"name": "tool_use", "template": "x"}, {"name": "default", "template": "t"}]},
            None,
            tokenizer_config.Tokenizer("t"),
        ),
        (
            {"chat_template": "t", "bos_token": None, "eos_token": 7, "add_bos_token": None},
            None,
            tokenizer_config.Tokenizer("t"),
        ),
    ],
)
def test_a_tokenizer_config_is_read(
    tmp_path: Path, config: Any, jinja: str | None, read: tokenizer_config.Tokenizer
) -> None:
    assert tokenizer_config.tokenizer(folder(tmp_path / "model", config, jinja)) == read


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (None, "no chat template"), ({}, "no chat template"), ("[1]", "no chat template"), ("{", "can't be read"),
        ({"chat_template": [{"name": "tool_use", "template": "x"}, 7]}, "no chat template"),
        ({"chat_template": 7}, "no chat template"),
    ],
)  # fmt: skip
def test_a_folder_without_a_template_says_so(tmp_path: Path, config: Any, words: str) -> None:
    with pytest.raises(tokenizer_config.NotThere, match=words):
        tokenizer_config.tokenizer(folder(tmp_path / "model", config))


def test_a_file_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(tokenizer_config.NotThere, match=r"its chat_template\.jinja is longer than 10 MB"):
        tokenizer_config.tokenizer(
            folder(tmp_path / "model", {"chat_template": "t"}, " " * (tokenizer_config.MOST_BYTES + 1))
        )


def test_without_the_hub_the_next_place_is_asked(tmp_path: Path) -> None:
    """Tests run with HF_HUB_OFFLINE: the real client says that it can't ask."""
    with pytest.raises(tokenizer_config.NotThere, match="can't be reached"):
        tokenizer_config.tokenizer("nobody/nothing")
    assert resolve(None, Capabilities(), "nobody/zephyr-7b-beta").source == FAMILIES["zephyr"].source
    place = folder(tmp_path / "served", {"chat_template": "here"})
    assert resolve(None, Capabilities(), place).source == resolve(place, Capabilities(), "x").source == "here"


@contextmanager
def hub_server(files: dict[str, bytes]) -> Iterator[str]:
    """The Hub's way of handing out files, over real HTTP; what it lacks is a missing file or, for gated/, a refusal."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            content = files.get(self.path)
            gated = self.path.startswith("/gated/")
            self.send_response(200 if content is not None else 403 if gated else 404)
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("ETag", '"1"')
            if content is None:
                self.send_header("X-Error-Code", "GatedRepo" if gated else "EntryNotFound")
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if self.command == "GET" and content:
                self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_real_client_of_the_hub_fetches_a_template(tmp_path: Path) -> None:
    """In a process of its own, as the client reads its settings once."""
    program = """
from tasks.models import tokenizer_config
for place in ("a/model", "gated/model", "a/bare", "a/giant"):
    try:
        print(tokenizer_config.tokenizer(place))
    except tokenizer_config.NotThere as reason:
        print(reason)
"""
    config = json.dumps({"chat_template": "from the hub", "eos_token": "</s>"}).encode()
    giant = b" " * (tokenizer_config.MOST_BYTES + 1)
    names = {
        "/a/model/resolve/main/tokenizer_config.json": config,
        "/a/giant/resolve/main/tokenizer_config.json": giant,
    }
    with hub_server(names) as url:
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={
                **os.environ,
                "HF_HUB_OFFLINE": "0",
                "HF_ENDPOINT": url,
                "HF_HOME": str(tmp_path),
                "NO_PROXY": "127.0.0.1",
            },
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.stdout.splitlines() == [
        "Tokenizer(chat_template='from the hub', bos_token='', eos_token='</s>', adds_bos=True)",
        "it is gated: accept its licence on the Hub and set HF_TOKEN",
        "it has no chat template there",
        "its tokenizer_config.json is longer than 10 MB",
    ], done.stderr


def test_the_scripted_model_has_a_template_of_its_own() -> None:
    found = do(ScriptedEndpoint().probe())
    assert found.chat_template == TEMPLATE and found.raw_prompts
