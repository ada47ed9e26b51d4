"""Stand-ins for providers of models over real HTTP: each refuses what that provider refuses, in its words and shape.

`with StandIn(OPENAI) as server:` serves at `server.url` from threads of its own. The providers themselves are tables
in provider_openai.py, provider_makers.py, provider_hosts.py and provider_servers.py; every rule in them has its sources
beside it, which are documentation, public issues, or the code of an open server.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.provider_answers import answer, logprobs, prompt_of, text_of, tokens

CHAT, COMPLETIONS, MODELS = "/chat/completions", "/completions", "/models"
PER_MESSAGE = 4
"""Tokens of a message beside its text: its start, role and line end, and its end."""
FOR_ANSWER = 3
"""Tokens behind the messages: the start, role and line end of the answer."""
THINKS = frozenset({"thinks"})
GITHUB = "https://github.com/"


@dataclass(frozen=True)
class Reply:
    """What goes over the wire; `body` is sent as JSON unless it is bytes."""

    status: int
    body: Any
    content_type: str = "application/json"


def error(
    status: int, message: str, kind: str | None = "invalid_request_error", param: str | None = None, code: Any = None
) -> Reply:
    """A refusal in OpenAI's shape."""
    return Reply(status, {"error": {"message": message, "type": kind, "param": param, "code": code}})


@dataclass(frozen=True)
class Model:
    """A model that a provider has. `thinking` are the tokens that it spends before its answer, `max_output` 0 is no limit."""

    name: str
    context: int = 131072
    max_output: int = 0
    thinking: int = 0
    logprobs: bool = False
    traits: frozenset[str] = frozenset()


def names(text: str) -> frozenset[str]:
    """The names in a text with spaces between them."""
    return frozenset(text.split())


Check = Callable[["Request"], Reply | None]


@dataclass(frozen=True)
class Rule:
    """One thing that a provider refuses, or that goes wrong there; without `confirmed`, no source gives the exact wording."""

    name: str
    check: Check
    sources: tuple[str, ...]
    confirmed: bool = True


def rule(*sources: str, confirmed: bool = True) -> Callable[[Check], Rule]:
    """Makes a rule of a function on a request; it is called like the function."""
    return lambda check: Rule(getattr(check, "__name__", ""), check, sources, confirmed)


@dataclass(frozen=True)
class Provider:
    """A provider as a table.

    `thoughts` is where a thinking model's thoughts go: "" keeps them back, "parts" and "tags" put them into the content,
    else it is the name of a field of the message. `schema_in` are the names that lead to a schema beside response_format.
    `several` is false where n is passed over or refused. `any_name` takes any name of a model for the first one.
    `cut_prompts` drops the start of a prompt that is too long. `blank` comes before every body. `troubles` are what a test
    can turn on.
    """

    name: str
    models: tuple[Model, ...]
    unknown_path: Rule
    wrong_key: Rule | None = None
    rules: tuple[Rule, ...] = ()
    troubles: tuple[Rule, ...] = ()
    roots: tuple[str, ...] = ("/v1",)
    listing: Callable[["Provider", int | None], Any] = field(default=lambda provider, context: bare_listing(provider))
    completions: bool = False
    several: bool = True
    thoughts: str = ""
    thoughts_in_logprobs: bool = False
    blank: bytes = b""
    empty_content: str | None = ""
    empty_content_is_absent: bool = False
    open_turns: bool = False
    schema_in: tuple[str, ...] = ()
    cut_prompts: bool = False
    any_name: bool = False
    extra: Mapping[tuple[str, str], Check] = field(default_factory=dict)
    deployments: bool = False

    @property
    def all_rules(self) -> tuple[Rule, ...]:
        return tuple(filter(None, (self.wrong_key, self.unknown_path, *self.rules, *self.troubles)))


@dataclass(frozen=True)
class Request:
    """A request as the rules see it; `route` is the path without the provider's root, None outside of it."""

    provider: Provider
    right_key: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: dict[str, Any]
    route: str | None
    model_name: str
    context_override: int | None = None

    @property
    def key(self) -> str | None:
        if self.provider.deployments:
            return self.headers.get("api-key")
        scheme, _, key = self.headers.get("authorization", "").partition(" ")
        return key if scheme.lower() == "bearer" and key else None

    @property
    def is_chat(self) -> bool:
        return self.method == "POST" and self.route == CHAT

    @property
    def is_completion(self) -> bool:
        return self.method == "POST" and self.route == COMPLETIONS

    @property
    def model(self) -> Model | None:
        named = [model for model in self.provider.models if model.name == self.model_name]
        return named[0] if named else self.provider.models[0] if self.provider.any_name else None

    def has(self, trait: str) -> bool:
        """Whether the request's model has a trait."""
        return self.model is not None and trait in self.model.traits

    @property
    def context(self) -> int:
        return self.context_override or (self.model.context if self.model else 0)

    @property
    def limit(self) -> int | None:
        """How many tokens the answer may have."""
        limit = self.body.get("max_completion_tokens", self.body.get("max_tokens"))
        return limit if isinstance(limit, int) else None

    @cached_property
    def prompt_tokens(self) -> int:
        count = len(tokens(prompt_of(self.body))) + PER_MESSAGE * len(self.body.get("messages", []))
        return count if "messages" not in self.body else count - 1 if self.is_open else count + FOR_ANSWER

    @property
    def is_open(self) -> bool:
        """Whether the model goes on with the last message, instead of answering it."""
        return self.provider.open_turns and bool(self.body.get("continue_final_message"))

    @property
    def format(self) -> dict[str, Any]:
        return dict(self.body.get("response_format") or {})

    @property
    def schema(self) -> dict[str, Any] | None:
        """The schema of the answer, if there is one: where OpenAI has it, beside the type, or in a field of the provider's own."""
        schema = self.format.get("json_schema", {}).get("schema") or self.format.get("schema")
        if schema is None and self.provider.schema_in:
            schema = self.body
            for name in self.provider.schema_in:
                schema = (schema or {}).get(name)
        return schema if isinstance(schema, dict) else None

    def answered(self) -> dict[str, Any]:
        """The completion, as a provider gives it that refuses nothing."""
        return completion(self)


