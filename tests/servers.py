"""A far side for tests: an OpenAI-compatible endpoint over real HTTP, which answers, refuses, hangs or hangs up as told."""

import asyncio
import hashlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

Fault = None | int | str | tuple[int, Mapping[str, str], str | bytes | Mapping[str, Any]]
PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")
DIMENSIONS = 8


TURNS = 5
"""Of the loop, for what asyncio does in several steps when a connection begins or ends."""


class FakeOpenAI:
    """`with FakeOpenAI() as server:` serves at `server.url` from a thread of its own, also to other processes.

    What a request gets depends on its body and draw header alone. `latency` is in seconds, or says them of a body.
    `faults(body, number)`, with the running number of the request from 0, may return None (answer), a status, "drop" (hang
    up), "hang" (never answer), "dribble" (never end the answer, slowly), "endless" and "endless no" (never end an answer of 200, or
    of 500, as fast as it is taken), "headers" (never end those) or (status, headers, body). `sent` are the bytes of the last
    answer without end. `chat_only` has no /completions,
    `json_schema=False` answers response_format with 400.

    `continues` says what becomes of continue_final_message in a chat: "" passes over it, as most servers do; "vllm" leaves
    the last message open, and answers in the user's place where that is the user's; "strict" refuses unknown fields.
    `port` 0 takes a free one. From request number `holds_from` on, answers wait for `go_on()`: a run is then under way for as
    long as a test looks at it.
    """

    def __init__(
        self,
        *,
        latency: float | Callable[[dict[str, Any]], float] = 0.0,
        faults: Callable[[dict[str, Any], int], Fault] | None = None,
        chat_only: bool = False,
        json_schema: bool = True,
        continues: str = "",
        model: str = "fake",
        root: str = "",
        port: int = 0,
        holds_from: int | None = None,
    ) -> None:
        self.holds_from = holds_from
        self.latency = latency
        self.faults = faults
        self.chat_only = chat_only
        self.json_schema = json_schema
        self.continues = continues
        self.model = model
        self.root = root
        self.port = port
        self.url = ""
        self.sent = 0
        self._calls: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def __enter__(self) -> "FakeOpenAI":
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the fake endpoint did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(10)

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Every POST so far: path, body, draw, authorization, headers, time (of arrival), status (None while unanswered)."""
        with self._lock:
            return [dict(call) for call in self._calls]

    def came(self, call: dict[str, Any]) -> None:
        """A call came; for who keeps them elsewhere."""

    def go_on(self) -> None:
        """Answers what was held, and all that comes."""
        self._loop.call_soon_threadsafe(self._going_on.set)

    def repeated(self) -> int:
        """Calls beyond the first for the same (path, body, draw)."""
        seen = Counter((c["path"], json.dumps(c["body"], sort_keys=True), c["draw"]) for c in self.calls)
        return sum(times - 1 for times in seen.values())

    async def _serve(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        self._going_on = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, backlog=4096, limit=2**24)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self._ready.set()
        await self._closing.wait()
        # a server that is closed while it accepts a connection forgets that one, and its socket stays open: first no more come
        for listener in server.sockets:
            self._loop.remove_reader(listener.fileno())
        for _ in range(TURNS):
            await asyncio.sleep(0)
        server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        for _ in range(TURNS):  # and what was closed lets its socket go
            await asyncio.sleep(0)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Closes the connection however its task ends: one that is cancelled before its first step closes nothing itself."""
        task = asyncio.get_running_loop().create_task(self._talk(reader, writer))
        self._open[task] = writer
        task.add_done_callback(lambda done: self._open.pop(done).close())

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive until either side closes it."""
        try:
            while (line := await reader.readline()) and await self._answer(line, reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass

    async def _answer(self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers one request; False if the connection is to be closed."""
        method, path, _ = line.decode().split(" ", 2)
        headers: dict[str, str] = {}
        while (header := await reader.readline()) not in (b"\r\n", b""):
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        sent = await reader.readexactly(int(headers.get("content-length", 0)))
        path = urlsplit(path).path  # a proxy is asked for a whole address
        if method == "GET" and path == "/v1/models":
            listed = {"id": self.model, "object": "model", **({"root": self.root} if self.root else {})}
            await _respond(writer, 200, {"object": "list", "data": [listed]})
            return True
        if method != "POST" or path not in PATHS:
            await _respond(writer, 404, _error("There is no such path."))
            return True
        body = json.loads(sent)
        is_stream = body.pop("stream", False)  # how it is sent says nothing of what is asked
        body.pop("stream_options", None)
        call = {
            "stream": is_stream,
            "path": path,
            "body": body,
            "draw": headers.get("x-claywright-draw", ""),
            "authorization": headers.get("authorization", ""),
            "headers": headers,
            "time": time.time(),
            "status": None,
        }
        with self._lock:
            number = len(self._calls)
            self._calls.append(call)
            self.came(call)
        fault = self.faults(body, number) if self.faults else None
        if fault == "drop":
            return False
        if fault == "hang":
            await reader.read()  # until the client has had enough, or the server ends
            return False
        if fault == "dribble":
            writer.write(b"HTTP/1.1 200 Told\r\nContent-Type: application/json\r\nContent-Length: 999999\r\n\r\n")
            while not writer.is_closing():
                writer.write(b" ")
                await asyncio.sleep(0.02)
            return False
        if isinstance(fault, str):
            await self._without_end(writer, fault)
            return False
        if latency := self.latency(body) if callable(self.latency) else self.latency:
            await asyncio.sleep(latency)
        if self.holds_from is not None and number >= self.holds_from:
            await self._going_on.wait()
        status, extra, said = self._said(path, body, str(call["draw"]), fault)
        with self._lock:
            call["status"] = status
        if is_stream and status == 200 and isinstance(said, dict) and said.get("choices"):
            said, extra = events(said), {**extra, "Content-Type": "text/event-stream"}
        await _respond(writer, status, said, extra)
        return True

    async def _without_end(self, writer: asyncio.StreamWriter, fault: str) -> None:
        """An answer that goes on until the client has had enough."""
        self.sent = 0
        status = 500 if fault == "endless no" else 200
        begin, piece = (
            f"HTTP/1.1 {status} Told\r\nContent-Type: application/json\r\n".encode(),
            b"X-More: more\r\n" * 4096,
        )
        if fault != "headers":
            begin += b"Transfer-Encoding: chunked\r\n\r\n"
            piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
        writer.write(begin)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            self.sent += len(piece)

    def _said(self, path: str, body: dict[str, Any], draw: str, fault: Fault) -> tuple[int, Mapping[str, str], Any]:
        if isinstance(fault, tuple):
            return fault
        if isinstance(fault, int):
            return fault, {}, _error("injected")
        if self.chat_only and path == "/v1/completions":
            return 404, {}, _error("There is no such path.")
        if path == "/v1/embeddings":
            listed = [{"index": k, "embedding": embedding(text)} for k, text in enumerate(body["input"])]
            tokens = sum(len(text.split()) for text in body["input"])
            usage = {"prompt_tokens": tokens, "total_tokens": tokens}
            return 200, {}, {"object": "list", "data": listed[::-1], "model": body["model"], "usage": usage}
        if not self.json_schema and "response_format" in body:
            return 400, {}, _error("response_format is not known here.")
        if self.continues and body.keys() & {"continue_final_message", "add_generation_prompt"}:
            return self._continued(body, draw)
        return 200, {}, protocol(reply(body, draw), body)

    def _continued(self, body: dict[str, Any], draw: str) -> tuple[int, Mapping[str, str], Any]:
        """A chat request with vLLM's two fields: its prompt is rendered as ChatML, and counted as rendered."""
        if self.continues == "strict":
            return 400, {}, _error("Unrecognized request argument supplied: add_generation_prompt")
        is_open, asked = body.get("continue_final_message", False), body.get("add_generation_prompt", True)
        if is_open and asked:
            return 400, {}, _error("Cannot set both `continue_final_message` and `add_generation_prompt` to True.")
        prompt = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in body["messages"])
        prompt = prompt.removesuffix("<|im_end|>\n") if is_open else prompt + "<|im_start|>assistant\n" * asked
        role = re.findall(r"<\|im_start\|>(\w+)\n", prompt)[-1]
        said = protocol(reply({**body, "prompt": prompt} if role == "user" else body, draw), body)
        said["usage"]["prompt_tokens"] = len(re.findall(r"<\|\w+\|>|\w+|[^\w ]", prompt))
        return 200, {}, said


