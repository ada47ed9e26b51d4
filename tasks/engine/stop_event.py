"""Whether work is to stop: those who wait for something wake up when it is."""

import asyncio


class Halt:
    """Of one engine. `on` is set once, from the loop in which the engine works."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    @property
    def on(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        self._event.set()

    async def sleep(self, seconds: float) -> None:
        """Sleeps, but no longer than until work is to stop."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._event.wait()
        except TimeoutError:
            return
