"""Any OpenAI-compatible endpoint: chats and completions of a run.

They go over aiohttp, which carries the openai client's faster transport too: importing that client takes half a second of
every start, and its way to make a request more of the processor than all the rest of a call. It is asked where a person
watches an answer being written, and for embeddings, which are few and large (tasks/models/client.py). One session for each
endpoint.
Nothing is retried here: the engine does that, with its own limits. What goes wrong is translated once, in `translated` and
`refusal`. Of what an endpoint sends no more is read than an answer can be, compressed or not.
"""

import asyncio
import contextlib
import hashlib
import json
import math
import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import urlencode, urlsplit

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
from tasks.models.answers import MOST_PARTS, EndedByFault, NotTheProtocol, completion, is_events, joined
from tasks.models.base import (
    CONNECTING,
    Capabilities,
    Completion,
    DialectMemo,
    Endpoint,
    Kind,
    Limits,
    count_request,
    is_filtered,
)
from tasks.models.body import ENCODINGS, MOST_REFUSAL, PLAIN, Unread, read_body
from tasks.models.dialect import NEEDED, TOKEN_LIMITS, Dialect, found_out, spoken_by
from tasks.models.network.private_addresses import PublicOnly, resolver
from tasks.models.network.proxy import (
    is_socks,
    on_this_machine,
    proxy_errors,
    proxy_for,
    socks_connector,
    without_login,
)
from tasks.models.presets import PRESETS
from tasks.models.refusals import KEY, Refusal, error_inside, from_json, names_field, parse_refusal
from tasks.models.secrets import mask, mask_whole
from tasks.models.spec import DEFAULT_TOKENS, ModelSpec, ascii_host, bare
from tasks.types import Message, without_surrogates

if TYPE_CHECKING:
    import ssl

    import aiohttp
    import openai

OF_TOOLS: tuple[Literal["tool_calls", "tool_call_id", "name"], ...] = ("tool_calls", "tool_call_id", "name")
"""What a turn may have beside its role and its text that an endpoint reads."""
DRAW_HEADER = "X-Claywright-Draw"
PATHS: dict[Kind, str] = {"chat": "/chat/completions", "complete": "/completions"}
MOST_RECEIVED = 8 * 2**20
"""Bytes of an answer: what is longer is not read to its end."""
LONGEST_WAIT = 30 * 86_400.0
MOST_ADAPTED = 12
"""Refusals of fields that one call is sent again after: each leaves out or renames another one."""
LONGEST_WORDS = 300
"""Characters of an endpoint's words in a message of ours."""
SHORTEST_ECHO = 16
"""Characters of a text of ours that is looked for in an endpoint's message; a shorter one could be the name of a field."""
LEAST_TO_THINK = 64
"""Tokens of a limit from which on an empty answer speaks for thoughts that used it up."""
LEAST_ROOM = 16
"""Tokens below which an answer is not worth asking for."""
REFUSED_WITHIN = 3.0
"""Seconds in which a refusal comes, as nothing is written for it: longer is nobody held back by another's request."""
HEAVY = frozenset({"too long", "account", "too many", "moderated", "timed out"})
"""Meanings of a refusal that are never about a field."""
ROOM = re.compile(
    r"(?:context length|context window|context size|max_model_len|maximum context)\D{0,40}(?P<context>\d{2,8}).{0,120}?"
    r"(?P<prompt>\d{1,8})(?: tokens)?"
    r"(?: in the messages| input tokens| in (?:the|your) (?:prompt|input|messages)| prompt tokens| from the input)",
    re.DOTALL,
)


@dataclass
class Known:
    """What was found out of one model at one address: shared by all who ask it at the same time."""

    dialect: Dialect = field(default_factory=Dialect)
    is_recalled: bool = False
    taken: set[tuple[str, ...]] = field(default_factory=set)
    """Shapes of requests that were taken, or whose refusal was looked into."""
    learning: asyncio.Lock = field(default_factory=asyncio.Lock)
    leader: "asyncio.Task[Any] | None" = None
    """Whoever found something out, until its request is answered: the first one in the dialect that it made."""
    followed: asyncio.Event = field(default_factory=asyncio.Event)

    def lead(self) -> None:
        """The running task goes ahead in a new dialect, others wait for what becomes of it."""
        if self.leader is not asyncio.current_task():
            self.followed.set()  # those who waited for another one look again
            self.leader, self.followed = asyncio.current_task(), asyncio.Event()

    def follow(self) -> None:
        """Lets the others go on, where the running task leads."""
        if self.leader is not None and self.leader is asyncio.current_task():
            self.leader = None
            self.followed.set()

    async def turn(self) -> None:
        """Waits while another one tries what it just found out, so that not each of them is refused the next field."""
        if self.leader is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REFUSED_WITHIN):
                while self.leader is not None and self.leader is not asyncio.current_task():
                    await self.followed.wait()


