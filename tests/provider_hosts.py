"""Stand-ins for those who serve the models of others: OpenRouter, Groq and Together."""

import json
from typing import Any

from tests.provider_base import (
    GITHUB,
    THINKS,
    Model,
    Provider,
    Reply,
    Request,
    bare_listing,
    error,
    names,
    rule,
    sized_listing,
)
from tests.provider_openai import OPENAI_SCHEMA_RULES
from tests.schemas import parts

# --- OpenRouter -------------------------------------------------------------------------------------------------------

OPENROUTER_ERRORS = "https://openrouter.ai/docs/api/reference/errors-and-debugging"


def openrouter_error(status: int, message: str, metadata: dict[str, Any] | None = None, *, sent: int = 0) -> Reply:
    """A refusal in OpenRouter's shape: the code is a number. `sent` is the status if it is another one."""
    more = {"metadata": metadata} if metadata else {}
    return Reply(sent or status, {"error": {"message": message, "code": status, **more}, "user_id": "user_1"})


@rule(
    GITHUB + "musistudio/claude-code-router/issues/227",  # without a key
    GITHUB + "BeehiveInnovations/pal-mcp-server/issues/209",  # with a wrong one
)
def openrouter_key(request: Request) -> Reply | None:
    if request.key == request.right_key:
        return None
    return Reply(
        401, {"error": {"message": "User not found." if request.key else "No auth credentials found", "code": 401}}
    )


@rule("https://openrouter.ai/docs/api/reference/overview", confirmed=False)
def openrouter_path(request: Request) -> Reply | None:
    return Reply(404, b"<!DOCTYPE html><html><title>Not Found | OpenRouter</title></html>", "text/html; charset=utf-8")


@rule(GITHUB + "RightNow-AI/openfang/issues/697")
def openrouter_model(request: Request) -> Reply | None:
    if (request.is_chat or request.is_completion) and request.model is None:
        return openrouter_error(400, f"{request.model_name} is not a valid model ID")
    return None


@rule(GITHUB + "Aider-AI/aider/issues/3721")
def openrouter_context(request: Request) -> Reply | None:
    limit = request.limit or 0
    total = request.prompt_tokens + limit
    if request.model is None or total <= request.context:
        return None
    message = (
        f"This endpoint's maximum context length is {request.context} tokens. However, you requested about {total} "
    )
    message += (
        f"tokens ({request.prompt_tokens} of text input, {limit} in the output). Please reduce the length of either "
    )
    message += 'one, or use the "middle-out" transform to compress your prompt automatically.'
    return openrouter_error(400, message, {"provider_name": None})


@rule(GITHUB + "dottxt-ai/outlines/issues/1666", GITHUB + "moeru-ai/xsai/issues/202")
def openrouter_upstream_schema(request: Request) -> Reply | None:
    """OpenAI's refusal of a schema, as a text inside of OpenRouter's."""
    if not request.model_name.startswith("openai/"):
        return None
    for upstream in OPENAI_SCHEMA_RULES:
        if reply := upstream.check(request):
            metadata = {"raw": json.dumps(reply.body, indent=2), "provider_name": "OpenAI"}
            return openrouter_error(400, "Provider returned error", metadata)
    return None


# the metadata are documented, the wording of the message is not
@rule(OPENROUTER_ERRORS, confirmed=False)
def openrouter_moderation(request: Request) -> Reply | None:
    metadata = {
        "reasons": ["violence"],
        "flagged_input": "…",
        "provider_name": "OpenAI",
        "model_slug": request.model_name,
    }
    message = f'{request.model_name} requires moderation on OpenAI. Your input was flagged for "violence". '
    return openrouter_error(403, message + "No credits were charged.", metadata)


@rule(OPENROUTER_ERRORS, GITHUB + "open-webui/computer/issues/293")
def openrouter_error_in_200(request: Request) -> Reply | None:
    raw = f"{request.model_name} is temporarily rate-limited upstream. Please retry shortly."
    metadata = {"raw": raw, "provider_name": "DeepInfra"}
    return openrouter_error(429, "Provider returned error", metadata, sent=200)


