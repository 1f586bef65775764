"""What the pages and endpoints work with: the store, the clock, and what is published at this moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from engine.channels.links import Links
from engine.clock import Clock
from engine.config import Config
from engine.http.body import ReceivedBody
from engine.http.metrics import Metrics
from engine.http.problems import Refusal
from engine.ids import new_secret
from engine.runtime.intake.intake import Intake
from engine.store.database import Store

T = TypeVar("T")

MOST_WAITING = 256
"""Requests that may wait for the writer at once; more are sent away with 503 before they cost memory."""


def store_is_silent() -> Refusal:
    """What is answered where it cannot be read."""
    return Refusal(503, "the store does not answer", "try again", retry_after=5)


@dataclass(frozen=True, slots=True)
class LiveProject:
    """What counts for requests of this moment; a reload puts another one in its place."""

    config: Config
    intake: Intake
    links: Links
    folder: Path


@dataclass(slots=True)
class Context:
    """One daemon as HTTP sees it. `arrived` tells the advancer that there is something to apply; `ready` is
    "" when the daemon can decide, else why not."""

    store: Store
    clock: Clock
    live: Callable[[], LiveProject]
    arrived: Callable[[], None]
    ready: Callable[[], str]
    metrics: Metrics
    failing: Callable[[], Mapping[str, str]] = dict  # channels that take nothing, with what they say
    store_works: Callable[[], None] = lambda: None  # is told of every look that found the store working
    # What the pages of the shop itself ask for.
    console_token: str = field(default_factory=new_secret)
    waiting: int = field(default=0)
    # Threads of their own: what strangers ask for must not stand before the daemon's own work, and large
    # bodies not before small questions.
    _readers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4, "http-read"))
    _decoders: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "http-decode"))

    async def write(self, job: Callable[[Connection], T], *, shared: bool = False) -> T:
        """Runs a job of the writer and waits until it is durable (`shared`: as `Store.write`). Raises Refusal
        503 when that cannot be now."""
        # Before the job is queued: each holds its whole body in memory.
        if self.waiting >= MOST_WAITING:
            raise Refusal(503, "too many requests wait to be stored", "try again in a moment", retry_after=2)
        self.waiting += 1
        try:
            return await self.store.awrite(job, shared=shared)
        # The writer takes no more jobs once a stop has begun.
        except RuntimeError as wrong:
            raise Refusal(503, "the daemon is stopping", "try again in a moment", retry_after=5) from wrong
        except DatabaseError as wrong:
            self.metrics.store_failures.inc()
            raise Refusal(
                503, "nothing can be stored right now", "nothing was taken; try again", retry_after=5
            ) from wrong
        finally:
            self.waiting -= 1

    async def look(self, question: Callable[[Connection], T]) -> T:
        """Reads one steady picture of the store, away from the event loop. Raises Refusal 503 where the store
        does not answer."""

        def read() -> T:
            try:
                with self.store.read() as conn:
                    return question(conn)
            except DatabaseError as wrong:
                raise store_is_silent() from wrong

        # SQLite reads block; the event loop has other requests to answer.
        return await asyncio.get_running_loop().run_in_executor(self._readers, read)

    async def understand(self, body: ReceivedBody, reading: Callable[[bytes], T]) -> T:
        """What `reading` makes of a body's content: a small one here, any other away from the event loop."""
        if body.is_small:
            return reading(body.plain())
        return await self.apart(lambda: reading(body.plain()))

    async def apart(self, work: Callable[[], T]) -> T:
        """What takes long, away from the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._decoders, work)
