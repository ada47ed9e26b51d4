"""What a run may use: tokens, money. It is never passed, as each call sets aside the most that it can use before it is sent.

The few small questions that tell what an endpoint can do are not counted.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from tasks.errors import BudgetSpent, SettingsError
from tasks.settings import setting

RAISE = "Raise the budget to go on."


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The most that all work on a run may use, previews and ratings included. What is remembered costs nothing."""

    title: ClassVar[str] = "budget"

    tokens: int | None = setting(None, "Most tokens, of prompts and answers together; empty: as many as it takes.")
    dollars: float | None = setting(
        None, "Most US dollars; the models need prices. Empty: whatever it costs.", label="US dollars"
    )

    def __post_init__(self) -> None:
        if self.tokens is not None and self.tokens < 1:
            raise SettingsError(
                "tokens of [budget] must be at least 1; leave it out for no limit.",
                setting="tokens",
                page="Tokens must be at least 1; leave it empty for no limit.",
            )
        if self.dollars is not None and not 0 < self.dollars < math.inf:
            raise SettingsError(
                "dollars of [budget] must be above zero; leave it out for no limit.",
                setting="dollars",
                page="US dollars must be above zero; leave it empty for no limit.",
            )

    @property
    def given(self) -> bool:
        return self.tokens is not None or self.dollars is not None


@dataclass(frozen=True, slots=True)
class Use:
    """Tokens of prompts and answers, and what they cost in US dollars."""

    tokens: int = 0
    dollars: float = 0.0


class Account:
    """What is left of a budget. `used` was used before; `cost(model, prompt tokens, completion tokens)` is in US dollars."""

    def __init__(
        self,
        budget: Budget,
        used: Use = Use(),
        cost: Callable[[str, int, int], float] = lambda *_: 0.0,
        advice: str = "",
    ) -> None:
        self._advice = advice
        """What to do where no tokens are left, unless that is to raise the budget."""
        self.budget = budget
        self.used = used
        self._cost = cost
        self._held = Use()
        self._holders = 0
        self._changed = asyncio.Event()

    async def reserve(self, model: str, prompt: int, completion: int) -> Use:
        """Sets the most that a call can use aside: waits where others may leave enough of theirs.

        Raises BudgetSpent where nothing is left that could be.
        """
        if not self.budget.given:
            return Use()
        most = Use(prompt + completion, self._cost(model, prompt, completion))
        while not self._fits(most):
            if not self._holders:
                raise BudgetSpent(self._message(most))
            await self._changed.wait()
        self._hold(most, 1)
        return most

    def settle(self, held: Use, model: str, prompt: int, completion: int) -> None:
        """A call is over, and used so much."""
        if not self.budget.given:
            return
        self._hold(held, -1)
        more = Use(prompt + completion, self._cost(model, prompt, completion))
        self.used = Use(self.used.tokens + more.tokens, self.used.dollars + more.dollars)

    def give_back(self, held: Use) -> None:
        """A call was not answered."""
        if self.budget.given:
            self._hold(held, -1)

    def _fits(self, most: Use) -> bool:
        tokens = self.used.tokens + self._held.tokens + most.tokens
        dollars = self.used.dollars + self._held.dollars + most.dollars
        return tokens <= (self.budget.tokens or math.inf) and dollars <= (self.budget.dollars or math.inf) * (1 + 1e-9)

    def _hold(self, use: Use, sign: int) -> None:
        self._holders += sign
        held = Use(self._held.tokens + sign * use.tokens, self._held.dollars + sign * use.dollars)
        self._held = held if self._holders else Use()
        event, self._changed = self._changed, asyncio.Event()
        event.set()

    def _message(self, most: Use) -> str:
        if self.budget.tokens is not None and self.used.tokens + most.tokens > self.budget.tokens:
            return (
                f"The budget of {self.budget.tokens:,} tokens is used up: {self.used.tokens:,} were used, and the next call"
                f" may take {most.tokens:,}. What was made is kept. {self._advice or RAISE}"
            )
        return (
            f"The budget of ${self.budget.dollars:,.2f} is used up: ${self.used.dollars:,.2f} was spent, and the next call"
            f" may cost ${most.dollars:,.4f}. What was made is kept. {RAISE}"
        )
