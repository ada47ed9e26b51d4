"""Finds out what an endpoint can do, by asking it as little as possible.

Six to eight small requests, and one more for each field that the endpoint refuses: those it learns to leave out. What it refuses as
a whole is a capability that it lacks; a wrong key, an unknown model, an address that is dead or is something else's is an error.
"""

import asyncio
import contextlib
import json
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from tasks.errors import CallRefused, EndpointRefused, ModelError, ServerFault, Unreachable
from tasks.models import catalogue
from tasks.models.base import OPEN_TURN, Capabilities
from tasks.models.secrets import mask, mask_whole
from tasks.models.tokenizer_config import REPO
from tasks.types import Message

if TYPE_CHECKING:
    from tasks.models.openai import OpenAIEndpoint

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "verdict": {"enum": ["yes", "no"]},
        "answer": {
            "type": "object",
            "properties": {
                "kinds": {"type": "array", "items": {"enum": [1, 2]}, "minItems": 1, "maxItems": 2},
                "reason": {"type": "string", "minLength": 1, "maxLength": 8},
                "rating": {"enum": [1, 2, 3, 4, 5]},
            },
            "required": ["kinds", "reason", "rating"],
            "additionalProperties": False,
        },
    },
    "required": ["verdict", "answer"],
    "additionalProperties": False,
}
"""Holds what any of our schemas holds, so that what is refused of it is refused of them."""
QUESTION = """\
Is water wet? Answer as JSON, like
{"verdict": "yes", "answer": {"kinds": [1], "reason": "it flows", "rating": 5}}"""
ROOM_TO_THINK = 1024
"""Tokens for an answer of some forty: models that think do so first."""
SEED = 1
"""Sent along, as the calls of a run send one: what is refused of it is known before many of them are on their way."""
OPEN_TALK: list[Message] = [
    {"role": "user", "content": "Name a river."},
    {"role": "assistant", "content": "The Loire."},
    {"role": "user", "content": ""},
]
MOST_END_TOKENS = 8
WITHIN = 10.0
"""Seconds for what an endpoint says of itself."""
MOST_MODELS, LONGEST_NAME, LONGEST_TOKEN = 5_000, 500, 100
"""Of what an endpoint tells of itself."""


async def probe(endpoint: "OpenAIEndpoint") -> Capabilities:
    """What `endpoint` can do.

    Raises EndpointRefused where it can't be used at all, and CallFailed (Overloaded, TimedOut, Unreachable, ServerFault) where
    it may be asked again: that says nothing of what it can do.
    """
    listed = await _listed(endpoint)
    models, context, weights = _models(listed, endpoint.spec.model)
    secrets = endpoint.secrets
    props, writes_json, raw_prompts, logprobs = await _all(
        _get(endpoint, "/props", root=True),
        _writes_json(endpoint),
        _takes_raw_prompts(endpoint),
        _gives_logprobs(endpoint),
    )
    if writes_json is None and logprobs is None and not raw_prompts:
        await _speaks(endpoint)
    writes_json, logprobs = bool(writes_json), bool(logprobs)
    known = catalogue.listed(endpoint.spec.model, endpoint.url)
    dialect = endpoint.dialect
    as_schema = writes_json and dialect.answer_format == "json_schema"
    template = props.get("chat_template") if isinstance(props.get("chat_template"), str) else None
    slot = _table(props.get("default_generation_settings")).get("n_ctx")
    return Capabilities(
        raw_prompts=raw_prompts,
        json_schema=writes_json and dialect.answer_format != "text",
        string_bounds=as_schema and "maxLength" not in dialect.without_keywords,
        logprobs=logprobs,
        continues_turns=not raw_prompts and await _continues_turns(endpoint),
        chat_template=mask_whole(template, secrets) if template else template,
        bos_token=mask(str(props.get("bos_token") or "")[:LONGEST_TOKEN], secrets),
        eos_token=mask(str(props.get("eos_token") or "")[:LONGEST_TOKEN], secrets),
        context=slot if isinstance(slot, int) else context or (known.context if known else None),
        models=tuple(mask(name[:LONGEST_NAME], secrets) for name in models[:MOST_MODELS]),
        weights=mask(weights[:LONGEST_NAME], secrets),
    )


async def listed(endpoint: "OpenAIEndpoint") -> tuple[str, ...]:
    """The names of the models that `endpoint` says it has; none where it does not say. Raises Unreachable."""
    models, _, _ = _models(await _listed(endpoint), endpoint.spec.model)
    return tuple(mask(name[:LONGEST_NAME], endpoint.secrets) for name in models[:MOST_MODELS])


