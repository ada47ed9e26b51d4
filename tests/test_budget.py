"""A budget is never passed, in tokens or in money, whatever is under way at the same time."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tasks.engine.budget import Account, Budget, Use
from tasks.engine.retries import ANSWER_TOKENS, TEMPLATE_TOKENS, CompletionRequest
from tasks.errors import BudgetSpent, ServerFault, SettingsError, TimedOut
from tasks.models.base import Completion, Kind
from tests.make_endpoints import Fake, Remembered, echo, engine, failing, run


def account(**budget: Any) -> Account:
    return Account(Budget(**budget), cost=lambda model, prompt, completion: prompt / 1000 + completion / 100)


@pytest.mark.parametrize("budget", [{"tokens": 0}, {"dollars": 0}, {"dollars": -1.0}, {"dollars": float("nan")}])
def test_a_budget_that_is_none(budget: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="of \\[budget\\]"):
        Budget(**budget)


def test_nothing_is_counted_without_one() -> None:
    async def work() -> None:
        free = account()
        assert await free.reserve("m", 10**9, 10**9) == Use() and free.used == Use()

    run(work())


@pytest.mark.parametrize(("budget", "words"), [({"tokens": 500}, "500 tokens"), ({"dollars": 4.0}, r"\$4.00")])
def test_a_budget_is_never_passed(budget: dict[str, Any], words: str) -> None:
    """A call says that it may use 89 + 100 tokens and uses 5."""

    async def talk(body: Mapping[str, Any], draw: int, number: int) -> str:
        await asyncio.sleep(0.001)
        return "well"

    async def work() -> None:
        memo, kept = Remembered(), account(**budget)
        fake, here = Fake(talk), engine(memo, kept)
        asked = [here.bind(fake, "s").complete(f"{n:03d}", max_tokens=100) for n in range(200)]
        results = await asyncio.gather(*asked, return_exceptions=True)
        spent = [one for one in results if isinstance(one, BudgetSpent)]
        answered = len(results) - len(spent)
        assert spent and str(spent[0]).startswith("The budget of ") and answered == len(memo.answers) == len(fake.sent)
        assert kept.used.tokens == 5 * answered <= (kept.budget.tokens or 10**9)
        assert kept.used.dollars <= (kept.budget.dollars or 10**9)
        with pytest.raises(BudgetSpent, match=words):
            await here.bind(fake, "s").complete("more", max_tokens=100)
        assert len(fake.sent) == answered
        assert (await here.bind(fake, "s").complete("000", max_tokens=100)).text == "well"  # what is remembered is free

    run(work())


def test_what_was_used_before_counts() -> None:
    async def work() -> None:
        kept = Account(Budget(tokens=1000), Use(950))
        with pytest.raises(BudgetSpent, match="950 were used, and the next call may take"):
            await engine(account=kept).bind(Fake(echo), "s").complete("a", max_tokens=10)

    run(work())


def test_a_call_that_fails_gives_back_what_it_held() -> None:
    async def work() -> None:
        kept = account(tokens=200)
        fake = Fake(failing(3, lambda: ServerFault("not now")))
        assert (await engine(account=kept).bind(fake, "s").complete("a", max_tokens=10)).text == "well"
        assert kept.used.tokens == 5 and kept.used.dollars == pytest.approx(0.003 + 0.02)

    run(work())


@pytest.mark.parametrize("silent", [True, False])
def test_where_nobody_says_what_a_call_took_all_that_it_held_counts(silent: bool) -> None:
    """The endpoint does not report it, or the call ran out of time and was perhaps answered after all."""

    class Silent(Fake):
        async def send(self, kind: Kind, body: Mapping[str, Any], draw: int) -> Completion:
            answer = await super().send(kind, body, draw)
            return replace(answer, prompt_tokens=None) if silent else answer

    async def work() -> None:
        kept = account(tokens=100_000)
        here = engine(account=kept)
        fake = Silent(echo if silent else failing(1, lambda: TimedOut("too slow")))
        await here.bind(fake, "s").complete("a", max_tokens=100)
        (tally,) = here.tallies.values()
        assert tally.unreported_completion == 100 and tally.unreported_prompt > TEMPLATE_TOKENS
        held = tally.unreported_prompt + tally.unreported_completion
        assert kept.used.tokens == held + (0 if silent else 5)

    run(work())


@pytest.mark.parametrize(
    ("body", "most"),
    [
        ({"max_tokens": 50}, 50), ({"max_completion_tokens": 8000}, 8000), ({}, ANSWER_TOKENS),
        ({"max_tokens": 50, "max_completion_tokens": 800, "n": 3}, 2400), ({"max_tokens": None, "n": None}, ANSWER_TOKENS),
    ],
)  # fmt: skip
def test_the_most_that_an_answer_can_have(body: dict[str, Any], most: int) -> None:
    assert CompletionRequest(Fake(echo), "chat", body, 0, "generate", 10).completion_tokens == most
