"""The stand-ins for providers: what each refuses is refused in these words, and accepted without it."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import openai
import pytest

from feedback.labeller.answer_parser import read as read_ratings
from feedback.labeller.ultrafeedback import PROMPTS as RATING_PROMPTS
from feedback.labeller.ultrafeedback import schema as rating_schema
from feedback.rubrics import STANDARD_RUBRICS
from tasks import evol_instruct, genstruct, self_instruct
from tasks.prompts import PROMPTS
from tests.provider_cases import (
    AZURE_NOT_FOUND,
    CASES,
    JSON_OBJECT,
    KEYS,
    LONG,
    O3,
    RATED,
    TROUBLES,
    UNKNOWN,
    Case,
    form,
    holding,
    of_anthropic,
    text,
)
from tests.providers import (
    ANTHROPIC,
    AZURE,
    DEEPSEEK,
    GEMINI,
    GROQ,
    HOSTED,
    LLAMA_CPP,
    LM_STUDIO,
    MISTRAL,
    OLLAMA,
    OPENAI,
    OPENROUTER,
    PROVIDERS,
    SGLANG,
    TOGETHER,
    VLLM,
    VLLM_OLD,
    Provider,
    StandIn,
)
from tests.schemas import instance

RATING = RATING_PROMPTS.render(
    "ultrafeedback_form.v1", rubric=STANDARD_RUBRICS["helpfulness"], texts=[0], types=False, as_json=False
)
KEY = "right-key"
CLIENT = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0), trust_env=False)


def send(
    server: StandIn, body: Mapping[str, Any], *, key: str = KEY, path: str = "/chat/completions", **params: str
) -> httpx.Response:
    """A request as people send it to the provider, with its first model if the body names none."""
    body = {"model": server.provider.models[0].name, **text("Name a river."), **body}
    if server.provider is AZURE:
        url = f"{server.origin}/openai/deployments/{body.pop('model')}{path}"
        return CLIENT.post(url, params={"api-version": "2024-10-21", **params}, headers={"api-key": key}, json=body)
    return CLIENT.post(server.url + path, headers={"Authorization": f"Bearer {key}"} if key else {}, json=body)


def get(server: StandIn, path: str, key: str = KEY) -> httpx.Response:
    """A request of a path, or of a whole address."""
    return CLIENT.get(
        path if path.startswith("http") else server.url + path,
        headers={"Authorization": f"Bearer {key}"} if key else {},
    )


def written(reply: httpx.Response) -> str:
    """The text of the first choice."""
    content = reply.json()["choices"][0]["message"]["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def without_details(body: Any) -> Any:
    """Gemini's errors without the machine-readable half, which has a test of its own."""
    if not isinstance(body, list):
        return body
    return [{"error": {name: part for name, part in body[0]["error"].items() if name != "details"}}]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_refused_in_these_words_and_accepted_without_it(case: Case) -> None:
    with StandIn(case.provider, context=case.context) as server:
        reply = send(server, case.refused, path=case.path)
        assert (without_details(reply.json()), reply.status_code) == (case.reply, case.status)
        assert [call.rule for call in server.refused] == [case.rule]
        accepted = send(server, case.accepted)
        assert accepted.status_code == 200 and written(accepted)
        assert len(server.refused) == 1 and len(server.calls) == 2


@pytest.mark.parametrize(("provider", "key", "status", "body"), KEYS, ids=lambda value: getattr(value, "name", None))
def test_a_wrong_key_is_refused_in_these_words(provider: Provider, key: str, status: int, body: Any) -> None:
    with StandIn(provider) as server:
        reply = send(server, {}, key=key)
        assert (without_details(reply.json()), reply.status_code) == (body, status)
        assert [call.rule for call in server.refused] == [getattr(provider.wrong_key, "name", None)]
        assert send(server, {}).status_code == 200


@pytest.mark.parametrize("provider", [OLLAMA, LM_STUDIO], ids=lambda provider: provider.name)
def test_some_take_any_key(provider: Provider) -> None:
    with StandIn(provider) as server:
        assert written(send(server, {}, key="wrong")) and written(send(server, {}, key=""))


