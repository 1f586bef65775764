"""What time it is: the only module of the engine that reads the time.

Everything below `runtime` gets `now` as an argument. Waiting belongs to the callers, who wait on
something that a stop can set.
"""

from __future__ import annotations

import time
from typing import Protocol

from engine.values import Instant


class Clock(Protocol):
    """Tells the present moment, in whole milliseconds since 1970 UTC."""

    def now(self) -> Instant:
        """The present moment."""
        ...


class SystemClock:
    """The time of this machine. It may step back when the machine is put right."""

    def now(self) -> Instant:
        """The present moment of the machine; milliseconds are cut, not rounded."""
        return Instant(time.time_ns() // 1_000_000)


class ManualClock:
    """Stands still until told to go on: for tests, stories and replay. It never goes back."""

    def __init__(self, start: Instant) -> None:
        self._now = start

    def now(self) -> Instant:
        """The moment it was last told."""
        return self._now

    def advance(self, milliseconds: int) -> Instant:
        """Goes on by a length of time and returns the new moment. Raises `ValueError` for a negative
        length."""
        return self.advance_to(Instant(self._now + milliseconds))

    def advance_to(self, moment: Instant) -> Instant:
        """Goes on to a moment and returns it. Raises `ValueError` for a moment that is past."""
        if moment < self._now:
            raise ValueError(f"a clock never goes back: {moment} lies before {self._now}")
        self._now = moment
        return moment


class FastClock:
    """Starts at a given moment and runs `speed` times as fast as real time: for the demo.

    It follows the machine's monotonic clock, so it never goes back. Safe to read from any thread.
    """

    def __init__(self, start: Instant, speed: float) -> None:
        if speed <= 0:
            raise ValueError(f"a clock runs forward: the speed must be above 0, not {speed}")
        self.speed = speed
        self._start = start
        self._began = time.monotonic_ns()

    def now(self) -> Instant:
        """The start plus `speed` times the real time since then."""
        passed = (time.monotonic_ns() - self._began) / 1_000_000
        return Instant(self._start + int(passed * self.speed))
