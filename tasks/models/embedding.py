"""Texts as vectors, from any OpenAI-compatible endpoint's /embeddings, asked through the openai client."""

import asyncio
import math
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from tasks.errors import ServerFault
from tasks.models.client import client_for, translating
from tasks.models.openai import OpenAIEndpoint
from tasks.types import without_surrogates

AT_ONCE = 64
"""Texts in one request; some endpoints take no more."""
LONGEST = 8_000
"""Characters of a text that are looked at: an embedding model has a short context, and the beginning tells the topic."""
MOST_RECEIVED = 32 * 2**20
"""Bytes of so many vectors as JSON, of 16,000 numbers each."""


class Embedder:
    """An embedding model, asked over one client, as making one takes longer than a request. A context, which closes both.

    The client is held to what holds for calls: it asks once, at the endpoint's own address, within the endpoint's time,
    with its headers and no others, and reads no more than an answer can be. Raises SettingsError.
    """

    def __init__(self, endpoint: OpenAIEndpoint) -> None:
        self.endpoint = endpoint
        self._client = client_for(endpoint, MOST_RECEIVED, at_once=True)

    async def __aenter__(self) -> "Embedder":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()
        await self.endpoint.close()

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector for each of at most `AT_ONCE` texts, all of one length. Raises ModelError and its kinds."""
        answer = await self._answer([without_surrogates(text)[:LONGEST] or " " for text in texts])
        try:
            vectors = [
                [float(x) for x in entry["embedding"]]
                for entry in sorted(answer["data"], key=lambda entry: int(entry["index"]))
            ]
        except (KeyError, TypeError, ValueError) as error:
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
        return vectors

    async def _answer(self, texts: list[str]) -> Any:
        """The endpoint's answer as JSON, with the client's errors translated."""
        spec = self.endpoint.spec
        with translating(self.endpoint):
            async with asyncio.timeout(self.endpoint.timeout):
                answer = await self._client.embeddings.with_raw_response.create(
                    model=without_surrogates(spec.model) or "default",
                    input=texts,
                    encoding_format="float",
                    extra_body=spec.extra,
                )
        return self.endpoint.parsed(answer.content)
