"""The figures of what stands in the store: read when somebody asks, every few seconds however many ask."""

from __future__ import annotations

import asyncio
import time

from sqlalchemy import Connection

from engine.http.context import Context
from engine.store.daemon import upkeep
from engine.store.daemon.backlog import Backlog, backlog
from engine.store.feeds import feed_state
from engine.store.feeds.feed_state import FeedState
from engine.store.journeys import deployments
from engine.store.journeys.deployments import DeploymentRecord

MEASURED = 5.0
"""Seconds that figures are kept."""

SIZED = 60.0
"""Seconds that sizes are kept: PostgreSQL asks the file system for every table."""


class Gauges:
    """Brings the gauges of `context.metrics` up to date."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._measured_at = self._sized_at = float("-inf")
        self._measuring = asyncio.Lock()

    async def measure(self) -> None:
        """Unless they are fresh. Raises Refusal 503 where the store does not answer."""
        async with self._measuring:
            now = time.monotonic()
            if now < self._measured_at + MEASURED:
                return
            is_sized = now < self._sized_at + SIZED
            live, moment = self._context.live(), self._context.clock.now()
            channels = list(live.config.channels)

            def look(
                conn: Connection,
            ) -> tuple[Backlog, DeploymentRecord | None, FeedState, dict[str, int] | None]:
                sizes = None if is_sized else upkeep.sizes(conn)
                feed = feed_state.load(conn)
                return backlog(conn, channels, moment), deployments.current(conn), feed, sizes

            waiting, deployed, feed, sizes = await self._context.look(look)
            metrics, failing = self._context.metrics, self._context.failing()
            metrics.inbox.set(waiting.inbox.rows)
            metrics.inbox_oldest.set(waiting.inbox.seconds(moment))
            metrics.due.set(waiting.due.rows)
            metrics.due_lag.set(waiting.due.seconds(moment))
            metrics.stuck.set(waiting.stuck)
            metrics.paused.set(waiting.pauses)
            metrics.refused.set(waiting.refused)
            metrics.refused_kept.set(waiting.kept)
            metrics.troubles.set(waiting.troubles)
            metrics.alerts_unsent.set(waiting.alerts_unsent)
            # cleared first: what is not there any more would keep its last number
            for gauge in (metrics.failing, metrics.outbox, metrics.outbox_oldest):
                gauge.clear()
            for channel in channels:
                metrics.failing.labels(channel).set(channel in failing)
            for key, queue in waiting.messages.items():
                metrics.outbox.labels(*key).set(queue.rows)
                metrics.outbox_oldest.labels(*key).set(queue.seconds(moment))
            if live.config.catalogue is not None:
                metrics.feed_age.set((moment - feed.applied_at) / 1000 if feed.applied_at else 0)
                metrics.feed_items.labels("taken").set(feed.products)
                metrics.feed_items.labels("refused").set(feed.faulty)
                metrics.feed_refused.set(bool(feed.refused or feed.failures))
            if deployed is not None:
                metrics.deployment.clear()
                metrics.deployment.labels(str(deployed.number), deployed.commit).set(1)
                metrics.deployed_at.set(deployed.at / 1000)
            for part, size in (sizes or {}).items():
                metrics.store_bytes.labels(part).set(size)
            self._measured_at = now
            if sizes is not None:
                self._sized_at = now
