"""Once a night: drops what config.yaml does not want to keep any longer, in slices between which everybody
else works, and keeps the files of the database small."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from engine.clock import Clock
from engine.config import Config
from engine.core.conditions.dependencies import farthest
from engine.core.journeys import Journeys
from engine.store import count_backfill, watermarks
from engine.store.alerting import alert_messages
from engine.store.counting import daily_counts
from engine.store.daemon import retention, upkeep
from engine.store.daemon.retention import Blanked, Edged, Key, Walked
from engine.store.database import Store
from engine.store.facts import definitions
from engine.store.products import history as product_history
from engine.values import DAY, HOUR, Instant, to_datetime, zone

log = structlog.get_logger("daemon")

LOOK = HOUR
"""So often it is asked whether it is time."""

FROM_HOUR, TO_HOUR = 1, 5
"""The night of the shop's own zone, in which few customers wait for anything."""

LATEST = 2 * DAY
"""A daemon that runs only by day does it by day, when it was not done for so long."""

LEARNED = 100 * DAY
"""Events are kept so long in any case: how fast people react is learned from those after a message."""

REST = 0.05
"""Seconds between two slices."""

GIVEN_BACK = 2_000
"""Pages at a time that go back to the disk."""


class Housekeeping:
    """`config` and `journeys` are those of the current deployment; `leads`: of several processes one does
    it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        config: Callable[[], Config],
        journeys: Callable[[], Journeys],
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._store = store
        self._clock = clock
        self._config = config
        self._journeys = journeys
        self._leads = leads

    async def look(self) -> None:
        """Keeps the log small; at night, once, drops what is old."""
        if not self._leads():
            return
        await asyncio.to_thread(self._shrink_log)
        await self.count_past()
        if await asyncio.to_thread(self._is_time):
            dropped = await self.drop_old()
            # after all of it: a pass that was cut short begins anew
            now = self._clock.now()
            await self._store.awrite(lambda conn: watermarks.put(conn, "retention", "", now))
            log.info("old_rows_dropped", **{f"{table}s": many for table, many in dropped.items()})

    async def count_past(self) -> None:
        """Counts what happened before the store had its table of counts, page by page; nothing of it is
        dropped before."""
        if self._leads() and await self._store.aread(count_backfill.progress) is not None:
            await self._again(count_backfill.count_page)

    async def drop_old(self) -> dict[str, int]:
        """Everything that is older than its policy. How many rows went, by table."""
        now, policy = self._clock.now(), self._config().retention
        dropped = {"event": 0}
        edged: list[tuple[Edged, int]] = [
            ("trace", policy.traces), ("alert", policy.traces), ("refused_item", policy.bodies)
        ]  # fmt: skip
        for table, kept in edged:
            first = partial(retention.forget_first, table=table, before=Instant(now - kept))
            dropped[table] = await self._again(first)
        walked: list[tuple[Walked, int | None]] = [
            ("receipt", policy.receipts),
            ("event", None if policy.events is None else max(policy.events, LEARNED)),
        ]
        for name, length in walked:
            if length is not None:
                find = partial(self._find_old, name, before=Instant(now - length), now=now)
                dropped[name] = await self._drop_found(find, partial(retention.forget, table=name))
                find_prices = partial(self._find_prices, now=now)
                dropped["product_price"] = await self._drop_found(find_prices, product_history.drop_prices)
        dropped["product_stock"] = await self._again(lambda conn: product_history.drop_stock(conn, now))
        blanked: tuple[Blanked, ...] = ("report", "webhook_call")
        for words in blanked:
            await self._blank(words, Instant(now - policy.bodies))
        before = Instant(now - policy.traces)
        await self._store.awrite(lambda conn: alert_messages.forget(conn, before))
        await self._again(lambda conn: daily_counts.bring_together(conn, Instant(now - DAY)))
        await self._again(lambda conn: upkeep.give_back(conn, GIVEN_BACK))
        return dropped

    async def _again(self, step: Callable[[Connection], int]) -> int:
        """Runs a job until it says 0; the sum of what it said."""
        whole = 0
        while True:
            many = await self._store.awrite(step)
            whole += many
            if not many:
                return whole
            await asyncio.sleep(REST)

    async def _drop_found(
        self, find: Callable[[Any], tuple[Sequence[Any], Any]], drop: Callable[..., object]
    ) -> int:
        """What `find` finds behind a place (None: the beginning), in slices, until it names no next place."""
        dropped, after = 0, None
        while True:
            # beside the writer, which has the slices alone to do
            keys, after = await asyncio.to_thread(find, after)
            for begin in range(0, len(keys), retention.SLICE):
                some = keys[begin : begin + retention.SLICE]
                await self._store.awrite(partial(drop, keys=some))
                dropped += len(some)
                await asyncio.sleep(REST)
            if after is None:
                return dropped
            await asyncio.sleep(REST)

    def _find_prices(self, after: str | None, now: Instant) -> tuple[list[tuple[str, Instant]], str | None]:
        with self._store.read() as conn:
            return product_history.find_old(conn, after or "", now)

    def _find_old(
        self, table: Walked, after: Key | None, before: Instant, now: Instant
    ) -> tuple[tuple[Key, ...], Key | None]:
        # asked for every look: a deployment meanwhile may count further back
        journeys = self._journeys()
        # Facts that are computed from the rows: those with a window, also where nothing asks for them today,
        # and those of the night, which without a window go over all of them.
        counted = [{rule.event: rule.last} if rule.is_nightly else rule.history for rule in journeys.facts]
        needs = farthest(journeys.needs, *counted)
        with self._store.read() as conn:
            old = retention.find_old(conn, table, after, before, needs, now)
            return old.keys, old.next

    async def _blank(self, table: Blanked, before: Instant) -> None:
        """From where the last night has stopped."""

        def step(conn: Connection) -> int:
            known = watermarks.get(conn, "retention", table)
            last = retention.blank(conn, table, known.until if known is not None else 0, before)
            if last is not None:
                watermarks.put(conn, "retention", table, Instant(last))
            return last is not None

        await self._again(step)

    def _is_time(self) -> bool:
        now = self._clock.now()
        with self._store.read() as conn:
            if definitions.is_counting(conn):
                return False
            last = watermarks.get(conn, "retention", "")
        passed = now - last.until if last is not None else LATEST
        is_night = FROM_HOUR <= to_datetime(now).astimezone(zone(self._config().timezone)).hour < TO_HOUR
        return passed >= LATEST or (passed >= DAY / 2 and is_night)

    def _shrink_log(self) -> None:
        with self._store.engine.connect() as conn:
            upkeep.shrink_log(conn)
