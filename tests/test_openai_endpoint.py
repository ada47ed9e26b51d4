"""The OpenAI-compatible endpoint against a real HTTP server: what it sends, what it reads, what it says when that fails."""

import asyncio
import json
import re
import time
import tracemalloc
import zlib
from collections.abc import Callable, Coroutine
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import RequestInfo
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from tasks.engine.engine import Engine
from tasks.errors import (
    CallFailed,
    CallRefused,
    EndpointRefused,
    ModelError,
    Overloaded,
    PromptTooLong,
    ServerFault,
    SettingsError,
    TimedOut,
    Unreachable,
)
from tasks.models.base import Capabilities, Completion
from tasks.models.openai import MOST_RECEIVED, OpenAIEndpoint
from tasks.models.spec import ModelSpec
from tests.servers import FakeOpenAI, Fault, protocol

KEY = "sk-quite-secret-123456"
HELLO: Any = [{"role": "user", "content": "Hello"}]


def asking(url: str, work: Callable[[OpenAIEndpoint], Coroutine[Any, Any, Any]], **settings: Any) -> Any:
    """What `work` gives, done with an endpoint of that address."""

    async def whole() -> Any:
        spec = ModelSpec(**{"url": url, "model": "fake", "timeout": 5.0, "key_env": "FAKE_KEY", **settings})
        endpoint = OpenAIEndpoint(spec, key=KEY)
        try:
            return await work(endpoint)
        finally:
            await endpoint.close()

    return asyncio.run(whole())


async def hello(endpoint: OpenAIEndpoint) -> Completion:
    return await endpoint.send("chat", endpoint.request("chat", HELLO, {}), 7)


def answer_to(fault: Fault, **settings: Any) -> Completion:
    with FakeOpenAI(faults=lambda body, number: fault) as server:
        found = asking(server.url, hello, **settings)
    assert isinstance(found, Completion)
    return found


def refusal(fault: Fault, **settings: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        answer_to(fault, **settings)
    assert KEY not in str(caught.value)
    assert str(caught.value).endswith((".", "?"))
    return caught.value


def said(status: int, message: str, **more: Any) -> Fault:
    return status, {}, {"error": {"message": message, "type": "x", "code": None, **more}}


def test_a_chat_and_what_is_sent() -> None:
    schema = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}

    async def work(endpoint: OpenAIEndpoint) -> Completion:
        options = {"seed": 3, "stop": ["\n"], "schema": schema, "top_p": None}
        return await endpoint.send("chat", endpoint.request("chat", HELLO, options), 2**53 - 1)

    with FakeOpenAI() as server:
        answer = asking(server.url, work, temperature=0.5, max_tokens=9, extra={"min_p": 0.1})
        (call,) = server.calls
    assert answer.text.startswith('{"word": ') and answer.model == "fake" and answer.completion_tokens == 8
    assert answer.latency > 0 and answer.finish_reason == "stop" and not answer.cut_off
    assert call["path"] == "/v1/chat/completions"
    assert call["authorization"] == f"Bearer {KEY}"
    assert call["draw"] == str(2**53 - 1)
    assert call["body"] == {
        "model": "fake",
        "messages": HELLO,
        "max_tokens": 9,
        "temperature": 0.5,
        "min_p": 0.1,
        "seed": 3,
        "stop": ["\n"],
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}},
    }


def test_a_raw_prompt_and_an_endpoint_without_seeds() -> None:
    async def work(endpoint: OpenAIEndpoint) -> Completion:
        return await endpoint.send("complete", endpoint.request("complete", "<user>", {"seed": 3}), 0)

    with FakeOpenAI() as server:
        assert asking(server.url, work).text.endswith("?")
        assert asking(server.url, work, preset="mistral").text.endswith("?")
        one, two = server.calls
    assert one["path"] == "/v1/completions" and one["body"]["prompt"] == "<user>" and one["body"]["seed"] == 3
    assert "seed" not in two["body"]


