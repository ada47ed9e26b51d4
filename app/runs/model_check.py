"""Trying out a model before a run: what a probe finds, and one real answer."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from app.api_keys import Keys
from app.config import Settings
from app.runs.endpoints import endpoint
from app.services import Say
from app.store.store import Store
from tasks.errors import ClaywrightError, ModelError
from tasks.models.base import Capabilities, Streaming
from tasks.models.openai import OpenAIEndpoint
from tasks.models.probe import listed
from tasks.models.spec import ModelSpec

PATIENCE = 60.0
LISTED_WITHIN = 20.0
QUESTION = "Write one sentence about a river."
LONGEST = 48


@dataclass(frozen=True)
class ModelCheck:
    """What came of it. `seconds` is the time of one answer of `tokens` tokens; `trouble` says why there is none."""

    found: Capabilities = field(default_factory=Capabilities)
    answer: str = ""
    seconds: float = 0.0
    tokens: int = 0
    trouble: str = ""
    warning: str = ""
    """What to know about an endpoint that works, such as that its key goes there unencrypted."""
    differences: tuple[str, ...] = ()
    """What it takes otherwise than others, in sentences."""
    asking: bool = False
    """True while it goes on; `answer` is then the text so far."""
    key_refused: bool = False
    """True where the endpoint did not take the key."""
    began: float = field(default_factory=time.monotonic)

    @property
    def ok(self) -> bool:
        return not self.trouble and not self.asking


async def list_models(spec: ModelSpec, settings: Settings, keys: Keys) -> tuple[str, ...]:
    """The names of the models at an endpoint; none where it does not say, can't be reached, or may not be asked."""
    if spec.preset in ("local", "scripted"):
        return ()
    named = replace(spec, model=spec.model or "-", timeout=LISTED_WITHIN)
    try:
        there = await asyncio.to_thread(endpoint, named, settings, lambda message: None, keys)
    except ClaywrightError:
        return ()
    try:
        return await listed(there) if isinstance(there, OpenAIEndpoint) else ()
    except ClaywrightError:
        return ()
    finally:
        await there.close()


async def try_out(
    spec: ModelSpec,
    store: Store,
    settings: Settings,
    say: Say,
    keys: Keys,
    heard: Callable[[str], None] = lambda text: None,
) -> ModelCheck:
    """Asks the endpoint what it can do, and for one short answer, of which `heard` is told the text so far.

    Never raises for what the endpoint does wrong.
    """
    spec = replace(spec, timeout=min(spec.timeout, PATIENCE))
    try:
        tried = await asyncio.to_thread(endpoint, spec, settings, say, keys)
    except ClaywrightError as error:
        return ModelCheck(trouble=str(error))
    tried.remember_in(store.call_cache)
    if isinstance(tried, OpenAIEndpoint):
        tried.watched = True
    try:
        capabilities = await tried.probe()
        began = time.monotonic()
        body = tried.request("chat", [{"role": "user", "content": QUESTION}], {"max_tokens": LONGEST})
        if isinstance(tried, Streaming):
            answer = await tried.stream("chat", body, 0, heard)
        else:
            answer = await tried.send("chat", body, 0)
        seconds = time.monotonic() - began
        await store.call_cache.keep_probe(tried.identity, capabilities)
    except ClaywrightError as error:
        refusal = error.refusal if isinstance(error, ModelError) else None
        return ModelCheck(trouble=str(error), key_refused=refusal is not None and refusal.meaning == "key")
    finally:
        await tried.close()
    text = answer.text.strip() or (answer.reasoning or "").strip() or f"({answer.why_empty})"
    warning, differences = "", tuple[str, ...]()
    if isinstance(tried, OpenAIEndpoint):
        warning, differences = tried.warning, tuple(tried.dialect.sentences)
    return ModelCheck(
        capabilities, text, seconds, answer.completion_tokens or 0, warning=warning, differences=differences
    )
