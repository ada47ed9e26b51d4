"""Embeddings through the openai client, which is held to what holds for calls: what it sends, reads, and says."""

import json
import re
import time
import tracemalloc
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tasks.errors import (
    CallFailed,
    CallRefused,
    EndpointRefused,
    ModelError,
    Overloaded,
    ServerFault,
    SettingsError,
    TimedOut,
    Unreachable,
)
from tasks.models.embedding import MOST_RECEIVED, Embedder
from tasks.models.openai import OpenAIEndpoint
from tests.servers import DIMENSIONS, FakeOpenAI, Fault, embedding
from tests.test_openai_endpoint import KEY, asking, packed


async def embed(endpoint: OpenAIEndpoint) -> Any:
    embedder = Embedder(endpoint)
    try:
        answer = await embedder.embed(["a"])
        return [list(vector) for vector in answer.vectors]
    finally:
        await embedder.close()


def refused(fault: Fault, **settings: Any) -> ModelError:
    """What is said of an answer; the endpoint is asked once."""
    with FakeOpenAI(faults=lambda body, number: fault) as server:
        with pytest.raises(ModelError) as caught:
            asking(server.url, embed, **settings)
        assert len(server.calls) == 1
    assert KEY not in str(caught.value) and str(caught.value).endswith((".", "?"))
    return caught.value


def test_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, "somebody-elses")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: somebody-elses\nX-Team: somebody-elses")
    with FakeOpenAI() as server:
        assert asking(server.url, embed, extra={"dimensions": 8}) == [pytest.approx(embedding("a"))]
        (call,) = server.calls
    assert call["path"] == "/v1/embeddings" and call["authorization"] == f"Bearer {KEY}"
    assert call["body"] == {"model": "fake", "input": ["a"], "encoding_format": "float", "dimensions": 8}
    assert call["headers"]["user-agent"] == "claywright" and call["headers"]["accept-encoding"] == "gzip, deflate"
    known = {"host", "content-length", "content-type", "accept", "accept-encoding", "user-agent", "authorization"}
    assert set(call["headers"]) == known


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (401, EndpointRefused, "refused the key (401: injected). Check the key."),
        (404, EndpointRefused, "is not there"),
        ((307, {"Location": "http://127.0.0.1:9/v1"}, ""), EndpointRefused, "it points to http://127.0.0.1:9/v1"),
        ((403, {}, {"error": {"message": f"{KEY} may not"}}), EndpointRefused, "*** may not"),
        ((429, {"Retry-After": "7"}, "{}"), Overloaded, "is overloaded"),
        (408, TimedOut, "ran out of time"),
        (500, ServerFault, "failed (500: injected)"),
        ((500, {}, "It broke. " + "x" * 2**20), ServerFault, "failed (500: It broke. xxx"),
        ((200, {}, "{nonsense"), ServerFault, "not JSON"),
        ((200, {}, b"\xff\xfe\x00"), ServerFault, "not JSON"),
        ((200, {}, "[" * 100_000), ServerFault, "not JSON"),
        ((200, {}, b"[" + b"[]," * 600_000 + b"0]"), ServerFault, "more lists than any answer has"),
        ((200, {"Content-Encoding": "br"}, "{}"), ServerFault, "in the encoding 'br', which was not asked for"),
        ((200, {"Content-Encoding": "gzip"}, '{"a": 1}'), ServerFault, "can't be decompressed"),
        ("drop", Unreachable, "can't be reached"),
        ("endless", ServerFault, "fake at http://127.0.0.1"),
        ("endless", ServerFault, "sent more than 32 MB, which no answer is. Is the address right?"),
        ("endless no", ServerFault, "failed (500: no reason given)"),
        ("headers", Unreachable, "can't be reached"),
    ],
)
def test_faults_in_words(fault: Fault, kind: type[ModelError], words: str) -> None:
    error = refused(fault, timeout=60.0)
    assert type(error) is kind and words in str(error) and len(str(error)) < 700
    if isinstance(error, Overloaded):
        assert error.retry_after == 7


@pytest.mark.parametrize("fault", ["hang", "dribble"])
def test_no_answer_in_time(fault: str) -> None:
    began = time.monotonic()
    error = refused(fault, timeout=0.5)
    assert type(error) is TimedOut and "within 0.5 seconds" in str(error) and time.monotonic() - began < 10


def test_what_has_no_end_is_not_read_to_it() -> None:
    with FakeOpenAI(faults=lambda body, number: "endless") as server:
        with pytest.raises(ServerFault):
            asking(server.url, embed, timeout=60.0)
        assert server.sent < MOST_RECEIVED + 16 * 2**20  # and what is on its way between the two


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "bare deflate", "x-gzip"])
def test_a_compressed_answer_is_counted_while_it_is_inflated(encoding: str) -> None:
    answer = json.dumps({"data": [{"index": 0, "embedding": embedding("a")}]}).encode()
    with FakeOpenAI(faults=lambda body, number: packed(answer, encoding)) as server:
        assert len(asking(server.url, embed)[0]) == DIMENSIONS
    bomb = packed(b" " * 2**28, encoding)
    tracemalloc.start()
    try:
        error = refused(bomb, timeout=60.0)
        assert tracemalloc.get_traced_memory()[1] < 4 * MOST_RECEIVED
    finally:
        tracemalloc.stop()
    assert type(error) is ServerFault and "sent more than 32 MB" in str(error)


def test_a_redirect_takes_nobody_anywhere() -> None:
    with FakeOpenAI() as elsewhere:
        error = refused((308, {"Location": f"{elsewhere.url}/embeddings"}, ""))
        assert type(error) is EndpointRefused and elsewhere.url in str(error) and not elsewhere.calls


def test_credentials_in_a_netrc_are_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with FakeOpenAI() as server:
        asking(server.url, embed)
        assert server.calls[0]["authorization"] == f"Bearer {KEY}"


def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeOpenAI() as proxy, FakeOpenAI() as server:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        assert asking("http://models.example/v1", embed)
        assert len(proxy.calls) == 1
        assert asking(server.url, embed)  # on this machine: no proxy can reach it
        assert (len(proxy.calls), len(server.calls)) == (1, 1)
    monkeypatch.setenv("http_proxy", "gopher://127.0.0.1:9")
    with pytest.raises(SettingsError, match=re.escape("can't be used")):
        asking("http://models.example/v1", embed)


def kinds(error: type[Exception]) -> list[type[Exception]]:
    return [error, *(below for kind in error.__subclasses__() for below in kinds(kind))]


@pytest.mark.parametrize("kind", kinds(httpx2.RequestError), ids=lambda kind: kind.__name__)
def test_everything_that_the_transport_raises_is_translated(
    kind: type[httpx2.RequestError], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any) -> Any:
        raise kind(f"to {KEY}")

    monkeypatch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", fails)
    with pytest.raises(CallFailed) as caught:
        asking("http://127.0.0.1:9/v1", embed)
    slow = issubclass(kind, httpx2.TimeoutException) and kind is not httpx2.ConnectTimeout
    assert type(caught.value) is (TimedOut if slow else Unreachable)
    assert KEY not in str(caught.value) and str(caught.value).endswith((".", "?"))


@pytest.mark.parametrize("extra", [{"a": float("nan")}, {"a": "half \ud800"}])
def test_what_is_no_json_is_not_asked(extra: dict[str, Any]) -> None:
    with FakeOpenAI() as server:
        with pytest.raises(CallRefused, match="can't be written as JSON"):
            asking(server.url, embed, extra=extra)
        assert not server.calls
