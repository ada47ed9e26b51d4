"""What the engine is measured against: the same calls without it. One process each, as the measured command is one.

    python tests/bench/yardsticks.py bare URL CALLS CONCURRENCY     the openai client with its aiohttp transport, and no more
    python tests/bench/yardsticks.py floor URL CALLS CONCURRENCY    the standard library alone: what this machine can do

Prints the seconds from the first request to the last answer as JSON.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from urllib.parse import urlsplit

Client = Callable[[str, Iterator[int], int], Coroutine[Any, Any, None]]


def messages(number: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"Write a sentence about topic number {number}."}]


async def bare(url: str, numbers: Iterator[int], concurrency: int) -> None:
    import openai

    async with openai.AsyncOpenAI(
        base_url=url, api_key="none", max_retries=0, http_client=openai.DefaultAioHttpClient()
    ) as client:

        async def work() -> None:
            for number in numbers:
                await client.post(
                    "/chat/completions", cast_to=object, body={"model": "fake", "messages": messages(number)}
                )

        await asyncio.gather(*(work() for _ in range(concurrency)))


async def floor(url: str, numbers: Iterator[int], concurrency: int) -> None:
    host, port = urlsplit(url).hostname, urlsplit(url).port

    async def work() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        for number in numbers:
            body = json.dumps({"model": "fake", "messages": messages(number)}).encode()
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            json.loads(await reader.readexactly(int(length.partition(b":")[2])))
        writer.close()

    await asyncio.gather(*(work() for _ in range(concurrency)))


CLIENTS: dict[str, Client] = {"bare": bare, "floor": floor}


def main() -> None:
    name, url, calls, concurrency = sys.argv[1:5]
    began = time.perf_counter()
    asyncio.run(CLIENTS[name](url, iter(range(int(calls))), int(concurrency)))
    print(json.dumps({"seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
