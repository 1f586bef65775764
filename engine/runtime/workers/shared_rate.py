"""The rate of a channel that all workers keep together: each buys some places ahead, in one statement."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from engine.config import RateLimit

AHEAD_SECONDS = 1.0
"""A worker buys places for about so long: few enough that one which dies with them holds up nobody."""

MOST_AHEAD = 100

Reserve = Callable[[str, int, int, int], int]
"""`engine.store.daemon.workers.reserve` without its connection."""


class SharedRate:
    """Of one channel in one process. `senders`: how many processes send. Places that were bought and not used
    are lost, so the rate is never exceeded, and reached as long as there is enough to send."""

    def __init__(self, name: str, rate: RateLimit, reserve: Reserve, senders: Callable[[], int]) -> None:
        self._name, self._reserve, self._senders = name, reserve, senders
        self._interval = max(1, round(rate.seconds * 1_000_000 / rate.count))
        self._burst = rate.count * self._interval
        self._places: deque[float] = deque()  # on the clock of the event loop
        self._buying = asyncio.Lock()

    async def acquire(self) -> None:
        """Waits for the next place. Raises what the database raises."""
        loop = asyncio.get_running_loop()
        while not self._places:
            async with self._buying:
                if not self._places:
                    share = AHEAD_SECONDS * 1_000_000 / self._interval / max(1, self._senders())
                    count = max(1, min(MOST_AHEAD, int(share)))
                    first = await asyncio.to_thread(
                        self._reserve, self._name, count, self._interval, self._burst
                    )
                    # after the answer: what the statement took only makes the places later
                    now = asyncio.get_running_loop().time()
                    self._places.extend(
                        now + (first + place * self._interval) / 1_000_000 for place in range(count)
                    )
        await asyncio.sleep(max(0.0, self._places.popleft() - loop.time()))
