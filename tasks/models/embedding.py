"""Texts as vectors, from any OpenAI-compatible endpoint's /embeddings, asked through the openai client."""

import asyncio
import math
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from tasks.errors import CallRefused, ServerFault, SettingsError
from tasks.models.body import Unread
from tasks.models.openai import CONNECTING, OpenAIEndpoint, sendable
from tasks.models.proxy import proxy_for

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
        import openai

        from tasks.models.transport import BoundedTransport

        self.endpoint = endpoint
        try:
            transport = BoundedTransport(endpoint.headers, MOST_RECEIVED, proxy=proxy_for(endpoint.url))
        except (ImportError, ValueError) as error:
            raise SettingsError(
                f"The proxy that the environment names for {endpoint.url} can't be used ({error}). Name one that begins "
                "with http://, or none."
            ) from error
        self._client = openai.AsyncOpenAI(
            base_url=endpoint.url,
            default_query=endpoint.spec.whole_query or None,
            api_key="none",  # the transport has the headers
            max_retries=0,
            timeout=openai.Timeout(endpoint.timeout, connect=min(CONNECTING, endpoint.timeout / 2)),
            http_client=openai.DefaultAsyncHttpxClient(transport=transport, trust_env=False, follow_redirects=False),
        )

    async def __aenter__(self) -> "Embedder":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()
        await self.endpoint.close()

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector for each of at most `AT_ONCE` texts, all of one length. Raises ModelError and its kinds."""
        answer = await self._answer([sendable(text)[:LONGEST] or " " for text in texts])
        try:
            found = [
                [float(x) for x in one["embedding"]]
                for one in sorted(answer["data"], key=lambda one: int(one["index"]))
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise ServerFault(
                f"{self.endpoint.url} answered something that holds no embeddings. Is it such a model?"
            ) from error
        lengths = {len(vector) for vector in found}
        if len(found) != len(texts) or len(lengths) != 1 or 0 in lengths:
            raise ServerFault(
                f"{self.endpoint.url} gave {len(found)} vectors for {len(texts)} texts. Is it such a model?"
            )
        if not all(math.isfinite(x) for vector in found for x in vector):
            raise ServerFault(f"{self.endpoint.url} gave a vector that holds no numbers.")
        return found

    async def _answer(self, texts: list[str]) -> Any:
        """The endpoint's answer as JSON, with the client's errors translated."""
        import httpx2
        import openai

        spec = self.endpoint.spec
        try:
            async with asyncio.timeout(self.endpoint.timeout):
                answer = await self._client.embeddings.with_raw_response.create(
                    model=sendable(spec.model) or "default",
                    input=texts,
                    encoding_format="float",
                    extra_body=spec.extra,
                )
        except Unread as error:
            raise self.endpoint.unread(error) from error
        except openai.APIStatusError as error:
            raise self.endpoint.refusal(error.status_code, error.response.headers, error.response.content) from error
        except (openai.OpenAIError, OSError) as error:  # among them the TimeoutError of the whole
            cause = error.__cause__ if isinstance(error, openai.OpenAIError) else None
            if isinstance(cause, httpx2.TimeoutException) and not isinstance(cause, httpx2.ConnectTimeout):
                cause = TimeoutError()
            raise self.endpoint.translated(cause or error) from error
        except ValueError as error:
            raise CallRefused(f"The request to {self.endpoint.url} can't be written as JSON ({error}).") from error
        return self.endpoint.parsed(answer.content)