def test_servers_of_ones_own_have_public_paths() -> None:
    with StandIn(VLLM, key="other") as vllm, StandIn(LLAMA_CPP, key="other") as llama_cpp:
        counted = CLIENT.post(f"{vllm.origin}/tokenize", json=text("Name a river."))
        assert counted.json()["count"] == 11 and counted.json()["max_model_len"] == 32768
        assert get(vllm, "/models", "").status_code == 401
        assert (
            get(llama_cpp, "/models", "").status_code == get(llama_cpp, f"{llama_cpp.origin}/models").status_code == 200
        )
        assert (
            get(llama_cpp, f"{llama_cpp.origin}/props", "other").json()["default_generation_settings"]["n_ctx"]
            == 131072
        )
        assert get(llama_cpp, f"{llama_cpp.origin}/props", "").status_code == 401


LISTINGS = [
    (OPENAI, None),
    (GEMINI, None),
    (OLLAMA, None),
    (LM_STUDIO, None),
    (MISTRAL, "max_context_length"),
    (OPENROUTER, "context_length"),
    (GROQ, "context_window"),
    (TOGETHER, "context_length"),
    (VLLM, "max_model_len"),
    (SGLANG, "max_model_len"),
]


@pytest.mark.parametrize(("provider", "name"), LISTINGS, ids=lambda value: getattr(value, "name", value))
def test_the_list_of_models_has_their_context_in_its_own_field(provider: Provider, name: str | None) -> None:
    with StandIn(provider, context=777) as server:
        listing = get(server, "/models").json()
    assert isinstance(listing, list) == (provider is TOGETHER)
    listed = listing if isinstance(listing, list) else listing["data"]
    assert [entry["id"] for entry in listed] == [model.name for model in provider.models]
    sizes = {field: value for field, value in listed[0].items() if value == 777}
    assert sizes == ({name: 777} if name else {})


# --- troubles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "trouble", "status", "body"), TROUBLES, ids=lambda value: getattr(value, "name", None)
)
def test_a_trouble_meets_the_requests_that_it_is_meant_for(
    provider: Provider, trouble: str, status: int, body: Any
) -> None:
    with StandIn(provider, trouble=trouble, when=lambda _, number: number == 1) as server:
        replies = [send(server, {}) for _ in range(3)]
        assert [call.rule for call in server.calls] == ["", trouble, ""]
    assert (replies[1].json(), replies[1].status_code) == (body, status)
    assert written(replies[0]) == written(replies[2])


def test_azure_filters_a_prompt_and_says_for_what() -> None:
    with StandIn(AZURE, trouble="azure_content_filter", when=lambda body, _: "violent" in str(body)) as server:
        assert send(server, {}).status_code == 200
        error = send(server, text("Something violent.")).json()["error"]
    assert error["code"] == "content_filter" and error["param"] == "prompt" and error["status"] == 400
    assert error["message"].startswith(
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."
    )
    assert error["innererror"]["code"] == "ResponsibleAIPolicyViolation"
    filtered = {name: verdict["filtered"] for name, verdict in error["innererror"]["content_filter_result"].items()}
    assert filtered == {"hate": False, "self_harm": False, "sexual": False, "violence": True}


ENDED: list[tuple[Provider, str, str]] = [
    (AZURE, "azure_filtered_answer", "content_filter"),
    (DEEPSEEK, "deepseek_resources", "insufficient_system_resource"),
    (OPENROUTER, "openrouter_choice_error", "error"),
]


@pytest.mark.parametrize(("provider", "trouble", "reason"), ENDED, ids=lambda value: getattr(value, "name", None))
def test_an_answer_that_breaks_off_names_its_own_reason(provider: Provider, trouble: str, reason: str) -> None:
    with StandIn(provider, trouble=trouble) as server, StandIn(provider) as whole:
        broken, text_of_whole = send(server, {}), written(send(whole, {}))
    assert broken.status_code == 200 and broken.json()["choices"][0]["finish_reason"] == reason
    assert text_of_whole.startswith(written(broken)) and written(broken) != text_of_whole
    error = broken.json()["choices"][0].get("error")
    assert (error is not None and error["code"] == 502) == (provider is OPENROUTER)


