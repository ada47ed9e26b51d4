"""Texts as vectors, from any OpenAI-compatible endpoint's /embeddings."""

import math
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from tasks.errors import ServerFault
from tasks.models.openai import OpenAIEndpoint, on_this_machine, sendable

AT_ONCE = 64
"""Texts in one request; some endpoints take no more."""
LONGEST = 8_000
"""Characters of a text that are looked at: an embedding model has a short context, and the beginning tells the topic."""


class Embedder:
    """An embedding model, asked over one client, as making one takes longer than a request. A context, which closes both."""

    def __init__(self, endpoint: OpenAIEndpoint) -> None:
        import openai

        self.endpoint = endpoint
        self._client = openai.AsyncOpenAI(
            base_url=endpoint.url,
            api_key="none",
            default_headers={"Authorization": endpoint.authorization},
            max_retries=0,
            timeout=endpoint.timeout,
            http_client=openai.DefaultAsyncHttpxClient(trust_env=not on_this_machine(endpoint.url)),
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
        """What the endpoint says, with the client's errors translated."""
        import openai

        spec = self.endpoint.spec
        body = {"model": spec.model or "default", "input": texts, "encoding_format": "float", **spec.extra}
        try:
            return await self._client.post("/embeddings", cast_to=object, body=body)
        except openai.APIStatusError as error:
            raise self.endpoint.refusal(error.status_code, error.response.headers, error.response.content) from error
        except openai.APITimeoutError as error:
            raise self.endpoint.translated(TimeoutError(str(error))) from error
        except openai.OpenAIError as error:
            raise self.endpoint.translated(error.__cause__ or error) from error
        except (ValueError, RecursionError) as error:  # what the JSON reader raises comes through the client
            raise ServerFault(
                f"{self.endpoint.url} answered something that is not JSON. Is the address right?"
            ) from error