def embedding(text: str) -> list[float]:
    """A vector of a text: how often letters come in it, in eight groups."""
    found = [1.0] * DIMENSIONS
    for letter in text.lower():
        found[ord(letter) % DIMENSIONS] += 1.0
    length = sum(x * x for x in found) ** 0.5
    return [x / length for x in found]


def _error(words: str) -> dict[str, Any]:
    return {"error": {"message": words, "type": "injected", "code": None}}


async def _respond(
    writer: asyncio.StreamWriter, status: int, said: str | bytes | Mapping[str, Any], headers: Mapping[str, str] = {}
) -> None:
    content = said if isinstance(said, bytes) else said.encode() if isinstance(said, str) else json.dumps(said).encode()
    lines = {"Content-Type": "application/json", **headers, "Content-Length": str(len(content))}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"HTTP/1.1 {status} Told\r\n{head}\r\n".encode() + content)
    await writer.drain()


def protocol(text: str | None, body: Mapping[str, Any], **message: Any) -> dict[str, Any]:
    """`text` as the protocol's answer to `body`; `message` adds to the chat message."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop", "logprobs": None}
    if "messages" in body:
        choice["message"] = {"role": "assistant", "content": text, **message}
    else:
        choice["text"] = text
    asked = len(json.dumps(body.get("messages") or body.get("prompt"))) // 4
    usage = {"prompt_tokens": asked, "completion_tokens": 8, "total_tokens": asked + 8}
    return {"id": "fake", "created": 0, "model": body.get("model", "fake"), "choices": [choice], "usage": usage}


def events(answer: Mapping[str, Any]) -> bytes:
    """The protocol's answer as the events of a stream, a word each."""
    choice = answer["choices"][0]
    text = choice["message"].get("content") if "message" in choice else choice["text"]
    rest = {name: value for name, value in choice.get("message", {}).items() if name not in ("content", "role")}
    said: list[dict[str, Any]] = [{"delta": rest}] if rest else []
    said += [
        {"delta": {"content": piece}} if "message" in choice else {"text": piece}
        for piece in re.split(r"(?<= )", text or "")
    ]
    end = {name: choice[name] for name in ("finish_reason", "logprobs") if choice.get(name)}
    chunks: list[dict[str, Any]] = [
        {"model": answer["model"], "choices": [one]} for one in [*said, {"delta": {}, **end}]
    ]
    chunks.append({"choices": [], "usage": answer["usage"]})
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode() + b"data: [DONE]\n\n"