def test_a_refusal_of_openai_stands_in_its_own_field() -> None:
    with StandIn(OPENAI, trouble="openai_refusal") as server:
        message = send(server, {}).json()["choices"][0]["message"]
    assert message["content"] is None and message["refusal"] == "I'm sorry, I cannot assist with that request."


def test_deepseek_leaves_the_content_empty() -> None:
    with StandIn(DEEPSEEK, trouble="deepseek_empty") as server:
        choice = send(server, {}).json()["choices"][0]
    assert choice["message"]["content"] == "" and choice["finish_reason"] == "stop"


def test_deepseek_gives_log_probabilities_without_anything_in_them() -> None:
    with StandIn(DEEPSEEK, trouble="deepseek_hollow_logprobs") as server:
        choice = send(server, {"logprobs": True, "top_logprobs": 5, **text(RATING)}).json()["choices"][0]
        assert send(server, {}).json()["choices"][0]["logprobs"] is None
    entries = choice["logprobs"]["content"]
    assert "".join(entry["token"] for entry in entries) == choice["message"]["content"]
    assert {entry["logprob"] for entry in entries} == {0.0, -9999.0}
    assert all(entry["top_logprobs"] == [] for entry in entries)


def test_llama_cpp_leaves_the_channels_of_harmony_in_the_content() -> None:
    with StandIn(LLAMA_CPP, trouble="llama_cpp_harmony") as server, StandIn(LLAMA_CPP) as whole:
        message, answered = send(server, {}).json()["choices"][0]["message"], send(whole, {})
    assert "reasoning_content" not in message and message["content"].startswith("<|channel|>analysis<|message|>")
    final = "<|end|><|start|>assistant<|channel|>final<|message|>"
    assert message["content"].endswith(final + written(answered))


# --- shapes that are not OpenAI's -------------------------------------------------------------------------------------


def test_gemini_says_in_the_details_what_is_wrong() -> None:
    with StandIn(GEMINI) as server:
        key = send(server, {}, key="wrong").json()[0]["error"]["details"]
        fields = send(server, {"seed": 1}).json()[0]["error"]["details"]
    assert key[0]["@type"].endswith("google.rpc.ErrorInfo") and key[0]["reason"] == "API_KEY_INVALID"
    assert fields[0]["@type"].endswith("google.rpc.BadRequest")
    assert fields[0]["fieldViolations"] == [{"description": UNKNOWN.format("seed")}]


@pytest.mark.parametrize("provider", [GEMINI, OPENROUTER], ids=lambda provider: provider.name)
def test_an_unknown_path_is_a_page(provider: Provider) -> None:
    with StandIn(provider) as server:
        reply = send(server, {}, path="/score")
        assert [call.rule for call in server.refused] == [provider.unknown_path.name]
    assert reply.status_code == 404 and reply.headers["content-type"].startswith("text/html")
    assert reply.text.startswith("<!DOCTYPE html>")


def test_other_unknown_paths_have_no_json_either() -> None:
    with StandIn(OLLAMA) as ollama, StandIn(DEEPSEEK) as deepseek, StandIn(ANTHROPIC) as anthropic:
        assert send(ollama, {}, path="/score").text == "404 page not found"
        assert send(deepseek, {}, path="/score").text.strip() == ""
        assert send(anthropic, {}, path="/completions").json() == of_anthropic("Not found", "not_found_error")
        assert send(anthropic, {}).status_code == send(deepseek, {}).status_code == 200


def test_azure_wants_a_version_of_its_api() -> None:
    with StandIn(AZURE) as server:
        bare = CLIENT.post(f"{server.url}/chat/completions", headers={"api-key": KEY}, json=text("Name a river."))
        assert (bare.json(), bare.status_code) == (AZURE_NOT_FOUND, 404)
        assert send(server, {}).status_code == 200 and len(server.refused) == 1


