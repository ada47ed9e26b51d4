"""Stand-ins for OpenAI and Azure OpenAI, which have the same models."""

from collections.abc import Mapping
from typing import Any

from tests.provider_base import (
    CHAT,
    GITHUB,
    THINKS,
    Model,
    Provider,
    Reply,
    Request,
    error,
    json_is_mentioned,
    names,
    rule,
)
from tests.schemas import parts

# --- OpenAI -----------------------------------------------------------------------------------------------------------

OPENAI_FIELDS = names(
    "model messages audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens "
    "metadata modalities moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key "
    "prompt_cache_options prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier "
    "stop store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity "
    "web_search_options"
)


@rule(GITHUB + "PrimeIntellect-ai/verifiers/issues/128")
def openai_key(request: Request) -> Reply | None:
    if request.key == request.right_key:
        return None
    key = request.key or ""
    masked = key if len(key) < 13 else f"{key[:8]}{'*' * (len(key) - 12)}{key[-4:]}"
    more = "You can find your API key at https://platform.openai.com/account/api-keys."
    return error(401, f"Incorrect API key provided: {masked}. {more}", code="invalid_api_key")


@rule(GITHUB + "harry0703/MoneyPrinterTurbo/issues/57")
def openai_path(request: Request) -> Reply | None:
    return error(404, f"Invalid URL ({request.method} {request.path})")


@rule(GITHUB + "jianchang512/pyvideotrans/issues/499")
def openai_model(request: Request) -> Reply | None:
    if request.is_chat and request.model is None:
        message = f"The model `{request.model_name}` does not exist or you do not have access to it."
        return error(404, message, code="model_not_found")
    return None


@rule(GITHUB + "hegelai/prompttools/issues/115")
def openai_chat_model(request: Request) -> Reply | None:
    if not request.is_completion:
        return None
    message = "This is a chat model and not supported in the v1/completions endpoint. "
    return error(404, message + "Did you mean to use v1/chat/completions?", param="model")


@rule(
    GITHUB + "xlinx/sd-webui-decadetw-auto-prompt-llm/issues/29",
    GITHUB + "tbxark/ChatGPT-Telegram-Workers/issues/5",
    GITHUB + "davidmigloz/langchain_dart/issues/712",  # reasoning_effort at gpt-4o
)
def openai_fields(request: Request) -> Reply | None:
    if not request.is_chat:
        return None
    unknown = sorted(name for name in request.body if name not in OPENAI_FIELDS)
    if "reasoning_effort" in request.body and not request.has("thinks"):
        unknown.append("reasoning_effort")
    noun = "argument" if len(unknown) == 1 else "arguments"
    return error(400, f"Unrecognized request {noun} supplied: {', '.join(unknown)}") if unknown else None


@rule(GITHUB + "langchain-ai/langgraph/issues/5943")
def openai_both_limits(request: Request) -> Reply | None:
    if request.is_chat and {"max_tokens", "max_completion_tokens"} <= request.body.keys():
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        return error(400, message, param="max_tokens", code="invalid_parameter_combination")
    return None


@rule(GITHUB + "griptape-ai/ComfyUI-Griptape/issues/312")
def openai_max_tokens(request: Request) -> Reply | None:
    if request.is_chat and request.has("thinks") and "max_tokens" in request.body:
        message = "Unsupported parameter: 'max_tokens' is not supported with this model. "
        message += "Use 'max_completion_tokens' instead."
        return error(400, message, param="max_tokens", code="unsupported_parameter")
    return None


@rule(GITHUB + "OpenHands/OpenHands/issues/4131", GITHUB + "griptape-ai/griptape/issues/1915")
def openai_temperature(request: Request) -> Reply | None:
    temperature = request.body.get("temperature", 1)
    if request.is_chat and request.has("thinks") and temperature != 1:
        message = f"Unsupported value: 'temperature' does not support {temperature} with this model. "
        message += "Only the default (1) value is supported."
        return error(400, message, param="temperature", code="unsupported_value")
    return None


@rule(GITHUB + "lobehub/lobehub/pull/7747")
def openai_top_p(request: Request) -> Reply | None:
    return _unsupported(request, "top_p")


@rule(GITHUB + "griptape-ai/griptape/issues/1915", GITHUB + "crewAIInc/crewAI/issues/2738")
def openai_stop(request: Request) -> Reply | None:
    return _unsupported(request, "stop")


def _unsupported(request: Request, name: str) -> Reply | None:
    if request.is_chat and request.has("thinks") and name in request.body:
        message = f"Unsupported parameter: '{name}' is not supported with this model."
        return error(400, message, param=name, code="unsupported_parameter")
    return None


@rule(GITHUB + "confident-ai/deepeval/pull/2184")
def openai_logprobs(request: Request) -> Reply | None:
    if request.is_chat and request.has("thinks") and request.body.get("logprobs"):
        return error(403, "You are not allowed to request logprobs from this model")
    return None


