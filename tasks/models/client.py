"""The openai client, held to what holds for calls: used where a person watches or a request is large, not for a run's many calls.

Importing it takes half a second, so that this module imports it where a client is made.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tasks.errors import CallRefused, SettingsError
from tasks.models.answers import Joined, is_events
from tasks.models.base import CONNECTING, Kind
from tasks.models.body import Unread
from tasks.models.network.proxy import proxy_for

if TYPE_CHECKING:
    import openai

    from tasks.models.openai import OpenAIEndpoint

TOLD_EVERY = 0.1
"""Seconds between two tellings of a text that is being written."""
OWN_NAMES: dict[Kind, tuple[str, str]] = {"chat": ("model", "messages"), "complete": ("model", "prompt")}


def client_for(endpoint: "OpenAIEndpoint", most: int, *, at_once: bool) -> "openai.AsyncOpenAI":
    """A client that asks once, at the endpoint's own address, within its time, with its headers and no others, and reads at most
    `most` bytes of an answer: `at_once`, or as they come. Raises SettingsError for a proxy that can't be used.
    """
    import openai

    from tasks.models.network.transport import BoundedTransport

    try:
        transport = BoundedTransport(
            endpoint.headers, most, proxy=proxy_for(endpoint.url), at_once=at_once, guard=endpoint.guard
        )
    except (ImportError, ValueError) as error:
        raise SettingsError(
            f"The proxy that the environment names for {endpoint.url} can't be used ({error}). Name one that begins "
            "with http://, or none."
        ) from error
    return openai.AsyncOpenAI(
        base_url=endpoint.url,
        default_query=endpoint.spec.whole_query or None,
        api_key="none",  # the transport has the headers
        max_retries=0,
        timeout=openai.Timeout(endpoint.timeout, connect=min(CONNECTING, endpoint.timeout / 2)),
        http_client=openai.DefaultAsyncHttpxClient(transport=transport, trust_env=False, follow_redirects=False),
    )


@contextlib.contextmanager
def translating(endpoint: "OpenAIEndpoint", sent: tuple[str, ...] = ()) -> Iterator[None]:
    """What the client raises becomes what the endpoint raises for a call. `sent` are the texts of the request."""
    import httpx2
    import openai

    try:
        yield
    except Unread as error:
        raise endpoint.unread(error) from error
    except openai.APIStatusError as error:
        answer = error.response
        raise endpoint.refusal(error.status_code, answer.headers, answer.content, sent) from error
    except (openai.OpenAIError, httpx2.HTTPError, OSError) as error:  # among them the TimeoutError of the whole
        cause = error.__cause__ if isinstance(error, openai.OpenAIError) else error
        if isinstance(cause, Unread):
            raise endpoint.unread(cause) from error
        if isinstance(cause, httpx2.TimeoutException) and not isinstance(cause, httpx2.ConnectTimeout):
            cause = TimeoutError()
        raise endpoint.translated(cause or error) from error
    except ValueError as error:
        raise CallRefused(f"The request to {endpoint.url} can't be written as JSON ({error}).") from error


async def streamed(
    client: "openai.AsyncOpenAI",
    kind: Kind,
    body: Mapping[str, Any],
    headers: Mapping[str, str],
    on_text: Callable[[str], None],
) -> Joined | bytes:
    """The answer to a request that is heard as it is written: `on_text` is told the answer so far, and the thoughts before that.

    Bytes for an answer that came whole, from an endpoint that does not stream. Raises what the client raises.
    """
    rest = {name: value for name, value in body.items() if name not in OWN_NAMES[kind]}
    own: dict[str, Any] = {name: body[name] for name in OWN_NAMES[kind]}
    create: Any = (client.chat.completions if kind == "chat" else client.completions).with_streaming_response.create
    joined, whole, told_at, rest_of_line = Joined(), bytearray(), 0.0, ""
    async with create(**own, stream=True, extra_body=rest, extra_headers=dict(headers)) as response:
        is_stream: bool | None = None
        async for piece in response.iter_text():
            if is_stream is None and piece.strip():
                is_stream = is_events(piece.encode())
            if is_stream is False:
                whole += piece.encode()
                continue
            *lines, rest_of_line = (rest_of_line + piece).split("\n")
            for line in lines:
                joined.take(line)
            if time.monotonic() - told_at > TOLD_EVERY:
                told_at = time.monotonic()
                on_text(joined.so_far)
        joined.take(rest_of_line)
    return bytes(whole) if is_stream is False else joined


async def model_list(endpoint: "OpenAIEndpoint", most: int, within: float) -> object:
    """What an endpoint says of its models, as JSON. Raises what a call raises."""
    client = client_for(endpoint, most, at_once=True)
    try:
        with translating(endpoint):
            async with asyncio.timeout(within):
                answer = await client.models.with_raw_response.list()
    finally:
        await client.close()
    return endpoint.parsed(answer.content)
