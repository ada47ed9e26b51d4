"""Any OpenAI-compatible endpoint: chats and completions of a run.

They go over aiohttp, which carries the openai client's faster transport too: importing that client takes half a second of
every start, and its way to make a request more of the processor than all the rest of a call. It is asked for embeddings
(tasks/models/embedding.py), which are few and large. One session for each endpoint.
Nothing is retried here: the engine does that, with its own limits. What goes wrong is translated once, in `translated` and
`refusal`. Of what an endpoint sends no more is read than an answer can be, compressed or not.
"""

import asyncio
import json
import math
import os
import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from tasks.errors import (
    CallFailed,
    CallRefused,
    EndpointRefused,
    ModelError,
    Overloaded,
    PromptTooLong,
    ServerFault,
    SettingsError,
    TimedOut,
    Unreachable,
)
from tasks.limits import Limits
from tasks.models.base import Capabilities, Completion, Kind
from tasks.models.body import ENCODINGS, MOST_REFUSAL, PLAIN, Unread, read_body
from tasks.models.presets import PRESETS
from tasks.models.secrets import mask, mask_whole
from tasks.models.spec import MOST_TOKENS, ModelSpec, ascii_host
from tasks.types import Message

if TYPE_CHECKING:
    import ssl

    import aiohttp

DRAW_HEADER = "X-Claywright-Draw"
PATHS: dict[Kind, str] = {"chat": "/chat/completions", "complete": "/completions"}
THINKING = re.compile(
    r"\A\s*+(?:<think(?:ing)?>(.*?)(?:</think(?:ing)?>|\Z)|([^<]*+(?:<(?!think|/think(?:ing)?>)[^<]*+)*+)</think(?:ing)?>)\s*",
    re.DOTALL,
)
MOST_RECEIVED = 8 * 2**20
"""Bytes of an answer: what is longer is not read to its end."""
MOST_PARTS = 500_000
"""Lists and tables in an answer: each takes thirty times the memory of the two characters that make one."""
LONGEST_NAME = 500
"""Characters of what an endpoint calls a model, or the end of an answer."""
FAR = 1e9
"""From zero: no log-probability is farther, also where a server writes a number for minus infinity."""
LONGEST_WAIT = 30 * 86_400.0
CONNECTING = 10.0
"""Seconds in which an endpoint has to take a connection."""
TOO_LONG = re.compile(r"context|too long|too many tokens|maximum.{0,20}length|exceed", re.IGNORECASE)
NO_MODEL = re.compile(r"model", re.IGNORECASE)