def test_deepseek_sends_empty_lines_before_the_body() -> None:
    with StandIn(DEEPSEEK) as server:
        reply = send(server, {})
        assert reply.content.startswith(b"\n\n{") and written(reply)
        assert get(server, "/v1/models").json() == get(server, "/models").json()


# --- thinking ---------------------------------------------------------------------------------------------------------

THINKING: list[tuple[Provider, str, str, Any]] = [
    (OPENAI, "o3", "", ""),
    (AZURE, "gpt-5", "", ""),
    (GEMINI, "gemini-2.5-flash", "", None),
    (DEEPSEEK, "deepseek-reasoner", "reasoning_content", ""),
    (OPENROUTER, "deepseek/deepseek-r1", "reasoning", ""),
    (GROQ, "openai/gpt-oss-20b", "reasoning", ""),
    (VLLM, "gpt-oss-20b", "reasoning", None),
    (VLLM_OLD, "gpt-oss-20b", "reasoning_content", None),
    (SGLANG, "gpt-oss-20b", "reasoning_content", None),
    (OLLAMA, "gpt-oss:20b", "reasoning", ""),
    (LM_STUDIO, "openai/gpt-oss-20b", "reasoning", ""),
    (LLAMA_CPP, "gpt-oss-20b", "reasoning_content", ""),
]


@pytest.mark.parametrize(
    ("provider", "model", "name", "empty"), THINKING, ids=lambda value: getattr(value, "name", None)
)
def test_thoughts_stand_in_their_field_and_take_the_limit_first(
    provider: Provider, model: str, name: str, empty: str | None
) -> None:
    limit = "max_completion_tokens" if provider in (OPENAI, AZURE) else "max_tokens"
    with StandIn(provider) as server:
        whole, short = (send(server, {"model": model, limit: tokens}).json() for tokens in (500, 20))
    message = whole["choices"][0]["message"]
    assert message["content"].startswith("This is answer") and whole["choices"][0]["finish_reason"] == "stop"
    others = message.keys() - {"role", "content"}
    assert others == ({name} if name else set()) and all("think" in message[other] for other in others)
    assert whole["usage"]["completion_tokens_details"]["reasoning_tokens"] == 40 < whole["usage"]["completion_tokens"]
    assert short["choices"][0]["finish_reason"] == "length" and short["usage"]["completion_tokens"] == 20
    assert short["choices"][0]["message"].get("content") == empty
    assert ("content" in short["choices"][0]["message"]) == (provider is not GEMINI)


def test_thoughts_of_mistral_are_a_part_of_the_content() -> None:
    with StandIn(MISTRAL) as server:
        whole, short, plain = (
            send(server, {"model": model, "max_tokens": limit}).json()["choices"][0]
            for model, limit in (
                ("magistral-medium-latest", 500),
                ("magistral-medium-latest", 20),
                ("mistral-small-latest", 500),
            )
        )
    thinking, answer = whole["message"]["content"]
    assert thinking["type"] == "thinking" and "think" in thinking["thinking"][0]["text"]
    assert answer["type"] == "text" and answer["text"].startswith("This is answer")
    assert [part["type"] for part in short["message"]["content"]] == ["thinking"] and short["finish_reason"] == "length"
    assert plain["message"]["content"].startswith("This is answer")


def test_thoughts_at_together_are_between_tags() -> None:
    with StandIn(TOGETHER) as server:
        whole, short = (
            send(server, {"model": "deepseek-ai/DeepSeek-R1", "max_tokens": limit}).json()["choices"][0]
            for limit in (500, 20)
        )
    assert whole["message"]["content"].startswith("<think>\n")
    assert whole["message"]["content"].partition("\n</think>\n\n")[2].startswith("This is answer")
    assert "</think>" not in short["message"]["content"] and short["finish_reason"] == "length"


# --- answers ----------------------------------------------------------------------------------------------------------

