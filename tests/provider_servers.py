"""Stand-ins for servers that people run themselves: vLLM, SGLang, Ollama, LM Studio and llama.cpp."""

from typing import Any

from tests.provider_answers import text_of, tokens
from tests.provider_base import GITHUB, THINKS, Model, Provider, Reply, Request, error, rule, sized_listing

LOCAL_MODELS = (
    Model("qwen2.5-7b-instruct", 32768, logprobs=True),
    Model("gpt-oss-20b", 131072, thinking=40, logprobs=True, traits=THINKS),
)


def _generates(request: Request) -> bool:
    return request.is_chat or request.is_completion


# --- vLLM -------------------------------------------------------------------------------------------------------------

VLLM_SOURCE = GITHUB + "vllm-project/vllm/blob/main/vllm/entrypoints/openai/"


def vllm_error(status: int, message: str, kind: str = "BadRequestError") -> Reply:
    return error(status, message, kind, code=status)


def flat_error(status: int, message: str, kind: str = "BadRequestError") -> Reply:
    """A refusal in the shape of vLLM before 0.10, and of SGLang."""
    return Reply(status, {"object": "error", "message": message, "type": kind, "param": None, "code": status})


@rule(VLLM_SOURCE + "server_utils.py")
def vllm_key(request: Request) -> Reply | None:
    """Only what is under /v1 wants the key."""
    if request.key == request.right_key or not request.path.startswith("/v1"):
        return None
    return Reply(401, {"error": "Unauthorized"})


@rule("https://fastapi.tiangolo.com/tutorial/handling-errors/")
def vllm_path(request: Request) -> Reply | None:
    return Reply(404, {"detail": "Not Found"})


@rule(GITHUB + "vllm-project/vllm/issues/3485")
def vllm_model(request: Request) -> Reply | None:
    if _generates(request) and request.model is None:
        return vllm_error(404, f"The model `{request.model_name}` does not exist.", "NotFoundError")
    return None


@rule(GITHUB + "vllm-project/vllm/issues/3485")
def vllm_old_model(request: Request) -> Reply | None:
    if _generates(request) and request.model is None:
        return flat_error(404, f"The model `{request.model_name}` does not exist.", "NotFoundError")
    return None


@rule(GITHUB + "vllm-project/vllm/blob/9cfa5486/vllm/entrypoints/openai/serving_engine.py")
def vllm_context(request: Request) -> Reply | None:
    if not _generates(request) or request.prompt_tokens < request.context:
        return None
    message = f"This model's maximum context length is {request.context} tokens. However, your request has "
    message += f"{request.prompt_tokens} input tokens. Please reduce the length of the input messages."
    return vllm_error(400, message)


@rule(GITHUB + "vllm-project/vllm/blob/9cfa5486/vllm/entrypoints/openai/serving_engine.py")
def vllm_output(request: Request) -> Reply | None:
    limit, inputs = request.limit or 0, request.prompt_tokens
    if not _generates(request) or inputs + limit <= request.context:
        return None
    message = f"'max_tokens' or 'max_completion_tokens' is too large: {limit}. This model's maximum context length is "
    message += (
        f"{request.context} tokens and your request has {inputs} input tokens ({limit} > {request.context} - {inputs})."
    )
    return vllm_error(400, message)


@rule(GITHUB + "vllm-project/vllm/issues/20409")
def vllm_old_context(request: Request) -> Reply | None:
    limit, inputs = request.limit or 0, request.prompt_tokens
    if not _generates(request) or inputs + limit <= request.context:
        return None
    message = (
        f"This model's maximum context length is {request.context} tokens. However, you requested {inputs + limit} "
    )
    message += (
        f"tokens ({inputs} in the messages, {limit} in the completion). Please reduce the length of the messages or "
    )
    return flat_error(400, message + "completion.")


@rule(GITHUB + "vllm-project/vllm/issues/4667")
def vllm_no_output(request: Request) -> Reply | None:
    if _generates(request) and request.limit is not None and request.limit < 1:
        return vllm_error(400, f"max_tokens must be at least 1, got {request.limit}.")
    return None


@rule(VLLM_SOURCE + "protocol.py")
def vllm_open_message(request: Request) -> Reply | None:
    is_continued = request.is_chat and request.body.get("continue_final_message", False)
    if is_continued and request.body.get("add_generation_prompt", True):
        return vllm_error(400, "Cannot set both `continue_final_message` and `add_generation_prompt` to True.")
    return None


