"""What endpoints mean when they say no, in the shapes and words of providers."""

import json
from typing import Any

import pytest

from tasks.models.refusals import Refusal, error_inside, from_json, names_field, parse_refusal

LIST = [
    {"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.", "status": "INVALID_ARGUMENT"}}
]
CLOUDFLARE = "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title><script>var a = '<b>';</script></head><body><h1>Sorry</h1></body></html>"  # fmt: skip  # noqa: E501


def error(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (401, error("Incorrect API key provided", code="invalid_api_key"), "key"),
        (400, LIST, "key"),
        (400, error("Invalid API Key"), "key"),
        (403, error("Forbidden"), "key"),
        (402, {"error": "Insufficient Balance"}, "account"),
        (429, error("You exceeded your current quota", code="insufficient_quota", type="insufficient_quota"), "account"),
        (400, error("Your credit balance is too low to access the Anthropic API.", type="invalid_request_error"), "account"),
        (400, error("You have exceeded your monthly limit"), "account"),
        (403, {"message": "You have exceeded your monthly included credits for Inference Providers."}, "account"),
        (404, error("The model `gpt-9` does not exist or you do not have access to it.", code="model_not_found"), "model"),
        (404, {"error": "model 'llama9' not found, try pulling it first"}, "model"),
        (400, error("gpt-9 is not a valid model ID", code=400), "model"),
        (404, {"detail": "Not Found"}, "address"),
        (405, {"detail": "Method Not Allowed"}, "address"),
        (400, error("This model's maximum context length is 4096 tokens. However, your messages resulted in 5000 tokens."), "too long"),  # noqa: E501
        (400, error("prompt is too long: 210000 tokens > 200000 maximum"), "too long"),
        (400, {"object": "error", "message": "The input (5000 tokens) is longer than the model's context length"}, "too long"),
        (400, error("the request exceeds the available context size", type="exceed_context_size_error"), "too long"),
        (413, {"message": "Payload Too Large"}, "too long"),
        (403, {"error": {"code": 403, "message": "Input was flagged", "metadata": {"reasons": ["violence"]}}}, "moderated"),
        (400, error("The response was filtered due to the prompt triggering Azure's content management policy.", code="content_filter"), "moderated"),  # noqa: E501
        (400, error("Your request was rejected as a result of our safety system."), "moderated"),
        (429, error("Rate limit reached for requests"), "too many"),
        (429, error("Quota exceeded for quota metric 'Generate requests' per minute", status="RESOURCE_EXHAUSTED"), "too many"),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "too many"),
        (503, "Service Unavailable", "too many"),
        (500, "Internal error", "fault"),
        (524, CLOUDFLARE, "timed out"),
        (504, "", "timed out"),
        (400, error("Failed to generate JSON. Please adjust your prompt.", code="json_validate_failed"), "fault"),
        (400, error("Unsupported parameter: 'max_tokens'", code="unsupported_parameter", param="max_tokens"), "field"),
        (400, error("Something is odd"), "refused"),
    ],
)  # fmt: skip
def test_what_it_means(status: int, body: Any, meaning: str) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    assert parse_refusal(status, content.encode()).meaning == meaning


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (error("It is so."), "It is so."),
        (LIST, "API key not valid. Please pass a valid API key."),
        ({"error": "It is so."}, "It is so."),
        ({"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}, "Extra inputs are not permitted"),
        ({"error": {"message": '{"error": {"message": "It is so."}}'}}, "It is so."),
        ({"error": {"message": "Provider returned error", "metadata": {"raw": '{"error": {"message": "Too hot"}}'}}}, "Provider returned error: Too hot"),  # noqa: E501
        (CLOUDFLARE, "Attention Required! | Cloudflare. Sorry"),
        ("<html><body>Bad\x00 gateway</body></html>", "Bad gateway"),
        ("upstream timed out", "upstream timed out"),
        ({"odd": {"message": 1}}, ""),
        ([], ""),
        ("[" * 5000, "[" * 5000),
    ],
)  # fmt: skip
def test_the_message_is_one_line_of_words(body: Any, message: str) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    assert parse_refusal(400, content.encode()).message == message