LOGPROBS = [
    (OPENAI, "gpt-4o", 0),
    (AZURE, "gpt-4o", 0),
    (DEEPSEEK, "deepseek-chat", 0),
    (OPENROUTER, "openai/gpt-4o", 0),
    (TOGETHER, "meta-llama/Llama-3.3-70B-Instruct-Turbo", 0),
    (VLLM, "qwen2.5-7b-instruct", 0),
    (VLLM, "gpt-oss-20b", 40),
    (SGLANG, "gpt-oss-20b", 40),
    (LLAMA_CPP, "gpt-oss-20b", 0),
]


@pytest.mark.parametrize(("provider", "model", "thoughts"), LOGPROBS, ids=lambda value: getattr(value, "name", None))
def test_logprobs_are_those_of_the_answer_or_of_all_that_was_generated(
    provider: Provider, model: str, thoughts: int
) -> None:
    with StandIn(provider) as server:
        reply = send(server, {"model": model, "logprobs": True, "top_logprobs": 4, **text(RATING)})
    entries = reply.json()["choices"][0]["logprobs"]["content"]
    assert "".join(entry["token"] for entry in entries[thoughts:]) == written(reply)
    assert all(len(entry["top_logprobs"]) == 4 for entry in entries)
    rating = next(entry for entry in entries[thoughts:] if entry["token"] in "12345")
    assert rating["top_logprobs"][0]["token"] == rating["token"]
    assert all(other["token"] in "12345" for other in rating["top_logprobs"])


@pytest.mark.parametrize("provider", [ANTHROPIC, OLLAMA, LM_STUDIO], ids=lambda provider: provider.name)
def test_some_take_logprobs_and_give_none(provider: Provider) -> None:
    with StandIn(provider) as server:
        assert send(server, {"logprobs": True}).json()["choices"][0]["logprobs"] is None


def test_ollama_drops_the_start_of_a_long_prompt_without_a_word() -> None:
    prompt = f"{RATING}\n{LONG}"
    with StandIn(OLLAMA) as whole, StandIn(OLLAMA, context=100) as server:
        assert written(send(whole, text(prompt))).startswith("Rating: ")
        reply = send(server, text(prompt))
        assert server.refused == [] and reply.status_code == 200
    assert written(reply).startswith("This is answer") and reply.json()["usage"]["prompt_tokens"] == 100


@pytest.mark.parametrize(
    "provider", [OPENAI, AZURE, MISTRAL, VLLM, SGLANG, TOGETHER], ids=lambda provider: provider.name
)
def test_several_choices_differ(provider: Provider) -> None:
    with StandIn(provider) as server:
        choices = send(server, {"n": 3}).json()["choices"]
    assert [choice["index"] for choice in choices] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in choices}) == 3


RAW = [provider for provider in PROVIDERS.values() if provider.completions]


@pytest.mark.parametrize("provider", RAW, ids=lambda provider: provider.name)
def test_raw_prompts_are_gone_on_with(provider: Provider) -> None:
    with StandIn(provider) as server:
        body = {"prompt": "<|im_start|>user\n", "max_tokens": 200, "logprobs": 2}
        choice = send(server, body, path="/completions").json()["choices"][0]
        native = send(server, {"prompt": "[[[Title]]] Rivers\n[[[User]]] "}, path="/completions").json()["choices"][0]
    assert choice["text"].endswith("?") and "[[[Assistant]]]" in native["text"]
    if provider.models[0].logprobs:
        assert "".join(choice["logprobs"]["tokens"]) == choice["text"]
        assert len(choice["logprobs"]["token_logprobs"]) == len(choice["logprobs"]["top_logprobs"])


def test_an_answer_ends_before_what_is_to_stop_it() -> None:
    with StandIn(VLLM) as server:
        whole, stopped, also = (send(server, {"stop": stop}).json()["choices"][0] for stop in ([], [" is"], " answer"))
    assert whole["message"]["content"].startswith("This is answer")
    assert (stopped["message"]["content"], stopped["finish_reason"]) == ("This", "stop")
    assert also["message"]["content"] == "This is"


def test_an_answer_ends_with_the_context() -> None:
    with StandIn(VLLM, context=16) as server:
        reply = send(server, {}).json()
    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["usage"]["prompt_tokens"] == 11 and reply["usage"]["total_tokens"] == 16