@pytest.mark.parametrize("text", ["\ud800 half a letter", "\0", "𝄞", "\u2028", "a" * 100_000])
def test_any_text_can_be_sent(text: str) -> None:
    async def work(endpoint: OpenAIEndpoint) -> tuple[Completion, Completion]:
        chat = await endpoint.send("chat", endpoint.request("chat", [{"role": "user", "content": text}], {}), 0)
        return chat, await endpoint.send("complete", endpoint.request("complete", text, {}), 0)

    with FakeOpenAI() as server:
        assert all(answer.text for answer in asking(server.url, work))
        wanted = text.replace("\ud800", "?")
        assert [server.calls[0]["body"]["messages"][0]["content"], server.calls[1]["body"]["prompt"]] == [
            wanted,
            wanted,
        ]


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (said(400, "This model's maximum context length is 8 tokens"), PromptTooLong, "maximum context length is 8"),
        (said(400, "no", code="context_length_exceeded"), PromptTooLong, "does not fit"),
        (said(400, "the request exceeds the available context size"), PromptTooLong, "does not fit"),
        (said(413, "Payload"), PromptTooLong, "does not fit"),
        (said(422, "`inputs` tokens must be <= 4: the prompt is too long"), PromptTooLong, "too long"),
        (said(400, "Unknown field: foo"), CallRefused, "400: Unknown field: foo"),
        (said(422, "temperature must be positive"), CallRefused, "temperature must be positive"),
        ((400, {}, '{"error": "it is wrong"}'), CallRefused, "it is wrong"),
        ((422, {}, '{"detail": [{"msg": "bad thing"}]}'), CallRefused, "bad thing"),
        (said(401, "Incorrect API key provided"), EndpointRefused, "Check the key."),
        (said(403, f"{KEY} may not do this"), EndpointRefused, "*** may not do this"),
        (said(402, "You are out of credits"), EndpointRefused, "the account has no credit (402: You are out of credits)"),
        (said(429, "You exceeded your quota", code="insufficient_quota"), EndpointRefused, "the account has no credit"),
        (said(404, "The model `fake` does not exist"), EndpointRefused, "Check the model's name"),
        (said(400, "no", code="model_not_found"), EndpointRefused, "is not there"),
        ((404, {}, "404 page not found"), EndpointRefused, "should end in /v1"),
        (said(408, "too slow"), TimedOut, "ran out of time"),
        (said(504, "too slow"), TimedOut, "ran out of time"),
        (said(409, "again"), ServerFault, "409"),
        (said(500, "boom"), ServerFault, "500: boom"),
        ((500, {"Content-Type": "text/html"}, "<html>Bad gateway</html>"), ServerFault, "Bad gateway"),
        (said(429, "slow down"), Overloaded, "429: slow down"),
        (said(503, "loading"), Overloaded, "503: loading"),
        (418, CallRefused, "418"),
        ((200, {}, "{nonsense"), ServerFault, "not JSON"),
        ((200, {}, ""), ServerFault, "not JSON"),
        ((200, {}, b"\xff\xfe\x00"), ServerFault, "not JSON"),
        ((200, {}, b"[" + b"[]," * 600_000 + b"0]"), ServerFault, "more lists than any answer has"),
        ((200, {}, "[" * 100_000), ServerFault, "not JSON"),
        ((200, {"Content-Type": "text/html"}, "<html>Hello</html>"), ServerFault, "Is the address right?"),
        ((200, {}, "[]"), ServerFault, "not the OpenAI protocol"),
        ((200, {}, "null"), ServerFault, "not the OpenAI protocol"),
        ((200, {}, '{"choices": []}'), ServerFault, "not the OpenAI protocol"),
        ((200, {}, '{"choices": ["a"]}'), ServerFault, "not the OpenAI protocol"),
        ((200, {}, '{"error": {"message": "boom"}}'), ServerFault, "boom"),
        ((200, {}, f'{{"you sent": "Bearer {KEY}"}}'), ServerFault, "Bearer ***"),
        ("drop", Unreachable, "can't be reached"),
    ],
)  # fmt: skip
def test_faults_in_words(fault: Fault, kind: type[ModelError], words: str) -> None:
    error = refusal(fault)
    assert type(error) is kind
    assert words in str(error)


