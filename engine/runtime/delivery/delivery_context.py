"""What the workers of all channels and the reconciler work with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from aiolimiter import AsyncLimiter

from engine.channels.base import OutcomeKind
from engine.clock import Clock
from engine.config import RateLimit
from engine.runtime.delivery.rendering import RenderContext
from engine.runtime.process.health import Health
from engine.runtime.workers.cluster_view import ALONE, ClusterView
from engine.store.database import Store
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class DeliveryTiming:
    """How a deliverer runs."""

    speed: float = 1.0  # engine milliseconds per real millisecond (the demo's fast clock)
    idle_seconds: float = 0.2  # of rest when nothing is ready
    drain_seconds: float = 30.0  # for what is under way when the stop comes


USUAL = DeliveryTiming()

OnAnswer = Callable[[str, OutcomeKind, float, float], None]
"""Told of every answer of a channel: its name, what it said, the seconds it took, and those since the message
was due."""


class Limiter(Protocol):
    """What keeps the rate of a channel."""

    async def acquire(self) -> None:
        """Waits until one more may go."""


@dataclass(frozen=True, slots=True)
class PeerProcesses:
    """The other processes that send, as far as one of them has to know: by default there are none.
    `limiter` makes what keeps the rate of a channel, by its name, together with them."""

    standing: Callable[[], ClusterView] = lambda: ALONE
    limiter: Callable[[str, RateLimit], Limiter] = lambda _name, rate: AsyncLimiter(rate.count, rate.seconds)

    @property
    def senders(self) -> int:
        """How many processes send, this one too."""
        return max(1, len(self.standing().workers))


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """Of one deliverer."""

    store: Store
    render_context: Callable[[], RenderContext]  # of the current deployment: to be asked for every batch
    clock: Clock
    owner: str  # whose claims these are
    timing: DeliveryTiming
    key: str  # the store's secret, for hashes of addresses and tokens of bounces
    health: Health = field(default_factory=Health)  # told of channels that fail
    on_answer: OnAnswer = lambda _channel, _kind, _seconds, _lag: None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)  # set: nothing more is handed over
    peers: PeerProcesses = field(default_factory=PeerProcesses)
    forgotten_until: Instant = Instant(0)
    """What was due until then may have been sent by a store that was restored since (`copies.identity`);
    such a message is held."""