class OpenAIEndpoint:
    """One model at one OpenAI-compatible address."""

    def __init__(
        self, spec: ModelSpec, *, url: str = "", key: str | None = None, identity: str = "", refused: str = ""
    ) -> None:
        self.spec = spec
        self.url = url or spec.address
        self.identity = identity or spec.identity
        self.name = spec.model or spec.preset
        self.template = spec.template or None
        self.limits = Limits(
            spec.address or identity, spec.concurrency, spec.requests_per_minute, spec.tokens_per_minute
        )
        self.timeout = spec.timeout
        self._refused = refused or ("Check the key." if key else "No key was given.")
        self._key = key = (key or "").strip() or None
        if key and not (key.isascii() and key.isprintable()):
            raise SettingsError(f"The key for {self.name} holds characters that no key has. Copy it anew.")
        self._seeded = PRESETS[spec.preset].seed if spec.preset else True
        self.headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "claywright"}
        self.headers["Accept-Encoding"] = ENCODINGS
        self.headers |= {"Authorization": f"Bearer {key or 'none'}", **_account(spec, self.url)}
        self._session: aiohttp.ClientSession | None = None
        self._proxy = proxy_for(self.url)
        self._closed = False

    def move(self, url: str, key: str) -> None:
        """From now on the same model is at another address."""
        self.url, self._key = url, key
        self.headers["Authorization"] = f"Bearer {key}"

    @property
    def secrets(self) -> list[str]:
        """What no text that is shown or kept may hold."""
        return [self._key] if self._key else []

    @property
    def warning(self) -> str:
        """What to know before a key is sent, "" for nothing."""
        if not self._key or not self.url.startswith("http://") or on_this_machine(self.url):
            return ""
        return f"The key for {self.url} goes there unencrypted, as its address begins with http://. Is there one with https://?"

    def request(self, kind: Kind, content: str | Sequence[Message], options: Mapping[str, Any]) -> dict[str, Any]:
        """Options: temperature, top_p, max_tokens, stop, schema, logprobs, seed; others go as they are."""
        wanted: dict[str, Any] = {
            "max_tokens": self.spec.max_tokens or None,
            "temperature": self.spec.temperature,
            "top_p": self.spec.top_p,
            **self.spec.extra,
            **options,
        }
        schema = wanted.pop("schema", None)
        if not self._seeded:
            wanted.pop("seed", None)
        body: dict[str, Any] = {"model": self.spec.model or "default"}
        if isinstance(content, str):
            body["prompt"] = sendable(content)
        else:
            body["messages"] = [{"role": m["role"], "content": sendable(m["content"])} for m in content]
        body.update({name: value for name, value in wanted.items() if value is not None})
        if schema is not None:
            form = {"name": "answer", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return body

    async def send(self, kind: Kind, body: Mapping[str, Any], draw: int) -> Completion:
        started = time.perf_counter()
        return self.read(
            await self.ask(PATHS[kind], body, headers={DRAW_HEADER: str(draw)}), time.perf_counter() - started
        )

    async def ask(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        within: float = math.inf,
    ) -> Any:
        """What the endpoint says to a request, as JSON: to a POST of `body`, or to a GET. `path` may be a whole address.

        It has `within` seconds, and never more than its timeout, from the first byte sent to the last one read. Raises
        CallFailed, CallRefused, EndpointRefused and their kinds; ServerFault for an answer of more than MOST_RECEIVED bytes.
        """
        import aiohttp

        content = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        address = path if "://" in path else self.url.rstrip("/") + path
        try:
            async with asyncio.timeout(min(within, self.timeout)):
                asked = {**self.headers, **(headers or {})}
                status, said, sent = await self._exchange(address, content, asked)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self.translated(error) from error
        except Unread as error:
            raise self.unread(error) from error
        if not 200 <= status < 300:
            raise self.refusal(status, said, sent)
        return self.parsed(sent)

    def parsed(self, sent: bytes) -> Any:
        """The JSON of an answer. Raises ServerFault."""
        if sent.count(b"[") + sent.count(b"{") > MOST_PARTS:
            raise ServerFault(f"{self.name} at {self.url} sent more lists than any answer has. Is the address right?")
        try:
            return json.loads(sent)
        except (ValueError, RecursionError) as error:
            raise ServerFault(
                f"{self.name} at {self.url} answered something that is not JSON. Is the address right?"
            ) from error

    async def _exchange(
        self, address: str, content: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        """(status, headers, body) of what comes back."""
        import aiohttp

        if self._closed:
            raise OSError("it is closed")
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, ssl=_trusted() if address.startswith("https") else True)
            patience = aiohttp.ClientTimeout(total=None, sock_connect=min(CONNECTING, self.timeout / 2))
            self._session = aiohttp.ClientSession(connector=connector, timeout=patience, auto_decompress=False)
        method = "GET" if content is None else "POST"
        async with self._session.request(
            method, address, data=content, headers=headers, proxy=self._proxy, allow_redirects=False
        ) as answer:
            return answer.status, answer.headers, await _body(answer, MOST_RECEIVED)

    def read(self, answer: object, latency: float) -> Completion:
        """The protocol's answer as a Completion; ServerFault if it is something else."""
        try:
            data: Any = answer
            choice = data["choices"][0]
            message = choice.get("message") or {}
            text = message.get("content") if "message" in choice else choice.get("text")
            reasoning = message.get("reasoning_content") or message.get("reasoning")
            usage = data.get("usage") or {}
            prompt_tokens, completion_tokens = usage.get("prompt_tokens"), usage.get("completion_tokens")
            finish_reason, logprobs = choice.get("finish_reason") or "stop", choice.get("logprobs")
            revision = " ".join(str(data[key]) for key in ("model", "system_fingerprint") if data.get(key))
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            words = self._clean(str(answer))[:120]
            answer = data = choice = message = None  # an error keeps what its frames hold, for as long as it is waited
            raise ServerFault(
                f"{self.url} answered something that is not the OpenAI protocol: {words!r}. Is the address right?"
            ) from error
        if isinstance(text, list):
            text = "".join(str(part.get("text") or "") for part in text if isinstance(part, dict))
        text = text if isinstance(text, str) else ""
        if found := THINKING.match(text):
            reasoning, text = (reasoning or (found[1] or found[2] or "").strip()), text[found.end() :]
        return Completion(
            text=mask_whole(text, self.secrets),
            model=self.name,
            reasoning=mask_whole(reasoning, self.secrets) if isinstance(reasoning, str) else None,
            finish_reason=mask(str(finish_reason)[:LONGEST_NAME], self.secrets),
            prompt_tokens=_count(prompt_tokens),
            completion_tokens=_count(completion_tokens),
            latency=latency,
            logprobs=_compact(logprobs),
            revision=mask(revision[:LONGEST_NAME], self.secrets),
        )

    def translated(self, error: BaseException) -> CallFailed:
        """What the transport raised, in words for the user and without the key."""
        import aiohttp

        if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError):
            return TimedOut(f"{self.name} at {self.url} gave no answer within {self.timeout:g} seconds.")
        reason = self._clean(str(error)) or type(error).__name__
        return Unreachable(f"{self.url} can't be reached ({reason}). Is the server running, is the address right?")

    def unread(self, error: Unread) -> ServerFault:
        """An answer that was not read to its end, in words for the user."""
        return ServerFault(f"{self.name} at {self.url} {error}. Is the address right?")

    def refusal(self, status: int, headers: Mapping[str, str], content: bytes) -> ModelError:
        """An answer that says no, in words for the user and without the key."""
        where = f"{self.name} at {self.url}"
        try:
            said = json.loads(content)
        except (ValueError, RecursionError):
            said = None
        said = said.get("error", said) if isinstance(said, dict) else said
        body = said if isinstance(said, dict) else {}
        words = body.get("message") or body.get("detail") or (said if isinstance(said, str) else "")
        words = self._clean(str(words or content.decode("utf-8", "replace"))) or "no reason given"
        code = str(body.get("code") or body.get("type") or "")
        if 300 <= status < 400:
            to = self._clean(headers.get("Location", "").partition("?")[0])[:200] or "nowhere"
            return EndpointRefused(
                f"{where} is not there ({status}): it points to {to}. Name that address, if you trust it."
            )
        if status == 401 or status == 403:
            return EndpointRefused(f"{where} refused the key ({status}: {words}). {self._refused}")
        if status == 402 or code == "insufficient_quota":
            return EndpointRefused(f"{where} wants to be paid ({status}: {words}).")
        if status == 404 or (status == 400 and ("model_not_found" in code or "invalid_model" in code)):
            hint = "Check the model's name." if NO_MODEL.search(words) else "Check the address: it should end in /v1."
            return EndpointRefused(f"{where} is not there ({status}: {words}). {hint}")
        if status in (429, 503):
            return Overloaded(
                f"{where} is overloaded ({status}: {words}).",
                retry_after=_retry_after(headers),
            )
        if status == 408 or status == 504:
            return TimedOut(f"{where} ran out of time ({status}: {words}).")
        if status in (400, 413, 422) and (status == 413 or "context" in code or TOO_LONG.search(words)):
            return PromptTooLong(f"The prompt does not fit {self.name}: {words}.")
        if status >= 500 or status == 409:
            return ServerFault(f"{where} failed ({status}: {words}).")
        return CallRefused(f"{where} refused the request ({status}: {words}).")

    def _clean(self, words: str) -> str:
        return " ".join(mask(words, self.secrets).split())[:300].rstrip(".")

    async def probe(self) -> Capabilities:
        from tasks.models.probe import probe

        return await probe(self)

    async def close(self) -> None:
        self._closed = True
        if self._session is not None:
            await self._session.close()
        await asyncio.sleep(0)  # the transport closes its connections in the loop's next turn