def vllm_tokenize(request: Request) -> Reply | None:
    """https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html#tokenizer-api"""
    count = request.prompt_tokens
    return Reply(
        200, {"count": count, "max_model_len": request.context or LOCAL_MODELS[0].context, "tokens": list(range(count))}
    )


# unknown fields are passed over: https://github.com/taresh18/orpheus-streaming/issues/7
# content is null if the thoughts take the limit: https://github.com/vllm-project/vllm/issues/41902
# logprobs are those of all that was generated: https://github.com/allenai/olmo-eval/issues/366
VLLM = Provider(
    name="vLLM",
    models=LOCAL_MODELS,
    wrong_key=vllm_key,
    unknown_path=vllm_path,
    rules=(vllm_model, vllm_open_message, vllm_no_output, vllm_context, vllm_output),
    listing=sized_listing("max_model_len"),
    completions=True,
    thoughts="reasoning",  # https://github.com/vllm-project/vllm/pull/27752
    schema_in=("structured_outputs", "json"),  # https://docs.vllm.ai/en/latest/features/structured_outputs/
    thoughts_in_logprobs=True,
    open_turns=True,
    empty_content=None,
    extra={("POST", "/tokenize"): vllm_tokenize, ("GET", "/health"): lambda request: Reply(200, b"", "text/plain")},
)
VLLM_OLD = Provider(
    name="vLLM 0.9",
    models=LOCAL_MODELS,
    wrong_key=vllm_key,
    unknown_path=vllm_path,
    rules=(vllm_old_model, vllm_old_context),
    listing=sized_listing("max_model_len"),
    completions=True,
    thoughts="reasoning_content",
    schema_in=("guided_json",),  # https://docs.vllm.ai/en/v0.9.1/features/structured_outputs.html
    thoughts_in_logprobs=True,
    open_turns=True,
    empty_content=None,
    extra={("POST", "/tokenize"): vllm_tokenize},
)


# --- SGLang -----------------------------------------------------------------------------------------------------------

SGLANG_SOURCE = GITHUB + "sgl-project/sglang/blob/main/python/sglang/srt/"


@rule(GITHUB + "sgl-project/sglang/issues/25127")
def sglang_key(request: Request) -> Reply | None:
    return None if request.key == request.right_key else Reply(401, {"error": "Unauthorized"})


@rule("https://fastapi.tiangolo.com/tutorial/handling-errors/")
def sglang_path(request: Request) -> Reply | None:
    return Reply(404, {"detail": "Not Found"})


@rule(SGLANG_SOURCE + "managers/tokenizer_manager.py")
def sglang_context(request: Request) -> Reply | None:
    if not _generates(request) or request.prompt_tokens < request.context:
        return None
    message = f"The input ({request.prompt_tokens} tokens) is longer than the model's context length "
    return flat_error(400, f"{message}({request.context} tokens).", "BadRequest")


@rule(SGLANG_SOURCE + "managers/tokenizer_manager.py")
def sglang_output(request: Request) -> Reply | None:
    limit, inputs = request.limit or 0, request.prompt_tokens
    if not _generates(request) or inputs + limit <= request.context:
        return None
    message = f"Requested token count exceeds the model's maximum context length of {request.context} tokens. You requested a "
    message += f"total of {inputs + limit} tokens: {inputs} tokens from the input messages and {limit} tokens for the "
    message += "completion. Please reduce the number of tokens in the input messages or the completion to fit within the limit."
    return flat_error(400, message, "BadRequest")


# a wrong name of the model is not refused (no source); logprobs are those of all that was generated:
# https://github.com/sgl-project/sglang/issues/25055
SGLANG = Provider(
    name="SGLang",
    models=LOCAL_MODELS,
    wrong_key=sglang_key,
    unknown_path=sglang_path,
    rules=(sglang_context, sglang_output),
    listing=sized_listing("max_model_len"),
    completions=True,
    thoughts="reasoning_content",
    thoughts_in_logprobs=True,
    open_turns=True,
    empty_content=None,
    any_name=True,
)


# --- Ollama -----------------------------------------------------------------------------------------------------------


