"""The recurring looks at the whole base: clock starts, scores, segments, reactions, housekeeping. APScheduler beats; no job is about a customer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from engine.clock import Clock
from engine.core.journeys import Journeys
from engine.runtime.advance import maintenance
from engine.runtime.advance.learning import learn
from engine.runtime.advance.occurrences import append_occurrences
from engine.runtime.advance.scoring import score_rfm
from engine.runtime.process.health import Health
from engine.store.database import Store
from engine.values import HOUR, MINUTE

CLOCK_STARTS = MINUTE
SWEEP = 15 * MINUTE
"""A segment whose night has passed is swept at the next of these looks, and an `rfm` fact is scored."""

TIDY = HOUR


class Scheduler:
    """`journeys` gives those that are published; `speed` engine milliseconds pass in a real one; `wake` is called when a
    beat may have left something to do."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        journeys: Callable[[], Journeys],
        wake: Callable[[], None],
        health: Health,
        speed: float = 1.0,
    ) -> None:
        self._store = store
        self._clock = clock
        self._journeys = journeys
        self._wake = wake
        self._health = health
        self._speed = speed
        self._more: list[tuple[str, int, Callable[[], Awaitable[None]]]] = []
        self._scheduler = AsyncIOScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )

    def add(self, name: str, milliseconds: int, job: Callable[[], Awaitable[None]]) -> None:
        """One more thing to do every so many milliseconds of the engine. Before `start`."""
        self._more.append((name, milliseconds, job))

    def start(self) -> None:
        """Beats from now on; scores, segments, reactions and old traces are looked at at once."""
        for name, milliseconds, job in self._more:
            self._every(milliseconds, name, job)
        self._every(CLOCK_STARTS, "clock starts", self._clock_starts)
        self._every(SWEEP, "rfm scores", self._score, at_once=True)
        self._every(SWEEP, "segments", self._sweep, at_once=True)
        self._every(SWEEP, "learning", self._learn, at_once=True)
        self._every(TIDY, "old traces", self._tidy, at_once=True)
        self._scheduler.start()

    def stop(self) -> None:
        """No beat after this one; what it has handed to the writer is still done."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def catch_up(self) -> None:
        """Clock and date starts that came while nothing ran: received, so that they are applied before what is due."""
        await self._guarded("clock starts", self._clock_starts)()

    async def run_all(self) -> None:
        """Clock starts, scores and segments at once: for a clock that jumps. Raises what they raise."""
        await self._clock_starts()
        await self._score()
        await self._sweep()
        await self._learn()

    def _every(
        self, milliseconds: int, name: str, job: Callable[[], Awaitable[None]], *, at_once: bool = False
    ) -> None:
        beat = self._guarded(name, job)
        seconds = max(0.25, milliseconds / 1000 / self._speed)
        self._scheduler.add_job(beat, "interval", seconds=seconds, id=name)
        if at_once:
            self._scheduler.add_job(beat)

    def _guarded(self, name: str, job: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def beat() -> None:
            try:
                await job()
            except Exception as wrong:  # noqa: BLE001 - told by /readyz until a later beat succeeds
                self._health.failed(name, wrong)
            else:
                self._health.fine(name)

        return beat

    async def _clock_starts(self) -> None:
        await self._store.awrite(lambda conn: append_occurrences(conn, self._journeys(), self._clock.now()))
        self._wake()

    async def _score(self) -> None:
        """In a thread of its own: it reads for long beside the writer, and gives it the changes in chunks."""
        changed = await asyncio.to_thread(score_rfm, self._store, self._journeys(), self._clock.now())
        if any(changed.values()):
            self._wake()

    async def _sweep(self) -> None:
        await self._store.awrite(
            lambda conn: maintenance.sweep_segments(conn, self._journeys(), self._clock.now())
        )
        self._wake()

    async def _learn(self) -> None:
        """In a thread of its own, as the scores: it reads for long. The next decisions use what was learned."""
        await asyncio.to_thread(learn, self._store, self._journeys(), self._clock.now())

    async def _tidy(self) -> None:
        await self._store.awrite(lambda conn: maintenance.forget_old(conn, self._clock.now()))