@pytest.mark.parametrize("fault", ["hang", "dribble"])
def test_no_answer_in_time(fault: str) -> None:
    error = refusal(fault, timeout=0.3)
    assert type(error) is TimedOut and "within 0.3 seconds" in str(error)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "https://127.0.0.1:9/v1", "http://localhost:9/v1"])
def test_nobody_there(url: str) -> None:
    with pytest.raises(Unreachable, match=r"can't be reached \(nothing answers at port 9\)\. Is the server running"):
        asking(url, hello)


def test_no_server_of_that_name_and_no_tls() -> None:
    with pytest.raises(Unreachable, match=r"there is no server of the name nowhere\.invalid, or no network"):
        asking("http://nowhere.invalid/v1", hello)
    with FakeOpenAI() as server, pytest.raises(Unreachable, match="does not speak TLS"):
        asking(server.url.replace("http://", "https://"), hello)
    assert "it hung up without an answer" in str(refusal("drop"))


def test_a_key_that_is_missing_or_no_key() -> None:
    async def bare(url: str) -> None:
        endpoint = OpenAIEndpoint(ModelSpec(url=url, model="fake"))
        try:
            await hello(endpoint)
        finally:
            await endpoint.close()

    with (
        FakeOpenAI(faults=lambda body, number: 401) as server,
        pytest.raises(EndpointRefused, match="No key was given"),
    ):
        asyncio.run(bare(server.url))
    for key in ("sk-ключ", "sk-a\r\nX-Evil: 1"):
        with pytest.raises(SettingsError) as caught:
            OpenAIEndpoint(ModelSpec(url="http://127.0.0.1:9/v1"), key=key)
        assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"Retry-After": "7"}, 7, 7),
        ({"Retry-After": "0.5"}, 0.5, 0.5),
        ({"Retry-After": "-3"}, 0, 0),
        ({"retry-after-ms": "1500"}, 1.5, 1.5),
        ({"retry-after-ms": "1500", "Retry-After": "7"}, 1.5, 1.5),
        ({"Retry-After": formatdate(time.time() + 86400, usegmt=True)}, 80000, 86401),
        ({"Retry-After": formatdate(time.time() - 600, usegmt=True)}, 0, 0),
        ({"Retry-After": "soon"}, None, None),
        ({"Retry-After": "inf"}, None, None),
        ({"Retry-After": "nan"}, None, None),
        ({"retry-after-ms": "x"}, None, None),
        ({}, None, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(status: int, headers: dict[str, str], least: float | None, most: float | None) -> None:
    error = refusal((status, headers, "{}"))
    assert isinstance(error, Overloaded)
    if least is None or most is None:
        assert error.retry_after is None
    else:
        assert error.retry_after is not None and least <= error.retry_after <= most


@pytest.mark.parametrize(
    ("content", "message", "text", "reasoning"),
    [
        ("Well.", {}, "Well.", None),
        (None, {}, "", None),
        ("Well.", {"reasoning_content": "Hm."}, "Well.", "Hm."),
        ("Well.", {"reasoning": "Hm."}, "Well.", "Hm."),
        ("<think>\nHm.\n</think>\n\nWell.", {}, "Well.", "Hm."),
        (" <thinking>Hm.</thinking>Well.", {}, "Well.", "Hm."),
        ("<think>Hm, and cut off", {}, "", "Hm, and cut off"),
        ("Hm.</think>\nWell.", {}, "Well.", "Hm."),
        ("Use <think> and </think>.", {}, "Use <think> and </think>.", None),
        ([{"type": "text", "text": "We"}, {"type": "text", "text": "ll."}], {}, "Well.", None),
        ({"odd": 1}, {"reasoning": 7}, "", None),
    ],
)
def test_what_is_read(content: Any, message: dict[str, Any], text: str, reasoning: str | None) -> None:
    answer = answer_to((200, {}, protocol(content, {"messages": []}, **message)))
    assert (answer.text, answer.reasoning) == (text, reasoning)


def test_odd_usage_and_a_cut_off_answer() -> None:
    odd = {"choices": [{"message": {"content": "x"}, "finish_reason": "length"}], "usage": {"prompt_tokens": "7"}}
    answer = answer_to((200, {}, odd))
    assert (answer.prompt_tokens, answer.completion_tokens, answer.cut_off) == (None, None, True)


@pytest.mark.parametrize("count", [-5, True, 10**19, 1e3, [7]])
def test_a_number_of_tokens_that_can_be_none_is_not_believed(count: Any) -> None:
    odd = {"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": count, "completion_tokens": count}}
    answer = answer_to((200, {}, odd))
    assert (answer.prompt_tokens, answer.completion_tokens) == (None, None)