@dataclass(frozen=True)
class Call:
    """A request that was answered, with the name of the rule or trouble that decided the answer, else ""."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: dict[str, Any]
    status: int
    rule: str


def bare_listing(provider: Provider) -> dict[str, Any]:
    """OpenAI's list of models, which says nothing about their limits."""
    listed = [{"id": m.name, "object": "model", "created": 0, "owned_by": provider.name} for m in provider.models]
    return {"object": "list", "data": listed}


def sized_listing(name: str) -> Callable[[Provider, int | None], dict[str, Any]]:
    """The list of models with their context in field `name`."""

    def listing(provider: Provider, context: int | None) -> dict[str, Any]:
        listed = bare_listing(provider)
        for entry, model in zip(listed["data"], provider.models, strict=True):
            entry[name] = context or model.context
        return listed

    return listing


def completion(request: Request) -> dict[str, Any]:
    """The answer to `request`: the model thinks first, and what it is allowed to write ends with its limit."""
    model = request.model
    assert model is not None
    body = _cut(request) if request.provider.cut_prompts else request.body
    prompt_tokens = min(request.prompt_tokens, request.context) if request.context else request.prompt_tokens
    choices, written, thought = [], 0, 0
    for number in range(body.get("n") or 1 if request.provider.several else 1):
        choice, spent, thinking = _choice(request, model, body, number)
        choices.append({"index": number, **choice})
        written, thought = written + spent, thought + thinking
    usage: dict[str, Any] = {"prompt_tokens": prompt_tokens, "completion_tokens": written}
    usage["total_tokens"] = prompt_tokens + written
    if thought:
        usage["completion_tokens_details"] = {"reasoning_tokens": thought}
    kind = "chat.completion" if request.is_chat else "text_completion"
    head = {"id": "cmpl-1", "object": kind, "created": 1700000000, "model": request.model_name or model.name}
    return {**head, "choices": choices, "usage": usage}


def _choice(request: Request, model: Model, body: Mapping[str, Any], number: int) -> tuple[dict[str, Any], int, int]:
    """One choice, the tokens that it took, and those of them that were thoughts."""
    thinks = model.thinking if request.is_chat and not request.is_open else 0
    thoughts = tokens("Let me think about it." + " And again." * thinks)[:thinks]
    pieces = tokens(_stopped(answer(body, request.schema, number, is_open=request.is_open), body.get("stop") or []))
    limits = [len(thoughts) + len(pieces)] if request.limit is None else [len(thoughts) + len(pieces), request.limit]
    if not request.provider.cut_prompts:
        limits.append(request.context - request.prompt_tokens)
    limit = max(min(limits), 0)
    finish = "length" if limit < limits[0] else "stop"
    thoughts, pieces = thoughts[:limit], pieces[: max(limit - len(thoughts), 0)]
    text, spent = "".join(pieces), len(thoughts) + len(pieces)
    if request.is_completion:
        listed = _flat_logprobs(pieces, body["logprobs"]) if body.get("logprobs") and model.logprobs else None
        return {"text": text, "finish_reason": finish, "logprobs": listed}, spent, len(thoughts)
    choice: dict[str, Any] = {"message": _message(request.provider, "".join(thoughts), text)}
    choice |= {"finish_reason": finish, "logprobs": None}
    if body.get("logprobs") and model.logprobs:
        seen = [*thoughts, *pieces] if request.provider.thoughts_in_logprobs else pieces
        choice["logprobs"] = {"content": logprobs(seen, body.get("top_logprobs") or 0)}
    return choice, spent, len(thoughts)


def _stopped(text: str, stops: str | list[str]) -> str:
    """`text` up to the first of `stops`."""
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.partition(stop)[0]
    return text


