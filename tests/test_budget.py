"""A budget is never passed, in tokens or in money, whatever is under way at the same time."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tasks.budget import Account, Budget, Use
from tasks.errors import BudgetSpent, ServerFault, SettingsError
from tests.endpoints import Fake, Remembered, echo, engine, failing, run


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


def test_where_an_endpoint_does_not_say_what_a_call_took_all_that_it_held_counts() -> None:
    async def work() -> None:
        kept = account(tokens=1000)
        held = await kept.reserve("m", 300, 100)
        kept.settle(held, "m", None, None)
        assert kept.used.tokens == 400

    run(work())