def test_an_open_turn_of_the_user_is_gone_on_with() -> None:
    is_open = {"continue_final_message": True, "add_generation_prompt": False}
    with StandIn(VLLM) as vllm, StandIn(OPENROUTER) as other:
        assert written(send(vllm, {**is_open, **text("")})).endswith("?")
        assert written(send(other, {**is_open, **text("")})).startswith("This is answer")


# --- the published prompts --------------------------------------------------------------------------------------------

TYPED = next(name for name, rubric in STANDARD_RUBRICS.items() if rubric.kinds)
SIZES = [(1, False), (4, False), (1, True), (3, True)]


@pytest.mark.parametrize(("texts", "types"), SIZES)
@pytest.mark.parametrize("shape", ["text", "json_schema", "json_object"])
def test_ratings_can_be_read(texts: int, types: bool, shape: str) -> None:
    aspect = STANDARD_RUBRICS[TYPED]
    count = len(aspect.kinds) if types else 0
    prompt = RATING_PROMPTS.render(
        "ultrafeedback.v1",
        name=TYPED,
        rubric=aspect,
        instruction="Name a river.",
        reference="",
        texts=[f"River {n}." for n in range(texts)],
        types=types,
        as_json=shape != "text",
    )
    schema = rating_schema(texts, bounded=True, not_applicable=False, types=count)
    entries = read_ratings(answered(shape, prompt, schema), texts, not_applicable=False, types=count)
    assert [entry.status for entry in entries] == ["rated"] * texts
    assert all(entry.value in (1, 2, 3, 4, 5) and entry.rationale for entry in entries)
    assert all(bool(entry.types and entry.types_rationale) == types for entry in entries)


def answered(shape: str, prompt: str, schema: Mapping[str, Any]) -> str:
    """The answer as plain text, as JSON by a schema, or as JSON without one."""
    more = {"text": {}, "json_schema": form(schema), "json_object": JSON_OBJECT}[shape]
    with StandIn(DEEPSEEK if shape == "json_object" else VLLM) as server:
        answer = written(send(server, {**text(prompt), **more}))
    assert (shape == "text") != answer.startswith("{")
    return answer


@pytest.mark.parametrize("shape", ["text", "json_schema", "json_object"])
def test_tasks_can_read_their_answers(shape: str) -> None:
    as_json = shape != "text"
    task = {"application_description": "maps", "num_instructions": 4, "criteria_for_query_generation": "Short."}
    prompt = PROMPTS.render("self_instruct.v1", task=task, seed="Rivers.", as_json=as_json)
    kept, rest, unfinished = self_instruct.read(answered(shape, prompt, self_instruct.schema(4, bounded=True)), 4)
    assert len(kept) == 4 and not rest and not unfinished

    prompt = PROMPTS.render("genstruct.v1", title="Rivers", passage="The Loire is long.", as_json=as_json)
    question, answer = genstruct.read(answered(shape, prompt, genstruct.schema(bounded=True)))
    assert question and answer and question != answer

    for name, operation in (("evol_depth.v1", "CONCRETIZING"), ("evol_breadth.v1", "BREADTH")):
        prompt = PROMPTS.render(name, operation=operation, instruction="Name a river.", as_json=as_json)
        evolved = evol_instruct.read(answered(shape, prompt, evol_instruct.schema(500)), as_json=as_json)
        assert evolved and evolved != "Name a river."

    prompt = PROMPTS.render("evol_gain.v1", before="Name a river.", after="Name two.", as_json=as_json)
    schema = holding({"enum": ["equal", "different"]})
    assert evol_instruct.equal(answered(shape, prompt, schema)) is False


GUIDED: list[tuple[Provider, dict[str, Any]]] = [
    (VLLM, {"structured_outputs": {"json": RATED}}),
    (VLLM_OLD, {"guided_json": RATED}),
    (LLAMA_CPP, {"response_format": {"type": "json_object", "schema": RATED}}),
]