class OpenAIEndpoint:
    """One model at one OpenAI-compatible address."""

    doubt: ClassVar[str] = "Is the address right?"
    """What to look at where an answer is not the protocol's."""
    not_there: ClassVar[str] = "Check the address: it should end in /v1."

    def __init__(
        self,
        spec: ModelSpec,
        *,
        url: str = "",
        key: str | None = None,
        identity: str = "",
        refused: str = "",
        guard: PublicOnly | None = None,
    ) -> None:
        self.guard = guard
        """What keeps its calls away from this machine's networks; None where they may go everywhere."""
        self.spec = spec
        self.url = url or spec.address
        self.identity = identity or spec.identity
        self.name = spec.model or spec.preset
        self.template = spec.template or None
        account = hashlib.sha256(key.strip().encode("utf-8", "surrogatepass")).hexdigest()[:16] if key else ""
        self.limits = Limits(
            spec.address or identity, spec.concurrency, spec.requests_per_minute, spec.tokens_per_minute, account
        )
        self.timeout = spec.timeout
        self._refused = refused or ("Check the key." if key else "No key was given.")
        self._key = key = (key or "").strip() or None
        if key and not (key.isascii() and key.isprintable()):
            raise SettingsError(f"The key for {self.name} holds characters that no key has. Copy it anew.")
        self._seeded = PRESETS[spec.preset].seed if spec.preset in PRESETS else True
        self.headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "claywright"}
        self.headers["Accept-Encoding"] = ENCODINGS
        self.headers |= {**_account(spec, self.url), **spec.headers, **self._authorization(key)}
        self._memo: DialectMemo | None = None
        self._known = Known()
        self._has_answered = False
        self.watched = False
        """True where a person waits for what it says of itself."""
        self._session: aiohttp.ClientSession | None = None
        self._client: openai.AsyncOpenAI | None = None
        self._proxy = proxy_for(self.url)
        self._closed = False

    @property
    def full_name(self) -> str:
        """The endpoint as sentences name it."""
        return f"{self.name} at {self.url}"

    @property
    def dialect(self) -> Dialect:
        """What is known of this endpoint, with what a person set of it."""
        return spoken_by(self.spec, self._known.dialect)

    def move(self, url: str, key: str) -> None:
        """From now on the same model is at another address."""
        self._client = None  # its connections end with it
        self.url, self._key = url, key
        self.headers |= self._authorization(key)

    def _authorization(self, key: str | None) -> dict[str, str]:
        """The header that carries the key."""
        header = self.spec.key_header or ("api-key" if is_azure(self.url) else "Authorization")
        return {header: f"Bearer {key or 'none'}" if header.lower() == "authorization" else key or "none"}

    @property
    def _socks_errors(self) -> tuple[type[Exception], ...]:
        """What is raised by a SOCKS proxy alone; nothing where there is none."""
        return proxy_errors() if self._proxy and is_socks(self._proxy) else ()

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
        """Options: temperature, top_p, max_tokens, least_tokens, usual_tokens, stop, schema, logprobs, seed; others go as they
        are.
        """
        limit = max(self.spec.max_tokens, options.get("least_tokens", 0)) if self.spec.max_tokens else None
        parameters: dict[str, Any] = {
            "max_tokens": limit,
            "temperature": self.spec.temperature,
            "top_p": self.spec.top_p,
            **self.spec.extra,
            **options,
        }
        schema = parameters.pop("schema", None)
        parameters.pop("least_tokens", None)
        if (usual := parameters.pop("usual_tokens", None)) is not None:
            parameters["max_tokens"] = max(usual, self._limit_set_by_hand)
        if not self._seeded:
            parameters.pop("seed", None)
        body: dict[str, Any] = {"model": self.spec.model or "default"}
        if isinstance(content, str):
            body["prompt"] = without_surrogates(content)
        else:
            body["messages"] = [
                {
                    "role": m["role"],
                    "content": without_surrogates(m["content"]),
                    **{name: m[name] for name in OF_TOOLS if name in m},
                }
                for m in content
            ]
        body.update({name: value for name, value in parameters.items() if value is not None})
        if schema is not None:
            form = {"name": "answer", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return body

    async def send(self, kind: Kind, body: Mapping[str, Any], draw: int) -> Completion:
        return await self.answer(kind, body, draw)

    async def stream(
        self, kind: Kind, body: Mapping[str, Any], draw: int, on_text: Callable[[str], None]
    ) -> Completion:
        """The same answer, of which `on_text` is told the text so far as it is written."""
        return await self.answer(kind, body, draw, on_text)

    async def answer(
        self, kind: Kind, body: Mapping[str, Any], draw: int, on_text: Callable[[str], None] | None = None
    ) -> Completion:
        """The answer to a request, which is put into this endpoint's dialect on its way out.

        Where a field is refused the request is sent again without it, or with its other name, and no later one has it.
        """
        await self._recall_dialect()
        try:
            return await self._answer_adapted(kind, body, draw, on_text)
        finally:
            self._known.follow()

    async def _answer_adapted(
        self, kind: Kind, body: Mapping[str, Any], draw: int, on_text: Callable[[str], None] | None
    ) -> Completion:
        for _ in range(MOST_ADAPTED):
            await self._known.turn()
            dialect = self.dialect
            spoken = dialect.spoken(body)
            try:
                answer = await self._answer(kind, spoken, draw, on_text)
            except (CallRefused, EndpointRefused, ServerFault) as error:
                if (refusal := getattr(error, "refusal", None)) is None:
                    raise
                if (room := _room_left(refusal, spoken)) and not self._is_own(_limit_of(spoken), spoken):
                    return await self._answer(kind, {**spoken, _limit_of(spoken): room}, draw)
                adapted = await self._adapted(refusal, kind, body, spoken, draw)
                if adapted is None and on_text is not None and refusal.status != 401:
                    on_text = None  # it may be only that it is to be heard, which says nothing of the request
                    continue
                if adapted is None:
                    unclear = (
                        refusal.status == 403 and isinstance(error, EndpointRefused) and not KEY.search(refusal.own)
                    )
                    if unclear and await self._answers(kind):
                        raise CallRefused(self._sentence(refusal), refusal) from None
                    raise
                if isinstance(adapted, Completion):
                    return adapted
            else:
                self._known.taken.add(_shape(spoken))
                if not self._thought_too_long(answer, spoken):
                    return answer
                async with self._known.learning:
                    if self.dialect == dialect:
                        await self._learn(dialect.with_room_to_think)
                if self.dialect == dialect:
                    return answer
        return await self._answer(kind, self.dialect.spoken(body), draw)

    async def _answer(
        self, kind: Kind, spoken: Mapping[str, Any], draw: int, on_text: Callable[[str], None] | None = None
    ) -> Completion:
        """What comes back to a request as it stands."""
        started = time.perf_counter()
        count_request()
        headers = {DRAW_HEADER: str(draw)}
        if on_text is None:
            answer = await self.ask(PATHS[kind], spoken, headers=headers)
        else:
            answer = await self._hear(kind, spoken, headers, on_text)
        if (error := error_inside(answer)) is not None:
            raise self.meant(replace(from_json(200, error), sent=_texts_of(spoken)), {})
        completion = self.read(answer, time.perf_counter() - started)
        self._has_answered = True
        return completion

    async def _hear(
        self, kind: Kind, spoken: Mapping[str, Any], headers: Mapping[str, str], on_text: Callable[[str], None]
    ) -> Any:
        """What the endpoint says to a request, as JSON, heard as it is written. Through the openai client."""
        from tasks.models.client import client_for, streamed, translating

        if self._client is None:
            self._client = client_for(self, MOST_RECEIVED, at_once=False)
        with_usage = {} if "stream_options" in self.dialect.left_out else {"stream_options": {"include_usage": True}}
        try:
            with translating(self, _texts_of(spoken)):
                async with asyncio.timeout(self.timeout):
                    report = partial(self._told, on_text)
                    answer = await streamed(self._client, kind, {**spoken, **with_usage}, headers, report)
        except CallRefused as error:
            refusal = error.refusal
            if not with_usage or refusal is None or "stream_options" not in f"{refusal.field} {refusal.own}":
                raise
            await self._learn(self.dialect.without("stream_options"))
            count_request()
            return await self._hear(kind, spoken, headers, on_text)
        return self.parsed(answer) if isinstance(answer, bytes) else answer.whole()

    async def models(self, within: float) -> object:
        """What the endpoint says of its models, as JSON: through the openai client where a person waits for it."""
        if not self.watched:
            return await self.ask("/models", within=within)
        from tasks.models.client import model_list

        return await model_list(self, MOST_RECEIVED, within)

    def _told(self, on_text: Callable[[str], None], text: str) -> None:
        on_text(mask_whole(text, self.secrets))

    def _thought_too_long(self, answer: Completion, spoken: Mapping[str, Any]) -> bool:
        """True where thoughts used up a limit that no person set: a longer one may leave room for the answer."""
        limit = spoken.get(_limit_of(spoken), 0)
        is_asked_for = limit >= LEAST_TO_THINK and not self._is_own(_limit_of(spoken), spoken) and "messages" in spoken
        return is_asked_for and answer.cut_off and not is_filtered(answer.finish_reason) and not answer.text.strip()

    async def _answers(self, kind: Kind) -> bool:
        """Whether another request with the same key is answered: then a 403 is not about the key."""
        async with self._known.learning:
            if not self._has_answered:
                with contextlib.suppress(ModelError):
                    smallest = "Hello" if kind == "complete" else [Message(role="user", content="Hello")]
                    await self._answer(kind, self.dialect.spoken(self.request(kind, smallest, {"max_tokens": 1})), 0)
            return self._has_answered

    async def _adapted(
        self, refusal: Refusal, kind: Kind, body: Mapping[str, Any], spoken: Mapping[str, Any], draw: int
    ) -> Dialect | Completion | None:
        """The dialect to send a refused request again in, or the answer where that was found out by trying; None for neither.

        `spoken` is the request as it was refused. Raises EndpointRefused for a field that a person set by hand.
        """
        if refusal.meaning in HEAVY or names_field(refusal.own, [name for name in NEEDED if name in spoken]):
            return None
        async with self._known.learning:
            dialect = self.dialect  # with what others found out meanwhile
            if dialect.spoken(body) != spoken:
                return dialect
            if (learned := dialect.after(refusal, spoken)) is not None:
                self._no_own_field(learned, body, spoken, refusal)
                await self._learn(learned)
                return learned
            if (
                refusal.meaning not in ("refused", "field")
                or refusal.status not in (400, 422)
                or _shape(spoken) in self._known.taken
            ):
                return None
            adapted = await self._found_by_trying(refusal, kind, body, dialect, draw)
            self._known.taken.add(_shape(spoken))  # whatever came of it, it is tried once
            return adapted

    async def _found_by_trying(
        self, refusal: Refusal, kind: Kind, body: Mapping[str, Any], dialect: Dialect, draw: int
    ) -> Completion | None:
        """The answer to a request whose refusal names no field, sent without one field after the other."""
        tried = [dialect.spoken(body)]
        for guess in dialect.guesses(dialect.spoken(body)):
            spoken = guess.spoken(body)
            if spoken in tried:
                continue
            tried.append(spoken)
            try:
                answer = await self._answer(kind, spoken, draw)
            except (CallRefused, EndpointRefused, ServerFault):
                continue
            with contextlib.suppress(CallRefused, EndpointRefused, ServerFault):  # was it only chance?
                return await self._answer(kind, dialect.spoken(body), draw)
            self._no_own_field(guess, body, dialect.spoken(body), refusal)
            await self._learn(guess)
            return answer
        return None

    def _no_own_field(
        self, learned: Dialect, body: Mapping[str, Any], spoken: Mapping[str, Any], refusal: Refusal
    ) -> None:
        """Raises EndpointRefused where a field that a person set would be left out, or lowered, or how to speak of it."""
        spec = self.spec
        own = {"answer_format": spec.answer_format, "token_limit": spec.token_limit}
        changed = {
            "answer_format": learned.answer_format != spec.answer_format,
            "token_limit": spec.token_limit in learned.left_out,
        }
        changed["token_limit"] |= any(theirs != spec.token_limit for theirs in learned.renamed.values())
        for name, value in own.items():
            if value and changed[name]:
                raise EndpointRefused(
                    f"{self.full_name} does not take {name} = {value} ({refusal.status}: {self._clean(refusal.message)}). "
                    f"Change {name} in the model's settings, or leave it empty."
                )
        after = learned.spoken(body)
        for name in spoken:
            is_renamed = name not in after and name in TOKEN_LIMITS and any(limit in after for limit in TOKEN_LIMITS)
            if not is_renamed and self._is_own(name, spoken) and after.get(name) != spoken[name]:
                raise EndpointRefused(
                    f"{self.full_name} does not take {name} = {json.dumps(spoken[name], ensure_ascii=False)[:80]} "
                    f"({refusal.status}: {self._clean(refusal.message)}). Change {name} in the model's settings, or leave it out."
                )

    def _is_own(self, name: str, spoken: Mapping[str, Any]) -> bool:
        """True for a field that a person set by hand, with this very value."""
        spec, value = self.spec, spoken.get(name)
        if name in spec.extra:
            return bool(value == spec.extra[name])
        if name in TOKEN_LIMITS:
            return bool(value == self._limit_set_by_hand)
        return name in ("temperature", "top_p") and value is not None and bool(value == getattr(spec, name))

    @property
    def _limit_set_by_hand(self) -> int:
        """The most tokens of an answer that a person set for this model; 0 for nobody."""
        return self.spec.max_tokens if self.spec.max_tokens != DEFAULT_TOKENS else 0

    async def _recall_dialect(self) -> None:
        """Takes what was found out before, once."""
        if self._memo is None or self._known.is_recalled:
            return
        async with self._known.learning:
            if not self._known.is_recalled and (known := await self._memo.recall_dialect(self.identity)):
                with contextlib.suppress(ValueError):
                    self._known.dialect = Dialect.load(known)
            self._known.is_recalled = True

    async def _learn(self, dialect: Dialect) -> None:
        self._known.dialect = found_out(dialect, self.spec, self._known.dialect)
        self._known.lead()
        if self._memo is not None:
            await self._memo.keep_dialect(self.identity, self._known.dialect.dump())

    def remember_in(self, memo: DialectMemo, twin: Endpoint | None = None) -> None:
        self._memo = memo
        if isinstance(twin, OpenAIEndpoint):
            self._known = twin._known

    async def ready(self) -> None:
        """Waits until it can be asked, which takes none of a call's time."""

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

        await self.ready()
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        address = path if "://" in path else self.url.rstrip("/") + path
        if self.spec.whole_query:
            address += f"?{urlencode(self.spec.whole_query)}"
        try:
            async with asyncio.timeout(min(within, self.timeout)):
                status, answered, sent = await self._exchange(address, content, {**self.headers, **(headers or {})})
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self.translated(error) from error
        except Unread as error:
            raise self.unread(error) from error
        except self._socks_errors as error:
            raise self.translated(error) from error
        if not 200 <= status < 300:
            raise self.refusal(status, answered, sent, _texts_of(body))
        return self.parsed(sent)

    def parsed(self, sent: bytes) -> Any:
        """The JSON of an answer, or what its events make up where it came as such. Raises ServerFault."""
        if is_events(sent):
            return joined(sent)
        if sent.count(b"[") + sent.count(b"{") > MOST_PARTS:
            raise ServerFault(f"{self.full_name} sent more lists than any answer has. {self.doubt}")
        try:
            return json.loads(sent)
        except (ValueError, RecursionError) as error:
            raise ServerFault(f"{self.full_name} answered something that is not JSON. {self.doubt}") from error

    async def _exchange(
        self, address: str, content: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        """(status, headers, body) of what comes back."""
        import aiohttp

        if self._closed:
            raise OSError("it is closed")
        if self.guard is not None:  # also for an address that is asked for as such, and where a proxy looks names up
            await self.guard.check_url(address)
        if self._session is None:
            trusted = _trusted() if address.startswith("https") else True
            connector: aiohttp.BaseConnector
            if self._proxy and is_socks(self._proxy):
                connector = socks_connector(self._proxy, limit=0, ssl=trusted)
            else:
                looked_up = resolver(self.guard) if self.guard is not None and not self._proxy else None
                connector = aiohttp.TCPConnector(limit=0, ssl=trusted, resolver=looked_up)
            patience = aiohttp.ClientTimeout(total=None, sock_connect=min(CONNECTING, self.timeout / 2))
            self._session = aiohttp.ClientSession(connector=connector, timeout=patience, auto_decompress=False)
        method = "GET" if content is None else "POST"
        proxy = None if self._proxy and is_socks(self._proxy) else self._proxy
        async with self._session.request(
            method, address, data=content, headers=headers, proxy=proxy, allow_redirects=False
        ) as answer:
            return answer.status, answer.headers, await _body(answer, MOST_RECEIVED)

    def read(self, answer: object, latency: float) -> Completion:
        """The protocol's answer as a Completion; ServerFault if it is something else."""
        try:
            return completion(answer, self.name, latency, self.secrets)
        except EndedByFault as error:
            raise ServerFault(f"{self.full_name} broke off its answer ({self._clean(str(error))}).") from None
        except NotTheProtocol as error:
            described = self._clean(str(answer))[:120]
            answer = None  # an error keeps what its frames hold, for as long as it is waited
            raise ServerFault(
                f"{self.full_name} answered something that is not the OpenAI protocol: {described!r}. {self.doubt}"
            ) from error

    def translated(self, error: BaseException) -> CallFailed:
        """What the transport raised, in words for the user and without the key."""
        import aiohttp

        if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError):
            return TimedOut(f"{self.full_name} gave no answer within {self.timeout:g} seconds.")
        reason = self._clean(_why_not(error, "" if self._proxy else self.url))
        if self._proxy:
            return Unreachable(
                f"{self.url} can't be reached through the proxy {without_login(self._proxy)} ({reason}). Is the proxy right that "
                "the environment names, is the address?"
            )
        return Unreachable(f"{self.url} can't be reached ({reason}). Is the server running, is the address right?")

    def unread(self, error: Unread) -> ServerFault:
        """An answer that was not read to its end, in words for the user."""
        return ServerFault(f"{self.full_name} {error}. {self.doubt}")

    def refusal(
        self, status: int, headers: Mapping[str, str], content: bytes, sent: tuple[str, ...] = ()
    ) -> ModelError:
        """An answer that says no, in words for the user and without the key. `sent` are the texts of the request."""
        return self.meant(parse_refusal(status, content, sent), headers)

    def meant(self, refusal: Refusal, headers: Mapping[str, str]) -> ModelError:
        """What a refusal means for the call and for the run, in one sentence."""
        where = self.full_name
        message = self._clean(refusal.message) or "no reason given"
        status, meaning = refusal.status, refusal.meaning
        if 300 <= status < 400:
            to = self._clean(bare(headers.get("Location", "")).partition("?")[0])[:200] or "nowhere"
            return EndpointRefused(
                f"{where} is not there ({status}): it points to {to}. Name that address, if you trust it."
            )
        if meaning == "key" and status == 403 and self._has_answered and not KEY.search(refusal.own):
            return CallRefused(self._sentence(refusal), refusal)
        match meaning:
            case "key":
                return EndpointRefused(f"{where} refused the key ({status}: {message}). {self._refused}", refusal)
            case "account":
                return EndpointRefused(
                    f"{where} refused because the account has no credit ({status}: {message}).", refusal
                )
            case "model":
                return EndpointRefused(f"{where} is not there ({status}: {message}). Check the model's name.", refusal)
            case "address":
                return EndpointRefused(f"{where} is not there ({status}: {message}). {self.not_there}", refusal)
            case "too many":
                return Overloaded(f"{where} is overloaded ({status}: {message}).", retry_after=_retry_after(headers))
            case "timed out":
                return TimedOut(f"{where} ran out of time ({status}: {message}).")
            case "too long":
                return PromptTooLong(f"The prompt does not fit {self.name}: {message}.", refusal)
            case "moderated":
                return CallRefused(
                    f"{where} does not answer this, as its moderation says ({status}: {message}).", refusal
                )
            case "fault":
                return ServerFault(f"{where} failed ({status}: {message}).", refusal=refusal)
        return CallRefused(self._sentence(refusal), refusal)

    def _sentence(self, refusal: Refusal) -> str:
        """One request refused, in one sentence."""
        message = self._clean(refusal.message) or "no reason given"
        return f"{self.full_name} refused the request ({refusal.status}: {message})."

    def _clean(self, text: str) -> str:
        return " ".join(mask(text, self.secrets).split())[:LONGEST_WORDS].rstrip(".")

    async def probe(self) -> Capabilities:
        from tasks.models.probe import probe

        return await probe(self)

    async def close(self) -> None:
        self._closed = True
        if self._client is not None:
            await self._client.close()
        if self._session is not None:
            await self._session.close()
        await asyncio.sleep(0)  # the transport closes its connections in the loop's next turn


def _why_not(error: BaseException, url: str) -> str:
    """Why an address can't be reached, in plain words; the transport's own where there are none.

    `url` is what was connected to, "" where that was a proxy.
    """
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"there is no server of the name {error.host}, or no network"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not one that this machine trusts: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, ConnectionRefusedError) or "Connect call failed" in str(error.os_error):
            return f"nothing answers at port {error.port}"
        return error.os_error.strerror or "it does not speak TLS as https:// asks for"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "it hung up without an answer"
    causes = list(_causes(error))  # the openai client's transport says no more than that it did not work
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        port = _port_of(url)
        return f"nothing answers at port {port}" if port else "nothing answers there"
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return (
            f"there is no server of the name {urlsplit(url).hostname}, or no network"
            if url
            else "there is no such server"
        )
    return str(error) or type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and what it came of."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _port_of(url: str) -> int | None:
    parts = urlsplit(url)
    return parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _texts_of(body: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The texts of a request, as they are and as JSON writes them, the longest first."""
    texts = [str(message.get("content")) for message in (body or {}).get("messages", ())] + [
        str((body or {}).get("prompt", ""))
    ]
    forms = {form for text in texts if len(text) >= SHORTEST_ECHO for form in (text, json.dumps(text)[1:-1])}
    return tuple(sorted(forms, key=len, reverse=True))


def _shape(spoken: Mapping[str, Any]) -> tuple[str, ...]:
    """Which fields a request has, and which form of an answer it asks for."""
    form = spoken.get("response_format")
    return (*sorted(spoken), str(form.get("type")) if isinstance(form, Mapping) else "")


def _limit_of(spoken: Mapping[str, Any]) -> str:
    return next((name for name in TOKEN_LIMITS if name in spoken), TOKEN_LIMITS[0])


def _room_left(refusal: Refusal, spoken: Mapping[str, Any]) -> int:
    """Tokens that are left for an answer where the prompt fits the context, and the limit of the answer with it does not."""
    if refusal.meaning != "too long" or (counts := ROOM.search(refusal.own)) is None:
        return 0
    room = int(counts["context"]) - int(counts["prompt"]) - 1
    limit = spoken.get(_limit_of(spoken))
    return room if isinstance(limit, int) and LEAST_ROOM <= room < limit else 0


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


def is_azure(url: str) -> bool:
    """True for Azure's classic addresses, where a deployment stands in the path and the key in a header of its own."""
    host = ascii_host(url)
    return "/openai/deployments/" in url or host.endswith((".openai.azure.com", ".cognitiveservices.azure.com"))


def _account(spec: ModelSpec, url: str) -> dict[str, str]:
    """Which account of OpenAI pays, where the variables of its client say so. For OpenAI's own address only."""
    if spec.preset != "openai" or url.rstrip("/") != PRESETS["openai"].url:
        return {}
    known = {"OpenAI-Organization": "OPENAI_ORG_ID", "OpenAI-Project": "OPENAI_PROJECT_ID"}
    headers = {header: os.environ.get(variable, "").strip() for header, variable in known.items()}
    return {header: value for header, value in headers.items() if value}


def _trusted() -> "ssl.SSLContext":
    """Certificates as the openai client trusts them: the system's, or those that SSL_CERT_FILE names."""
    import httpx2

    return httpx2.create_ssl_context()


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
