"""What Gradio would work out anew for each request, though it is the same: the page before it is filled, and compressed files.

On this machine to compress a file takes longer than to send it as it is, and to describe the page takes longer than all else that a
visit asks of the app.
"""

from typing import Any

from app.web.security.access import Application, Receive, Scope, Send

MOST_ADDRESSES = 4
"""So many names of the app have their page kept; the page holds its own address."""


class QuickAnswers:
    """`app` with its page kept as it was written first, for each address by which it is asked for, and nothing compressed."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self._pages: dict[tuple[str, bytes, str], list[Any]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        if scope["method"] != "GET" or scope["path"] != "/":
            await self.app(scope, receive, send)
            return
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        address = scope["scheme"], host, scope["state"].get("prefix", "")
        answer = self._pages.get(address)
        if answer is None:
            answer = await self._answer({**scope, "query_string": b""}, receive)  # no query changes what is kept
            if answer[0]["status"] == 200 and len(self._pages) < MOST_ADDRESSES:
                self._pages[address] = answer
        for message in answer:  # whose headers are added to on their way
            await send({**message, "headers": list(message["headers"])} if "headers" in message else message)

    async def _answer(self, scope: Scope, receive: Receive) -> list[Any]:
        answer: list[Any] = []

        async def kept(message: Any) -> None:
            if message["type"] in ("http.response.start", "http.response.body"):
                answer.append(message)

        await self.app(scope, receive, kept)
        return answer