@rule(GITHUB + "tailcallhq/forgecode/issues/1185")
def openai_output(request: Request) -> Reply | None:
    model, limit = request.model, request.limit
    if not request.is_chat or model is None or limit is None or limit <= model.max_output:
        return None
    message = f"max_tokens is too large: {limit}. This model supports at most {model.max_output} completion tokens, "
    message += f"whereas you provided {limit}."
    return error(400, message, param="max_tokens", code="invalid_value")


@rule(GITHUB + "rahul2002m/ChatPDF/issues/6")
def openai_context(request: Request) -> Reply | None:
    if not request.is_chat or request.prompt_tokens <= request.context:
        return None
    message = f"This model's maximum context length is {request.context} tokens. However, your messages resulted in "
    message += f"{request.prompt_tokens} tokens. Please reduce the length of the messages."
    return error(400, message, param="messages", code="context_length_exceeded")


@rule(GITHUB + "meta-llama/PurpleLlama/issues/94")
def openai_json_word(request: Request) -> Reply | None:
    if request.is_chat and request.format.get("type") == "json_object" and not json_is_mentioned(request):
        message = (
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        )
        return error(400, message, param="messages")
    return None


@rule(GITHUB + "epuerta9/deep-research-py/issues/19")
def openai_format(request: Request) -> Reply | None:
    kind = request.format.get("type")
    if not request.is_chat or "response_format" not in request.body or kind in ("json_object", "json_schema", "text"):
        return None
    message = f"Invalid value: '{kind}'. Supported values are: 'json_object', 'json_schema', and 'text'."
    return error(400, message, param="response_format.type", code="invalid_value")


def _context(path: tuple[str, ...]) -> str:
    return f"In context={path}"


def _strict(request: Request, what: str | None) -> Reply | None:
    """What strict mode has against a schema."""
    if what is None:
        return None
    name = request.format["json_schema"].get("name")
    return error(400, f"Invalid schema for response_format '{name}': {what}", param="response_format")


def _strict_schema(request: Request) -> Mapping[str, Any] | None:
    is_strict = request.is_chat and request.format.get("json_schema", {}).get("strict") is True
    return request.schema if is_strict else None


