"""Starts the recurring jobs over the whole base: clock starts, scores, forecasts, segments, reactions, codes
that somebody waits for, housekeeping.

APScheduler keeps the times and no jobs: none is about a customer, so none has to survive a restart (what is
missed is found by the watermark that each of them keeps).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from engine.clock import Clock
from engine.core.journeys import Journeys
from engine.runtime.advance import maintenance
from engine.runtime.advance.admissions import admit_members
from engine.runtime.advance.code_pools import serve_waiting
from engine.runtime.advance.forecasting import forecast
from engine.runtime.advance.gap_learning import learn_gaps
from engine.runtime.advance.learning import learn
from engine.runtime.advance.loyalty_review import review_points
from engine.runtime.advance.occurrences import append_occurrences
from engine.runtime.advance.scoring import score_rfm
from engine.runtime.nightly_reports import make_reports
from engine.runtime.process.health import Health
from engine.runtime.workers.fenced_store import LeadLostError
from engine.store.database import Store
from engine.values import HOUR, MINUTE, SECOND

CLOCK_STARTS = MINUTE
NIGHTLY_LOOK = 15 * MINUTE
"""So often it is asked whose nightly look is due: segments, `rfm` facts, forecasts, learning, reports."""

TIDY = HOUR

CODES = 15 * SECOND
"""So often it is asked whether a pool that somebody waits for has codes again."""


class Scheduler:
    """`journeys` gives those that are published; `speed`: engine milliseconds per real one; `wake` is called
    when a job may have left something to do. `is_leader`: whether this process does what is to be done once
    for all that work on the store; the others start none of these jobs."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        journeys: Callable[[], Journeys],
        wake: Callable[[], None],
        health: Health,
        speed: float = 1.0,
        is_leader: Callable[[], bool] = lambda: True,
    ) -> None:
        self._store = store
        self._clock = clock
        self._journeys = journeys
        self._wake = wake
        self._health = health
        self._speed = speed
        self._is_leader = is_leader
        self._added: list[tuple[str, int, Callable[[], Awaitable[None]], bool]] = []
        self._scheduler = AsyncIOScheduler(
            timezone="UTC",
            # after a standstill a job is started once and not for every time that was missed, however late
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def add(
        self, name: str, milliseconds: int, job: Callable[[], Awaitable[None]], *, at_once: bool = False
    ) -> None:
        """One more job of every process, started every so many milliseconds of the engine, and with `at_once`
        at the start too. Before `start`."""
        self._added.append((name, milliseconds, job, at_once))

    def start(self) -> None:
        """Starts jobs from now on; scores, segments, reactions and old traces are looked at at once."""
        # those of every process; all below is done by the leader alone
        for name, milliseconds, job, at_once in self._added:
            self._every(milliseconds, name, job, at_once=at_once)
        for milliseconds, name, job in (
            (NIGHTLY_LOOK, "rfm scores", self._score),
            (NIGHTLY_LOOK, "forecasts", self._forecast),
            (NIGHTLY_LOOK, "points", self._review),
            (NIGHTLY_LOOK, "segments", self._sweep),
            (NIGHTLY_LOOK, "learning", self._learn),
            (NIGHTLY_LOOK, "reports", self._make_reports),
            (TIDY, "old traces", self._tidy),
        ):
            self._every(milliseconds, name, self._as_leader(job), at_once=True)
        self._every(CLOCK_STARTS, "clock starts", self._as_leader(self._clock_starts))
        self._every(CLOCK_STARTS, "members", self._as_leader(self._admit), at_once=True)
        self._every(CODES, "codes", self._as_leader(self._codes))
        self._scheduler.start()

    def stop(self) -> None:
        """Starts no job any more; what one has handed to the writer is still done."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def catch_up(self) -> None:
        """Clock and date starts that came while nothing ran: received, so that they are applied before what
        is due."""
        await self._guarded("clock starts", self._as_leader(self._clock_starts))()

    async def run_all(self) -> None:
        """Clock starts, scores and segments at once: for a clock that jumps. Raises what they raise."""
        await self._clock_starts()
        await self._admit()
        await self._score()  # before the segments, which may ask for the groups
        await self._forecast()
        await self._review()
        await self._sweep()
        await self._learn()
        await self._make_reports()

    def _every(
        self, milliseconds: int, name: str, job: Callable[[], Awaitable[None]], *, at_once: bool = False
    ) -> None:
        guarded = self._guarded(name, job)
        # four times a second at most, however fast the clock is
        seconds = max(0.25, milliseconds / 1000 / self._speed)
        self._scheduler.add_job(guarded, "interval", seconds=seconds, id=name)
        # an interval starts for the first time at its end
        if at_once:
            self._scheduler.add_job(guarded)

    def _as_leader(self, job: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def led() -> None:
            if self._is_leader():
                # another process leads by now, and does what is left of this
                with contextlib.suppress(LeadLostError):
                    await job()

        return led

    def _guarded(self, name: str, job: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def guarded() -> None:
            try:
                await job()
            except asyncio.CancelledError:
                # the scheduler was stopped over it, which APScheduler would log as a failure of the job
                if self._scheduler.running:
                    raise
            except Exception as failure:  # noqa: BLE001 - told by /readyz until a later start of it succeeds
                self._health.failed(name, failure)
            else:
                self._health.fine(name)

        return guarded

    async def _clock_starts(self) -> None:
        """In a thread of its own: a start may reach everybody, some thousand in each transaction."""
        await asyncio.to_thread(append_occurrences, self._store, self._journeys(), self._clock.now())
        self._wake()

    async def _admit(self) -> None:
        """In a thread of its own, as clock starts."""
        if await asyncio.to_thread(admit_members, self._store, self._journeys(), self._clock.now()):
            self._wake()

    async def _codes(self) -> None:
        if await asyncio.to_thread(serve_waiting, self._store, self._journeys(), self._clock.now()):
            self._wake()

    async def _score(self) -> None:
        """In a thread of its own: it reads for long beside the writer, and gives it the changes in chunks."""
        changed = await asyncio.to_thread(score_rfm, self._store, self._journeys(), self._clock.now())
        if any(changed.values()):
            self._wake()

    async def _forecast(self) -> None:
        """In a thread of its own, as the scores."""
        if await asyncio.to_thread(forecast, self._store, self._journeys(), self._clock.now()):
            self._wake()

    async def _review(self) -> None:
        """In a thread of its own, as the scores."""
        if await asyncio.to_thread(review_points, self._store, self._journeys(), self._clock.now()):
            self._wake()

    async def _sweep(self) -> None:
        """In a thread of its own, as the scores."""
        journeys, now = self._journeys(), self._clock.now()
        await asyncio.to_thread(maintenance.sweep_segments_in_slices, self._store, journeys, now)
        await self._store.awrite(lambda conn: maintenance.expect_turns(conn, journeys, now))
        self._wake()

    async def _learn(self) -> None:
        """In a thread of its own, as the scores: it reads for long. The next decisions use what was
        learned."""
        await asyncio.to_thread(learn, self._store, self._journeys(), self._clock.now())
        changed = await asyncio.to_thread(learn_gaps, self._store, self._journeys(), self._clock.now())
        if any(changed.values()):
            self._wake()

    async def _make_reports(self) -> None:
        """In a thread of its own, as the scores."""
        await asyncio.to_thread(make_reports, self._store, self._journeys(), self._clock.now())

    async def _tidy(self) -> None:
        await self._store.awrite(lambda conn: maintenance.forget_old(conn, self._clock.now()))
