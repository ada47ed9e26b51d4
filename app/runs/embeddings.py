"""Vectors of instructions, for "find similar" in Argilla: asked for once, kept in the store."""

import asyncio
import hashlib
from array import array
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from app.runs.endpoints import endpoint
from app.workspace import Workspace
from tasks.errors import Overloaded, ServerFault, SettingsError, TimedOut, Unreachable
from tasks.models.embedding import AT_ONCE, Embedder
from tasks.models.openai import OpenAIEndpoint
from tasks.models.spec import ModelSpec

TRIES = 4
PASSING = (Overloaded, ServerFault, TimedOut, Unreachable)


class Vectors:
    """The vectors that one embedding model gives. What it was asked before it is not asked again."""

    def __init__(self, workspace: Workspace, spec: ModelSpec) -> None:
        if spec.preset in ("local", "scripted"):
            raise SettingsError("The built-in model makes no vectors. Name an endpoint with an embedding model.")
        self.workspace, self.store, self.spec = workspace, workspace.store, spec

    @property
    def dimensions(self) -> int:
        """Length of a vector, in numbers. Raises ModelError."""
        return len(self.of({"": "How long is a vector?"})[""])

    def of(self, texts: Mapping[str, str]) -> dict[str, list[float]]:
        """{name: vector} for {name: text}. Raises ModelError and its kinds; what came before is kept."""
        keys = {name: self._key(text) for name, text in texts.items()}
        known = self.store.embeddings.of(list(keys.values()))
        missing = [name for name, key in keys.items() if key not in known]
        if missing:
            with ThreadPoolExecutor(1) as thread:  # a notebook has a loop already
                computed = thread.submit(
                    asyncio.run, self._asked({keys[name]: texts[name] for name in missing})
                ).result()
            known.update(computed)
        return {name: list(array("f", known[key])) for name, key in keys.items()}

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(f"{self.spec.identity}\0{text}".encode("utf-8", "replace")).digest()

    async def _asked(self, texts: Mapping[bytes, str]) -> dict[bytes, bytes]:
        client = endpoint(self.spec, self.workspace.settings, self.workspace.report, self.workspace.keys)
        assert isinstance(client, OpenAIEndpoint)
        gate, computed = asyncio.Semaphore(self.spec.concurrency), {}
        pairs = list(texts.items())

        async def some(model: Embedder, part: list[tuple[bytes, str]]) -> None:
            async with gate:
                vectors = await _patiently(model, [text for _, text in part])
            packed = {key: array("f", vector).tobytes() for (key, _), vector in zip(part, vectors, strict=True)}
            await self.store.embeddings.keep(packed)
            computed.update(packed)

        async with Embedder(client) as model:
            parts = [pairs[at : at + AT_ONCE] for at in range(0, len(pairs), AT_ONCE)]
            asking = [asyncio.ensure_future(some(model, part)) for part in parts]
            try:
                await asyncio.gather(*asking)
            finally:
                for task in asking:
                    task.cancel()
                await asyncio.gather(*asking, return_exceptions=True)  # nobody asks while the client is closed
        return computed


def vectors_for(workspace: Workspace, spec: ModelSpec | None) -> Vectors | None:
    """What makes the vectors of texts by the embedding model of a recipe; None where it names none. Raises SettingsError."""
    return None if spec is None else Vectors(workspace, spec)


async def _patiently(model: Embedder, texts: list[str]) -> list[list[float]]:
    """What may pass is tried again, a few times, after a longer and longer while."""
    for number in range(1, TRIES):
        try:
            return await model.embed(texts)
        except PASSING as error:
            await asyncio.sleep((error.retry_after if isinstance(error, Overloaded) else None) or 0.3 * 2**number)
    return await model.embed(texts)
