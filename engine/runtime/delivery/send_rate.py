"""How fast messages leave: beats, rates, and when another try is worth it."""

from __future__ import annotations

from dataclasses import dataclass

from aiolimiter import AsyncLimiter

from engine.backoff import Backoff
from engine.channels.base import Delivery
from engine.config import ChannelConfig, Rate
from engine.store.messages.records import OutboxMessage
from engine.values import HOUR, MINUTE, SECOND, Instant

DRAIN_SECONDS = 30.0
IDLE_SECONDS = 0.2
RETRIES = Backoff(5 * SECOND, HOUR, spread=5)

LEASE = 5 * MINUTE
"""Longer than a channel's longest wait, so that a slow provider is never taken for a dead process."""


@dataclass(frozen=True, slots=True)
class SendRate:
    """How a deliverer runs. `speed`: engine milliseconds per real millisecond (the demo's fast clock)."""

    speed: float = 1.0
    idle_seconds: float = IDLE_SECONDS
    drain_seconds: float = DRAIN_SECONDS


USUAL = SendRate()


def next_attempt_at(message: OutboxMessage, delivery: Delivery, now: Instant, speed: float) -> Instant:
    """By `RETRIES`, or when the provider asks for it, up to the longest of them."""
    key = f"{message.send_key}{message.attempts}"
    if delivery.retry_after is not None and delivery.retry_after > 0:
        asked = min(int(delivery.retry_after * SECOND * speed), RETRIES.longest)
        return Instant(now + RETRIES.spread_out(asked, key))
    return Instant(now + RETRIES.wait(message.attempts, key))


def most_at_once(concurrency: int, rate: Rate | None) -> int:
    """How many messages of a channel are taken at once: enough to keep all connections busy, and no more than may go
    within a minute, so that their leases do not run out while they wait."""
    most = 4 * concurrency
    return most if rate is None else max(1, min(most, int(rate.count / rate.seconds * 60)))


def limiter(rate: Rate | None) -> AsyncLimiter | None:
    """The gate of a channel with a rate."""
    return AsyncLimiter(rate.count, rate.seconds) if rate is not None else None


def lease_of(config: ChannelConfig | None) -> int:
    """For how long a message is claimed, in ms: what a channel asks and waits for (`timeout`) fits in, several times."""
    return LEASE + 4 * SECOND * ((config.timeout if config is not None else None) or 0)