@pytest.mark.parametrize(
    "token",
    [
        None, 5, "a", [], {}, {"token": 5, "logprob": -1}, {"token": "a"}, {"token": "a", "logprob": None},
        {"token": "a", "logprob": float("nan")}, {"token": "a", "logprob": "x"}, {"token": "a", "logprob": 10**400},
    ],
)  # fmt: skip
def test_odd_log_probabilities_are_left_out(token: Any) -> None:
    good = {"token": "a", "logprob": -1}

    def kept(*content: Any) -> Any:
        message = {"choices": [{"message": {"content": "x"}, "logprobs": {"content": [*content]}}]}
        answer = answer_to((200, {}, message))
        assert answer.text == "x"
        return answer.logprobs

    assert kept(good, token) is None
    for tops in (token, [token]):
        assert kept({**good, "top_logprobs": tops}) == {"content": [{**good, "top_logprobs": []}]}
    assert kept({**good, "top_logprobs": [good, token]}) == {"content": [{**good, "top_logprobs": [good]}]}


def exceptions() -> list[BaseException]:
    """What the transport may raise."""
    import aiohttp

    host = ConnectionKey("127.0.0.1", 9, False, True, None, None, None)
    return [
        TimeoutError(), aiohttp.ConnectionTimeoutError(f"to {KEY}"), aiohttp.SocketTimeoutError(KEY),
        aiohttp.ClientConnectorError(host, OSError(111, KEY)), aiohttp.ServerDisconnectedError(f"by {KEY}"),
        aiohttp.ClientPayloadError(KEY), aiohttp.ClientOSError(KEY), aiohttp.InvalidURL(f"http://{KEY}"),
        aiohttp.TooManyRedirects(RequestInfo(URL(f"http://{KEY}"), "POST", CIMultiDictProxy(CIMultiDict())), ()),
        OSError(KEY),
    ]  # fmt: skip


@pytest.mark.parametrize("error", exceptions(), ids=lambda error: type(error).__name__)
def test_everything_that_the_transport_raises_is_translated(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(endpoint: OpenAIEndpoint) -> Completion:
        async def exchange(*_: Any) -> Any:
            raise error

        monkeypatch.setattr(endpoint, "_exchange", exchange)
        return await hello(endpoint)

    with pytest.raises(CallFailed) as caught:
        asking("http://127.0.0.1:9/v1", work)
    assert type(caught.value) in (TimedOut, Unreachable)
    assert KEY not in str(caught.value) and str(caught.value).endswith((".", "?"))


def test_what_is_closed_asks_nobody() -> None:
    async def work(endpoint: OpenAIEndpoint) -> Completion:
        await endpoint.close()
        return await hello(endpoint)

    with FakeOpenAI() as server:
        with pytest.raises(Unreachable, match="it is closed"):
            asking(server.url, work)
        assert not server.calls


def test_credentials_in_a_netrc_are_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setattr("tasks.models.network.proxy.on_this_machine", lambda url: False)
    with FakeOpenAI() as server:
        asking(server.url, hello)
        assert server.calls[0]["authorization"] == f"Bearer {KEY}"


def test_an_organisation_is_told_to_nobody_but_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-mine")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-mine ")
    own = OpenAIEndpoint(ModelSpec(preset="openai", model="m")).headers
    assert (own["OpenAI-Organization"], own["OpenAI-Project"]) == ("org-mine", "proj-mine")
    with FakeOpenAI() as server:
        asking(server.url, hello, preset="openai")
        asking(server.url, hello, preset="mistral")
        asking(server.url, hello)
        assert len(server.calls) == 3 and "-mine" not in str(server.calls)
    for elsewhere in ("https://api.openai.com.example/v1", "http://api.openai.com/v1"):
        assert "-mine" not in str(OpenAIEndpoint(ModelSpec(preset="openai", model="m", url=elsewhere)).headers)


