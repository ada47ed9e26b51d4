"""The transport below the openai client. Apart, because importing its HTTP library takes a while."""

from collections.abc import AsyncIterator, Mapping

import httpx2

from tasks.models.body import inflated, read_body
from tasks.models.network.private_addresses import PublicOnly

ABOUT_THE_BODY = ("content-encoding", "content-length", "transfer-encoding")
OF_A_REQUEST = ("host", "content-length", "transfer-encoding", "x-claywright-draw")


class BoundedTransport(httpx2.AsyncHTTPTransport):
    """Sends only the headers it is given, and reads at most `most` bytes of an answer, counted while they are inflated.

    The client would read all that comes. To any address it adds what its variables of the environment say: an organisation,
    a project, headers of one's own.
    """

    def __init__(
        self,
        headers: Mapping[str, str],
        most: int,
        *,
        proxy: str | None,
        at_once: bool = True,
        guard: PublicOnly | None = None,
    ) -> None:
        """`proxy` is the only one used. `guard` keeps away from this machine's networks. `at_once` reads an answer whole; else it
        comes as it is sent.

        Raises ValueError and ImportError for a proxy that can't be used.
        """
        super().__init__(
            verify=httpx2.create_ssl_context(), proxy=proxy, limits=httpx2.Limits(max_keepalive_connections=100)
        )
        self.headers, self.most, self.at_once = headers, most, at_once
        self.guard, self._is_proxied = guard, proxy is not None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The whole answer, as it is inflated. Raises Unread."""
        needed = [(name, value) for name, value in request.headers.multi_items() if name.lower() in OF_A_REQUEST]
        url, extensions = request.url, dict(request.extensions)
        if self.guard is not None:
            address, *_ = await self.guard.addresses(url.host, url.port or (443 if url.scheme == "https" else 80))
            if not self._is_proxied:  # it goes to the very address that was looked at
                url, extensions = url.copy_with(host=address), {**extensions, "sni_hostname": url.host}
        sent = httpx2.Request(
            request.method, url, headers=[*needed, *self.headers.items()], stream=request.stream, extensions=extensions
        )
        answer = await super().handle_async_request(sent)
        assert isinstance(answer.stream, httpx2.AsyncByteStream)
        encoding = answer.headers.get("Content-Encoding", "")
        headers = [(name, value) for name, value in answer.headers.multi_items() if name.lower() not in ABOUT_THE_BODY]
        if not self.at_once:
            stream = _Bounded(answer, encoding, self.most)
            return httpx2.Response(answer.status_code, headers=headers, stream=stream, extensions=answer.extensions)
        try:
            body = await read_body(answer.stream, ok=answer.is_success, encoding=encoding, most=self.most)
        finally:
            await answer.aclose()  # one that is not read to its end closes its connection
        return httpx2.Response(answer.status_code, headers=headers, content=body, extensions=answer.extensions)


class _Bounded(httpx2.AsyncByteStream):
    """What an endpoint sends, as it comes, inflated and counted."""

    def __init__(self, answer: httpx2.Response, encoding: str, most: int) -> None:
        self.answer, self.encoding, self.most = answer, encoding, most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self.answer.stream, httpx2.AsyncByteStream)
        pieces = inflated(self.answer.stream, ok=self.answer.is_success, encoding=self.encoding, most=self.most)
        async for piece in pieces:
            yield piece

    async def aclose(self) -> None:
        await self.answer.aclose()