def reply(body: Mapping[str, Any], draw: str) -> str:
    """An answer in the shape that the request asks for, the same for the same body and draw."""
    digest = hashlib.sha256(f"{draw}|{json.dumps(body, sort_keys=True)}".encode()).hexdigest()
    if "prompt" in body:
        return f"What is the story behind number {int(digest[:8], 16)}?"
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        return json.dumps(_of_schema(form["json_schema"]["schema"], digest, 0))
    asked = "\n".join(str(message.get("content") or "") for message in body.get("messages", []))
    numbers = [int(number) for number in re.findall(r"^<text (\d+)>$", asked, re.MULTILINE)]
    if numbers:
        parts = [f"#### Output for Text {n}\n{_rating(digest, n)}" for n in range(1, max(numbers) + 1)]
        return "\n\n".join(parts)
    if "\nRating: a number from 1 to 5" in asked:
        return _rating(digest, 0)
    if "\nUser: the question or task" in asked:
        return f"User: What is {digest[:6]}?\nAssistant: It is {digest[6:12]}."
    if "Write one request a line" in asked:
        return "\n".join(f"Write about {digest[at : at + 6]}." for at in range(0, 30, 6))
    return f"reply {digest[:12]}"


def _rating(digest: str, number: int) -> str:
    return f"Rating: {1 + int(digest[number], 16) % 5}\nRationale: Because {digest[number : number + 8]}."


def _of_schema(schema: Mapping[str, Any], digest: str, at: int) -> Any:
    """A small value that fits `schema`; `at` is the place in the list around it, and numbers "text" entries."""
    if "enum" in schema:
        return schema["enum"][int(digest[at % 60], 16) % len(schema["enum"])]
    match schema.get("type"):
        case "object":
            inner = hashlib.sha256(f"{digest}{at}".encode()).hexdigest()
            return {
                name: wanted["enum"][at % len(wanted["enum"])]
                if name == "text" and "enum" in wanted
                else _of_schema(wanted, inner, place)
                for place, (name, wanted) in enumerate(schema["properties"].items())
            }
        case "array":
            return [_of_schema(schema["items"], digest, k) for k in range(schema.get("maxItems", 3))]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case _:
            return f"words {digest[at : at + 8]}"[: schema.get("maxLength", 100)]
