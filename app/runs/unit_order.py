"""Units that depend on each other's rows take turns in unit order, whatever the order in which their calls end."""

import asyncio

from tasks.errors import Stopped


class InOrder:
    """Units are started in order. One may take its turn when all that were started before it are over.

    A unit that gives up (stopped, paused, cancelled) is not over: those behind it give up too, so that none is kept before it.
    """

    def __init__(self) -> None:
        self._open: dict[int, None] = {}
        self._lost: int | None = None
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def start(self, unit: int) -> None:
        self._open[unit] = None

    async def past(self, unit: int) -> None:
        """Waits until all units before `unit` that were started are over. Raises Stopped if one of them gave up."""
        if not self._decided(unit):
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((unit, turn))
            await turn
        if self._lost is not None and self._lost < unit:
            raise Stopped("Stopped before the rows of an earlier unit were known.")

    def over(self, unit: int) -> None:
        """The unit is kept, or has failed."""
        del self._open[unit]
        self._wake()

    def give_up(self, unit: int) -> None:
        """The unit will neither be kept nor fail, this time."""
        self._lost = unit if self._lost is None else min(self._lost, unit)
        self.over(unit)

    def _decided(self, unit: int) -> bool:
        lost = self._lost is not None and self._lost < unit
        return lost or not self._open or next(iter(self._open)) >= unit

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for unit, turn in waiting:
            if not self._decided(unit):
                self._waiting.append((unit, turn))
            elif not turn.done():
                turn.set_result(None)