@rule("https://gin-gonic.com/", confirmed=False)
def ollama_path(request: Request) -> Reply | None:
    return Reply(404, b"404 page not found", "text/plain")


@rule(GITHUB + "netease-youdao/QAnything/issues/555", GITHUB + "ollama/ollama/blob/main/openai/openai.go")
def ollama_model(request: Request) -> Reply | None:
    if _generates(request) and request.model is None:
        return error(404, f'model "{request.model_name}" not found, try pulling it first', "api_error")
    return None


@rule(GITHUB + "SAIL-Research-Lab/cheetahclaws/issues/71", GITHUB + "QwenLM/qwen-code/issues/3421")
def ollama_content(request: Request) -> Reply | None:
    """Only a message with tool calls can do without content."""
    for message in request.body.get("messages", []) if request.is_chat else []:
        content = message.get("content")
        if not isinstance(content, str | list) and "tool_calls" not in message:
            return error(400, f"invalid message content type: {GO_TYPES.get(type(content), 'float64')}")
    return None


GO_TYPES = {type(None): "<nil>", bool: "bool", dict: "map[string]interface {}"}


# a key is required by clients, and ignored: https://docs.ollama.com/api/openai-compatibility
# logprobs are dropped: https://github.com/ollama/ollama/issues/16117
# the start of a prompt that is too long is dropped: https://docs.ollama.com/faq (4096 tokens)
# the list of models has no context: https://github.com/ollama/ollama/issues/17417
OLLAMA = Provider(
    name="Ollama",
    models=(Model("llama3.2", 4096), Model("gpt-oss:20b", 4096, thinking=40, traits=THINKS)),
    unknown_path=ollama_path,
    rules=(ollama_model, ollama_content),
    completions=True,
    several=False,
    thoughts="reasoning",
    cut_prompts=True,
)


# --- LM Studio --------------------------------------------------------------------------------------------------------

LM_STUDIO_ISSUES = GITHUB + "lmstudio-ai/lmstudio-bug-tracker/issues/"


@rule(LM_STUDIO_ISSUES + "1680")
def lm_studio_path(request: Request) -> Reply | None:
    """Its log has "Returning 200 anyway"."""
    return Reply(200, {"error": f"Unexpected endpoint or method. ({request.method} {request.path})"})


@rule(GITHUB + "LoadShine/tada/issues/16")
def lm_studio_format(request: Request) -> Reply | None:
    if request.is_chat and request.format and request.format.get("type") not in ("json_schema", "text"):
        return Reply(400, {"error": "'response_format.type' must be 'json_schema' or 'text'"})
    return None


@rule(LM_STUDIO_ISSUES + "546", LM_STUDIO_ISSUES + "237")
def lm_studio_context(request: Request) -> Reply | None:
    if not _generates(request) or request.prompt_tokens <= request.context:
        return None
    message = (
        f"Trying to keep the first {request.prompt_tokens} tokens when context the overflows. However, the model is "
    )
    message += (
        f"loaded with context length of only {request.context} tokens, which is not enough. Try to load the model with "
    )
    return Reply(400, {"error": message + "a larger context length, or provide a shorter input."})


@rule("https://lmstudio.ai/docs/developer/openai-compat", confirmed=False)
def lm_studio_no_model(request: Request) -> Reply | None:
    message = "No models loaded. Please load a model in the developer page or use the 'lms load' command."
    return error(404, message, param="model", code="model_not_found")


# logprobs are accepted, and not returned: https://github.com/lmstudio-ai/lms/issues/60
# the list of models has no context: https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/2139
# a request without a name of a model goes to the one that is loaded: https://lmstudio.ai/docs/developer/core/headless
LM_STUDIO = Provider(
    name="LM Studio",
    models=(Model("qwen2.5-7b-instruct", 32768), Model("openai/gpt-oss-20b", 131072, thinking=40, traits=THINKS)),
    unknown_path=lm_studio_path,
    rules=(lm_studio_format, lm_studio_context),
    troubles=(lm_studio_no_model,),
    completions=True,
    several=False,
    thoughts="reasoning",  # unconfirmed: other versions have reasoning_content, or tags in the content
    any_name=True,
)


# --- llama.cpp --------------------------------------------------------------------------------------------------------