# where the error stands is documented, its wording is not
@rule(GITHUB + "maximhq/bifrost/issues/5425", GITHUB + "genkit-ai/genkit/pull/6259", OPENROUTER_ERRORS, confirmed=False)
def openrouter_choice_error(request: Request) -> Reply | None:
    """The provider breaks off: what it had written, and why it ended, inside of the choice."""
    answered = request.answered()
    for choice in answered["choices"]:
        choice["message"]["content"] = choice["message"]["content"][:8]
        choice["finish_reason"] = "error"
        choice["error"] = {"code": 502, "message": "Upstream error", "metadata": {"provider_name": "DeepInfra"}}
    return Reply(200, answered)


@rule(GITHUB + "babikov/doka-site/issues/7", GITHUB + "can1357/oh-my-pi/issues/9569")
def openrouter_credits(request: Request) -> Reply | None:
    message = f"This request requires more credits, or fewer max_tokens. You requested up to {request.limit or 65536} tokens, "
    message += "but can only afford 12. To increase, visit https://openrouter.ai/settings/credits and upgrade to a paid account"
    return openrouter_error(402, message, {"provider_name": None})


# unknown fields are passed over: https://openrouter.ai/docs/api/reference/parameters
OPENROUTER = Provider(
    name="OpenRouter",
    models=(
        Model("openai/gpt-4o", 128000, 16384, logprobs=True),
        Model("meta-llama/llama-3.3-70b-instruct", 131072),
        Model("deepseek/deepseek-r1", 163840, thinking=40, traits=THINKS),
    ),
    wrong_key=openrouter_key,
    unknown_path=openrouter_path,
    rules=(openrouter_model, openrouter_upstream_schema, openrouter_context),
    troubles=(openrouter_moderation, openrouter_error_in_200, openrouter_choice_error, openrouter_credits),
    roots=("/api/v1",),
    listing=sized_listing("context_length"),
    completions=True,
    several=False,
    thoughts="reasoning",
)


# --- Groq -------------------------------------------------------------------------------------------------------------

GROQ_COMPATIBLE = "https://console.groq.com/docs/openai"
GROQ_SCHEMAS = "https://console.groq.com/docs/structured-outputs"
GROQ_FIELDS = names(
    "model messages citation_options compound_custom disable_tool_validation documents exclude_domains frequency_penalty "
    "function_call functions include_domains include_reasoning logit_bias logprobs max_completion_tokens max_tokens "
    "metadata n parallel_tool_calls presence_penalty reasoning_effort reasoning_format response_format search_settings "
    "seed service_tier stop stream stream_options temperature tool_choice tools top_logprobs top_p user"
)


def groq_error(
    message: str, param: str | None = None, code: str | None = None, status: int = 400, **more: Any
) -> Reply:
    """A refusal in Groq's shape, which leaves out what it has no value for."""
    named = {name: value for name, value in (("param", param), ("code", code)) if value}
    return Reply(status, {"error": {"message": message, "type": "invalid_request_error", **named, **more}})


@rule(GITHUB + "ag5826000/resume-commentor/issues/4")
def groq_key(request: Request) -> Reply | None:
    return (
        None if request.key == request.right_key else groq_error("Invalid API Key", code="invalid_api_key", status=401)
    )


@rule(GITHUB + "tech-shrimp/deno-api-proxy/issues/3")
def groq_path(request: Request) -> Reply | None:
    message = (
        f"Unknown request URL: {request.method} {request.path}. Please check the URL for typos, or see the docs at "
    )
    return groq_error(message + "https://console.groq.com/docs/", code="unknown_url", status=404)


@rule(GITHUB + "continuedev/continue/issues/10832")
def groq_model(request: Request) -> Reply | None:
    if request.is_chat and request.model is None:
        message = f"The model `{request.model_name}` does not exist or you do not have access to it."
        return groq_error(message, code="model_not_found", status=404)
    return None


