"""What an endpoint refuses is renamed or left out, found out once, remembered, and never what a person set by hand."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from feedback.labeller.ultrafeedback import schema as rating_schema
from tasks.engine.engine import Engine
from tasks.engine.rate_limits import RateLimiter
from tasks.errors import CallRefused, EndpointRefused, ModelError, PromptTooLong, SettingsError
from tasks.evol_instruct import schema as evolved_schema
from tasks.genstruct import schema as pair_schema
from tasks.models.base import Completion
from tasks.models.dialect import Dialect, common
from tasks.models.openai import Known, OpenAIEndpoint
from tasks.models.probe import SCHEMA
from tasks.models.spec import ModelSpec
from tasks.self_instruct import schema as list_schema
from tests.make_endpoints import Remembered, others_run
from tests.servers import FakeOpenAI, Fault, protocol

HELLO: Any = [{"role": "user", "content": "Hello"}]
WORD: dict[str, Any] = {
    "type": "object",
    "properties": {"word": {"type": "string", "maxLength": 8}},
    "required": ["word"],
    "additionalProperties": False,
}
Rule = Callable[[Mapping[str, Any]], Fault]


@dataclass
class Kept:
    """Where dialects are kept, in memory."""

    dialects: dict[str, str] = field(default_factory=dict)

    async def recall_dialect(self, endpoint: str) -> str | None:
        return self.dialects.get(endpoint)

    async def keep_dialect(self, endpoint: str, dialect: str) -> None:
        self.dialects[endpoint] = dialect


def no(message: str, status: int = 400, **more: Any) -> Fault:
    return status, {}, {"error": {"message": message, **more}}


def without(name: str, fault: Any) -> Rule:
    return lambda body: fault if name in body else None


def asked(
    rule: Rule, work: Callable[[OpenAIEndpoint], Coroutine[Any, Any, Any]], kept: Kept | None = None, **settings: Any
) -> tuple[Any, list[dict[str, Any]]]:
    """(what `work` gives with an endpoint that follows a rule, the bodies that were sent to it)."""

    async def whole(url: str) -> Any:
        endpoint = OpenAIEndpoint(ModelSpec(**{"url": url, "model": "m", "timeout": 5.0, **settings}))
        endpoint.identity = "the same wherever it is served"
        endpoint.remember_in(kept or Kept())
        try:
            return await work(endpoint)
        finally:
            await endpoint.close()

    with FakeOpenAI(faults=lambda body, number: rule(body)) as server:
        found = asyncio.run(whole(server.url))
        return found, [call["body"] for call in server.calls]


def sending(times: int = 1, **options: Any) -> Callable[[OpenAIEndpoint], Coroutine[Any, Any, Any]]:
    async def send(endpoint: OpenAIEndpoint) -> Completion:
        for number in range(times):
            answer = await endpoint.send("chat", endpoint.request("chat", HELLO, options), number)
        return answer

    return send


RULES: dict[str, tuple[Rule, dict[str, Any]]] = {
    "another name of the limit": (
        without("max_tokens", no("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", param="max_tokens", code="unsupported_parameter")),  # noqa: E501
        {"max_completion_tokens": 1024},
    ),
    "no log-probabilities, as 403": (
        without("logprobs", no("You are not allowed to request logprobs from this model", 403)),
        {"max_tokens": 1024},
    ),
    "no seed, FastAPI's way": (
        without("seed", (422, {}, {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]})),  # noqa: E501
        {"max_tokens": 1024, "logprobs": True},
    ),
    "no seed, Gemini's way": (
        without("seed", (400, {}, [{"error": {"code": 400, "message": 'Invalid JSON payload received. Unknown name "seed": Cannot find field.', "status": "INVALID_ARGUMENT"}}])),  # noqa: E501
        {"max_tokens": 1024, "logprobs": True},
    ),
    "no stop, in an error of 200": (
        without("stop", (200, {}, {"error": {"code": 400, "message": "Unsupported parameter: 'stop' is not supported with this model."}})),  # noqa: E501
        {"max_tokens": 1024, "seed": 1, "logprobs": True},
    ),
    "a limit of its own": (
        lambda body: no("`max_tokens` must be less than or equal to `512`") if body.get("max_tokens", 0) > 512 else None,
        {"max_tokens": 512, "seed": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_a_refused_field_is_left_out_or_renamed_and_no_further_call_is_spent_on_it(name: str) -> None:
    rule, has = RULES[name]
    kept = Kept()
    options = {"seed": 1, "stop": ["x"], "logprobs": True, "top_logprobs": 5}
    answer, bodies = asked(rule, sending(3, **options), kept)
    assert answer.text and len(bodies) == 4
    assert has.items() <= bodies[-1].items() and bodies[1:] == [bodies[-1]] * 3
    _, later = asked(rule, sending(2, **options), kept)  # another process
    assert later == [bodies[-1]] * 2
    (dialect,) = map(Dialect.load, kept.dialects.values())
    assert dialect.sentences


def test_many_at_once_find_it_out_together() -> None:
    async def many(endpoint: OpenAIEndpoint) -> list[Any]:
        return await asyncio.gather(*(sending(1, seed=n)(endpoint) for n in range(20)))

    rule, _ = RULES["another name of the limit"]
    kept = Kept()
    answers, bodies = asked(rule, many, kept)
    refused = sum("max_tokens" in body for body in bodies)
    assert len(answers) == 20 and len(bodies) == 20 + refused
    _, later = asked(rule, many, kept)
    assert len(later) == 20  # what they found out is one thing, known from now on


def test_only_the_first_request_in_a_new_dialect_meets_the_next_refusal() -> None:
    def rule(body: Mapping[str, Any]) -> Fault:
        refused = next((name for name in ("max_tokens", "temperature", "top_p", "seed") if name in body), "")
        return no(f"Unsupported parameter: '{refused}'", param=refused) if refused else None

    async def many(endpoint: OpenAIEndpoint) -> list[Any]:
        return await asyncio.gather(*(sending(1, seed=n, temperature=0.5, top_p=0.5)(endpoint) for n in range(20)))

    answers, bodies = asked(rule, many)
    assert len(answers) == 20
    assert sum("max_tokens" in body for body in bodies) <= 20  # those that were on their way already
    assert [sum(name in body and "max_tokens" not in body for body in bodies) for name in ("temperature", "seed")] == [
        1,
        3,
    ]
    assert len(bodies) <= 20 + 3 + 20


def test_what_two_find_out_at_once_is_kept_of_both() -> None:
    """Each of two requests that are on their way at once is refused a field that the other does not have."""
    both = asyncio.Event()

    async def two(endpoint: OpenAIEndpoint) -> Any:
        endpoint_answer = endpoint._answer
        refused = 0

        async def together(*given: Any) -> Completion:
            nonlocal refused
            try:
                return await endpoint_answer(*given)
            except CallRefused:
                refused += 1
                if refused > 1:
                    both.set()
                await asyncio.wait_for(both.wait(), 5)  # both are refused before either learns of it
                raise

        endpoint._answer = together  # type: ignore[method-assign, assignment]
        await asyncio.gather(sending(1, seed=1)(endpoint), sending(1, logprobs=True)(endpoint))
        return endpoint.dialect.left_out

    def rule(body: Mapping[str, Any]) -> Fault:
        refused = next((name for name in ("seed", "logprobs") if name in body), "")
        return no(f"Unsupported parameter: '{refused}'", param=refused) if refused else None

    left_out, _ = asked(rule, two)
    assert set(left_out) == {"seed", "logprobs"}


def test_nobody_waits_for_a_leader_that_is_done() -> None:
    async def work() -> list[str]:
        known, order = Known(), []

        async def leader() -> None:
            known.lead()
            await others_run()
            known.lead()  # it learned twice
            await others_run()
            known.follow()
            order.append("leader")

        async def another() -> None:
            await known.turn()
            order.append("follower")

        waiting = asyncio.gather(leader(), another())
        await others_run()
        assert order == []
        await waiting
        return order

    assert asyncio.run(work()) == ["leader", "follower"]


def test_whoever_leads_and_gets_no_answer_holds_nobody_back() -> None:
    def rule(body: Mapping[str, Any]) -> Fault:
        if "max_tokens" in body:
            return no("Unsupported parameter: 'max_tokens'", param="max_tokens")
        return no("Something else", 500) if body["seed"] == 0 else None

    async def many(endpoint: OpenAIEndpoint) -> list[Any]:
        sent = (sending(1, seed=n)(endpoint) for n in range(5))
        return await asyncio.gather(*sent, return_exceptions=True)

    answers, _ = asked(rule, many)
    assert [isinstance(answer, Completion) for answer in answers] == [False, True, True, True, True]


def test_what_finds_out_a_dialect_counts_as_sent_and_in_the_pace() -> None:
    async def run(endpoint: OpenAIEndpoint) -> Engine:
        engine = Engine(Remembered())
        model = engine.bind(endpoint, "scope", stage="generating")
        await model.capabilities()
        await asyncio.gather(*(model.chat(HELLO) for _ in range(3)))
        return engine

    engine, bodies = asked(without("seed", no("Unknown field: seed", param="seed")), run, requests_per_minute=6000)
    assert sum("seed" in body for body in bodies) >= 1
    assert engine.tally.sent == len(bodies) and engine.tally.answered == 3
    pace = RateLimiter(requests=60)
    assert pace._wait(0) <= 0
    pace.took(3)
    assert pace._wait(0) > 2


FORMATS: dict[str, tuple[Rule, Any]] = {
    "a keyword": (lambda body: no("Invalid schema for response_format 'answer': In context=('properties', 'word'), 'maxLength' is not permitted.", code="invalid_json_schema", param="response_format") if "maxLength" in json.dumps(body) else None, "json_schema"),  # noqa: E501
    "numbers in an enum": (lambda body: no("Invalid value at 'response_format.json_schema.enum[0]' (TYPE_STRING), 1") if '"enum": [1' in json.dumps(body) else None, "json_schema"),  # noqa: E501
    "schemas": (lambda body: no("This response_format type is unavailable now") if body.get("response_format", {}).get("type") == "json_schema" else None, "json_object"),  # noqa: E501
    "all but text": (without("response_format", no("'response_format' is not supported by this model")), None),
    "JSON objects": (lambda body: no("'response_format.type' must be 'json_schema' or 'text'") if body.get("response_format", {}).get("type") == "json_object" else None, "json_schema"),  # noqa: E501
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_an_answer_is_asked_for_in_the_strictest_form_that_is_taken(name: str) -> None:
    rule, form = FORMATS[name]
    both = {
        "type": "object",
        "properties": {**WORD["properties"], "rating": {"enum": [1, 2]}},
        "required": ["word", "rating"],
    }
    answer, bodies = asked(rule, sending(2, schema=both))
    assert answer.text and len(bodies) <= 4
    assert bodies[-1].get("response_format", {}).get("type") == form
    if form == "json_object":
        assert "JSON" in bodies[-1]["messages"][-1]["content"] and bodies[0]["messages"] == HELLO


@pytest.mark.parametrize(
    "rule",
    [
        lambda body: no("Bad request") if "seed" in body else None,
        lambda body: no("Bad request") if "response_format" in body else None,
        lambda body: no("Bad request") if {"seed", "logprobs"} & body.keys() else None,
    ],
    ids=["seed", "form", "two"],
)
def test_a_field_that_is_not_named_is_found_by_trying(rule: Rule) -> None:
    answer, bodies = asked(rule, sending(5, seed=1, logprobs=True, schema=WORD))
    assert answer.text and rule(bodies[-1]) is None and len(bodies) <= 16
    assert bodies[-3:] == [bodies[-1]] * 3


def test_a_request_that_is_refused_whatever_it_holds_is_tried_once() -> None:
    async def three(endpoint: OpenAIEndpoint) -> int:
        for number in range(3):
            with pytest.raises(CallRefused, match="Bad request"):
                await sending(1, seed=number)(endpoint)
        return 3

    _, bodies = asked(lambda body: no("Bad request"), three)
    assert len(bodies) <= 9


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"temperature": 0.0}, "temperature"), ({"extra": {"top_k": 40}}, "top_k"), ({"max_tokens": 9000}, "max_tokens")],
)
def test_a_field_that_a_person_set_is_an_error_that_names_it(settings: dict[str, Any], name: str) -> None:
    def rule(body: Mapping[str, Any]) -> Fault:
        if name in body:
            return no(
                f"Unsupported value: '{name}' must be at most 512"
                if name == "max_tokens"
                else f"Unknown parameter: '{name}'"
            )
        return None

    with pytest.raises(EndpointRefused, match=f"does not take {name} = .*Change {name} in the model's settings"):
        asked(rule, sending(1), **settings)


def test_a_person_can_say_what_is_not_sent() -> None:
    settings: dict[str, Any] = {"left_out": ("seed",), "token_limit": "max_completion_tokens", "answer_format": "text"}
    _, bodies = asked(lambda body: None, sending(1, seed=1, schema=WORD), **settings)
    assert bodies == [{"model": "m", "messages": HELLO, "max_completion_tokens": 1024}]


def test_the_request_is_remembered_in_one_form_whatever_the_dialect() -> None:
    async def built(endpoint: OpenAIEndpoint) -> tuple[Any, Any]:
        before = endpoint.request("chat", HELLO, {"seed": 1, "schema": WORD})
        await endpoint.send("chat", before, 0)
        return before, endpoint.request("chat", HELLO, {"seed": 1, "schema": WORD})

    (before, after), bodies = asked(without("seed", no("Unknown parameter: 'seed'.")), built)
    assert before == after and "seed" in before and "seed" not in bodies[-1]


def test_thoughts_that_use_up_the_limit_get_room_but_not_where_a_person_set_it() -> None:
    def rule(body: Mapping[str, Any]) -> Fault:
        if body["max_tokens"] >= 3000:
            return None
        answer = protocol(None, body)
        answer["choices"][0]["finish_reason"] = "length"
        return 200, {}, answer

    answer, bodies = asked(rule, sending(2))
    assert answer.text and [body["max_tokens"] for body in bodies] == [1024, 5120, 5120]
    answer, bodies = asked(rule, sending(1), max_tokens=2000)
    assert (answer.why_empty, len(bodies)) == ("cut off at the token limit before its first word", 1)
    answer, bodies = asked(lambda body: rule({**body, "max_tokens": 1}), sending(1))
    assert not answer.text and [body["max_tokens"] for body in bodies] == [1024, 5120, 17408]


def test_a_prompt_that_fits_is_not_too_long_because_of_the_limit_of_its_answer() -> None:
    def rule(body: Mapping[str, Any]) -> Fault:
        asked_for = 20 + body["max_tokens"]
        return None if asked_for < 600 else no(
            f"This model's maximum context length is 600 tokens. However, you requested {asked_for} tokens (20 in the messages, "
            f"{body['max_tokens']} in the completion). Please reduce the length of the messages or completion."
        )  # fmt: skip

    answer, bodies = asked(rule, sending(1))
    assert answer.text and [body["max_tokens"] for body in bodies] == [1024, 579]
    with pytest.raises(PromptTooLong):
        asked(lambda body: no("This model's maximum context length is 600 tokens, your prompt has 900."), sending(1))


def test_a_403_after_answered_calls_is_that_calls_own_affair() -> None:
    def rule(body: Mapping[str, Any]) -> Fault:
        return (403, {}, "<html><title>Attention Required!</title></html>") if "bad" in str(body["messages"]) else None

    async def talk(endpoint: OpenAIEndpoint, text: str) -> Completion:
        return await endpoint.send("chat", endpoint.request("chat", [{"role": "user", "content": text}], {}), 0)

    with pytest.raises(CallRefused, match=r"refused the request \(403: Attention Required!\)"):
        asked(rule, lambda endpoint: talk(endpoint, "bad"))
    with pytest.raises(EndpointRefused, match="refused the key"):
        asked(lambda body: (403, {}, {"error": {"message": "Forbidden"}}), lambda endpoint: talk(endpoint, "bad"))


@pytest.mark.parametrize("schema", [
    rating_schema(1, bounded=True, not_applicable=False), rating_schema(3, bounded=True, not_applicable=True, types=5),
    evolved_schema(500), pair_schema(bounded=True), list_schema(5, bounded=True),
])  # fmt: skip
def test_schemas_are_sent_typed_and_the_probe_has_all_that_is_in_them(schema: dict[str, Any]) -> None:
    def parts(value: Any) -> list[dict[str, Any]]:
        if isinstance(value, list):
            return [part for item in value for part in parts(item)]
        own = [value] if isinstance(value, dict) and ("enum" in value or "type" in value) else []
        return own + [part for item in value.values() for part in parts(item)] if isinstance(value, dict) else []

    for part in parts(common(schema)):
        assert isinstance(part.get("type"), str), part
        kinds = {"string": str, "integer": int}
        assert all(isinstance(choice, kinds[part["type"]]) for choice in part.get("enum", []))
    known = {name for part in parts(SCHEMA) for name in part}
    assert {name for part in parts(schema) for name in part} <= known


@pytest.mark.parametrize("odd", ["{", "[]", '{"left_out": 3}', '{"answer_format": "odd", "unknown": 1}'])
def test_a_damaged_memory_of_a_dialect_is_no_fault(odd: str) -> None:
    answer, _ = asked(lambda body: None, sending(1), Kept({"the same wherever it is served": odd}))
    assert answer.text


@pytest.mark.parametrize(
    "settings",
    [{"headers": {"Authorization": "x"}}, {"headers": {"X-Api-Key": "x"}}, {"query": {"key": "x"}}, {"headers": {"Host": "x"}},
     {"headers": {"a\nb": "x"}}, {"headers": {"a": "x\ny"}}, {"url": "http://a/v1?key=1"}, {"key_header": "a b"}, {"token_limit": "n"},  # noqa: E501
     {"answer_format": "xml"}],
)  # fmt: skip
def test_no_key_stands_in_headers_or_a_query(settings: dict[str, Any]) -> None:
    from tasks.settings import build

    with pytest.raises(SettingsError):
        build(ModelSpec, {"url": "http://a/v1", **settings}, "[generator]")


def test_a_gateway_gets_its_headers_and_query_and_azure_its_own() -> None:
    async def whole(spec: ModelSpec) -> OpenAIEndpoint:
        endpoint = OpenAIEndpoint(spec, key="secret")
        await endpoint.close()
        return endpoint

    gateway = asyncio.run(whole(ModelSpec(url="https://g.example/v1", headers={"X-Team": "a"}, key_header="x-api-key")))
    assert gateway.headers["X-Team"] == "a" and gateway.headers["x-api-key"] == "secret"
    assert "Authorization" not in gateway.headers
    classic = "https://me.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21"
    azure = asyncio.run(whole(ModelSpec(url=classic)))
    assert azure.url == "https://me.openai.azure.com/openai/deployments/d" and azure.headers["api-key"] == "secret"
    assert azure.spec.whole_query == {"api-version": "2024-10-21"} and "Authorization" not in azure.headers


def test_events_though_none_were_asked_for_are_joined() -> None:
    pieces = [
        {"model": "m-1", "choices": [{"delta": {"role": "assistant", "reasoning_content": "Hm."}}]},
        {"choices": [{"delta": {"content": "The "}}]},
        {"choices": [{"delta": {"content": "Loire."}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}},
    ]
    events = ": waiting\n\n" + "".join(f"data: {json.dumps(piece)}\n\n" for piece in pieces) + "data: [DONE]\n\n"
    answer, _ = asked(lambda body: (200, {"Content-Type": "text/event-stream"}, events), sending(1))
    assert (answer.text, answer.reasoning, answer.finish_reason) == ("The Loire.", "Hm.", "stop")
    assert (answer.prompt_tokens, answer.completion_tokens, answer.revision) == (3, 4, "m-1")
    broken = f"data: {json.dumps({'error': {'message': 'Rate limited', 'code': 429}})}\n\n"
    with pytest.raises(ModelError, match="overloaded"):
        asked(lambda body: (200, {}, broken), sending(1))


@pytest.mark.parametrize(
    ("message", "reason", "why"),
    [
        ({"refusal": "I can't do that."}, "stop", "it refuses: I can't do that."),
        ({"reasoning_content": "Hm."}, "content_filter", "filtered by the endpoint"),
        ({"tool_calls": [{"function": {"name": "f"}}]}, "tool_calls", "a tool call in place of an answer"),
        ({"reasoning_content": "Hm."}, "stop", "thoughts and no answer"),
        ({}, "stop", "empty answer"),
    ],
)
def test_each_empty_answer_has_its_own_reason(message: dict[str, Any], reason: str, why: str) -> None:
    body = protocol(None, {"messages": []}, **message)
    body["choices"][0]["finish_reason"] = reason
    answer, _ = asked(lambda sent: (200, {}, body), sending(1), max_tokens=2000)
    assert not answer.text and answer.why_empty == why


@pytest.mark.parametrize(
    ("content", "text", "reasoning"),
    [
        (["The ", "Loire."], "The Loire.", None),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "The Loire."}], "The Loire.", "Hm."),  # noqa: E501
        ([{"type": "output_text", "text": "The "}, "Loire.", None, 3], "The Loire.", None),
        ([{"type": "text", "text": {"value": "The Loire."}}], "The Loire.", None),
    ],
)  # fmt: skip
def test_content_in_parts(content: Any, text: str, reasoning: str | None) -> None:
    answer, _ = asked(lambda body: (200, {}, protocol(content, {"messages": []})), sending(1))
    assert (answer.text, answer.reasoning) == (text, reasoning)


def test_a_streamed_answer_is_the_same_and_is_heard_as_it_is_written() -> None:
    async def both(endpoint: OpenAIEndpoint) -> tuple[Completion, Completion, list[str]]:
        heard: list[str] = []
        body = endpoint.request("chat", HELLO, {"seed": 1, "logprobs": True, "top_logprobs": 2})
        streamed = await endpoint.stream("chat", body, 0, heard.append)
        return streamed, await endpoint.send("chat", body, 0), heard

    (streamed, sent, heard), bodies = asked(without("seed", no("Unknown parameter: 'seed'.")), both)
    assert replace(streamed, latency=0) == replace(sent, latency=0)
    assert heard and streamed.text.startswith(heard[0]) and "seed" not in bodies[-1]
    with pytest.raises(EndpointRefused, match="refused the key"):
        asked(lambda body: no("Incorrect API key provided", 401), both)


@pytest.mark.parametrize(
    "events",
    [
        'data: {"choices":[{"delta":{"content":"half"}}]}\n\ndata: {"error":{"message":"upstream died","code":502}}\n\n',
        'data: {"choices":[{"delta":{"content":"half an ans"}}]}\n\n',
        'event: error\ndata: {"message":"boom"}\n\n',
    ],
)
def test_a_stream_that_breaks_off_is_no_answer(events: str) -> None:
    from tasks.errors import ServerFault

    async def both(endpoint: OpenAIEndpoint) -> None:
        body = endpoint.request("chat", HELLO, {})
        with pytest.raises(ServerFault):
            await endpoint.send("chat", body, 0)
        with pytest.raises(ServerFault):
            await endpoint.stream("chat", body, 0, lambda text: None)

    asked(lambda body: (200, {}, events), both)


def test_no_character_but_a_line_break_ends_an_event() -> None:
    events = (
        'data: {"choices":[{"delta":{"content":"one\u2028two\u0085three"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    )
    answer, _ = asked(lambda body: (200, {}, events), sending(1))
    assert answer.text == "one\u2028two\u0085three"


@pytest.mark.parametrize(
    ("settings", "message", "name"),
    [
        ({"answer_format": "json_schema"}, "'response_format' of type json_schema is not supported", "answer_format"),
        (
            {"token_limit": "max_tokens"},
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'",
            "token_limit",
        ),
    ],
)
def test_a_setting_of_the_dialect_that_is_refused_is_named(settings: dict[str, Any], message: str, name: str) -> None:
    def rule(body: Mapping[str, Any]) -> Fault:
        return no(message) if ("max_tokens" in body if name == "token_limit" else "response_format" in body) else None

    with pytest.raises(EndpointRefused, match=f"does not take {name} = "):
        asked(rule, sending(1, schema=WORD), **settings)


def test_a_chance_refusal_teaches_nothing() -> None:
    refused: list[int] = []

    def rule(body: Mapping[str, Any]) -> Fault:
        refused.append(1)
        return no("Bad luck") if len(refused) == 1 else None

    kept = Kept()
    answer, bodies = asked(rule, sending(2, seed=1, schema=WORD), kept)
    assert answer.text and not kept.dialects and bodies[-1] == bodies[0]


def test_a_key_that_expires_pauses_though_calls_were_answered() -> None:
    def rule(body: Mapping[str, Any]) -> Fault:
        return (403, {}, {"message": "Bearer Token has expired"}) if body["seed"] else None

    async def two(endpoint: OpenAIEndpoint) -> None:
        await sending(1, seed=0)(endpoint)
        await sending(1, seed=1)(endpoint)

    with pytest.raises(EndpointRefused, match="refused the key"):
        asked(rule, two)


def test_a_prompt_that_is_a_fields_name_hides_no_refusal_of_the_field() -> None:
    async def stop(endpoint: OpenAIEndpoint) -> Completion:
        body = endpoint.request("chat", [{"role": "user", "content": "stop"}], {"stop": ["x"]})
        return await endpoint.send("chat", body, 0)

    answer, bodies = asked(without("stop", no("Unsupported parameter: 'stop' is not supported with this model.")), stop)
    assert answer.text and len(bodies) == 2


def test_what_is_said_back_of_a_prompt_means_nothing_where_an_answer_is_heard_neither() -> None:
    text = 'Explain the "seed" parameter: only the brave set it'

    async def hear(endpoint: OpenAIEndpoint) -> None:
        body = endpoint.request("chat", [{"role": "user", "content": text}], {"seed": 1})
        with pytest.raises(CallRefused):
            await endpoint.stream("chat", body, 0, lambda heard: None)

    kept = Kept()
    asked(lambda body: no(f"Invalid message '{text}': too brave"), hear, kept)
    assert not kept.dialects
