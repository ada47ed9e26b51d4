"""How fast and how small the engine is, beside the same calls without it, in the same minutes."""

import asyncio
import heapq
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app import services
from app.config import Settings
from tests.bench.meter import environment, last_json
from tests.bench.runs import (
    CONCURRENCY,
    LATENCY,
    Line,
    chance,
    made,
    median,
    model,
    recipe,
    yardstick,
)
from tests.bench.yardsticks import messages
from tests.conftest import claywright
from tests.servers import FakeOpenAI

TAIL, LONGER, USUAL = 0.05, 2.0, 0.2
LOCAL_ROWS, LOCAL_TOKENS = 120, 64


def few_rows(folder: Path, times: int) -> Iterator[Line]:
    with FakeOpenAI(latency=LATENCY) as server:
        each = [made(folder / f"{k}", recipe(folder / f"{k}", server.url, 200)) for k in range(times)]
    seconds = median([one.seconds for one in each])
    yield Line("200 rows, whole process", "≤ 1.5 s", f"{seconds:.2f} s", seconds <= 1.5)


def many_rows(folder: Path, times: int) -> Iterator[Line]:
    found: dict[str, list[float]] = {"bare": [], "floor": [], "ours": []}
    mib = []
    with FakeOpenAI(latency=LATENCY) as server:
        for k in range(times):
            for name in ("bare", "floor"):
                found[name].append(yardstick(name, server.url, 1000).seconds)
            one = made(folder / f"{k}", recipe(folder / f"{k}", server.url, 1000))
            found["ours"].append(one.seconds)
            mib.append(one.mib)
    bare, floor, own = (median(found[name]) for name in ("bare", "floor", "ours"))
    yield Line(
        "1000 rows, whole process, over the bare client with its aiohttp transport", "≤ 1.25 ×",
        f"{own:.2f} s over {bare:.2f} s: {own / bare:.2f} ×", own / bare <= 1.25,
    )  # fmt: skip
    yield Line("the same over the standard library alone", "", f"{own:.2f} s over {floor:.2f} s: {own / floor:.2f} ×")
    yield Line("peak memory, 1000 rows", "≤ 150 MiB", f"{median(mib):.0f} MiB", median(mib) <= 150)


def ratings(folder: Path, times: int) -> Iterator[Line]:
    """Four responses a row, rated together under one aspect: a call a row, and those of the probe."""
    inputs = folder / "responses.jsonl"
    inputs.write_text("".join(
        json.dumps({"instruction": f"Name river {n}.", "responses": [f"River {n}, said by {k}." for k in range(4)]}) + "\n"
        for n in range(200)
    ))  # fmt: skip
    with FakeOpenAI(latency=LATENCY) as server:
        each = []
        for k in range(times):
            file = recipe(
                folder / f"{k}", server.url, 200, task={"kind": "existing"}, inputs={"path": str(inputs)},
                answers={"n": 0}, labeller=model(server.url), rating={"aspects": ["overall-rating"]},
            )  # fmt: skip
            one = made(folder / f"{k}", file)
            assert one.said["counts"]["ratings"] == 800 and not one.said["counts"]["unrated"], one.said
            each.append(one.seconds)
    yield Line("UltraFeedback, 200 rows × 4 responses", "≤ 1.8 s", f"{median(each):.2f} s", median(each) <= 1.8)


def chained(folder: Path, times: int) -> Iterator[Line]:
    """An instruction, its response, its rating: three calls a row, each as soon as it can."""
    ideal = 600 / CONCURRENCY * LATENCY
    stages, one_stage = [], []
    with FakeOpenAI(latency=LATENCY) as server:
        for k in range(times):
            file = recipe(
                folder / f"chain-{k}", server.url, 200, rows=200, generator=model(server.url, template="chatml"),
                task={"kind": "magpie", "only_instruction": True}, answers={"n": 1}, labeller=model(server.url),
                rating={"aspects": ["helpfulness"]},
            )  # fmt: skip
            done = made(folder / f"chain-{k}", file)
            assert (done.said["counts"]["answered"], done.said["counts"]["ratings"]) == (200, 200), done.said
            stages.append(done.seconds)
            one_stage.append(made(folder / f"stage-{k}", recipe(folder / f"stage-{k}", server.url, 600)).seconds)
    chain, stage = median(stages), median(one_stage)
    yield Line(
        "generate, answer, rate chained, 200 rows, over calls / concurrency × latency", "≤ 3 ×",
        f"{chain:.2f} s over {ideal:.2f} s: {chain / ideal:.1f} ×", chain <= 3 * ideal,
    )  # fmt: skip
    yield Line(
        "the same over one stage of 600 calls", "< 1.5 ×", f"{chain:.2f} s over {stage:.2f} s: {chain / stage:.2f} ×",
        chain < 1.5 * stage,
    )  # fmt: skip


