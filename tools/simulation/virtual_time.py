"""Time that passes only when everybody waits: an event loop and the clock of the engine, both virtual.

Nothing here asks the machine for the time and no thread runs: two runs with one seed take the same turns in
the same order.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any

from engine.values import SECOND, Instant


class VirtualLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer whenever nothing can go on. Blocking work (`asyncio.to_thread`) is done in this
    thread, as a turn of its own: whatever was ready before it comes first."""

    def __init__(self) -> None:
        super().__init__(_NoFiles())
        self._virtual_now = 0.0

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._virtual_now

    def run_in_executor(self, _: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Does it here, in the next turn."""
        future: asyncio.Future[Any] = self.create_future()

        def work() -> None:
            if future.cancelled():
                return
            try:
                result = func(*args)
            except BaseException as wrong:  # noqa: BLE001 - told to the one who waits, as an executor does
                future.set_exception(wrong)
            else:
                future.set_result(result)

        self.call_soon(work)
        return future

    def _run_once(self) -> None:
        ready: Any = self._ready  # type: ignore[attr-defined]
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        if not ready and not self._stopping:  # type: ignore[attr-defined]
            while timers and timers[0].cancelled():
                super()._run_once()  # type: ignore[misc] # it drops cancelled timers from the front
                if ready:
                    return
            if not timers:
                raise RuntimeError("everybody waits, and nothing will ever happen")
            # set and not added to: a sum of small floats may never reach the moment
            self._virtual_now = max(self._virtual_now, timers[0].when())
        super()._run_once()  # type: ignore[misc]

    def _write_to_self(self) -> None:
        """Other threads wake a loop so; here are none."""


class _NoFiles(selectors.SelectSelector):
    """Waits for no file: all sockets of a simulation are make-believe."""

    def select(self, _: float | None = None) -> list[Any]:
        """Nothing is ever ready."""
        return []


class SimulatedClock:
    """The time of a machine that may step to and fro: the virtual time of the loop, moved by `jump`."""

    def __init__(self, loop: VirtualLoop, start: Instant) -> None:
        self._loop = loop
        self._start = start
        self.jump = 0  # milliseconds by which the clock of the machine is wrong now

    def now(self) -> Instant:
        """What the clock of the machine shows."""
        return Instant(self._start + round(self._loop.time() * SECOND) + self.jump)