@pytest.mark.parametrize(("provider", "body"), GUIDED, ids=lambda value: getattr(value, "name", None))
def test_schemas_of_servers_own_kind_are_followed(provider: Provider, body: dict[str, Any]) -> None:
    with StandIn(provider) as server, StandIn(OLLAMA) as other:
        assert list(json.loads(written(send(server, body)))) == ["rating"]
        assert "response_format" in body or written(send(other, body)).startswith("This is answer")


def test_the_native_prompt_of_genstruct_is_gone_on_with() -> None:
    prompt = PROMPTS.render("genstruct_native.v1", title="Rivers", passage="The Loire is long.") + " "
    with StandIn(VLLM) as server:
        choice = send(server, {"prompt": prompt}, path="/completions").json()["choices"][0]
    question, answer = genstruct.read("[[[User]]]" + choice["text"])
    assert question and answer


# --- values of schemas ------------------------------------------------------------------------------------------------


def test_a_value_fits_its_schema_and_stays_the_same() -> None:
    schema = {
        "type": "object",
        "properties": {
            "kind": {"enum": ["a", "b"]},
            "same": {"const": 7},
            "count": {"type": "integer", "minimum": 3, "maximum": 4},
            "short": {"type": "string", "maxLength": 5},
            "long": {"type": "string", "minLength": 60},
            "two": {"type": "array", "items": {"$ref": "#/$defs/text"}, "minItems": 2, "maxItems": 2},
            "any": {"anyOf": [{"type": "null"}, {"type": "string"}]},
            "sure": {"type": ["boolean", "null"]},
        },
        "$defs": {"text": {"type": "string"}},
    }
    value = instance(schema, "digest")
    assert value == instance(schema, "digest") != instance(schema, "other digest")
    assert list(value) == list(schema["properties"])
    assert value["kind"] in ("a", "b") and value["same"] == 7 and value["count"] in (3, 4)
    assert (
        len(value["short"]) == 5
        and len(value["long"]) == 60
        and value["any"] is None
        and value["sure"] in (True, False)
    )
    assert len(value["two"]) == len(set(value["two"])) == 2 and all(isinstance(item, str) for item in value["two"])


def test_a_preferred_value_of_an_enum_is_taken() -> None:
    schema = {"enum": ["a", "b", "c"]}
    assert {instance(schema, str(n), ("c",)) for n in range(20)} == {"c"}
    assert {instance(schema, str(n)) for n in range(50)} == {"a", "b", "c"}
    assert {instance({"enum": [1, "N/A"]}, str(n)) for n in range(20)} == {1}


# --- the stand-ins themselves -----------------------------------------------------------------------------------------


def test_calls_keep_what_came_in_and_how_it_went() -> None:
    with StandIn(GROQ) as server:
        send(server, {"temperature": 0})
        send(server, {"n": 2})
        get(server, "/models")
        first, second, third = server.calls
        assert server.refused == [second]
    assert (first.method, first.path, first.status, first.rule) == ("POST", "/openai/v1/chat/completions", 200, "")
    assert first.body["temperature"] == 0 and first.headers["authorization"] == f"Bearer {KEY}"
    assert (second.status, second.rule) == (400, "groq_n")
    assert (third.method, third.path, third.body, third.status) == ("GET", "/openai/v1/models", {}, 200)


def test_the_same_request_gets_the_same_answer_and_another_one_another() -> None:
    with StandIn(OPENAI) as server:
        first, again, other = (
            send(server, text(name)).json() for name in ("Name a river.", "Name a river.", "Name a lake.")
        )
    assert first == again and first["choices"] != other["choices"]


def test_a_trouble_has_to_be_one_of_the_provider() -> None:
    with pytest.raises(KeyError, match="groq_json"):
        StandIn(OPENAI, trouble="groq_json_validate_failed")


def test_a_body_that_is_no_json_is_refused() -> None:
    with StandIn(OPENAI) as server:
        reply = CLIENT.post(f"{server.url}/chat/completions", content=b"{", headers={"Authorization": f"Bearer {KEY}"})
    assert reply.status_code == 400


