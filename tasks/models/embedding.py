"""Texts as vectors, from any OpenAI-compatible endpoint's /embeddings, asked through the openai client.

Nothing is retried here: the engine does that, as with every call.
"""

import asyncio
import math
import time
from array import array
from collections.abc import Sequence
from typing import Any

from tasks.errors import ServerFault
from tasks.models.answers import token_count
from tasks.models.base import Embeddings, count_request
from tasks.models.client import client_for, translating
from tasks.models.openai import OpenAIEndpoint
from tasks.types import without_surrogates

LONGEST = 8_000
"""Characters of a text that are looked at: an embedding model has a short context, and the beginning tells the topic."""
MOST_RECEIVED = 32 * 2**20
"""Bytes of TEXTS_AT_ONCE vectors as JSON, of 16,000 numbers each."""


class Embedder:
    """An embedding model, asked over one client, as making one takes longer than a request.

    The client is held to what holds for calls: it asks once, at the endpoint's own address, within the endpoint's time,
    with its headers and no others, and reads no more than an answer can be. Raises SettingsError.
    """

    def __init__(self, endpoint: OpenAIEndpoint) -> None:
        self.endpoint = endpoint
        self.identity, self.name, self.limits = endpoint.identity, endpoint.name, endpoint.limits
        self._client = client_for(endpoint, MOST_RECEIVED, at_once=True)

    async def close(self) -> None:
        """Ends the connections."""
        await self._client.close()
        await self.endpoint.close()

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Asks once for the vectors of at most TEXTS_AT_ONCE texts. Raises ModelError and its kinds."""
        began = time.perf_counter()
        answer = await self._answer([without_surrogates(text) or " " for text in texts])
        try:
            vectors = [
                array("f", [float(x) for x in entry["embedding"]])
                for entry in sorted(answer["data"], key=lambda entry: int(entry["index"]))
            ]
            usage = answer.get("usage")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ServerFault(
                f"{self.endpoint.url} answered something that holds no embeddings. Is it such a model?"
            ) from error
        lengths = {len(vector) for vector in vectors}
        if len(vectors) != len(texts) or len(lengths) != 1 or 0 in lengths:
            raise ServerFault(
                f"{self.endpoint.url} gave {len(vectors)} vectors for {len(texts)} texts. Is it such a model?"
            )
        if not all(math.isfinite(x) for vector in vectors for x in vector):
            raise ServerFault(f"{self.endpoint.url} gave a vector that holds no numbers.")
        tokens = token_count(usage.get("prompt_tokens")) if isinstance(usage, dict) else None
        return Embeddings(vectors, tokens, time.perf_counter() - began)

    async def _answer(self, texts: list[str]) -> Any:
        """The endpoint's answer as JSON, with the client's errors translated."""
        spec = self.endpoint.spec
        count_request()
        with translating(self.endpoint):
            async with asyncio.timeout(self.endpoint.timeout):
                answer = await self._client.embeddings.with_raw_response.create(
                    model=without_surrogates(spec.model) or "default",
                    input=texts,
                    encoding_format="float",
                    extra_body=spec.extra,
                )
        return self.endpoint.parsed(answer.content)


def beginning(text: str) -> str:
    """The part of a text that its vector is made of."""
    return text[:LONGEST]