async def _body(answer: "aiohttp.ClientResponse", most: int) -> bytes:
    """What an endpoint sends, inflated, and no more of it than an answer can be. Raises Unread."""
    ok, encoding = 200 <= answer.status < 300, answer.headers.get("Content-Encoding", "")
    length = answer.content_length
    if encoding.strip().lower() in PLAIN and length is not None and length <= (most if ok else MOST_REFUSAL):
        return await answer.read()
    try:
        return await read_body(answer.content.iter_any(), ok=ok, encoding=encoding, most=most)
    finally:
        if not answer.content.at_eof():
            answer.close()  # else the connection would be kept, and the rest read


def _account(spec: ModelSpec, url: str) -> dict[str, str]:
    """Which account of OpenAI pays, where the variables of its client say so. For OpenAI's own address only."""
    if spec.preset != "openai" or url.rstrip("/") != PRESETS["openai"].url:
        return {}
    known = {"OpenAI-Organization": "OPENAI_ORG_ID", "OpenAI-Project": "OPENAI_PROJECT_ID"}
    said = {header: os.environ.get(variable, "").strip() for header, variable in known.items()}
    return {header: value for header, value in said.items() if value}


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for an address; credentials in a .netrc are not for an endpoint that has a key."""
    parts = urlsplit(url)
    if on_this_machine(url) or proxy_bypass(parts.netloc):
        return None
    found = getproxies()
    return found.get(parts.scheme) or found.get("all")


def _trusted() -> "ssl.SSLContext":
    """Certificates as the openai client trusts them: the system's, or those that SSL_CERT_FILE names."""
    import httpx2

    return httpx2.create_ssl_context()


