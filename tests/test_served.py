"""Every kind of failure is taken for what it is: tried again, its own unit's, or the endpoint's."""

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Any

import pytest

from tasks.engine import retries
from tasks.engine.engine import Engine
from tasks.engine.retries import ATTEMPTS
from tasks.errors import (
    CallFailed,
    CallRefused,
    EndpointDown,
    EndpointRefused,
    ModelError,
    Overloaded,
    PromptTooLong,
    ServerFault,
    TimedOut,
    Unreachable,
)
from tests.make_endpoints import Fake, Remembered, echo, engine, failing, run, until


@pytest.mark.parametrize("kind", [Overloaded, TimedOut, Unreachable, ServerFault, CallFailed])
def test_what_can_pass_is_sent_again(kind: type[CallFailed]) -> None:
    async def work() -> None:
        fake, here = Fake(failing(3, lambda: kind("not now"))), engine()
        assert (await here.bind(fake, "s").complete("a")).text == "well"
        assert len(fake.sent) == 4 and len(set(fake.sent)) == 1
        assert (here.tally.sent, here.tally.failed_attempts, here.tally.answered) == (4, 3, 1)
        assert (here.tally.prompt_tokens, here.tally.completion_tokens) == (3, 2)

    run(work())


ALONE = [(kind, others) for kind in (TimedOut, ServerFault, CallFailed) for others in (True, False)]


@pytest.mark.parametrize(("kind", "others"), [*ALONE, (Unreachable, True), (Overloaded, True)])
def test_a_call_that_always_fails_costs_itself_alone(
    kind: type[CallFailed], others: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With others that are answered, or alone, where the endpoint is asked whether it answers at all."""
    monkeypatch.setattr(retries, "LONGEST_BACKOFF", 0.02)

    async def talk(body: Mapping[str, Any], draw: int, number: int) -> str:
        if body["content"] == "bad":
            raise kind("again and again")
        await asyncio.sleep(0.001)
        return "well"

    async def work() -> None:
        memo, fake = Remembered(), Fake(talk)
        here = engine(memo)
        often = retries.ATTEMPTS_WHEN_TOO_MANY if kind is Overloaded else ATTEMPTS
        bad = asyncio.create_task(here.bind(fake, "s").complete("bad"))

        async def other(number: int) -> None:
            while not bad.done():
                assert (await here.bind(fake, "s").complete(f"{number}")).text == "well"
                number += 10

        await asyncio.gather(*(other(number) for number in range(4 if others else 0)))
        with pytest.raises(kind, match="again and again"):
            await bad
        assert [content for content, _ in fake.sent].count("bad") <= often + 2
        assert (await here.bind(fake, "s").complete("afterwards")).text == "well"

    run(work())


@pytest.mark.parametrize("kind", [TimedOut, ServerFault, Unreachable, Overloaded])
def test_an_endpoint_that_is_away_for_a_while_costs_nobody(kind: type[CallFailed]) -> None:
    """However often it is tried meanwhile: it had answered, so it is waited for."""
    away, tried = False, asyncio.Event()

    async def talk(body: Mapping[str, Any], draw: int, number: int) -> str:
        await asyncio.sleep(0.001)
        if number > 10:
            tried.set()
        if away:
            raise kind("gone for a while")
        return "well"

    async def work() -> None:
        nonlocal away
        fake, here = Fake(talk, concurrency=4), engine()
        assert (await here.bind(fake, "s").complete("first")).text == "well"
        away = True
        asked = [asyncio.create_task(here.bind(fake, "s").complete(f"{n}")) for n in range(20)]
        await tried.wait()
        away = False
        assert {answer.text for answer in await asyncio.gather(*asked)} == {"well"}

    run(work())


def test_what_is_waited_for_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "WORTH_TELLING", 0.05)

    async def work() -> None:
        fake = Fake(failing(2, lambda: Overloaded("Too many.", retry_after=0.4)), concurrency=1)
        here = engine()
        asked = asyncio.create_task(here.bind(fake, "s").complete("a"))
        assert here.waiting == ""
        await until(lambda: here.waiting != "")
        assert here.waiting.startswith("Too many. It asks to wait until ")
        await asked
        assert here.waiting == ""
        fake = Fake(failing(6, lambda: Overloaded("Too many.")), identity="fake|two", concurrency=1)
        here = Engine(Remembered(), backoff=0.05)
        asked = asyncio.create_task(here.bind(fake, "s").complete("a"))
        await until(lambda: here.waiting != "")
        said = r"No answer since \d\d:\d\d:\d\d\. Too many\. Trying again until \d\d:\d\d\."
        assert re.fullmatch(said, here.waiting)
        assert here.waits_for(fake.identity) and not here.waits_for("another")
        await asked

    run(work())


def test_a_time_that_the_endpoint_asks_for_is_no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "PATIENCE", 0.2)
    monkeypatch.setattr(retries, "LONGEST_BACKOFF", 0.05)

    async def work() -> None:
        fake = Fake(failing(3, lambda: Overloaded("too many", retry_after=0.3)), concurrency=1)
        assert (await engine().bind(fake, "s").complete("a")).text == "well"
        for asked in (None, 0.02):  # patience ends, however short the times are that it asks for
            fake = Fake(failing(999, lambda asked=asked: Overloaded("too many", retry_after=asked)))  # type: ignore[misc]
            with pytest.raises(EndpointDown, match="too many"):
                await engine().bind(fake, "s").complete("a")

    run(work())


@pytest.mark.parametrize("kind", [CallRefused, PromptTooLong])
def test_what_can_not_pass_is_sent_once_and_others_go_on(kind: type[ModelError]) -> None:
    async def work() -> None:
        fake, here = Fake(failing(1, lambda: kind("never this one"))), engine()
        with pytest.raises(kind):
            await here.bind(fake, "s").complete("a")
        assert (await here.bind(fake, "s").complete("b")).text == "well"
        assert len(fake.sent) == 2

    run(work())


def test_an_endpoint_that_refuses_is_asked_no_more() -> None:
    async def work() -> None:
        fake, here = Fake(failing(99, lambda: EndpointRefused("wrong key")), concurrency=1), engine()
        asked = [here.bind(fake, "s").complete(f"{n}") for n in range(10)]
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(result, EndpointRefused) and str(result) == "wrong key" for result in results)
        assert len(fake.sent) == 1
        other = Fake(echo, identity="fake|two")
        assert (await here.bind(other, "s").complete("a")).text == "answer to a"

    run(work())


def test_an_endpoint_that_stays_out_of_reach_is_down() -> None:
    """Before its first answer we wait a few seconds only."""

    async def work() -> None:
        fake = Fake(failing(10**9, lambda: Unreachable("nobody there")))
        here = Engine(Remembered(), backoff=0.05)
        with pytest.raises(EndpointDown, match="nobody there"):
            await here.bind(fake, "s").complete("a")
        assert 2 < time.monotonic() - fake.times[0] < 25
        with pytest.raises(EndpointDown):
            await here.bind(fake, "s").complete("b")

    run(work())


def test_retry_after_holds_everybody_back() -> None:
    async def talk(body: Mapping[str, Any], draw: int, number: int) -> str:
        if number < 2:
            raise Overloaded("too many", retry_after=0.4)
        return "well"

    async def work() -> None:
        fake, here = Fake(talk, concurrency=2), engine()
        asked = [here.bind(fake, "s").complete(f"{n}") for n in range(8)]
        assert {answer.text for answer in await asyncio.gather(*asked)} == {"well"}
        assert min(fake.times[2:]) - fake.times[0] >= 0.4
        assert fake.most_inside <= 2

    run(work())