@rule(GITHUB + "clay-good/OpenLore/issues/52", "https://platform.openai.com/docs/guides/structured-outputs")
def openai_schema_root(request: Request) -> Reply | None:
    schema = _strict_schema(request)
    if schema is None or schema.get("type") == "object":
        return None
    kind = schema.get("type", "None")
    return _strict(request, f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'.")


@rule(GITHUB + "openclaw/clawpatch/issues/60")
def openai_schema_type(request: Request) -> Reply | None:
    typed = {"type", "anyOf", "$ref"}
    bare = [path for path, part in parts(_strict_schema(request)) if not typed & part.keys()]
    return _strict(request, f"{_context(bare[0])}, schema must have a 'type' key." if bare else None)


@rule(GITHUB + "dottxt-ai/outlines/issues/844")
def openai_schema_additional(request: Request) -> Reply | None:
    for path, part in parts(_strict_schema(request)):
        if part.get("type") == "object" and part.get("additionalProperties") is not False:
            what = f"{_context(path)}, 'additionalProperties' is required to be supplied and to be false."
            return _strict(request, what)
    return None


@rule(GITHUB + "vercel/ai/issues/6484")
def openai_schema_required(request: Request) -> Reply | None:
    for path, part in parts(_strict_schema(request)):
        missing = [name for name in part.get("properties", {}) if name not in part.get("required", [])]
        if missing:
            what = f"{_context(path)}, 'required' is required to be supplied and to be an array including every key "
            return _strict(request, f"{what}in properties. Missing '{missing[0]}'.")
    return None


NEVER_IN_STRICT = names("allOf not dependentRequired dependentSchemas if then else")
NOT_WITH_FINE_TUNED = names(
    "minLength maxLength pattern format minimum maximum multipleOf patternProperties minItems maxItems"
)


@rule(GITHUB + "jina-ai/node-DeepResearch/issues/79", "https://platform.openai.com/docs/guides/structured-outputs")
def openai_schema_keyword(request: Request) -> Reply | None:
    refused = NEVER_IN_STRICT | (NOT_WITH_FINE_TUNED if request.has("fine-tuned") else frozenset())
    for path, part in parts(_strict_schema(request)):
        if keywords := [keyword for keyword in part if keyword in refused]:
            return _strict(request, f"{_context(path)}, '{keywords[0]}' is not permitted.")
    return None


@rule(GITHUB + "OpenHands/OpenHands/issues/998")
def openai_quota(request: Request) -> Reply | None:
    message = (
        "You exceeded your current quota, please check your plan and billing details. For more information on this "
    )
    message += "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."
    return error(429, message, "insufficient_quota", code="insufficient_quota")


@rule(GITHUB + "nextlevelbuilder/goclaw/issues/245")
def openai_output_limit(request: Request) -> Reply | None:
    message = "Could not finish the message because max_tokens or model output limit was reached. "
    return error(400, message + "Please try again with higher max_tokens.")


@rule("https://platform.openai.com/docs/guides/structured-outputs")
def openai_refusal(request: Request) -> Reply | None:
    answered = request.answered()
    for choice in answered["choices"]:
        choice["message"] |= {"content": None, "refusal": "I'm sorry, I cannot assist with that request."}
    return Reply(200, answered)


OPENAI_SCHEMA_RULES = (
    openai_schema_root,
    openai_schema_type,
    openai_schema_additional,
    openai_schema_required,
    openai_schema_keyword,
)
OPENAI_BODY_RULES = (
    openai_fields,
    openai_both_limits,
    openai_max_tokens,
    openai_temperature,
    openai_top_p,
    openai_stop,
    openai_logprobs,
    openai_format,
    openai_json_word,
    *OPENAI_SCHEMA_RULES,
    openai_output,
    openai_context,
)
OPENAI_MODELS = (
    Model("gpt-4o", 128000, 16384, logprobs=True),
    Model("ft:gpt-4o-mini-2024-07-18:example::1", 128000, 16384, logprobs=True, traits=frozenset({"fine-tuned"})),
    Model("o4-mini", 200000, 100000, thinking=40, traits=THINKS),
    Model("o3", 200000, 100000, thinking=40, traits=THINKS),
    Model("gpt-5", 400000, 128000, thinking=40, traits=THINKS),
)
# thoughts are counted and not shown, and can take the whole limit: https://github.com/64bit/async-openai/issues/424
OPENAI = Provider(
    name="OpenAI",
    models=OPENAI_MODELS,
    wrong_key=openai_key,
    unknown_path=openai_path,
    rules=(openai_chat_model, openai_model, *OPENAI_BODY_RULES),
    troubles=(openai_quota, openai_output_limit, openai_refusal),
)


# --- Azure OpenAI -----------------------------------------------------------------------------------------------------

AZURE_REFERENCE = "https://learn.microsoft.com/en-us/azure/ai-foundry/openai/reference"


@rule(GITHUB + "SciSharp/BotSharp/issues/386", AZURE_REFERENCE)
def azure_key(request: Request) -> Reply | None:
    if request.key == request.right_key:
        return None
    message = (
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
    )
    message += "active subscription and use a correct regional API endpoint for your resource."
    return Reply(401, {"error": {"code": "401", "message": message}})


@rule(GITHUB + "bramses/chatgpt-md/issues/173", GITHUB + "ThinkInAIXYZ/deepchat/issues/262", AZURE_REFERENCE)
def azure_path(request: Request) -> Reply | None:
    if request.route == CHAT and request.method == "POST" and request.query.get("api-version"):
        return None
    return Reply(404, {"error": {"code": "404", "message": "Resource not found"}})


@rule(GITHUB + "chatboxai/chatbox/issues/646")
def azure_deployment(request: Request) -> Reply | None:
    if request.model:
        return None
    message = (
        "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, "
    )
    message += "please wait a moment and try again."
    return Reply(404, {"error": {"code": "DeploymentNotFound", "message": message}})


@rule(GITHUB + "compl-ai/compl-ai/issues/20")
def azure_content_filter(request: Request) -> Reply | None:
    message = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify "
    message += (
        "your prompt and retry. To learn more about our content filtering policies please read our documentation: "
    )
    message += "https://go.microsoft.com/fwlink/?linkid=2198766"
    result: dict[str, Any] = {kind: {"filtered": False, "severity": "safe"} for kind in ("hate", "self_harm", "sexual")}
    result["violence"] = {"filtered": True, "severity": "medium"}
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": result}
    more = {"type": None, "param": "prompt", "code": "content_filter", "status": 400, "innererror": inner}
    return Reply(400, {"error": {"message": message, **more}})


@rule("https://learn.microsoft.com/en-us/azure/ai-foundry/openai/concepts/content-filter")
def azure_filtered_answer(request: Request) -> Reply | None:
    answered = request.answered()
    for choice in answered["choices"]:
        choice["message"]["content"] = choice["message"]["content"][:8]
        choice["finish_reason"] = "content_filter"
    return Reply(200, answered)


# the models' own rules hold here too: https://github.com/holoviz/lumen/pull/1087,
# https://github.com/anomalyco/opencode/issues/37964
AZURE = Provider(
    name="Azure OpenAI",
    models=OPENAI_MODELS,
    wrong_key=azure_key,
    unknown_path=azure_path,
    rules=(azure_path, azure_deployment, *OPENAI_BODY_RULES),
    troubles=(azure_content_filter, azure_filtered_answer),
    roots=("/openai/deployments/gpt-4o",),
    deployments=True,
)