ERRORS: list[tuple[Provider, dict[str, Any], type[openai.APIStatusError], str | None]] = [
    (OPENAI, {"max_tokens": 20480}, openai.BadRequestError, "invalid_value"),
    (OPENAI, {"model": "gpt-6"}, openai.NotFoundError, "model_not_found"),
    (OPENAI, {**O3, "logprobs": True}, openai.PermissionDeniedError, None),
    (DEEPSEEK, form(RATED), openai.BadRequestError, "invalid_request_error"),
    (MISTRAL, {"seed": 1}, openai.UnprocessableEntityError, None),
    (GEMINI, {"seed": 1}, openai.BadRequestError, None),
    (GROQ, {"logprobs": True}, openai.BadRequestError, None),
    (OLLAMA, {"model": "big"}, openai.NotFoundError, None),
    (LLAMA_CPP, {"n": 2}, openai.InternalServerError, "500"),
]


@pytest.mark.parametrize(("provider", "body", "kind", "code"), ERRORS, ids=lambda value: getattr(value, "name", None))
def test_the_openai_client_sees_the_refusals_as_errors(
    provider: Provider, body: dict[str, Any], kind: type[openai.APIStatusError], code: str | None
) -> None:
    with StandIn(provider) as server, openai.OpenAI(base_url=server.url, api_key=KEY, max_retries=0) as client:
        plain: dict[str, Any] = {"model": provider.models[0].name, **text("Name a river.")}
        with pytest.raises(openai.APIStatusError) as refused:
            client.chat.completions.create(**{**plain, **body})
        assert type(refused.value) is kind and (refused.value.code is None) == (code is None)
        assert code is None or str(refused.value.code) == code
        assert client.chat.completions.create(**plain).choices[0].message.content


@pytest.mark.parametrize(
    "provider", [p for p in PROVIDERS.values() if p is not AZURE], ids=lambda provider: provider.name
)
def test_the_openai_client_reads_the_answers(provider: Provider) -> None:
    with StandIn(provider) as server, openai.OpenAI(base_url=server.url, api_key=KEY, max_retries=0) as client:
        body: dict[str, Any] = {"model": provider.models[0].name, **text("Name a river.")}
        first, second = (client.chat.completions.create(**body) for _ in range(2))  # over one connection
    assert first.choices == second.choices and first.usage and first.usage.completion_tokens > 0


def test_the_azure_client_finds_its_deployment() -> None:
    with (
        StandIn(AZURE) as server,
        openai.AzureOpenAI(
            azure_endpoint=server.origin, api_key=KEY, api_version="2024-10-21", max_retries=0
        ) as client,
    ):
        body: dict[str, Any] = text("Name a river.")
        assert client.chat.completions.create(model="gpt-4o", **body).choices[0].message.content
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="mine", **body)
        assert [call.path for call in server.calls] == [
            "/openai/deployments/gpt-4o/chat/completions",
            "/openai/deployments/mine/chat/completions",
        ]


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda provider: provider.name)
def test_every_rule_has_a_source_and_a_test(provider: Provider) -> None:
    rules = provider.all_rules
    assert all(rule.sources and all(source.startswith("https://") for source in rule.sources) for rule in rules)
    assert len({rule.name for rule in rules}) == len(set(rules))
    tested = (
        {case.rule for case in CASES}
        | {trouble for _, trouble, _, _ in TROUBLES}
        | {trouble for _, trouble, _ in ENDED}
    )
    tested |= {
        "azure_content_filter",
        "openai_refusal",
        "deepseek_empty",
        "deepseek_hollow_logprobs",
        "llama_cpp_harmony",
    }
    tested |= {"gemini_path", "openrouter_path", "ollama_path", "deepseek_path", "anthropic_path"}
    tested |= {checked.wrong_key.name for checked, _, _, _ in KEYS if checked.wrong_key}
    assert {rule.name for rule in rules} <= tested


def test_all_hosted_providers_want_a_key() -> None:
    assert {provider.name for provider in HOSTED} == {provider.name for provider, _, _, _ in KEYS if provider in HOSTED}
