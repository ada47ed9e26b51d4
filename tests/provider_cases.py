"""What the tests of the providers' stand-ins try: requests that are refused, in which words, and what is accepted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.providers import (
    ANTHROPIC,
    AZURE,
    DEEPSEEK,
    GEMINI,
    GROQ,
    LLAMA_CPP,
    LM_STUDIO,
    MISTRAL,
    OLLAMA,
    OPENAI,
    OPENROUTER,
    SGLANG,
    TOGETHER,
    VLLM,
    VLLM_OLD,
    Provider,
)

RATED: dict[str, Any] = {
    "type": "object",
    "properties": {"rating": {"type": "integer"}},
    "required": ["rating"],
    "additionalProperties": False,
}
LONG = "word " * 300


def text(content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}]}


def form(schema: Any, **more: Any) -> dict[str, Any]:
    """A response_format with a schema, in strict mode if nothing else is in `more`."""
    return {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "rated", "schema": schema, "strict": True, **more},
        }
    }


def holding(part: Any) -> dict[str, Any]:
    """RATED with `part` as its only property."""
    return {**RATED, "properties": {"rating": part}}


def of_openai(
    message: str, param: str | None = None, code: Any = None, type: str | None = "invalid_request_error"
) -> dict[str, Any]:
    return {"error": {"message": message, "type": type, "param": param, "code": code}}


def of_strict(what: str) -> dict[str, Any]:
    return of_openai(f"Invalid schema for response_format 'rated': {what}", "response_format")


def of_anthropic(message: str, code: str = "invalid_request_error") -> dict[str, Any]:
    return of_openai(message, None, code, code)


def of_deepseek(message: str) -> dict[str, Any]:
    return of_openai(message, None, "invalid_request_error")


def of_groq(message: str, **more: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", **more}}


def of_gemini(message: str, *, code: int = 400, status: str = "INVALID_ARGUMENT") -> list[Any]:
    """Without the details, which are taken away before they are compared."""
    return [{"error": {"code": code, "message": message, "status": status}}]


def of_vllm(message: str, code: int = 400, type: str = "BadRequestError") -> dict[str, Any]:
    return of_openai(message, None, code, type)


def of_flat(message: str, code: int = 400, type: str = "BadRequestError") -> dict[str, Any]:
    return {"object": "error", "message": message, "type": type, "param": None, "code": code}


def of_mistral(loc: list[Any], message: str, value: Any, type: str = "extra_forbidden") -> dict[str, Any]:
    return {"detail": [{"type": type, "loc": ["body", *loc], "msg": message, "input": value}]}


@dataclass(frozen=True)
class Case:
    """`refused` on top of a plain request is refused with `reply`, and `accepted` on top of it is not."""

    provider: Provider
    rule: str
    refused: Mapping[str, Any]
    reply: Any
    status: int = 400
    accepted: Mapping[str, Any] = field(default_factory=dict)
    context: int | None = None
    path: str = "/chat/completions"

    def __str__(self) -> str:
        return f"{self.provider.name}-{self.rule}-{next(iter(self.refused), '')}"


O3 = {"model": "o3"}
TUNED = {"model": "ft:gpt-4o-mini-2024-07-18:example::1"}
JSON_OBJECT = {"response_format": {"type": "json_object"}}
UNSUPPORTED = "Unsupported parameter: '{}' is not supported with this model."

OPENAI_CASES = [
    Case(
        OPENAI,
        "openai_fields",
        {"top_k": 1},
        of_openai("Unrecognized request argument supplied: top_k"),
        accepted={"seed": 1, "top_p": 0.5},
    ),
    Case(
        OPENAI,
        "openai_fields",
        {"top_k": 1, "min_p": 0},
        of_openai("Unrecognized request arguments supplied: min_p, top_k"),
    ),
    Case(
        OPENAI,
        "openai_fields",
        {"reasoning_effort": "low"},
        of_openai("Unrecognized request argument supplied: reasoning_effort"),
        accepted={**O3, "reasoning_effort": "low"},
    ),
    Case(
        OPENAI,
        "openai_both_limits",
        {"max_tokens": 9, "max_completion_tokens": 9},
        of_openai(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            "max_tokens",
            "invalid_parameter_combination",
        ),
        accepted={"max_tokens": 9},
    ),
    Case(
        OPENAI,
        "openai_max_tokens",
        {**O3, "max_tokens": 900},
        of_openai(
            f"{UNSUPPORTED.format('max_tokens')} Use 'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        ),
        accepted={**O3, "max_completion_tokens": 900},
    ),
    Case(
        OPENAI,
        "openai_temperature",
        {"model": "gpt-5", "temperature": 0.0},
        of_openai(
            "Unsupported value: 'temperature' does not support 0.0 with this model. Only the default (1) value is supported.",
            "temperature",
            "unsupported_value",
        ),
        accepted={"model": "gpt-5", "temperature": 1},
    ),
    Case(
        OPENAI,
        "openai_top_p",
        {**O3, "top_p": 0.9},
        of_openai(UNSUPPORTED.format("top_p"), "top_p", "unsupported_parameter"),
        accepted=O3,
    ),
    Case(
        OPENAI,
        "openai_stop",
        {"model": "o4-mini", "stop": ["\n"]},
        of_openai(UNSUPPORTED.format("stop"), "stop", "unsupported_parameter"),
        accepted={"stop": ["\n"]},
    ),
    Case(
        OPENAI,
        "openai_logprobs",
        {**O3, "logprobs": True},
        of_openai("You are not allowed to request logprobs from this model"),
        403,
        accepted={"logprobs": True},
    ),
    Case(
        OPENAI,
        "openai_output",
        {"max_tokens": 20480},
        of_openai(
            "max_tokens is too large: 20480. This model supports at most 16384 completion tokens, whereas you provided 20480.",
            "max_tokens",
            "invalid_value",
        ),
        accepted={"max_tokens": 16384},
    ),
    Case(
        OPENAI,
        "openai_context",
        text(LONG),
        of_openai(
            "This model's maximum context length is 100 tokens. However, your messages resulted in 308 tokens. "
            "Please reduce the length of the messages.",
            "messages",
            "context_length_exceeded",
        ),
        context=100,
    ),
    Case(
        OPENAI,
        "openai_json_word",
        JSON_OBJECT,
        of_openai(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            "messages",
        ),
        accepted={**JSON_OBJECT, **text("Name a river as JSON.")},
    ),
    Case(
        OPENAI,
        "openai_format",
        {"response_format": {"type": "object"}},
        of_openai(
            "Invalid value: 'object'. Supported values are: 'json_object', 'json_schema', and 'text'.",
            "response_format.type",
            "invalid_value",
        ),
        accepted={"response_format": {"type": "text"}},
    ),
    Case(
        OPENAI,
        "openai_schema_root",
        form({"type": "array", "items": RATED}),
        of_strict("schema must be a JSON Schema of 'type: \"object\"', got 'type: \"array\"'."),
        accepted=form({"type": "array", "items": RATED}, strict=False),
    ),
    Case(
        OPENAI,
        "openai_schema_type",
        form(holding({"type": "array", "items": {"enum": [1, 2]}})),
        of_strict("In context=('properties', 'rating', 'items'), schema must have a 'type' key."),
        accepted=form(holding({"type": "array", "items": {"type": "integer", "enum": [1, 2]}})),
    ),
    Case(
        OPENAI,
        "openai_schema_additional",
        form({**RATED, "additionalProperties": True}),
        of_strict("In context=(), 'additionalProperties' is required to be supplied and to be false."),
        accepted=form(RATED),
    ),
    Case(
        OPENAI,
        "openai_schema_required",
        form({**RATED, "required": []}),
        of_strict(
            "In context=(), 'required' is required to be supplied and to be an array including every key in properties. "
            "Missing 'rating'."
        ),
        accepted=form({**RATED, "required": []}, strict=False),
    ),
    Case(
        OPENAI,
        "openai_schema_keyword",
        form(holding({"type": "string", "not": {"type": "string", "enum": ["a"]}})),
        of_strict("In context=('properties', 'rating'), 'not' is not permitted."),
        accepted=form(holding({"type": "string"})),
    ),
    Case(
        OPENAI,
        "openai_schema_keyword",
        {**TUNED, **form(holding({"type": "string", "maxLength": 9}))},
        of_strict("In context=('properties', 'rating'), 'maxLength' is not permitted."),
        accepted=form(holding({"type": "string", "maxLength": 9})),
    ),
]

OPENAI_ADDRESS_CASES = [
    Case(
        OPENAI,
        "openai_model",
        {"model": "gpt-6"},
        of_openai("The model `gpt-6` does not exist or you do not have access to it.", None, "model_not_found"),
        404,
    ),
    Case(
        OPENAI,
        "openai_chat_model",
        {"prompt": "A river is"},
        of_openai(
            "This is a chat model and not supported in the v1/completions endpoint. "
            "Did you mean to use v1/chat/completions?",
            "model",
        ),
        404,
        path="/completions",
    ),
    Case(OPENAI, "openai_path", {}, of_openai("Invalid URL (POST /v1/score)"), 404, path="/score"),
]

AZURE_NOT_FOUND = {"error": {"code": "404", "message": "Resource not found"}}
AZURE_CASES = [
    Case(
        AZURE,
        "azure_deployment",
        {"model": "mine"},
        {
            "error": {
                "code": "DeploymentNotFound",
                "message": "The API deployment for this resource does not exist. If you created the deployment within the "
                "last 5 minutes, please wait a moment and try again.",
            }
        },
        404,
    ),
    Case(AZURE, "azure_path", {}, AZURE_NOT_FOUND, 404, path="/v1/chat/completions"),
]

UNKNOWN = 'Invalid JSON payload received. Unknown name "{}": Cannot find field.'
UNKNOWN_AT = (
    "Invalid JSON payload received. Unknown name \"{}\" at 'generation_config.response_schema{}': Cannot find field."
)
GEMINI_CASES = [
    Case(
        GEMINI,
        "gemini_fields",
        {"seed": 1},
        of_gemini(UNKNOWN.format("seed")),
        accepted={"temperature": 0, "max_completion_tokens": 900},
    ),
    Case(
        GEMINI,
        "gemini_fields",
        {"frequency_penalty": 0, "top_k": 1},
        of_gemini(UNKNOWN.format("frequency_penalty") + "\n" + UNKNOWN.format("top_k")),
    ),
    Case(GEMINI, "gemini_logprobs", {"logprobs": True}, of_gemini(UNKNOWN.format("logprobs"))),
    Case(
        GEMINI,
        "gemini_model",
        {"model": "gemini-0"},
        of_gemini(
            "models/gemini-0 is not found for API version v1main, or is not supported for generateContent. Call ListModels "
            "to see the list of available models and their supported methods.",
            code=404,
            status="NOT_FOUND",
        ),
        404,
    ),
    Case(
        GEMINI,
        "gemini_schema_type",
        form(holding({"description": "a number"})),
        of_gemini(
            "* GenerateContentRequest.generation_config.response_schema.properties[rating].type: must be specified\n"
        ),
        accepted=form(holding({"type": "integer", "minimum": 1, "maximum": 5})),
    ),
    Case(
        GEMINI,
        "gemini_schema_keyword",
        form({**RATED, "$schema": "https://json-schema.org/draft/2020-12/schema"}),
        of_gemini(UNKNOWN_AT.format("$schema", "")),
        accepted=form(RATED),
    ),
    Case(
        GEMINI,
        "gemini_integer_enum",
        form(holding({"type": "integer", "enum": [1, 2]})),
        of_gemini(
            "Invalid value at 'generation_config.response_schema.properties.rating.enum[0]' (TYPE_STRING), 1\n"
            "Invalid value at 'generation_config.response_schema.properties.rating.enum[1]' (TYPE_STRING), 2"
        ),
        accepted=form(holding({"type": "string", "enum": ["1", "2"]})),
    ),
]

SCHEMA_OF_ANTHROPIC = "output_config.format.schema: "
ANTHROPIC_CASES = [
    Case(ANTHROPIC, "anthropic_model", {"model": "claude-0"}, of_anthropic("model: claude-0", "not_found_error"), 404),
    Case(ANTHROPIC, "anthropic_n", {"n": 2}, of_anthropic("n: Input should be 1"), accepted={"n": 1}),
    Case(
        ANTHROPIC,
        "anthropic_temperature",
        {"model": "claude-sonnet-5", "temperature": 0},
        of_anthropic("`temperature` is deprecated for this model."),
        accepted={"temperature": 2, "seed": 1, "logprobs": True},  # capped and passed over, as documented
    ),
    Case(
        ANTHROPIC,
        "anthropic_sampling",
        {"temperature": 0.5, "top_p": 0.5},
        of_anthropic("`temperature` and `top_p` cannot both be specified for this model. Please use only one."),
        accepted={"top_p": 0.5},
    ),
    Case(
        ANTHROPIC,
        "anthropic_stop",
        {"stop": ["\n\n"]},
        of_anthropic("stop_sequences: each stop sequence must contain non-whitespace"),
        accepted={"stop": ["END"]},
    ),
    Case(
        ANTHROPIC,
        "anthropic_format",
        JSON_OBJECT,
        of_anthropic("response_format.type: Input should be 'json_schema'"),
        accepted=form(RATED),
    ),
    Case(
        ANTHROPIC,
        "anthropic_strict",
        form(RATED, strict=False),
        of_anthropic("response_format.json_schema.strict: Input should be True"),
        accepted=form(RATED),
    ),
    Case(
        ANTHROPIC,
        "anthropic_strict",
        {"response_format": {"type": "json_schema", "json_schema": {"name": "rated", "schema": RATED}}},
        of_anthropic("response_format.json_schema.strict: Field required"),
    ),
    Case(
        ANTHROPIC,
        "anthropic_additional",
        form({name: part for name, part in RATED.items() if name != "additionalProperties"}),
        of_anthropic(SCHEMA_OF_ANTHROPIC + "For 'object' type, 'additionalProperties' must be explicitly set to false"),
    ),
    Case(
        ANTHROPIC,
        "anthropic_min_items",
        form(holding({"type": "array", "items": {"type": "string"}, "minItems": 2})),
        of_anthropic(SCHEMA_OF_ANTHROPIC + "For 'array' type, 'minItems' values other than 0 or 1 are not supported"),
        accepted=form(holding({"type": "array", "items": {"type": "string"}, "minItems": 1})),
    ),
    Case(
        ANTHROPIC,
        "anthropic_schema_keyword",
        form(holding({"type": "array", "items": {"type": "string"}, "maxItems": 2})),
        of_anthropic(SCHEMA_OF_ANTHROPIC + "For 'array' type, property 'maxItems' is not supported"),
        accepted=form(holding({"type": "array", "items": {"type": "string"}})),
    ),
    Case(
        ANTHROPIC,
        "anthropic_schema_keyword",
        form(holding({"type": "integer", "minimum": 1})),
        of_anthropic(SCHEMA_OF_ANTHROPIC + "For 'integer' type, property 'minimum' is not supported"),
        accepted=form(holding({"type": "integer", "enum": [1, 2]})),
    ),
]

EXTRA = "Extra inputs are not permitted"
EARLIER = {"role": "assistant", "content": "The Loire."}
MISTRAL_CASES = [
    Case(MISTRAL, "mistral_fields", {"seed": 1}, of_mistral(["seed"], EXTRA, 1), 422, accepted={"random_seed": 1}),
    Case(MISTRAL, "mistral_fields", {"logprobs": True}, of_mistral(["logprobs"], EXTRA, True), 422),
    Case(
        MISTRAL,
        "mistral_fields",
        {"max_completion_tokens": 9},
        of_mistral(["max_completion_tokens"], EXTRA, 9),
        422,
        accepted={"max_tokens": 9},
    ),
    Case(
        MISTRAL,
        "mistral_fields",
        {"messages": [{**EARLIER, "reasoning_content": "Hm."}, {"role": "user", "content": "Another."}]},
        of_mistral(["messages", 0, "assistant", "reasoning_content"], EXTRA, "Hm."),
        422,
        accepted={"messages": [EARLIER, {"role": "user", "content": "Another."}]},
    ),
    Case(
        MISTRAL,
        "mistral_temperature",
        {"temperature": 1.6},
        of_mistral(["temperature"], "Input should be less than or equal to 1.5", 1.6, "less_than_equal"),
        422,
        accepted={"temperature": 1.5},
    ),
    Case(
        MISTRAL,
        "mistral_model",
        {"model": "big"},
        {"object": "error", "message": "Invalid model: big", "type": "invalid_model", "param": None, "code": "1500"},
    ),
    Case(
        MISTRAL,
        "mistral_context",
        text(LONG),
        {
            "object": "error",
            "message": "Prompt contains 308 tokens, too large for model with 100 maximum context length",
            "type": "invalid_request_prompt",
            "param": None,
            "code": "3051",
        },
        context=100,
    ),
    Case(
        MISTRAL,
        "mistral_path",
        {},
        {"message": "no Route matched with those values", "request_id": "0123456789abcdef"},
        404,
        path="/completions",
    ),
]

REASONER = {"model": "deepseek-reasoner"}
DEEPSEEK_CASES = [
    Case(DEEPSEEK, "deepseek_model", {"model": "deepseek-9"}, of_deepseek("Model Not Exist")),
    Case(
        DEEPSEEK,
        "deepseek_format",
        form(RATED),
        of_deepseek("This response_format type is unavailable now"),
        accepted={**JSON_OBJECT, **text("Name a river as JSON.")},
    ),
    Case(
        DEEPSEEK,
        "deepseek_json_word",
        JSON_OBJECT,
        of_deepseek("Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'."),
        accepted={**JSON_OBJECT, **text("Name a river as JSON.")},
    ),
    Case(
        DEEPSEEK,
        "deepseek_logprobs",
        {**REASONER, "logprobs": True},
        of_deepseek("deepseek-reasoner does not support the parameter `logprobs`"),
        accepted={**REASONER, "temperature": 0},
    ),
    Case(
        DEEPSEEK,
        "deepseek_content",
        text([{"type": "text", "text": "Name a river."}]),
        of_deepseek(
            "Failed to deserialize the JSON body into the target type: messages[0]: invalid type: sequence, expected a "
            "string at line 1 column 100"
        ),
    ),
    Case(
        DEEPSEEK,
        "deepseek_turns",
        {**REASONER, "messages": [*text("Name a river.")["messages"], *text("Another.")["messages"]]},
        of_deepseek(
            "deepseek-reasoner does not support successive user or assistant messages (messages[0] and messages[1] in your "
            "input). You should interleave the user/assistant messages in the message sequence."
        ),
        accepted={"messages": [*text("Name a river.")["messages"], *text("Another.")["messages"]]},
    ),
    Case(
        DEEPSEEK,
        "deepseek_output",
        {"max_tokens": 8193},
        of_deepseek("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"),
        accepted={**REASONER, "max_tokens": 8193},
    ),
    Case(
        DEEPSEEK,
        "deepseek_context",
        {**text(LONG), "max_tokens": 50},
        of_deepseek(
            "This model's maximum context length is 350 tokens. However, you requested 358 tokens (308 in the messages, "
            "50 in the completion). Please reduce the length of the messages or completion."
        ),
        accepted={**text(LONG), "max_tokens": 42},
        context=350,
    ),
]

NOT_STRICT = {**RATED, "additionalProperties": True}
OPENROUTER_CASES = [
    Case(
        OPENROUTER,
        "openrouter_model",
        {"model": "gpt-4o"},
        {"error": {"message": "gpt-4o is not a valid model ID", "code": 400}, "user_id": "user_1"},
    ),
    Case(
        OPENROUTER,
        "openrouter_context",
        {**text(LONG), "max_tokens": 50},
        {
            "error": {
                "message": "This endpoint's maximum context length is 350 tokens. However, you requested about 358 tokens "
                "(308 of text input, 50 in the output). Please reduce the length of either one, or use the "
                '"middle-out" transform to compress your prompt automatically.',
                "code": 400,
                "metadata": {"provider_name": None},
            },
            "user_id": "user_1",
        },
        accepted={**text(LONG), "max_tokens": 42},
        context=350,
    ),
    Case(
        OPENROUTER,
        "openrouter_upstream_schema",
        form(NOT_STRICT),
        {
            "error": {
                "message": "Provider returned error",
                "code": 400,
                "metadata": {
                    "raw": json.dumps(
                        of_strict("In context=(), 'additionalProperties' is required to be supplied and to be false."),
                        indent=2,
                    ),
                    "provider_name": "OpenAI",
                },
            },
            "user_id": "user_1",
        },
        accepted={"model": "meta-llama/llama-3.3-70b-instruct", **form(NOT_STRICT)},
    ),
]

OSS = {"model": "openai/gpt-oss-20b"}
GROQ_CASES = [
    Case(GROQ, "groq_fields", {"store": True}, of_groq("property 'store' is unsupported"), accepted={"seed": 1}),
    Case(
        GROQ,
        "groq_message_fields",
        {"messages": [{"role": "user", "content": "Name a river.", "timestamp": 1}]},
        of_groq(
            "'messages.0' : for 'role:user' the following must be satisfied[('messages.0' : property 'timestamp' is "
            "unsupported)]"
        ),
    ),
    Case(
        GROQ,
        "groq_model",
        {"model": "mixtral"},
        of_groq("The model `mixtral` does not exist or you do not have access to it.", code="model_not_found"),
        404,
    ),
    Case(GROQ, "groq_n", {"n": 2}, of_groq("'n' : number must be at most 1"), accepted={"n": 1}),
    Case(
        GROQ,
        "groq_logprobs",
        {"logprobs": True},
        of_groq("`logprobs` is not supported with this model", param="logprobs"),
        accepted={"logprobs": False},
    ),
    Case(
        GROQ,
        "groq_logprobs",
        {"top_logprobs": 5},
        of_groq("`top_logprobs` is not supported with this model", param="top_logprobs"),
    ),
    Case(
        GROQ,
        "groq_output",
        {"max_completion_tokens": 32769},
        of_groq(
            "`max_completion_tokens` must be less than or equal to `32768`, the maximum value for `max_completion_tokens` is "
            "less than the `context_window` for this model",
            param="max_completion_tokens",
        ),
        accepted={"max_completion_tokens": 32768},
    ),
    Case(
        GROQ,
        "groq_format",
        form(RATED),
        of_groq(
            "This model does not support response format `json_schema`. See supported models at "
            "https://console.groq.com/docs/structured-outputs#supported-models",
            param="response_format",
        ),
        accepted={**OSS, **form(RATED)},
    ),
    Case(
        GROQ,
        "groq_additional",
        {**OSS, **form(NOT_STRICT)},
        of_groq(
            "invalid JSON schema for response_format: 'rated': additionalProperties:false must be set on every object",
            param="response_format",
        ),
        accepted={**OSS, **form(NOT_STRICT, strict=False)},
    ),
    Case(
        GROQ,
        "groq_schema_keyword",
        {**OSS, **form(holding({"type": "array", "items": {"type": "string"}, "minItems": 1}))},
        of_groq(
            "invalid schema for response format: response_format/json_schema/rated/properties/rating: minItems is not "
            "supported",
            param="response_format",
        ),
        accepted={**OSS, **form(holding({"type": "array", "items": {"type": "string"}}))},
    ),
    Case(
        GROQ,
        "groq_context",
        text(LONG),
        of_groq(
            "Please reduce the length of the messages or completion.", param="messages", code="context_length_exceeded"
        ),
        context=100,
    ),
    Case(
        GROQ,
        "groq_path",
        {},
        of_groq(
            "Unknown request URL: POST /openai/v1/completions. Please check the URL for typos, or see the docs at "
            "https://console.groq.com/docs/",
            code="unknown_url",
        ),
        404,
        path="/completions",
    ),
]

TOGETHER_CASES = [
    Case(
        TOGETHER,
        "together_model",
        {"model": "big"},
        of_openai(
            "Unable to access model big. Please visit https://api.together.xyz to see the list of supported models or contact "
            "the owner to request access.",
            None,
            "model_not_found",
        ),
        404,
    ),
    Case(
        TOGETHER,
        "together_logprobs",
        {"logprobs": 1},
        of_openai("Invalid JSON data: invalid type: integer 1, expected a boolean"),
        accepted={"logprobs": True},
    ),
    Case(
        TOGETHER,
        "together_context",
        {**text(LONG), "max_tokens": 50},
        of_openai(
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 350. Given: 308 `inputs` tokens and 50 "
            "`max_new_tokens`"
        ),
        422,
        accepted={**text(LONG), "max_tokens": 42},
        context=350,
    ),
    Case(
        TOGETHER, "together_path", {}, of_openai("Unable to find /v1/score", type="not_found_error"), 404, path="/score"
    ),
]

VLLM_CASES = [
    Case(
        VLLM,
        "vllm_model",
        {"model": "big"},
        of_vllm("The model `big` does not exist.", 404, "NotFoundError"),
        404,
        accepted={"whatever": 1},
    ),
    Case(
        VLLM,
        "vllm_open_message",
        {"continue_final_message": True},
        of_vllm("Cannot set both `continue_final_message` and `add_generation_prompt` to True."),
        accepted={"continue_final_message": True, "add_generation_prompt": False},
    ),
    Case(
        VLLM,
        "vllm_no_output",
        {"max_tokens": 0},
        of_vllm("max_tokens must be at least 1, got 0."),
        accepted={"max_tokens": 1},
    ),
    Case(
        VLLM,
        "vllm_context",
        text(LONG),
        of_vllm(
            "This model's maximum context length is 100 tokens. However, your request has 308 input tokens. Please reduce "
            "the length of the input messages."
        ),
        context=100,
    ),
    Case(
        VLLM,
        "vllm_output",
        {**text(LONG), "max_tokens": 50},
        of_vllm(
            "'max_tokens' or 'max_completion_tokens' is too large: 50. This model's maximum context length is 350 tokens and "
            "your request has 308 input tokens (50 > 350 - 308)."
        ),
        accepted={**text(LONG), "max_tokens": 42},
        context=350,
    ),
    Case(VLLM, "vllm_path", {}, {"detail": "Not Found"}, 404, path="/nothing"),
    Case(
        VLLM_OLD,
        "vllm_old_model",
        {"model": "big"},
        of_flat("The model `big` does not exist.", 404, "NotFoundError"),
        404,
    ),
    Case(
        VLLM_OLD,
        "vllm_old_context",
        {**text(LONG), "max_tokens": 50},
        of_flat(
            "This model's maximum context length is 350 tokens. However, you requested 358 tokens (308 in the messages, 50 in "
            "the completion). Please reduce the length of the messages or completion."
        ),
        accepted={**text(LONG), "max_tokens": 42},
        context=350,
    ),
]

OTHER_LOCAL_CASES = [
    Case(
        SGLANG,
        "sglang_context",
        text(LONG),
        of_flat("The input (308 tokens) is longer than the model's context length (100 tokens).", type="BadRequest"),
        context=100,
    ),
    Case(
        SGLANG,
        "sglang_output",
        {**text(LONG), "max_tokens": 50},
        of_flat(
            "Requested token count exceeds the model's maximum context length of 350 tokens. You requested a total of 358 "
            "tokens: 308 tokens from the input messages and 50 tokens for the completion. Please reduce the number of tokens "
            "in the input messages or the completion to fit within the limit.",
            type="BadRequest",
        ),
        accepted={**text(LONG), "max_tokens": 42},
        context=350,
    ),
    Case(SGLANG, "sglang_path", {}, {"detail": "Not Found"}, 404, path="/nothing"),
    Case(
        OLLAMA,
        "ollama_model",
        {"model": "big"},
        of_openai('model "big" not found, try pulling it first', type="api_error"),
        404,
        accepted={"whatever": 1, "logprobs": True},
    ),
    Case(
        OLLAMA,
        "ollama_content",
        text(7),
        of_openai("invalid message content type: float64"),
        accepted=text([{"type": "text", "text": "Name a river."}]),
    ),
    Case(
        OLLAMA,
        "ollama_content",
        {"messages": [{"role": "assistant", "content": None}, {"role": "user", "content": "Name a river."}]},
        of_openai("invalid message content type: <nil>"),
        accepted={"messages": [EARLIER, {"role": "user", "content": "Name a river."}]},
    ),
    Case(
        LM_STUDIO,
        "lm_studio_format",
        JSON_OBJECT,
        {"error": "'response_format.type' must be 'json_schema' or 'text'"},
        accepted=form(RATED),
    ),
    Case(
        LM_STUDIO,
        "lm_studio_context",
        text(LONG),
        {
            "error": "Trying to keep the first 308 tokens when context the overflows. However, the model is loaded with "
            "context length of only 100 tokens, which is not enough. Try to load the model with a larger context length, or "
            "provide a shorter input."
        },
        context=100,
    ),
    Case(
        LM_STUDIO,
        "lm_studio_path",
        {},
        {"error": "Unexpected endpoint or method. (POST /v1/score)"},
        200,
        path="/score",
    ),
    Case(
        LLAMA_CPP,
        "llama_cpp_n",
        {"n": 2},
        {"error": {"code": 500, "message": "Only one completion choice is allowed", "type": "server_error"}},
        500,
        accepted={"n": 1},
    ),
    Case(
        LLAMA_CPP,
        "llama_cpp_logprobs",
        {"top_logprobs": 3},
        {
            "error": {
                "code": 400,
                "message": "top_logprobs requires logprobs to be set to true",
                "type": "invalid_request_error",
            }
        },
        accepted={"logprobs": True, "top_logprobs": 3},
    ),
    Case(
        LLAMA_CPP,
        "llama_cpp_format",
        {"response_format": {"type": "regex"}},
        {
            "error": {
                "code": 400,
                "message": 'response_format type must be one of "text" or "json_object", but got: regex',
                "type": "invalid_request_error",
            }
        },
        accepted={"response_format": {"type": "json_object", "schema": RATED}},
    ),
    Case(
        LLAMA_CPP,
        "llama_cpp_context",
        text(LONG),
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size, try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 308,
                "n_ctx": 100,
            }
        },
        context=100,
    ),
    Case(
        LLAMA_CPP,
        "llama_cpp_path",
        {},
        {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}},
        404,
        path="/score",
    ),
]

CASES = [
    *OPENAI_CASES,
    *OPENAI_ADDRESS_CASES,
    *(replace(case, provider=AZURE) for case in OPENAI_CASES),
    *AZURE_CASES,
    *GEMINI_CASES,
    *ANTHROPIC_CASES,
    *MISTRAL_CASES,
    *DEEPSEEK_CASES,
    *OPENROUTER_CASES,
    *GROQ_CASES,
    *TOGETHER_CASES,
    *VLLM_CASES,
    *OTHER_LOCAL_CASES,
]


KEYS: list[tuple[Provider, str, int, Any]] = [
    (
        OPENAI,
        "sk-dummy-and-more-vllm",
        401,
        of_openai(
            "Incorrect API key provided: sk-dummy**********vllm. You can find your API key at "
            "https://platform.openai.com/account/api-keys.",
            None,
            "invalid_api_key",
        ),
    ),
    (
        AZURE,
        "wrong",
        401,
        {
            "error": {
                "code": "401",
                "message": "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a "
                "valid key for an active subscription and use a correct regional API endpoint for your resource.",
            }
        },
    ),
    (GEMINI, "wrong", 400, of_gemini("API key not valid. Please pass a valid API key.")),
    (ANTHROPIC, "wrong", 401, of_anthropic("invalid x-api-key", "authentication_error")),
    (MISTRAL, "wrong", 401, {"detail": "Unauthorized"}),
    (
        DEEPSEEK,
        "sk-wrong-fcc2",
        401,
        of_openai(
            "Authentication Fails, Your api key: ****fcc2 is invalid",
            None,
            "invalid_request_error",
            "authentication_error",
        ),
    ),
    (OPENROUTER, "wrong", 401, {"error": {"message": "User not found.", "code": 401}}),
    (OPENROUTER, "", 401, {"error": {"message": "No auth credentials found", "code": 401}}),
    (GROQ, "wrong", 401, of_groq("Invalid API Key", code="invalid_api_key")),
    (
        TOGETHER,
        "wrong",
        401,
        of_openai(
            "Invalid API key provided. You can find your API key at https://api.together.xyz/settings/api-keys.",
            None,
            "invalid_api_key",
        ),
    ),
    (VLLM, "wrong", 401, {"error": "Unauthorized"}),
    (VLLM_OLD, "wrong", 401, {"error": "Unauthorized"}),
    (SGLANG, "wrong", 401, {"error": "Unauthorized"}),
    (LLAMA_CPP, "wrong", 401, {"error": {"code": 401, "message": "Invalid API Key", "type": "authentication_error"}}),
]


TROUBLES: list[tuple[Provider, str, int, Any]] = [
    (
        OPENAI,
        "openai_quota",
        429,
        of_openai(
            "You exceeded your current quota, please check your plan and billing details. For more information on this "
            "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
            None,
            "insufficient_quota",
            "insufficient_quota",
        ),
    ),
    (
        OPENAI,
        "openai_output_limit",
        400,
        of_openai(
            "Could not finish the message because max_tokens or model output limit was reached. Please try again with "
            "higher max_tokens."
        ),
    ),
    (
        ANTHROPIC,
        "anthropic_credit",
        400,
        of_anthropic(
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or "
            "purchase credits."
        ),
    ),
    (
        DEEPSEEK,
        "deepseek_balance",
        402,
        of_openai("Insufficient Balance", None, "invalid_request_error", "unknown_error"),
    ),
    (
        OPENROUTER,
        "openrouter_moderation",
        403,
        {
            "error": {
                "message": 'openai/gpt-4o requires moderation on OpenAI. Your input was flagged for "violence". No credits '
                "were charged.",
                "code": 403,
                "metadata": {
                    "reasons": ["violence"],
                    "flagged_input": "…",
                    "provider_name": "OpenAI",
                    "model_slug": "openai/gpt-4o",
                },
            },
            "user_id": "user_1",
        },
    ),
    (
        OPENROUTER,
        "openrouter_error_in_200",
        200,
        {
            "error": {
                "message": "Provider returned error",
                "code": 429,
                "metadata": {
                    "raw": "openai/gpt-4o is temporarily rate-limited upstream. Please retry shortly.",
                    "provider_name": "DeepInfra",
                },
            },
            "user_id": "user_1",
        },
    ),
    (
        OPENROUTER,
        "openrouter_credits",
        402,
        {
            "error": {
                "message": "This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but "
                "can only afford 12. To increase, visit https://openrouter.ai/settings/credits and upgrade to a paid account",
                "code": 402,
                "metadata": {"provider_name": None},
            },
            "user_id": "user_1",
        },
    ),
    (
        GROQ,
        "groq_json_validate_failed",
        400,
        of_groq(
            "Failed to generate JSON. Please adjust your prompt. See 'failed_generation' for more details.",
            code="json_validate_failed",
            failed_generation='{"rationale": "It is',
        ),
    ),
    (
        LM_STUDIO,
        "lm_studio_no_model",
        404,
        of_openai(
            "No models loaded. Please load a model in the developer page or use the 'lms load' command.",
            "model",
            "model_not_found",
        ),
    ),
    (
        LLAMA_CPP,
        "llama_cpp_loading",
        503,
        {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}},
    ),
]
