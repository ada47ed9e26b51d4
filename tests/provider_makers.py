"""Stand-ins for others who serve their own models: Gemini, Anthropic, Mistral and DeepSeek."""

from itertools import pairwise
from typing import Any

from tests.provider_base import (
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
    sized_listing,
)
from tests.schemas import parts

# --- Gemini -----------------------------------------------------------------------------------------------------------

GEMINI_FIELDS = names(
    "model messages max_tokens max_completion_tokens n presence_penalty reasoning_effort response_format stop stream "
    "stream_options temperature tool_choice tools top_p user"
)
GOOGLE = "type.googleapis.com/google.rpc."


def gemini_error(code: int, message: str, status: str = "INVALID_ARGUMENT", details: Any = ()) -> Reply:
    """A refusal in Gemini's shape, a list: https://github.com/Vali-98/ChatterUI/issues/227."""
    listed = {"details": list(details)} if details else {}
    return Reply(code, [{"error": {"code": code, "message": message, "status": status, **listed}}])


@rule(GITHUB + "continuedev/continue/issues/10290", GITHUB + "Vali-98/ChatterUI/issues/227")
def gemini_key(request: Request) -> Reply | None:
    if request.key == request.right_key:
        return None
    details = {"@type": GOOGLE + "ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
    return gemini_error(400, "API key not valid. Please pass a valid API key.", details=[details])


@rule("https://ai.google.dev/gemini-api/docs/openai", confirmed=False)
def gemini_path(request: Request) -> Reply | None:
    page = "<!DOCTYPE html>\n<html lang=en>\n  <title>Error 404 (Not Found)!!1</title>\n"
    page += f"  <p>The requested URL <code>{request.path}</code> was not found on this server.\n"
    return Reply(404, page.encode(), "text/html; charset=UTF-8")


def _unknown_names(unknown: list[str], location: str = "") -> Reply | None:
    if not unknown:
        return None
    at = f" at '{location}'" if location else ""
    lines = [f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.' for name in unknown]
    fields = [{**({"field": location} if location else {}), "description": line} for line in lines]
    return gemini_error(400, "\n".join(lines), details=[{"@type": GOOGLE + "BadRequest", "fieldViolations": fields}])


@rule(
    GITHUB + "Vali-98/ChatterUI/issues/227",  # seed
    GITHUB + "MinLL/SkyrimNet-GamePlugin/issues/77",  # frequency_penalty, reasoning, top_k, extra_body
    GITHUB + "mcpchecker/mcpchecker/pull/188",
)
def gemini_fields(request: Request) -> Reply | None:
    refused = [name for name in request.body if name not in GEMINI_FIELDS | {"logprobs", "top_logprobs"}]
    return _unknown_names(refused) if request.is_chat else None


@rule("https://ai.google.dev/gemini-api/docs/openai", confirmed=False)
def gemini_logprobs(request: Request) -> Reply | None:
    refused = [name for name in request.body if name in ("logprobs", "top_logprobs")]
    return _unknown_names(refused) if request.is_chat else None


@rule(GITHUB + "piersolenski/wtf.nvim/issues/64", GITHUB + "crystal-autobot/autobot/issues/63")
def gemini_model(request: Request) -> Reply | None:
    if not request.is_chat or request.model:
        return None
    message = (
        f"models/{request.model_name} is not found for API version v1main, or is not supported for generateContent. "
    )
    message += "Call ListModels to see the list of available models and their supported methods."
    return gemini_error(404, message, "NOT_FOUND")


# the wording is that of the native API; whether this endpoint hands a schema over unchanged is not documented
@rule(
    GITHUB + "NousResearch/hermes-agent/pull/15082", GITHUB + "microsoft/azure-devops-mcp/issues/145", confirmed=False
)
def gemini_integer_enum(request: Request) -> Reply | None:
    for path, part in parts(request.schema if request.is_chat else None):
        if numbers := [value for value in part.get("enum", []) if not isinstance(value, str)]:
            location = ".".join(["generation_config.response_schema", *path])
            message = "\n".join(
                f"Invalid value at '{location}.enum[{at}]' (TYPE_STRING), {number}" for at, number in enumerate(numbers)
            )
            return gemini_error(400, message)
    return None


@rule(
    GITHUB + "QuantumNous/new-api/pull/1037",  # $schema
    GITHUB + "theopenco/llmgateway/issues/1763",  # const, exclusiveMinimum, propertyNames
    confirmed=False,
)
def gemini_schema_keyword(request: Request) -> Reply | None:
    refused = ("$schema", "const", "exclusiveMinimum", "exclusiveMaximum", "propertyNames", "patternProperties")
    for path, part in parts(request.schema if request.is_chat else None):
        if unknown := [name for name in part if name in refused]:
            return _unknown_names(unknown, ".".join(["generation_config.response_schema", *path]))
    return None


@rule(GITHUB + "vercel/ai/issues/2974", confirmed=False)  # the wording is that of the native API
def gemini_schema_type(request: Request) -> Reply | None:
    for path, part in parts(request.schema if request.is_chat else None):
        if not part.keys() & {"type", "anyOf", "$ref"}:
            location = ""
            for step, name in zip(path, ("", *path), strict=False):
                location += f"[{step}]" if name == "properties" else f".{step}"
            message = f"* GenerateContentRequest.generation_config.response_schema{location}.type: must be specified\n"
            return gemini_error(400, message)
    return None


# thoughts count against the limit, and the content is absent when they take it all:
# https://github.com/googleapis/python-genai/issues/811, https://github.com/vectorize-io/hindsight/issues/3365
GEMINI = Provider(
    name="Gemini",
    models=(
        Model("gemini-2.5-flash", 1048576, 65536, thinking=40, traits=THINKS),
        Model("gemini-2.0-flash", 1048576, 8192),
    ),
    wrong_key=gemini_key,
    unknown_path=gemini_path,
    rules=(
        gemini_fields,
        gemini_logprobs,
        gemini_model,
        gemini_schema_type,
        gemini_schema_keyword,
        gemini_integer_enum,
    ),
    roots=("/v1beta/openai",),
    thoughts="",
    empty_content_is_absent=True,
)


# --- Anthropic --------------------------------------------------------------------------------------------------------

ANTHROPIC_COMPATIBLE = "https://platform.claude.com/docs/en/api/openai-sdk"
ANTHROPIC_SCHEMAS = "https://platform.claude.com/docs/en/build-with-claude/structured-outputs"


def anthropic_error(status: int, message: str, code: str = "invalid_request_error") -> Reply:
    """A refusal in the compatible endpoint's shape: https://github.com/ccbogel/QualCoder/issues/1208."""
    return error(status, message, code, code=code)


# the wording is that of the native API; before there was this endpoint, a key as bearer got "Invalid bearer token":
# https://github.com/anthropics/anthropic-sdk-typescript/issues/620
@rule(GITHUB + "continuedev/continue/issues/9399", confirmed=False)
def anthropic_key(request: Request) -> Reply | None:
    if request.key == request.right_key:
        return None
    return anthropic_error(401, "invalid x-api-key", "authentication_error")


@rule(ANTHROPIC_COMPATIBLE, confirmed=False)
def anthropic_path(request: Request) -> Reply | None:
    return anthropic_error(404, "Not found", "not_found_error")


@rule(ANTHROPIC_COMPATIBLE, confirmed=False)
def anthropic_model(request: Request) -> Reply | None:
    if request.is_chat and request.model is None:
        return anthropic_error(404, f"model: {request.model_name}", "not_found_error")
    return None


@rule(ANTHROPIC_COMPATIBLE, confirmed=False)  # documented: "n: Must be exactly 1"
def anthropic_n(request: Request) -> Reply | None:
    return anthropic_error(400, "n: Input should be 1") if request.is_chat and request.body.get("n", 1) != 1 else None


@rule(GITHUB + "interviewstreet/hiring-agent/pull/377")
def anthropic_temperature(request: Request) -> Reply | None:
    if request.is_chat and request.has("no temperature") and "temperature" in request.body:
        return anthropic_error(400, "`temperature` is deprecated for this model.")
    return None


@rule(GITHUB + "anomalyco/opencode/issues/28930")
def anthropic_sampling(request: Request) -> Reply | None:
    if request.is_chat and {"temperature", "top_p"} <= request.body.keys():
        message = "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
        return anthropic_error(400, message)
    return None


@rule(GITHUB + "BerriAI/litellm/issues/3286", ANTHROPIC_COMPATIBLE)
def anthropic_stop(request: Request) -> Reply | None:
    stop = request.body.get("stop") or []
    if request.is_chat and any(not text.strip() for text in ([stop] if isinstance(stop, str) else stop)):
        return anthropic_error(400, "stop_sequences: each stop sequence must contain non-whitespace")
    return None


@rule(GITHUB + "ccbogel/QualCoder/issues/1208", GITHUB + "chrisvel/tududi/issues/1353")
def anthropic_format(request: Request) -> Reply | None:
    if request.is_chat and request.format and request.format.get("type") != "json_schema":
        return anthropic_error(400, "response_format.type: Input should be 'json_schema'")
    return None


@rule(GITHUB + "interviewstreet/hiring-agent/pull/421")
def anthropic_strict(request: Request) -> Reply | None:
    if not request.is_chat or not request.schema or request.format["json_schema"].get("strict") is True:
        return None
    is_missing = "strict" not in request.format["json_schema"]
    what = "Field required" if is_missing else "Input should be True"
    return anthropic_error(400, f"response_format.json_schema.strict: {what}")


@rule(GITHUB + "interviewstreet/hiring-agent/pull/421", ANTHROPIC_SCHEMAS)
def anthropic_additional(request: Request) -> Reply | None:
    for _, part in parts(request.schema if request.is_chat else None):
        if part.get("type") == "object" and part.get("additionalProperties") is not False:
            message = "For 'object' type, 'additionalProperties' must be explicitly set to false"
            return anthropic_error(400, f"output_config.format.schema: {message}")
    return None


ANTHROPIC_REFUSED = {
    "array": ("maxItems", "uniqueItems"),
    "integer": ("minimum", "maximum", "multipleOf"),
    "number": ("minimum", "maximum", "multipleOf"),
    "string": ("minLength", "maxLength"),
}


@rule(
    GITHUB + "agentjido/req_llm/pull/707",  # maxItems
    GITHUB + "agentjido/req_llm/issues/302",  # minimum
    ANTHROPIC_SCHEMAS,  # the others
    confirmed=False,  # that they are refused is documented, the wording is that of the native API
)
def anthropic_schema_keyword(request: Request) -> Reply | None:
    for _, part in parts(request.schema if request.is_chat else None):
        kind = str(part.get("type"))
        if refused := [keyword for keyword in ANTHROPIC_REFUSED.get(kind, ()) if keyword in part]:
            message = f"For '{kind}' type, property '{refused[0]}' is not supported"
            return anthropic_error(400, f"output_config.format.schema: {message}")
    return None


# documented; the wording is that of the native API
@rule(GITHUB + "ghostlobster/memorize-everything/issues/93", ANTHROPIC_SCHEMAS, confirmed=False)
def anthropic_min_items(request: Request) -> Reply | None:
    for _, part in parts(request.schema if request.is_chat else None):
        if part.get("type") == "array" and part.get("minItems", 0) > 1:
            message = "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
            return anthropic_error(400, f"output_config.format.schema: {message}")
    return None


@rule(GITHUB + "anthropics/claude-quickstarts/issues/229")
def anthropic_credit(request: Request) -> Reply | None:
    message = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or "
    return anthropic_error(400, message + "purchase credits.")


# seed, logprobs and other fields are passed over, and a temperature above 1 is capped: ANTHROPIC_COMPATIBLE
ANTHROPIC = Provider(
    name="Anthropic",
    models=(
        Model("claude-haiku-4-5", 200000, 64000),
        Model("claude-sonnet-5", 1000000, 64000, traits=frozenset({"no temperature"})),
    ),
    wrong_key=anthropic_key,
    unknown_path=anthropic_path,
    rules=(
        anthropic_model,
        anthropic_n,
        anthropic_temperature,
        anthropic_sampling,
        anthropic_stop,
        anthropic_format,
        anthropic_strict,
        anthropic_additional,
        anthropic_min_items,
        anthropic_schema_keyword,
    ),
    troubles=(anthropic_credit,),
    several=False,
)


# --- Mistral ----------------------------------------------------------------------------------------------------------

MISTRAL_FIELDS = names(
    "model messages frequency_penalty guardrails max_tokens n parallel_tool_calls prediction presence_penalty prompt_mode "
    "prompt_cache_key random_seed reasoning_effort response_format safe_prompt stop stream temperature tool_choice tools "
    "top_p"
)


def mistral_detail(kind: str, loc: list[Any], message: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "loc": ["body", *loc], "msg": message, "input": value}


@rule(GITHUB + "nextcloud/integration_openai/issues/332")
def mistral_key(request: Request) -> Reply | None:
    return None if request.key == request.right_key else Reply(401, {"detail": "Unauthorized"})


@rule(GITHUB + "nextcloud/assistant/issues/593")
def mistral_path(request: Request) -> Reply | None:
    return Reply(404, {"message": "no Route matched with those values", "request_id": "0123456789abcdef"})


@rule(GITHUB + "tmc/langchaingo/issues/1233")
def mistral_model(request: Request) -> Reply | None:
    if not request.is_chat or request.model:
        return None
    body = {"object": "error", "message": f"Invalid model: {request.model_name}", "type": "invalid_model"}
    return Reply(400, {**body, "param": None, "code": "1500"})


@rule(
    GITHUB + "Gitlawb/openclaude/issues/739",  # store, max_completion_tokens: the shape
    GITHUB + "langchain-ai/langchain-azure/issues/82",  # seed
    GITHUB + "charmbracelet/crush/issues/1590",  # reasoning_content of an earlier message
)
def mistral_fields(request: Request) -> Reply | None:
    if not request.is_chat:
        return None
    message = "Extra inputs are not permitted"
    details = [
        mistral_detail("extra_forbidden", [name], message, value)
        for name, value in request.body.items()
        if name not in MISTRAL_FIELDS
    ]
    for number, sent in enumerate(request.body.get("messages", [])):
        for name in ("reasoning_content", "reasoning"):
            if name in sent:
                loc = ["messages", number, sent["role"], name]
                details.append(mistral_detail("extra_forbidden", loc, message, sent[name]))
    return Reply(422, {"detail": details}) if details else None


@rule(GITHUB + "vegu-ai/talemate/issues/102", GITHUB + "SillyTavern/SillyTavern/pull/4856")
def mistral_temperature(request: Request) -> Reply | None:
    temperature = request.body.get("temperature") or 0
    if not request.is_chat or temperature <= 1.5:
        return None
    message = "Input should be less than or equal to 1.5"
    return Reply(422, {"detail": [mistral_detail("less_than_equal", ["temperature"], message, temperature)]})


@rule("https://docs.mistral.ai/api", confirmed=False)
def mistral_context(request: Request) -> Reply | None:
    if not request.is_chat or request.prompt_tokens <= request.context:
        return None
    message = (
        f"Prompt contains {request.prompt_tokens} tokens, too large for model with {request.context} maximum context "
    )
    body = {"object": "error", "message": message + "length", "type": "invalid_request_prompt", "param": None}
    return Reply(400, {**body, "code": "3051"})


# content as parts: https://docs.mistral.ai/capabilities/reasoning/, https://github.com/spring-projects/spring-ai/pull/5020
MISTRAL = Provider(
    name="Mistral",
    models=(
        Model("mistral-small-latest", 131072),
        Model("magistral-medium-latest", 131072, thinking=40, traits=THINKS),
    ),
    wrong_key=mistral_key,
    unknown_path=mistral_path,
    rules=(mistral_fields, mistral_temperature, mistral_model, mistral_context),
    listing=sized_listing("max_context_length"),
    thoughts="parts",
)


# --- DeepSeek ---------------------------------------------------------------------------------------------------------

DEEPSEEK_DOCS = "https://api-docs.deepseek.com/"


def deepseek_error(message: str, status: int = 400, kind: str = "invalid_request_error") -> Reply:
    return error(status, message, kind, code="invalid_request_error")


@rule(GITHUB + "FullStackPlayer/claude-code-launcher/issues/3", GITHUB + "continuedev/continue/issues/11820")
def deepseek_key(request: Request) -> Reply | None:
    if request.key == request.right_key:
        return None
    message = f"Authentication Fails, Your api key: ****{(request.key or '')[-4:]} is invalid"
    return deepseek_error(message, 401, "authentication_error")


@rule(DEEPSEEK_DOCS, confirmed=False)
def deepseek_path(request: Request) -> Reply | None:
    return Reply(404, b"", "text/plain")


@rule(GITHUB + "langbot-app/LangBot/issues/1643")
def deepseek_model(request: Request) -> Reply | None:
    return deepseek_error("Model Not Exist") if request.is_chat and request.model is None else None


@rule(GITHUB + "UKGovernmentBEIS/inspect_ai/issues/4916")
def deepseek_format(request: Request) -> Reply | None:
    if request.is_chat and request.format.get("type") == "json_schema":
        return deepseek_error("This response_format type is unavailable now")
    return None


@rule(GITHUB + "browserbase/stagehand/issues/1204", DEEPSEEK_DOCS + "guides/json_mode")
def deepseek_json_word(request: Request) -> Reply | None:
    if request.is_chat and request.format.get("type") == "json_object" and not json_is_mentioned(request):
        message = "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'."
        return deepseek_error(message)
    return None


# that they are refused is documented, the wording is not
@rule(DEEPSEEK_DOCS + "guides/reasoning_model", confirmed=False)
def deepseek_logprobs(request: Request) -> Reply | None:
    refused = [name for name in ("logprobs", "top_logprobs") if request.body.get(name)]
    if request.is_chat and request.has("thinks") and refused:
        return deepseek_error(f"{request.model_name} does not support the parameter `{refused[0]}`")
    return None


@rule(GITHUB + "tailcallhq/forgecode/issues/2008")
def deepseek_content(request: Request) -> Reply | None:
    for number, message in enumerate(request.body.get("messages", []) if request.is_chat else []):
        if isinstance(message.get("content"), list):
            what = f"messages[{number}]: invalid type: sequence, expected a string at line 1 column 100"
            return deepseek_error(f"Failed to deserialize the JSON body into the target type: {what}")
    return None


@rule(GITHUB + "xerrors/Yuxi/issues/126", GITHUB + "deepseek-ai/DeepSeek-R1/issues/21")
def deepseek_turns(request: Request) -> Reply | None:
    if not request.is_chat or not request.has("thinks"):
        return None
    roles = [message.get("role") for message in request.body.get("messages", [])]
    for number, (role, after) in enumerate(pairwise(roles)):
        if role == after and role in ("user", "assistant"):
            message = (
                f"{request.model_name} does not support successive user or assistant messages (messages[{number}] and "
            )
            message += (
                f"messages[{number + 1}] in your input). You should interleave the user/assistant messages in the "
            )
            return deepseek_error(message + "message sequence.")
    return None


@rule(GITHUB + "deepseek-ai/DeepSeek-V3/issues/69")
def deepseek_output(request: Request) -> Reply | None:
    model, limit = request.model, request.limit
    if not request.is_chat or model is None or limit is None or 1 <= limit <= model.max_output:
        return None
    return deepseek_error(f"Invalid max_tokens value, the valid range of max_tokens is [1, {model.max_output}]")


@rule(GITHUB + "evalstate/fast-agent/issues/621")
def deepseek_context(request: Request) -> Reply | None:
    limit = request.limit or 0
    if not request.is_chat or request.prompt_tokens + limit <= request.context:
        return None
    message = f"This model's maximum context length is {request.context} tokens. However, you requested "
    message += f"{request.prompt_tokens + limit} tokens ({request.prompt_tokens} in the messages, {limit} in the "
    return deepseek_error(message + "completion). Please reduce the length of the messages or completion.")


@rule(GITHUB + "1Panel-dev/MaxKB/issues/3797")
def deepseek_balance(request: Request) -> Reply | None:
    return deepseek_error("Insufficient Balance", 402, "unknown_error")


@rule(DEEPSEEK_DOCS + "api/create-chat-completion", GITHUB + "genkit-ai/genkit/pull/6259")
def deepseek_resources(request: Request) -> Reply | None:
    answered = request.answered()
    for choice in answered["choices"]:
        choice["message"]["content"] = choice["message"]["content"][:8]
        choice["finish_reason"] = "insufficient_system_resource"
    return Reply(200, answered)


@rule(GITHUB + "deepseek-ai/DeepSeek-V3.2-Exp/issues/49")
def deepseek_hollow_logprobs(request: Request) -> Reply | None:
    """Log-probabilities that are 0 or -9999, and nothing beside them."""
    answered = request.answered()
    for choice in answered["choices"]:
        for number, entry in enumerate((choice["logprobs"] or {}).get("content", [])):
            entry |= {"logprob": -9999.0 if number % 5 == 4 else 0.0, "top_logprobs": []}
    return Reply(200, answered)


@rule(DEEPSEEK_DOCS + "guides/json_mode")  # "the API may occasionally return empty content"
def deepseek_empty(request: Request) -> Reply | None:
    answered = request.answered()
    for choice in answered["choices"]:
        choice["message"]["content"] = ""
    return Reply(200, answered)


# empty lines come before the body while a request waits: https://api-docs.deepseek.com/quick_start/rate_limit
DEEPSEEK = Provider(
    name="DeepSeek",
    models=(
        Model("deepseek-chat", 131072, 8192, logprobs=True),
        Model("deepseek-reasoner", 131072, 65536, thinking=40, traits=THINKS),
    ),
    wrong_key=deepseek_key,
    unknown_path=deepseek_path,
    rules=(
        deepseek_content,
        deepseek_model,
        deepseek_format,
        deepseek_json_word,
        deepseek_logprobs,
        deepseek_turns,
        deepseek_output,
        deepseek_context,
    ),
    troubles=(deepseek_balance, deepseek_resources, deepseek_empty, deepseek_hollow_logprobs),
    roots=("", "/v1"),
    several=False,
    thoughts="reasoning_content",
    blank=b"\n\n",
)
