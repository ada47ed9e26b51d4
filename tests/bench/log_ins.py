"""Wrong passwords from one address, as fast as they come, and somebody who signs in from another meanwhile.

    python tests/bench/log_ins.py [TRIES]

Linux: a connection may come from any address of 127.0.0.0/8. A 401 is a password that was checked, a 429 one that was not.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[2]))
from app.store.store import Store
from app.web.security.passwords import hashed
from tests.browser import running
from tests.odd_values import NOBODY

PASSWORD = "a long enough one"
AT_ONCE, EVERY = 20, 0.5
"""Wrong tries at the same time, and seconds between two right ones."""


def client(url: str, address: str) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=AT_ONCE)
    transport = httpx.AsyncHTTPTransport(local_address=address, limits=limits)
    return httpx.AsyncClient(base_url=url, transport=transport, timeout=60)


async def attack(url: str, tries: int, codes: list[tuple[float, int]]) -> None:
    async with client(url, "127.0.0.2") as wrong:

        async def worker(number: int) -> None:
            for k in range(number, tries, AT_ONCE):
                answer = await wrong.post("/sign-in", data={"name": f"n{k % 50}", "password": f"x{k}"})
                codes.append((time.perf_counter(), answer.status_code))

        await asyncio.gather(*(worker(number) for number in range(AT_ONCE)))


async def sign_in(url: str, took: list[float]) -> None:
    while True:
        async with client(url, "127.0.0.3") as right:
            began = time.perf_counter()
            answer = await right.post("/sign-in", data={"name": "ann", "password": PASSWORD})
            assert answer.status_code == 303, answer.status_code
            took.append(time.perf_counter() - began)
        await asyncio.sleep(EVERY)


async def both(url: str, tries: int) -> tuple[list[tuple[float, int]], list[float]]:
    codes: list[tuple[float, int]] = []
    took: list[float] = []
    signing_in = asyncio.create_task(sign_in(url, took))
    await attack(url, tries, codes)
    signing_in.cancel()
    return codes, took


def main(tries: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir(mode=0o700)
        with Store(data) as store:
            store.people.add("ann", "admin")
            store.people.set_password("ann", hashed(PASSWORD))
        with running(data, ARGILLA_API_URL=NOBODY, ARGILLA_API_KEY="key") as app:
            began = time.perf_counter()
            codes, took = asyncio.run(both(app.url, tries))
            seconds = time.perf_counter() - began
    times = sorted(at for at, code in codes if code == 401)
    most = max((sum(at <= other < at + 60 for other in times) for at in times), default=0)
    counted = dict(Counter(code for _, code in codes))
    print(f"{tries:,} wrong tries in {seconds:.0f} s: {counted}; at most {most} a minute were checked")
    sign_ins = f"median {statistics.median(took):.2f} s, longest {max(took):.2f} s"
    print(f"{len(took)} sign-ins from another address meanwhile: {sign_ins}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
