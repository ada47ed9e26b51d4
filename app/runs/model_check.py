"""Trying out a model before a run: what a probe finds, and one real answer."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from app.api_keys import Keys
from app.config import Settings
from app.runs.endpoints import endpoint, servers_of
from app.services import Say
from app.store.store import Store
from tasks.errors import ClaywrightError, ModelError, Unreachable
from tasks.models.base import Capabilities, Streaming
from tasks.models.openai import OpenAIEndpoint
from tasks.models.probe import listed
from tasks.models.spec import ModelSpec

PATIENCE = 60.0
LISTED_WITHIN = 20.0
QUESTION = "Write one sentence about a river."
LONGEST = 48
MOST_NAMED = 3


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
        for server in servers_of(there):
            with contextlib.suppress(Unreachable):
                return await listed(server)
        return ()
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
    servers = servers_of(tried)
    for server in servers:
        server.watched = True
    try:
        if len(servers) > 1 and (trouble := await _not_served(servers)):
            return ModelCheck(trouble=trouble)
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
    if servers:
        warning = next((server.warning for server in servers if server.warning), "")
        differences = tuple(dict.fromkeys(sentence for server in servers for sentence in server.dialect.sentences))
    return ModelCheck(
        capabilities, text, seconds, answer.completion_tokens or 0, warning=warning, differences=differences
    )


async def _not_served(servers: Sequence[OpenAIEndpoint]) -> str:
    """Which of several servers can't be reached, or does not have the model, in a sentence; "" where all have it.

    One that does not say what it has is taken to have it.
    """
    models = await asyncio.gather(*map(listed, servers), return_exceptions=True)
    troubles = []
    for server, names in zip(servers, models, strict=True):
        if isinstance(names, ModelError):
            troubles.append(str(names))
        elif isinstance(names, BaseException):
            raise names
        elif names and server.spec.model not in names:
            others = ", ".join(names[:MOST_NAMED]) + (", ..." if len(names) > MOST_NAMED else "")
            troubles.append(f"{server.url} does not serve {server.spec.model}, it serves {others}.")
    return " ".join(troubles)
