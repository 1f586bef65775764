"""What the lanes of all channels and the reconciler work with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import Connection

from engine.clock import Clock
from engine.runtime.delivery.rendering import RenderContext
from engine.runtime.delivery.send_rate import SendRate
from engine.store.database import Store
from engine.values import Instant

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """`stock` gives what the current deployment writes messages with; it is asked for every batch. `stopping`: nothing
    more is handed over. `forgotten_until`: what was due until then may have been sent by a store that was restored since
    (engine.store.identity); such a message is held."""

    store: Store
    render_context: Callable[[], RenderContext]
    clock: Clock
    owner: str
    rate: SendRate
    key: str
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    forgotten_until: Instant = Instant(0)

    async def write(self, job: Callable[[Connection], T]) -> T:
        """Runs a job of the writer; over when it is durable."""
        return await self.store.awrite(job)