def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.models.network.proxy.on_this_machine", lambda url: False)
    with FakeOpenAI() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        assert asking("http://models.example/v1", hello).text
        assert len(proxy.calls) == 1
        monkeypatch.setenv("no_proxy", "models.example")
        monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: (_ for _ in ()).throw(OSError("no such host")))
        with pytest.raises(Unreachable):
            asking("http://models.example/v1", hello)


async def probed(endpoint: OpenAIEndpoint) -> Capabilities:
    return await endpoint.probe()


def test_probe() -> None:
    with FakeOpenAI() as server:
        found = asking(server.url, probed)
        assert found == Capabilities(raw_prompts=True, json_schema=True, string_bounds=True, models=("fake",))
        assert len(server.calls) == 3
    with FakeOpenAI(chat_only=True, json_schema=False) as server:
        assert asking(server.url, probed) == Capabilities(models=("fake",))


@pytest.mark.parametrize(("continues", "found"), [("vllm", True), ("", False), ("strict", False)])
def test_a_probe_tells_a_turn_left_open_from_a_field_passed_over(continues: str, found: bool) -> None:
    """Both answer with 200 where the field is passed over; only the count of the prompt's tokens tells them apart."""
    with FakeOpenAI(chat_only=True, continues=continues) as server:
        assert asking(server.url, probed).continues_turns is found
        asked = [call["body"] for call in server.calls if "continue_final_message" in call["body"]]
        assert [body["continue_final_message"] for body in asked] == [True, False][: 1 if continues == "strict" else 2]
        assert all(body["max_tokens"] == 1 and body["messages"][-1]["content"] == "" for body in asked)
    with FakeOpenAI(continues="vllm") as server:
        assert not asking(server.url, probed).continues_turns  # not asked: raw prompts do better
        assert not any("continue_final_message" in call["body"] for call in server.calls)


@pytest.mark.parametrize(
    ("counts", "found"),
    [((20, 22), True), ((20, 20), False), ((22, 20), False), ((8, 40), False), ((0, 0), False), ((None, None), False)],
)
def test_only_a_few_tokens_fewer_mean_an_open_turn(counts: tuple[int | None, int | None], found: bool) -> None:
    def faults(body: dict[str, Any], number: int) -> Fault:
        if "continue_final_message" not in body:
            return None
        said = protocol("x", body)
        said["usage"] = {"prompt_tokens": counts[0 if body["continue_final_message"] else 1]}
        return 200, {}, said

    with FakeOpenAI(chat_only=True, faults=faults) as server:
        assert asking(server.url, probed).continues_turns is found


@pytest.mark.parametrize(
    ("root", "weights"),
    [("Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen2.5-7B-Instruct"), ("/models/qwen", ""), ("../x/y", ""), ("", "")],
)
def test_a_probe_says_which_model_of_the_hub_is_served(root: str, weights: str) -> None:
    with FakeOpenAI(root=root) as server:
        assert asking(server.url, probed).weights == weights


@pytest.mark.parametrize("status", [401, 403, 402])
def test_a_probe_tells_a_wrong_key(status: int) -> None:
    with FakeOpenAI(faults=lambda body, number: status) as server, pytest.raises(EndpointRefused, match=str(status)):
        asking(server.url, probed)


def test_a_probe_of_nothing() -> None:
    with pytest.raises(Unreachable):
        asking("http://127.0.0.1:9/v1", probed)