LLAMA_CPP_SOURCE = GITHUB + "ggml-org/llama.cpp/blob/master/tools/server/"


def llama_cpp_error(status: int, message: str, kind: str = "invalid_request_error", **more: Any) -> Reply:
    return Reply(status, {"error": {"code": status, "message": message, "type": kind, **more}})


@rule(LLAMA_CPP_SOURCE + "server-http.cpp")
def llama_cpp_key(request: Request) -> Reply | None:
    """The lists of models are open to all."""
    if request.key == request.right_key or request.path in ("/health", "/models", "/v1/health", "/v1/models"):
        return None
    return llama_cpp_error(401, "Invalid API Key", "authentication_error")


@rule(LLAMA_CPP_SOURCE + "server-http.cpp")
def llama_cpp_path(request: Request) -> Reply | None:
    return llama_cpp_error(404, "File Not Found", "not_found_error")


@rule(GITHUB + "algorithmicsuperintelligence/optillm/issues/8")
def llama_cpp_n(request: Request) -> Reply | None:
    if request.is_chat and (request.body.get("n") or 1) > 1:
        return llama_cpp_error(500, "Only one completion choice is allowed", "server_error")
    return None


@rule(LLAMA_CPP_SOURCE + "server-common.cpp")
def llama_cpp_logprobs(request: Request) -> Reply | None:
    if request.is_chat and request.body.get("top_logprobs") and not request.body.get("logprobs"):
        return llama_cpp_error(400, "top_logprobs requires logprobs to be set to true")
    return None


@rule(LLAMA_CPP_SOURCE + "server-common.cpp")
def llama_cpp_format(request: Request) -> Reply | None:
    kind = request.format.get("type")
    if request.is_chat and request.format and kind not in ("text", "json_object", "json_schema"):
        message = f'response_format type must be one of "text" or "json_object", but got: {kind}'
        return llama_cpp_error(400, message)
    return None


@rule(
    GITHUB + "ggml-org/llama.cpp/pull/15780",
    GITHUB + "oobabooga/textgen/issues/7257",
    GITHUB + "continuedev/continue/issues/9797",
)
def llama_cpp_context(request: Request) -> Reply | None:
    if not _generates(request) or request.prompt_tokens <= request.context:
        return None
    message = "the request exceeds the available context size, try increasing it"
    counts = {"n_prompt_tokens": request.prompt_tokens, "n_ctx": request.context}
    return llama_cpp_error(400, message, "exceed_context_size_error", **counts)


@rule(LLAMA_CPP_SOURCE + "server-http.cpp")
def llama_cpp_loading(request: Request) -> Reply | None:
    return llama_cpp_error(503, "Loading model", "unavailable_error")


@rule(GITHUB + "ggml-org/llama.cpp/pull/15181")
def llama_cpp_harmony(request: Request) -> Reply | None:
    """A gpt-oss whose answer nobody took apart: its channels are in the content."""
    answered = request.answered()
    for choice in answered["choices"]:
        message = choice["message"]
        thoughts = message.pop("reasoning_content", "Let me think.")
        content = f"<|channel|>analysis<|message|>{thoughts}<|end|><|start|>assistant<|channel|>final<|message|>"
        message["content"] = content + text_of(message["content"])
    return Reply(200, answered)


def llama_cpp_props(request: Request) -> Reply | None:
    """https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md"""
    context = request.context or LOCAL_MODELS[0].context
    return Reply(200, {"default_generation_settings": {"n_ctx": context}, "total_slots": 4, "model_path": "model.gguf"})


def llama_cpp_tokenize(request: Request) -> Reply | None:
    return Reply(200, {"tokens": list(range(len(tokens(str(request.body.get("content", ""))))))})


LLAMA_CPP = Provider(
    name="llama.cpp",
    models=LOCAL_MODELS[1:],
    wrong_key=llama_cpp_key,
    unknown_path=llama_cpp_path,
    rules=(llama_cpp_n, llama_cpp_logprobs, llama_cpp_format, llama_cpp_context),
    troubles=(llama_cpp_loading, llama_cpp_harmony),
    roots=("/v1", ""),
    completions=True,
    several=False,
    thoughts="reasoning_content",
    any_name=True,
    extra={("GET", "/props"): llama_cpp_props, ("POST", "/tokenize"): llama_cpp_tokenize},
)