def long_tail(folder: Path, times: int) -> Iterator[Line]:
    def latency(body: dict[str, Any]) -> float:
        return USUAL + (LONGER if chance(body) < TAIL else 0)

    asked = [{"messages": messages(number)} for number in range(1000)]
    busy = [0.0] * CONCURRENCY
    for body in asked:  # who is free first takes the next call
        heapq.heappush(busy, heapq.heappop(busy) + latency(body))
    ideal = max(busy)
    with FakeOpenAI(latency=latency) as server:
        each = [made(folder / f"{k}", recipe(folder / f"{k}", server.url, 1000)).seconds for k in range(times)]
    yield Line(
        "long tail: 1000 calls of 200 ms, 5 % of them 2 s longer, over the free-running ideal", "≤ 1.3 ×",
        f"{median(each):.2f} s over {ideal:.2f} s: {median(each) / ideal:.2f} ×", median(each) <= 1.3 * ideal,
    )  # fmt: skip


def crowd(folder: Path, times: int) -> Iterator[Line]:
    own, bare = [], []
    with FakeOpenAI(latency=USUAL) as server:
        for k in range(times):
            bare.append(yardstick("bare", server.url, 5000, 500).seconds)
            file = recipe(folder / f"{k}", server.url, 5000, generator=model(server.url, concurrency=500))
            own.append(made(folder / f"{k}", file).seconds)
    rate, bare_rate = 5000 / median(own), 5000 / median(bare)
    yield Line(
        "concurrency 500, 5000 rows of 200 ms: calls a second, over the bare client", "≥ 0.7",
        f"{rate:.0f} over {bare_rate:.0f}: {rate / bare_rate:.2f}", rate >= 0.7 * bare_rate,
    )  # fmt: skip


def much_memory(folder: Path, times: int) -> Iterator[Line]:
    """100,000 rows, once."""
    with FakeOpenAI() as server:
        few = made(folder / "few", recipe(folder / "few", server.url, 1000)).mib
        began = time.perf_counter()
        many = made(folder / "many", recipe(folder / "many", server.url, 100_000)).mib
        seconds = time.perf_counter() - began
    yield Line(
        "peak memory, 100,000 rows (once) over 1000 rows", "≤ 1.2 ×",
        f"{many:.0f} MiB over {few:.0f} MiB: {many / few:.2f} × ({seconds:.0f} s)", many <= 1.2 * few,
    )  # fmt: skip


def local_model(folder: Path, times: int) -> Iterator[Line]:
    """Tokens a second of the built-in model, through a run and bare, by turns; it is up before."""
    import openai

    here = Settings(data=folder / "data", owner="bench")

    async def bare(url: str, key: str) -> float:
        numbers, tokens, began = iter(range(LOCAL_ROWS)), 0, time.perf_counter()
        transport = openai.DefaultAioHttpClient()
        async with openai.AsyncOpenAI(base_url=url, api_key=key, max_retries=0, http_client=transport) as client:

            async def work() -> None:
                nonlocal tokens
                for number in numbers:
                    body = {"messages": messages(number), "max_tokens": LOCAL_TOKENS, "temperature": 0.0}
                    said: Any = await client.post("/chat/completions", cast_to=object, body=body)
                    tokens += said["usage"]["completion_tokens"]

            await asyncio.gather(*(work() for _ in range(8)))
        return tokens / (time.perf_counter() - began)

    own, alone = [], []
    with services.local(here).stopping():
        running = services.local(here).ensure(services.MODEL, print)
        for k in range(times):
            alone.append(asyncio.run(bare(running.url, str(running.details["key"]))))
            spec = {"preset": "local", "concurrency": 8, "max_tokens": LOCAL_TOKENS, "temperature": 0.0}
            file = recipe(folder / f"{k}", "", LOCAL_ROWS, generator=spec, seed=k)
            began = time.perf_counter()
            command = [*claywright(), "run", str(file), "--no-push", "--json"]  # not metered, as the other side is not
            env = environment(CLAYWRIGHT_DATA=str(here.data))
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
            own.append(last_json(done.stdout)["calls"]["completion_tokens"] / (time.perf_counter() - began))
    ratio = median(own) / median(alone)
    yield Line(
        "built-in model: tokens a second through a run, over its server driven bare", "≥ 0.95",
        f"{median(own):.0f} over {median(alone):.0f}: {ratio:.2f}", ratio >= 0.95,
    )  # fmt: skip
