"""One part of the daemon at work: tick after tick until it is stopped, whatever one of them brings."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from engine.backoff import Backoff
from engine.runtime.process.health import Health

PAUSES = Backoff(500, 30_000)
"""Before the next tick after one that failed."""

Tick = Callable[[], Awaitable[float]]
"""Does what there is to do, and says for how many seconds there is nothing more; 0: go on at once."""


class SupervisedLoop:
    """Calls `tick` again and again. One that raises is told to `health` and called again after a pause; it
    never ends the loop."""

    def __init__(self, name: str, tick: Tick, health: Health, pauses: Backoff = PAUSES) -> None:
        self.name = name
        # On the clock of the event loop: when the last tick succeeded, and when one ended at all.
        self.moved_at = self.turned_at = 0.0
        self._tick, self._pauses = tick, pauses
        self._health = health
        self._news = asyncio.Event()
        self._stopping = asyncio.Event()
        self._again = asyncio.Event()

    def try_again(self) -> None:
        """What made the last tick fail is over: no pause before the next one."""
        self._again.set()

    def wake(self) -> None:
        """There may be something to do: no rest before the next tick. From the loop's own thread."""
        self._news.set()

    def stop(self) -> None:
        """The tick that is under way is the last."""
        self._stopping.set()
        self._news.set()
        self._again.set()

    async def run(self) -> None:
        """Ticks until `stop`."""
        failures = 0
        while not self._stopping.is_set():
            # before the tick: news that come while it looks must not be lost
            self._news.clear()
            try:
                rest = await self._tick()
            except Exception as failure:  # noqa: BLE001 - a part that died silently would be worse than any defect
                self._health.failed(self.name, failure)
                failures += 1
                self.turned_at = asyncio.get_running_loop().time()
                # not until news: they come all the time, and would make the pause none
                if not self._stopping.is_set():
                    self._again.clear()
                    await _wait(self._again, self._pauses.wait(failures) / 1000)
                continue
            failures = 0
            self.moved_at = self.turned_at = asyncio.get_running_loop().time()
            self._health.fine(self.name)
            if not self._stopping.is_set():
                await _wait(self._news, rest)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