@rule(GITHUB + "fanenr/chatbot/issues/21")
def groq_fields(request: Request) -> Reply | None:
    unknown = [name for name in request.body if name not in GROQ_FIELDS]
    return groq_error(f"property '{unknown[0]}' is unsupported") if request.is_chat and unknown else None


@rule(GITHUB + "ServiceStack/llms/issues/17")
def groq_message_fields(request: Request) -> Reply | None:
    known = {"role", "content", "name", "tool_calls", "tool_call_id", "reasoning", "channel", "function_call"}
    for number, message in enumerate(request.body.get("messages", []) if request.is_chat else []):
        if unknown := [name for name in message if name not in known]:
            at = f"messages.{number}"
            what = f"('{at}' : property '{unknown[0]}' is unsupported)"
            return groq_error(f"'{at}' : for 'role:{message['role']}' the following must be satisfied[{what}]")
    return None


@rule(GITHUB + "groq/groq-python/issues/25", GROQ_COMPATIBLE)
def groq_logprobs(request: Request) -> Reply | None:
    for name in ("logprobs", "top_logprobs"):
        if request.is_chat and request.body.get(name):
            return groq_error(f"`{name}` is not supported with this model", param=name)
    return None


@rule(GITHUB + "stanfordnlp/dspy/issues/1155", GITHUB + "HunorLaczko/ha-groq-cloud-api/issues/25")
def groq_n(request: Request) -> Reply | None:
    return (
        groq_error("'n' : number must be at most 1") if request.is_chat and (request.body.get("n") or 1) > 1 else None
    )


@rule(GITHUB + "Alishahryar1/free-claude-code/issues/955")
def groq_output(request: Request) -> Reply | None:
    model, limit = request.model, request.limit
    if not request.is_chat or model is None or limit is None or limit <= model.max_output:
        return None
    name = "max_completion_tokens" if "max_completion_tokens" in request.body else "max_tokens"
    message = (
        f"`{name}` must be less than or equal to `{model.max_output}`, the maximum value for `{name}` is less than the "
    )
    return groq_error(message + "`context_window` for this model", param=name)


@rule(GITHUB + "ItzCrazyKns/Vane/issues/980", GROQ_SCHEMAS)
def groq_format(request: Request) -> Reply | None:
    if request.is_chat and request.format.get("type") == "json_schema" and not request.has("schemas"):
        message = "This model does not support response format `json_schema`. See supported models at "
        return groq_error(f"{message}{GROQ_SCHEMAS}#supported-models", param="response_format")
    return None


@rule(GITHUB + "Meridiona/meridian/pull/811", GROQ_SCHEMAS)
def groq_additional(request: Request) -> Reply | None:
    if not request.is_chat or request.format.get("json_schema", {}).get("strict") is not True:
        return None
    for path, part in parts(request.schema):
        if part.get("type") == "object" and part.get("additionalProperties") is not False:
            name = path[-1] if path else request.format["json_schema"].get("name")
            message = (
                f"invalid JSON schema for response_format: '{name}': additionalProperties:false must be set on every "
            )
            return groq_error(message + "object", param="response_format")
    return None


@rule(GITHUB + "i-am-bee/beeai-framework/issues/1215")
def groq_schema_keyword(request: Request) -> Reply | None:
    for path, part in parts(request.schema if request.is_chat else None):
        if refused := [keyword for keyword in ("minItems", "maxItems", "minLength", "maxLength") if keyword in part]:
            name = request.format["json_schema"].get("name")
            at = "/".join(["response_format", "json_schema", str(name), *path])
            message = f"invalid schema for response format: {at}: {refused[0]} is not supported"
            return groq_error(message, param="response_format")
    return None


@rule(GITHUB + "thepersonalaicompany/amurex-backend/issues/51")
def groq_context(request: Request) -> Reply | None:
    if request.is_chat and request.prompt_tokens > request.context:
        message = "Please reduce the length of the messages or completion."
        return groq_error(message, param="messages", code="context_length_exceeded")
    return None