def on_this_machine(url: str) -> bool:
    """True for an address that no proxy can reach."""
    host = ascii_host(url)
    return host in ("localhost", "::1") or host.startswith("127.")


def _compact(logprobs: Any) -> Any:
    """Log-probabilities in the shape of chat answers, without what repeats the tokens: they are kept with every answer.

    None where tokens are none, as their texts are told from the answer's by their order; odd alternatives are left out.
    """
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(content, list) or not all(map(_is_token, content)):
        return None
    kept = ("token", "logprob")
    compact = []
    for token in content:
        tops = token.get("top_logprobs")
        tops = filter(_is_token, tops) if isinstance(tops, list) else ()
        compact.append({**{k: token[k] for k in kept}, "top_logprobs": [{k: top[k] for k in kept} for top in tops]})
    return {"content": compact}


def _is_token(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("token"), str):
        return False
    logprob = value.get("logprob")
    return isinstance(logprob, int | float) and not isinstance(logprob, bool) and abs(logprob) <= FAR


def _count(value: Any) -> int | None:
    """A number of tokens; None for what can be none, and would upset a budget."""
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait from Retry-After (seconds or a date) or retry-after-ms; None where neither can be read."""
    from email.utils import parsedate_to_datetime

    try:
        if milliseconds := headers.get("retry-after-ms"):
            seconds = float(milliseconds) / 1000
        elif (value := headers.get("retry-after")) is None:
            return None
        else:
            try:
                seconds = float(value)
            except ValueError:
                seconds = parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, seconds), LONGEST_WAIT) if math.isfinite(seconds) else None


def sendable(text: str) -> str:
    """A text as JSON over HTTP can carry it: lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