@pytest.mark.parametrize("fault", [429, 503, 408, "drop"])
def test_a_passing_fault_says_nothing_of_what_an_endpoint_can_do(fault: Fault) -> None:
    """The probe itself fails, and the engine asks again until it knows."""
    with FakeOpenAI(faults=lambda body, number: fault) as server, pytest.raises((Overloaded, TimedOut, Unreachable)):
        asking(server.url, probed)

    class Forgets:
        async def recall_probe(self, endpoint: str) -> None:
            return None

        async def keep_probe(self, endpoint: str, found: Capabilities) -> None:
            return None

        async def recall_dialect(self, endpoint: str) -> None:
            return None

    async def through_engine(endpoint: OpenAIEndpoint) -> Capabilities:
        memo: Any = Forgets()
        return await Engine(memo, backoff=0.001).capabilities(endpoint)

    if fault != "drop":
        with FakeOpenAI(faults=lambda body, number: fault if number in (1, 3) else None) as server:
            found = asking(server.url, through_engine)
            assert found.raw_prompts and found.json_schema and found.string_bounds


def test_the_server_repeats_nothing_by_itself() -> None:
    with FakeOpenAI() as server:
        for _ in range(2):
            asking(server.url, hello)
        assert server.repeated() == 1
        assert {call["status"] for call in server.calls} == {200}


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("endless", ServerFault, "sent more than 8 MB, which no answer is"),
        ("endless no", ServerFault, "failed (500: no reason given)"),
        ("headers", Unreachable, "can't be reached"),
    ],
)
def test_what_has_no_end_is_not_read_to_it(fault: Fault, kind: type[ModelError], words: str) -> None:
    with FakeOpenAI(faults=lambda body, number: fault) as server:
        with pytest.raises(kind, match=re.escape(words)):
            asking(server.url, hello, timeout=60.0)
        assert server.sent < MOST_RECEIVED + 16 * 2**20  # and what is on its way between the two


def test_what_has_no_end_is_not_read_where_an_endpoint_is_probed() -> None:
    with FakeOpenAI(faults=lambda body, number: "endless") as server:
        with pytest.raises(ServerFault, match="sent more than 8 MB"):
            asking(server.url, lambda endpoint: endpoint.probe(), timeout=60.0)
        assert server.sent < MOST_RECEIVED + 16 * 2**20


def test_a_server_that_speaks_another_protocol_is_no_endpoint_that_can_do_little() -> None:
    """It is asked the plainest chat before it is given up; one that answers that can be used."""
    page = (200, {"Content-Type": "text/html"}, b"<html>It works!</html>")
    with FakeOpenAI(faults=lambda body, number: page) as server, pytest.raises(ServerFault, match="is not JSON"):
        asking(server.url, lambda endpoint: endpoint.probe())
    with FakeOpenAI(
        faults=lambda body, number: None if set(body) <= {"model", "messages", "max_tokens"} else 500
    ) as server:
        found = asking(server.url, lambda endpoint: endpoint.probe())
    assert not found.raw_prompts and not found.json_schema and not found.logprobs


def packed(content: bytes, encoding: str) -> Fault:
    wbits = {"gzip": 31, "x-gzip": 31, "deflate": 15, "bare deflate": -15}[encoding]
    packer = zlib.compressobj(9, wbits=wbits)
    data = packer.compress(content) + packer.flush()
    return 200, {"Content-Encoding": encoding.removeprefix("bare ")}, data


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "bare deflate", "x-gzip"])
def test_a_compressed_answer_is_counted_while_it_is_inflated(encoding: str) -> None:
    assert answer_to(packed(json.dumps(protocol("Well.", {"messages": []})).encode(), encoding)).text == "Well."
    tracemalloc.start()
    try:
        error = refusal(packed(b" " * 2**28, encoding))
        assert tracemalloc.get_traced_memory()[1] < 2**28 + 80 * 2**20  # the test's own text, and ours
    finally:
        tracemalloc.stop()
    assert type(error) is ServerFault and "sent more than 8 MB" in str(error)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"Content-Encoding": "br"}, "in the encoding 'br', which was not asked for"),
        ({"Content-Encoding": "gzip"}, "can't be decompressed"),
    ],
)
def test_an_answer_in_an_encoding_that_can_not_be_read(headers: dict[str, str], words: str) -> None:
    error = refusal((200, headers, '{"a": 1}'))
    assert type(error) is ServerFault and words in str(error)


def test_a_refusal_is_told_from_its_beginning() -> None:
    error = refusal((500, {}, "It broke. " + "x" * 2**20))
    assert "failed (500: It broke. xxx" in str(error) and len(str(error)) < 600