def _message(provider: Provider, thoughts: str, text: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if provider.empty_content_is_absent and not text:
        return {"role": "assistant"}
    if not thoughts or not provider.thoughts:
        return message
    if provider.thoughts == "tags":
        return {**message, "content": f"<think>\n{thoughts}" + (f"\n</think>\n\n{text}" if text else "")}
    if provider.thoughts != "parts":
        return {**message, "content": text or provider.empty_content, provider.thoughts: thoughts}
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": thoughts}]}
    return {**message, "content": [thinking, *([{"type": "text", "text": text}] if text else [])]}


def _flat_logprobs(pieces: list[str], top: int) -> dict[str, Any]:
    """The form of log-probabilities at /completions."""
    listed = logprobs(pieces, top)
    return {
        "tokens": pieces,
        "token_logprobs": [entry["logprob"] for entry in listed],
        "top_logprobs": [{t["token"]: t["logprob"] for t in entry["top_logprobs"]} for entry in listed],
        "text_offset": [sum(map(len, pieces[:at])) for at in range(len(pieces))],
    }


def _cut(request: Request) -> dict[str, Any]:
    """The body with what fits into the context, the end of it, as a server that cuts without saying so has it."""
    if request.prompt_tokens <= request.context:
        return request.body
    kept = "".join(tokens(prompt_of(request.body))[-request.context :])
    if "prompt" in request.body:
        return {**request.body, "prompt": kept}
    return {**request.body, "messages": [{"role": "user", "content": kept}]}


def json_is_mentioned(request: Request) -> bool:
    return any("json" in text_of(message.get("content")).lower() for message in request.body.get("messages", []))


class StandIn:
    """A provider, served on a free port of this machine while the `with` lasts.

    `context` overrules the context of its models. `trouble` is the name of one of the provider's troubles, which every
    request gets for whose body and running number `when` holds, unless a rule refuses it first.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        key: str = "right-key",
        context: int | None = None,
        trouble: str = "",
        when: Callable[[dict[str, Any], int], bool] = lambda body, number: True,
    ) -> None:
        troubles = {known.name: known for known in provider.troubles}
        self.provider, self.key, self.context, self.when = provider, key, context, when
        self.trouble = troubles[trouble] if trouble else None
        self._calls: list[Call] = []
        self._posts = 0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.stand_in = self
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.url = self.origin + provider.roots[0]

    def __enter__(self) -> "StandIn":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def calls(self) -> list[Call]:
        with self._lock:
            return list(self._calls)

    @property
    def refused(self) -> list[Call]:
        """The calls that a rule or trouble decided."""
        return [call for call in self.calls if call.rule]

    def reply(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> Reply:
        """Answers one request and writes it down."""
        url = urlsplit(target)
        try:
            body = json.loads(content) if content else {}
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return Reply(400, {"error": {"message": "The body is not a JSON object.", "type": "invalid_request_error"}})
        route, model_name = self._route(url.path)
        query = dict(parse_qsl(url.query))
        request = Request(
            provider=self.provider,
            right_key=self.key,
            method=method,
            path=url.path,
            query=query,
            headers=headers,
            body=body,
            route=route,
            model_name=model_name or str(body.get("model") or ""),
            context_override=self.context,
        )
        with self._lock:
            number = self._posts
            self._posts += method == "POST"
        reply, name = self._decide(request, number)
        with self._lock:
            self._calls.append(Call(method, url.path, query, headers, body, reply.status, name))
        return reply

    def _route(self, path: str) -> tuple[str | None, str]:
        """The path behind the provider's root, and the model if it is in the path."""
        if self.provider.deployments:
            root, _, rest = path.removeprefix("/openai/deployments/").partition("/")
            return (f"/{rest}", root) if path.startswith("/openai/deployments/") else (None, "")
        for root in self.provider.roots:
            if path.startswith(f"{root}/") and path.removeprefix(root) in (CHAT, COMPLETIONS, MODELS):
                return path.removeprefix(root), ""
        return None, ""

    def _decide(self, request: Request, number: int) -> tuple[Reply, str]:
        provider = self.provider
        for candidate in filter(None, (provider.wrong_key, *provider.rules)):
            if reply := candidate.check(request):
                return reply, candidate.name
        known = request.is_chat or (request.is_completion and provider.completions)
        if known and self.trouble and self.when(request.body, number) and (reply := self.trouble.check(request)):
            return reply, self.trouble.name
        if known:
            return Reply(200, request.answered()), ""
        if request.method == "GET" and request.route == MODELS:
            return Reply(200, provider.listing(provider, self.context)), ""
        if (serve := provider.extra.get((request.method, request.path))) and (reply := serve(request)):
            return reply, ""
        reply = provider.unknown_path.check(request)
        assert reply is not None, "a provider has something to say about every path"
        return reply, provider.unknown_path.name


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    stand_in: StandIn

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no fault of the server's."""


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with connections that stay open."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        stand_in = self.server.stand_in
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = stand_in.reply(self.command, self.path, headers, content)
        sent = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        sent = stand_in.provider.blank + sent
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, format: str, *args: Any) -> None:
        pass