async def _all(*questions: Coroutine[Any, Any, Any]) -> list[Any]:
    """Asked at the same time; the first error is raised when all are answered."""
    answers = await asyncio.gather(*questions, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers


async def _listed(endpoint: "OpenAIEndpoint") -> dict[str, Any]:
    """The list of models; Together gives it bare."""
    try:
        models = await endpoint.models(WITHIN)
    except Unreachable:
        raise
    except ModelError:
        return {}
    return {"data": models} if isinstance(models, list) else _table(models)


async def _get(endpoint: "OpenAIEndpoint", path: str, *, root: bool = False) -> dict[str, Any]:
    """A GET whose failure means "it does not have this". `root` asks beside /v1, where llama.cpp answers."""
    address = endpoint.url.removesuffix("/v1") + path if root else path
    try:
        return _table(await endpoint.ask(address, within=WITHIN))
    except Unreachable:
        raise
    except ModelError:
        return {}


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _models(listed: dict[str, Any], model: str) -> tuple[tuple[str, ...], int | None, str]:
    """(their names, the wanted one's context, the model on the Hub that it is)."""
    data = listed.get("data")
    entries = [
        m for m in (data if isinstance(data, list) else []) if isinstance(m, dict) and isinstance(m.get("id"), str)
    ]
    context, weights = None, ""
    for entry in entries:
        if entry["id"] == model or len(entries) == 1:
            max_length = (
                entry.get("max_model_len") or entry.get("context_length") or _table(entry.get("meta")).get("n_ctx")
            )
            context = max_length if isinstance(max_length, int) else None
            root = entry.get("root")  # of vLLM and SGLang; a path on the server's disk is of no use here
            weights = root if isinstance(root, str) and REPO.fullmatch(root) else ""
    return tuple(entry["id"] for entry in entries), context, weights


async def _takes_raw_prompts(endpoint: "OpenAIEndpoint") -> bool:
    body = endpoint.request("complete", "Hello", {"max_tokens": 1})
    try:
        await endpoint.send("complete", body, 0)
    except (CallRefused, ServerFault, EndpointRefused):
        return False
    return True


async def _continues_turns(endpoint: "OpenAIEndpoint") -> bool:
    """True if the user's last, empty message is left open where that is asked for.

    An endpoint that does not know the fields may pass over them, so its 200 says nothing. But a turn that is left open
    lacks what ends it: the same messages count fewer tokens than with the turn closed, and as many where the field is
    passed over. No template lets more than a few tokens end a turn; a greater difference would have another cause.
    """
    counts = []
    for is_open in (True, False):
        body = endpoint.request("chat", OPEN_TALK, {"max_tokens": 1, **OPEN_TURN, "continue_final_message": is_open})
        try:
            answer = await endpoint.send("chat", body, 0)
        except (CallRefused, ServerFault):
            return False
        counts.append(answer.prompt_tokens or 0)
    left_open, closed = counts
    return left_open > 0 and 0 < closed - left_open <= MOST_END_TOKENS


async def _speaks(endpoint: "OpenAIEndpoint") -> None:
    """Raises ServerFault where the plainest chat, too, is answered by no answer of the protocol."""
    body = endpoint.request("chat", [{"role": "user", "content": "Hello"}], {"max_tokens": ROOM_TO_THINK})
    with contextlib.suppress(CallRefused):
        await endpoint.send("chat", body, 0)


async def _writes_json(endpoint: "OpenAIEndpoint") -> bool | None:
    """True if an answer is JSON where that is asked for, None where the server fails at it.

    A refused key or model is raised: nothing will work then.
    """
    options = {"max_tokens": ROOM_TO_THINK, "schema": SCHEMA, "seed": SEED}
    body = endpoint.request("chat", [{"role": "user", "content": QUESTION}], options)
    try:
        answer = await endpoint.send("chat", body, 0)
        return isinstance(json.loads(answer.text), dict)
    except ServerFault:
        return None
    except (CallRefused, ValueError, RecursionError):
        return False


async def _gives_logprobs(endpoint: "OpenAIEndpoint") -> bool | None:
    """True if log-probabilities come where they are asked for, None where the server fails at it."""
    options = {"max_tokens": 1, "logprobs": True, "top_logprobs": 5, "seed": SEED}
    body = endpoint.request("chat", [{"role": "user", "content": "Say yes or no."}], options)
    try:
        answer = await endpoint.send("chat", body, 0)
    except ServerFault:
        return None
    except CallRefused:
        return False
    except EndpointRefused as error:  # it may be that only this is not allowed; what is, shows elsewhere
        if error.refusal is None or error.refusal.status != 403:
            raise
        return False
    return isinstance(answer.logprobs, dict) and bool(answer.logprobs.get("content"))
