"""The engine sends each call once, remembers before it answers, and ends what it began."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tasks.engine.engine import Call, Engine, draw_number
from tasks.errors import CallRefused, EndpointDown, EndpointRefused, Overloaded, ServerFault, Stopped, Unreachable
from tasks.models.base import Capabilities, Completion
from tasks.models.refusals import Refusal
from tests.make_endpoints import Fake, Remembered, echo, engine, failing, run, until


def test_an_answer_is_kept_before_anyone_gets_it() -> None:
    async def work() -> None:
        memo, fake = Remembered(slow=0.02), Fake(echo)
        answer = await engine(memo).bind(fake, "s").complete("a")
        assert answer.text == "answer to a"
        assert list(memo.answers.values()) == [answer]
        assert memo.calls[0].scope == "s" and memo.calls[0].endpoint == "fake|one"
        assert memo.calls[0].draw == fake.sent[0][1]

    run(work())


def test_an_answer_that_can_not_be_kept_is_not_used() -> None:
    class Full(Remembered):
        async def keep(self, call: Call, answer: Completion) -> None:
            raise EndpointRefused("no room")

    async def work() -> None:
        with pytest.raises(EndpointRefused, match="no room"):
            await engine(Full()).bind(Fake(echo), "s").complete("a")

    run(work())


def test_what_the_memo_has_is_not_asked_again() -> None:
    async def work() -> None:
        memo, fake = Remembered(), Fake(echo)
        for _ in range(2):
            here = engine(memo)
            model = here.bind(fake, "s")
            said = [(await model.complete("a")).text, (await model.complete("a")).text, (await model.chat([])).text]
            assert said == ["answer to a", "answer to a", "answer to []"]
        assert len(fake.sent) == 3
        assert here.tally.recalled == 3 and here.tally.sent == 0

    run(work())


def test_what_calls_take_is_counted_by_stage_and_model() -> None:
    async def work() -> None:
        memo, fake = Remembered(), Fake(echo)
        await engine(memo).bind(fake, "s", stage="answer").complete("a")
        here = engine(memo)
        await here.bind(fake, "s", stage="answer").complete("a")
        for asked in ("b", "c"):
            await here.bind(fake, "s", stage="rate").complete(asked)
        answer, rate = here.tallies["answer", fake.name], here.tallies["rate", fake.name]
        assert (answer.sent, answer.recalled, answer.remembered_tokens, answer.prompt_tokens) == (0, 1, 5, 0)
        assert (rate.sent, rate.answered, rate.prompt_tokens, rate.completion_tokens) == (2, 2, 6, 4)
        assert (here.tally.sent, here.tally.recalled, here.tally.prompt_tokens) == (2, 1, 6)

    run(work())


def test_the_same_call_in_flight_is_sent_once() -> None:
    async def talk(body: Mapping[str, Any], draw: int, number: int) -> str:
        await asyncio.sleep(0.02)
        return str(number)

    async def work() -> None:
        fake, here = Fake(talk), engine()
        asked = [here.bind(fake, "s").complete("a") for _ in range(5)]
        assert [answer.text for answer in await asyncio.gather(*asked)] == ["0"] * 5
        assert len(fake.sent) == 1 and here.tally.answered == 1

    run(work())


def test_another_endpoint_body_or_kind_is_another_call() -> None:
    async def work() -> None:
        memo = Remembered()
        here, one, two = engine(memo), Fake(echo), Fake(echo, identity="fake|two")
        await here.call(one, "complete", {"content": "a"}, 1, "s")
        await here.call(two, "complete", {"content": "a"}, 1, "s")
        await here.call(one, "chat", {"content": "a"}, 1, "s")
        await here.call(one, "complete", {"content": "b"}, 1, "s")
        await here.call(one, "complete", {"content": "a"}, 2, "s")
        await here.call(one, "complete", {"content": "a"}, 1, "another scope")
        assert len(memo.answers) == 5

    run(work())


def test_stop_wakes_those_who_wait_for_their_next_try() -> None:
    async def work() -> None:
        fake = Fake(failing(99, lambda: ServerFault("again")))
        here = Engine(Remembered(), backoff=30.0)
        asked = asyncio.create_task(here.bind(fake, "s").complete("a"))
        await until(lambda: len(fake.sent) == 1 and not fake.inside)
        here.stop()
        with pytest.raises(Stopped):
            await asyncio.wait_for(asked, 5)
        assert len(fake.sent) == 1

    run(work())


def test_stop_wakes_those_whom_retry_after_holds_back() -> None:
    async def work() -> None:
        fake, here = Fake(failing(99, lambda: Overloaded("later", retry_after=3600.0)), concurrency=2), engine()
        asked = [asyncio.create_task(here.bind(fake, "s").complete(f"{n}")) for n in range(6)]
        await until(lambda: len(fake.sent) > 0 and not fake.inside)
        here.stop()
        results = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 5)
        assert all(isinstance(result, Stopped) for result in results)
        assert len(fake.sent) <= 2

    run(work())


def test_stop_lets_calls_in_flight_finish() -> None:
    async def talk(body: Mapping[str, Any], draw: int, number: int) -> str:
        await asyncio.sleep(0.05)
        return "well"

    async def work() -> None:
        memo = Remembered()
        fake, here = Fake(talk, concurrency=1), engine(memo)
        first = asyncio.create_task(here.bind(fake, "s").complete("a"))
        second = asyncio.create_task(here.bind(fake, "s").complete("b"))
        await until(lambda: fake.inside == 1)
        here.stop()
        assert (await first).text == "well"
        with pytest.raises(Stopped):
            await second
        assert len(memo.answers) == 1

    run(work())


def test_drain_keeps_the_answers_of_those_who_gave_up() -> None:
    async def talk(body: Mapping[str, Any], draw: int, number: int) -> str:
        await asyncio.sleep(0.05)
        if body["content"] == "bad":
            raise CallRefused("no")
        return "well"

    async def work() -> None:
        memo = Remembered()
        fake, here = Fake(talk), engine(memo)
        asked = [asyncio.create_task(here.bind(fake, "s").complete(what)) for what in ("a", "b", "bad")]
        await until(lambda: fake.inside == 3)
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        assert not memo.answers
        await here.drain()
        assert len(memo.answers) == 2
        assert fake.inside == 0

    run(work())


def test_capabilities_are_asked_once_and_remembered() -> None:
    async def work() -> None:
        memo, fake = Remembered(), Fake(echo)
        here = engine(memo)
        found = await asyncio.gather(*(here.bind(fake, f"{n}").capabilities() for n in range(5)))
        assert found == [Capabilities(raw_prompts=True)] * 5
        assert await engine(memo).bind(fake, "s").capabilities() == found[0]
        assert fake.probed == 1

    run(work())


def test_a_probe_that_reaches_nobody_means_down() -> None:
    async def work() -> None:
        fake = Fake(echo)
        fake.probing = Unreachable("nobody there")
        with pytest.raises(EndpointDown, match="nobody there"):
            await engine().bind(fake, "s").capabilities()
        fake.probing = EndpointRefused("wrong key")
        with pytest.raises(EndpointRefused, match="wrong key"):
            await engine().bind(fake, "s").capabilities()

    run(work())


def test_a_probe_that_hears_nonsense_gives_up_sooner_than_one_that_hears_of_a_fault() -> None:
    async def work() -> None:
        for failure, times in ((ServerFault("a web page"), 3), (ServerFault("502", Refusal(502, "starting")), 6)):
            fake = Fake(echo)
            fake.probing = failure
            with pytest.raises(EndpointDown, match=str(failure)):
                await engine().bind(fake, "s").capabilities()
            assert fake.probed == times

    run(work())


def test_an_endpoint_that_was_not_there_yet_is_asked_again_what_it_can_do() -> None:
    async def work() -> None:
        fake, here = Fake(echo), engine()
        fake.probing = Unreachable("still loading")
        with pytest.raises(EndpointDown):
            await here.bind(fake, "s").capabilities()
        fake.probing = None
        assert (await here.bind(fake, "s").capabilities()).raw_prompts

    run(work())


def test_close_closes_what_was_used() -> None:
    async def work() -> None:
        one, two, here = Fake(echo), Fake(echo, identity="fake|two"), engine()
        await here.bind(one, "s").complete("a")
        await here.bind(two, "s").capabilities()
        await here.close()
        assert (one.closed, two.closed) == (1, 1)

    run(work())


def test_draws_differ_within_a_scope_and_across_scopes() -> None:
    async def work() -> None:
        fake, here = Fake(echo), engine()
        for scope in ("7/unit/0", "7/unit/1", "8/unit/0"):
            model = here.bind(fake, scope)
            await asyncio.gather(*(model.complete("a") for _ in range(3)))
            await model.complete("b")
        draws = Counter(draw for content, draw in fake.sent if content == "a")
        assert len(draws) == 9
        assert all(0 <= draw < 2**53 for draw in draws)

    run(work())


def test_draws_that_are_not_seeded_count_from_zero_and_send_no_seed() -> None:
    async def work() -> None:
        fake, here = Fake(echo), engine()
        model = here.bind(fake, "rating", seeded=False)
        await model.complete("a")
        await model.complete("a")
        await model.complete("b", draw=5)
        assert fake.sent == [("a", 0), ("a", 1), ("b", 5)]

        async def seed(body: Mapping[str, Any], draw: int, number: int) -> str:
            return f"{body.get('seed')} {body.get('draw')}"

        assert (await here.bind(Fake(seed, identity="x"), "s", seeded=False).complete("a")).text == "None None"
        assert (
            await here.bind(Fake(seed, identity="y"), "s").complete("a")
        ).text == f"{draw_number('s', 0) % 2**31} None"

    run(work())


def test_draw_numbers_are_the_same_in_every_process() -> None:
    assert draw_number("7/unit/0", 0) == 7552540362325568
    code = "from tasks.engine.engine import draw_number; print(draw_number('7/unit/0', 0), draw_number('7/unit/0', 1))"
    root = Path(__file__).resolve().parent.parent
    said = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
    assert said.split() == [str(draw_number("7/unit/0", 0)), str(draw_number("7/unit/0", 1))]