@rule(GITHUB + "thepersonalaicompany/amurex-backend/issues/38", GITHUB + "build-with-groq/g1/pull/23")
def groq_json_validate_failed(request: Request) -> Reply | None:
    message = "Failed to generate JSON. Please adjust your prompt. See 'failed_generation' for more details."
    return groq_error(message, code="json_validate_failed", failed_generation='{"rationale": "It is')


GROQ = Provider(
    name="Groq",
    models=(
        Model("llama-3.3-70b-versatile", 131072, 32768),
        Model("openai/gpt-oss-20b", 131072, 65536, thinking=40, traits=THINKS | {"schemas"}),
    ),
    wrong_key=groq_key,
    unknown_path=groq_path,
    rules=(
        groq_fields,
        groq_message_fields,
        groq_model,
        groq_n,
        groq_logprobs,
        groq_output,
        groq_format,
        groq_additional,
        groq_schema_keyword,
        groq_context,
    ),
    troubles=(groq_json_validate_failed,),
    roots=("/openai/v1",),
    listing=sized_listing("context_window"),
    several=False,
    thoughts="reasoning",
)


# --- Together ---------------------------------------------------------------------------------------------------------


@rule(GITHUB + "harshitv804/LawGPT/issues/4")
def together_key(request: Request) -> Reply | None:
    if request.key == request.right_key:
        return None
    message = "Invalid API key provided. You can find your API key at https://api.together.xyz/settings/api-keys."
    return error(401, message, code="invalid_api_key")


@rule("https://docs.together.ai/docs/error-codes", confirmed=False)
def together_path(request: Request) -> Reply | None:
    return error(404, f"Unable to find {request.path}", "not_found_error")


@rule(GITHUB + "evo-design/evo/issues/14")
def together_model(request: Request) -> Reply | None:
    if (request.is_chat or request.is_completion) and request.model is None:
        message = (
            f"Unable to access model {request.model_name}. Please visit https://api.together.xyz to see the list of "
        )
        return error(404, message + "supported models or contact the owner to request access.", code="model_not_found")
    return None


@rule(GITHUB + "UKGovernmentBEIS/inspect_ai/pull/5149")
def together_logprobs(request: Request) -> Reply | None:
    value = request.body.get("logprobs")
    if request.is_chat and isinstance(value, int) and not isinstance(value, bool):
        return error(400, f"Invalid JSON data: invalid type: integer {value}, expected a boolean")
    return None


@rule(GITHUB + "stanford-crfm/helm/issues/2080")
def together_context(request: Request) -> Reply | None:
    limit = request.limit or 0
    if request.model is None or request.prompt_tokens + limit <= request.context:
        return None
    message = f"Input validation error: `inputs` tokens + `max_new_tokens` must be <= {request.context}. Given: "
    message += f"{request.prompt_tokens} `inputs` tokens and {limit} `max_new_tokens`"
    return error(422, message)


def together_listing(provider: Provider, context: int | None) -> list[dict[str, Any]]:
    """A list that is not inside of an object.

    https://github.com/longy2k/obsidian-bmo-chatbot/pull/51, https://github.com/lmg-anon/mikupad/issues/55
    """
    listed: list[dict[str, Any]] = bare_listing(provider)["data"]
    for entry, model in zip(listed, provider.models, strict=True):
        entry |= {"type": "chat", "context_length": context or model.context}
    return listed


TOGETHER = Provider(
    name="Together",
    models=(
        Model("meta-llama/Llama-3.3-70B-Instruct-Turbo", 131072, logprobs=True),
        Model("deepseek-ai/DeepSeek-R1", 163840, thinking=40, logprobs=True, traits=THINKS),
    ),
    wrong_key=together_key,
    unknown_path=together_path,
    rules=(together_model, together_logprobs, together_context),
    listing=together_listing,
    completions=True,
    thoughts="tags",  # https://docs.together.ai/docs/deepseek-r1
)