@pytest.mark.parametrize(
    ("answer", "status", "meaning"),
    [
        (error("Rate limit exceeded", code=429), 429, "too many"),
        (error("Insufficient credits", code=402), 402, "account"),
        (error("Bad thing"), 500, "fault"),
        ({"choices": [{"error": {"code": 502, "message": "Upstream lost"}, "finish_reason": "error"}]}, 502, "fault"),
        ([error("Too many", code=429)], 429, "too many"),
        ({"object": "error", "message": "no", "code": 400}, 400, "refused"),
        ({"detail": "Not authenticated"}, 500, "fault"),
    ],
)
def test_an_error_inside_an_answer_of_200(answer: Any, status: int, meaning: str) -> None:
    inside = error_inside(answer)
    assert inside is not None
    no = from_json(200, inside)
    assert (no.status, no.meaning) == (status, meaning)


@pytest.mark.parametrize(
    "answer",
    [{"choices": [{"message": {"content": "x"}}]}, {"choices": [{"message": {}}], "error": None}, [], "x", None, 3],
)
def test_an_answer_without_one(answer: Any) -> None:
    assert error_inside(answer) is None


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("Unsupported parameter: 'max_tokens' is not supported", "max_tokens"),
        ("You are not allowed to request logprobs from this model", "logprobs"),
        ("Unrecognized request argument supplied: top_logprobs", "top_logprobs"),
        ('Invalid JSON payload: Unknown name "seed": Cannot find field.', "seed"),
        ("property 'stop' is unsupported", "stop"),
        ("Please stop to send so much", ""),
        ("The temperature of the sun", ""),
        ("temperature must be 1", "temperature"),
        ("", ""),
    ],
)
def test_the_field_that_is_named(message: str, name: str) -> None:
    assert names_field(message, ["max_tokens", "logprobs", "top_logprobs", "seed", "stop", "temperature"]) == name


def test_where_a_field_is_pointed_to() -> None:
    no = from_json(
        422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}
    )
    assert no == Refusal(422, "Extra inputs are not permitted", field="seed", codes=("extra_forbidden",))
    assert no.meaning == "field"


@pytest.mark.parametrize(
    "text",
    [
        "Draft a billing letter for an unpaid account", "Why does this model not exist anymore?", "My API key is invalid, why?",
        "What is the context length of GPT-4?", "How do I write a content policy?", "Write a JSON schema for bikes",
    ],
)  # fmt: skip
def test_what_an_endpoint_says_back_of_a_prompt_means_nothing(text: str) -> None:
    for message in (
        f"Invalid message content '{text}': unsupported",
        f"Failed to parse messages: odd; messages = [{{{text!r}}}]",
    ):
        no = parse_refusal(400, json.dumps(error(message)).encode(), (text,))
        assert no.meaning == "refused" and not names_field(no.own, ["response_format", "seed"])
    pointed = parse_refusal(400, json.dumps(error(f"Invalid: {text}", param="messages[1].content")).encode())
    assert pointed.meaning in ("refused", "too long")


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (429, error("You exceeded your current quota, please check your plan and billing details. Please retry in 43.1s", status="RESOURCE_EXHAUSTED"), "too many"),  # noqa: E501
        (429, error("Rate limit reached. Limit 30000. Visit /account/billing to add a payment method", code="rate_limit_exceeded"), "too many"),  # noqa: E501
        (429, error("Your account is not active, please recharge", type="exceeded_current_quota_error"), "account"),
        (422, {"error": "`inputs` tokens + `max_new_tokens` must be <= 4096", "error_type": "validation"}, "too long"),
        (400, error("Your request exceeded model token limit: 8192"), "too long"),
        (400, error("Content Exists Risk"), "moderated"),
        (403, {"message": "Bearer Token has expired"}, "key"),
        (400, error("No models loaded. Please load a model"), "model"),
        (400, {"error": {"message": "m", "code": "²"}}, "refused"),
        (502, "<html><![x[", "fault"),
    ],
)  # fmt: skip
def test_what_others_say(status: int, body: Any, meaning: str) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    assert parse_refusal(status, content.encode()).meaning == meaning
