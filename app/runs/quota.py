"""Which rows are among the first N, decided in unit order however units end, so that a resumed run decides the same."""

import asyncio
import math

from tasks.errors import Stopped

SPARE_DRAWS = 20


class Quota:
    """Hands out units while their rows may be wanted, and tells for each row whether it is.

    `rows` is the number wanted (None: all), `per_unit` the most that a unit can give. A task that `draws` without end
    gets no more than three times the units that it should need: one that gives nothing must end.
    """

    def __init__(self, rows: int | None, per_unit: int, draws: bool) -> None:
        self.rows = rows
        self.per_unit = per_unit
        self.most_units = 3 * math.ceil(rows / per_unit) + SPARE_DRAWS if rows is not None and draws else None
        self.started = 0
        self.running = 0
        self.made = 0
        self._before = [0]  # rows of the units before unit k, for each k up to the first that is not finished
        self._finished: dict[int, int] = {}  # rows of finished units after that one
        self._changed = asyncio.Event()
        self._closed = False

    def close(self) -> None:
        """Nothing more is wanted: whoever waits stops waiting."""
        self._closed = True
        self._wake()

    @property
    def exhausted(self) -> bool:
        """True if a task that draws used up its units without giving the rows that were asked for."""
        return self.most_units is not None and self.started >= self.most_units and self.made < (self.rows or 0)

    async def room(self) -> bool:
        """Waits until one more unit may be wanted (True), or surely none is (False)."""
        while True:
            if self._closed or (self.most_units is not None and self.started >= self.most_units):
                return False
            if self.rows is None or self.made + self.running * self.per_unit < self.rows:
                return True
            if not self.running:
                return False
            await self._changed.wait()

    def resume(self, units: int, rows: int) -> None:
        """Counts what was made before: so many units, which gave so many rows. Each is named by `worked` in its turn."""
        self.started += units
        self.made += rows

    def start(self) -> None:
        """One more unit is being worked. Units are started in order."""
        self.started += 1
        self.running += 1

    def finish(self, unit: int, rows: int) -> None:
        self.made += rows
        self.running -= 1
        self.worked(unit, rows)

    def worked(self, unit: int, rows: int) -> None:
        """Unit number `unit` gave so many rows."""
        if self.rows is not None and self.per_unit > 1:
            self._finished[unit] = rows
            while (first := len(self._before) - 1) in self._finished:
                self._before.append(self._before[-1] + self._finished.pop(first))
        self._wake()

    async def wants(self, unit: int, position: int) -> bool:
        """Whether a row is among the first N. Waits for earlier units only where they decide it; may raise Stopped."""
        while (known := self.wanted(unit, position)) is None:
            if self._closed:
                raise Stopped("Stopped before this row's place was known.")
            await self._changed.wait()
        return known

    def wanted(self, unit: int, position: int) -> bool | None:
        """Whether a row is among the first N; None while earlier units have yet to decide it."""
        if self.rows is None or self.per_unit <= 1:
            return True
        least, most = self._bounds(unit)
        if least + position >= self.rows:
            return False
        return True if most + position < self.rows else None

    def _bounds(self, unit: int) -> tuple[int, int]:
        """The least and the most rows that the units before `unit` give."""
        first = len(self._before) - 1
        if unit <= first:
            return self._before[unit], self._before[unit]
        done = [self._finished[index] for index in range(first, unit) if index in self._finished]
        least = self._before[first] + sum(done)
        return least, least + (unit - first - len(done)) * self.per_unit

    def _wake(self) -> None:
        event, self._changed = self._changed, asyncio.Event()
        event.set()
