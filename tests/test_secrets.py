"""Keys of models: never in an address, said back by no server, sent nowhere else, and not unencrypted without a word."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app import recipe
from app.api_keys import Keys
from app.config import Settings
from app.runs.model_check import try_out
from app.runs.permissions import Need, Permissions
from app.store.store import Store
from app.web import form_values
from app.web.form_values import OWN_ADDRESS
from app.workspace import Workspace
from tasks.errors import EndpointRefused, SettingsError
from tasks.models.openai import OpenAIEndpoint
from tasks.models.secrets import PIECE, mask, mask_whole
from tasks.models.spec import ModelSpec, bare
from tests.conftest import Command
from tests.make_state import SOMEBODY, act, at_desk, until_tried
from tests.servers import FakeOpenAI, protocol
from tests.test_openai_endpoint import KEY, asking, hello, refusal

OF_THE_HOST = "KEY_FOR_MODELS_EXAMPLE_ORG"
UNENCRYPTED = Need("key", OF_THE_HOST, "http://models.example.org")
"""The variable whose key goes to models.example.org unasked."""
LONG = "sk-proj-T3BlbkFJ_aB3dEfGh-IjKlMnOpQrStUvWxYz0123456789"
CHARACTERS = st.characters(min_codepoint=33, max_codepoint=126)


def forms(key: str) -> list[str]:
    """A key as servers and proxies say it back."""
    raw = key.encode()
    encoded = [base64.b64encode(before + raw).decode() for before in (b"", b"Bearer ", b"u:", b"x")]
    safe = [one.replace("+", "-").replace("/", "_") for one in encoded]
    pieces = [key[:12], key[5:17], key[-12:], key[10:]]
    return [
        key,
        key.upper(),
        key.lower(),
        *encoded,
        *(one.rstrip("=") for one in safe),
        raw.hex(),
        quote(key, safe=""),
        *pieces,
    ]


@given(st.text(CHARACTERS, min_size=20, max_size=80), st.text(max_size=20))
@example(LONG, "")
def test_no_form_of_a_key_and_no_piece_of_one_is_left(key: str, around: str) -> None:
    for form in forms(key):
        said = mask(f"{around} {form} {around}", [key])
        assert "***" in said
        for at in range(len(key) - PIECE + 1):
            assert key[at : at + PIECE].lower() not in said.replace(around, "").lower(), (form, said)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"Incorrect API key provided: {LONG[:6]}***{LONG[-4:]}.", "Incorrect API key provided: ***."),
        (f"API key {LONG[:11]}*****************{LONG[-4:]}. You can find", "API key ***. You can find"),
        (f"bad key {LONG[:4]}...{LONG[-4:]}", "bad key ***"),
        (f"bad key {LONG[:4].upper()}…{LONG[-4:].upper()}", "bad key ***"),
        ("This is **important**, and so on... See the docs.", "This is **important**, and so on... See the docs."),
        ("The model `gpt-4o` does not exist.", "The model `gpt-4o` does not exist."),
        ("", ""),
    ],
)  # fmt: skip
def test_what_is_left_of_a_key_around_stars_is_masked(text: str, masked: str) -> None:
    assert mask(text, [LONG]) == masked


def test_a_short_key_is_masked_as_a_whole_and_a_word_in_a_models_text_is_not() -> None:
    assert mask("the key abc, ABC", ["abc"]) == "the key ***, ABC"
    assert mask("nothing", ["", KEY]) == "nothing"
    assert mask_whole("An ollama eats grass.", ["ollama"]) == "An ollama eats grass."
    assert mask_whole(f"Your key is {LONG}.", [LONG]) == "Your key is ***."


def test_an_endpoint_that_says_the_key_back_keeps_it_out_of_what_is_kept() -> None:
    encoded = base64.b64encode(f"Bearer {KEY}".encode()).decode()

    def faults(body: dict[str, Any], number: int) -> Any:
        said = protocol(f"Your key is {KEY}.", body, reasoning_content=f"I saw {KEY}.")
        return 200, {}, {**said, "model": f"m-{KEY}", "system_fingerprint": encoded}

    with FakeOpenAI(faults=faults, model=f"model-{KEY.upper()}", root=f"own/{KEY}") as server:
        answer = asking(server.url, hello)
        found = asking(server.url, lambda endpoint: endpoint.probe())
    kept = f"{answer} {found}".lower()
    assert answer.text == "Your key is ***." and answer.reasoning == "I saw ***."
    for form in forms(KEY):
        assert form.lower() not in kept, form
    assert found.models == ("model-***",)


def test_errors_hold_no_form_of_the_key() -> None:
    for form in forms(KEY):
        error = refusal((500, {}, {"error": {"message": f"No: {form} is wrong"}}))
        assert form.lower() not in str(error).lower() and "***" in str(error)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_said_and_not_followed(status: int) -> None:
    with FakeOpenAI() as other:
        to = f"{other.url}/chat/completions"
        error = refusal((status, {"Location": f"{to}?key={KEY}"}, ""))
        assert type(error) is EndpointRefused
        assert f"it points to {to}. Name that address, if you trust it." in str(error)
        assert not other.calls


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://ann:secret@host/v1", r"url holds a user name or a password.*key_env"),
        ("https://secret@host/v1", r"url holds a user name or a password.*key_env"),
        ("nonsense://ann:secret@host", r"url holds a user name or a password.*key_env"),
        ("https://host/v1?sig=secret", r"url holds a query.*leave it out"),
        ("https://host/v1#secret", r"url holds a query.*leave it out"),
    ],
)
def test_an_address_holds_no_secret(url: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        ModelSpec(url=url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "left"),
    [
        ("http://ann:secret@host:8000/v1", "http://host:8000/v1"),
        ("https://host/v1?sig=secret#x", "https://host/v1"),
        ("https://host/a@b/v1", "https://host/a@b/v1"),
        ("", ""),
        ("nonsense", "nonsense"),
    ],
)
def test_an_address_without_its_secrets(url: str, left: str) -> None:
    assert bare(url) == left


def test_a_run_of_an_earlier_version_opens_without_the_secret_in_its_address() -> None:
    spec = {"url": "http://ann:secret@127.0.0.1:9/v1?sig=secret", "model": "m"}
    kept = {
        "rows": 1,
        "task": {"kind": "magpie"},
        "generator": spec,
        "labeller": spec,
        "embedder": spec,
        "responders": [spec],
    }
    opened = recipe.read(json.dumps(kept))
    assert {s.url for s in (opened.generator, opened.labeller, opened.embedder, *opened.responders) if s} == {
        "http://127.0.0.1:9/v1"
    }


def test_a_recipe_with_a_secret_in_an_address_is_a_sentence_at_the_terminal(tmp_path: Path, command: Command) -> None:
    (tmp_path / "r.toml").write_text(
        'rows = 1\n[task]\nkind = "magpie"\n[generator]\nurl = "http://ann:hidden-word@127.0.0.1:9/v1"\nmodel = "m"\n'
    )
    ended = command("run", "r.toml", "--no-push")
    assert ended.code != 0 and "key_env" in ended.err + ended.out
    assert "Traceback" not in ended.err and "hidden-word" not in ended.err + ended.out


@pytest.mark.parametrize(
    ("url", "key", "warned"),
    [
        ("http://models.example.org/v1", KEY, True),
        ("http://10.0.0.7:8000/v1", KEY, True),
        ("http://models.example.org/v1", None, False),
        ("https://models.example.org/v1", KEY, False),
        ("http://127.0.0.1:8000/v1", KEY, False),
        ("http://localhost:8000/v1", KEY, False),
    ],
)
def test_a_key_that_goes_out_unencrypted_is_warned_of(url: str, key: str | None, warned: bool) -> None:
    warning = OpenAIEndpoint(ModelSpec(url=url, model="m"), key=key).warning
    assert bool(warning) is warned
    assert not warned or ("unencrypted" in warning and KEY not in warning)


def test_the_warning_is_said_by_a_run_once_and_by_a_trial(
    store: Store, here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app import workflow
    from app.runs import session

    monkeypatch.setenv(OF_THE_HOST, KEY)
    with FakeOpenAI() as server:
        monkeypatch.setenv("http_proxy", server.url.removesuffix("/v1"))
        spec = {"url": "http://models.example.org/v1", "model": "m", "key_env": OF_THE_HOST}
        made = recipe.parse({"rows": 1, "task": {"kind": "magpie"}, "generator": spec, "rating": {}, "labeller": spec})
        Permissions(here.data).allow([UNENCRYPTED])
        said: list[str] = []
        workspace = Workspace(here, store, report=said.append)
        session.prepare(workspace, workflow.start(workspace, made), made)
        assert [words for words in said if "unencrypted" in words] == said and len(said) == 1
        trial = asyncio.run(try_out(made.generator, store, here, said.append, Keys()))
    assert trial.ok and "unencrypted" in trial.warning and KEY not in trial.warning


def test_the_warning_is_shown_where_a_trial_is(store: Store, here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.web.pages import models

    monkeypatch.setenv(OF_THE_HOST, KEY)
    spec = {"url": "http://models.example.org/v1", "model": "m", "key_env": OF_THE_HOST}
    typed = {"generator.preset": OWN_ADDRESS, **form_values.prefixed("generator", spec)}
    filled = {**typed, "answers.by": "others", "responders": [spec], "labeller.preset": "scripted"}
    with FakeOpenAI() as server, at_desk(store, here) as desk:
        monkeypatch.setenv("http_proxy", server.url.removesuffix("/v1"))
        desk.permissions.allow([UNENCRYPTED])
        desk.keep(SOMEBODY, filled)
        before = desk.look(SOMEBODY, "")
        assert "unencrypted" not in models._probe(before, "generator") + models.responders(before)
        models.test_all(act(desk))
        until_tried(desk)
        view = desk.look(SOMEBODY, "")
    for shown in (models._probe(view, "generator"), models.responders(view)):
        assert '<p class="notice warn" role="status">The key for http://models.example.org/v1 goes there' in shown
        assert shown.count("unencrypted") == 1 and KEY not in shown
    assert "unencrypted" not in models._probe(view, "labeller")
