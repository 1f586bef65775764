"""Providers that take messages, badly: they lose connections, answer late or never, refuse, and repeat what
they report."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from engine.channels.base import Delivery, HandOver, Message, Report, ReportKind
from engine.clock import Clock
from engine.runtime.delivery.channel_worker import LEASE
from engine.values import SECOND, Instant


@dataclass(frozen=True, slots=True)
class Arrival:
    """A provider has a whole message. `copy`: of how many under this key it is the last one."""

    turn: int
    at: Instant
    key: str
    channel: str
    address: str
    content: str  # hash of everything that was sent
    copy: int


@dataclass(frozen=True, slots=True)
class Manners:
    """How badly providers behave: the share of attempts."""

    unreachable: float = 0.02  # no connection, or lost before the last byte
    refused: float = 0.01  # for good, before the message was sent
    later: float = 0.03  # 4xx
    bounced: float = 0.01
    lost_answer: float = 0.02  # after the last byte
    slow: float = 0.01  # longer than the lease of the claim
    reported: float = 0.3  # deliveries, openings and clicks that are told later
    complained: float = 0.005


_REACTIONS: tuple[ReportKind, ...] = ("opened", "clicked")

PERFECT = Manners(*(0.0,) * 8)


@dataclass(slots=True)
class Providers:
    """Everything outside: what arrived, and what will be reported of it. It outlives every process."""

    dice: Random
    manners: Manners
    arrivals: list[Arrival] = field(default_factory=list)
    reports: list[tuple[Instant, str, Report]] = field(default_factory=list)  # when, channel, what
    copies: dict[str, int] = field(default_factory=dict)

    def take(self, message: Message, at: Instant, turn: int) -> None:
        """The last byte of a message has come."""
        self.copies[message.key] = self.copies.get(message.key, 0) + 1
        document = {**message.to_document(), "valid_until": None}
        content = hashlib.sha256(repr(sorted(document.items())).encode()).hexdigest()[:16]
        self.arrivals.append(
            Arrival(
                turn, at, message.key, message.channel, message.address, content, self.copies[message.key]
            )
        )
        dice, manners = self.dice, self.manners
        kinds: list[ReportKind] = []
        if dice.random() < manners.reported:
            kinds.append("delivered")
            if dice.random() < 0.5:
                kinds += _REACTIONS[: dice.randint(1, 2)]
        if dice.random() < manners.complained:
            kinds.append("complained")
        for kind in kinds:
            later = Instant(at + dice.randint(0, 3 * 3600) * SECOND)
            report = Report(kind, f"{message.key} {kind}", message.key, address=message.address, at=later)
            # callbacks come several times, and not in the order of what they tell
            for _ in range(1 + (dice.random() < 0.2)):
                self.reports.append((Instant(later + dice.randint(0, 600) * SECOND), message.channel, report))

    def due_reports(self, now: Instant) -> list[tuple[str, Report]]:
        """What is told by now; it is forgotten here when it was taken (`reported`)."""
        return [(channel, report) for at, channel, report in self.reports if at <= now]

    def reported(self, now: Instant) -> None:
        """What was due is known."""
        self.reports = [entry for entry in self.reports if entry[0] > now]


class MakeBelieveChannel:
    """One channel of one process: the dialogue with a provider, without bytes."""

    concurrency = 4

    def __init__(
        self,
        name: str,
        providers: Providers,
        clock: Clock,
        turn: Callable[[], int],
        handed: Callable[[Message], None],
    ) -> None:
        self.name = name
        self._providers = providers
        self._clock = clock
        self._turn = turn
        self._handed = handed

    async def deliver(self, message: Message, hand_over: HandOver) -> Delivery:
        """One attempt, with whatever the dice make of it."""
        dice, manners = self._providers.dice, self._providers.manners
        await asyncio.sleep(dice.random() * 0.2)
        chance = dice.random()
        for share, delivery in (
            (manners.unreachable / 2, Delivery("never left", detail="refused", fault="provider")),
            (manners.refused, Delivery("refused", detail="554", fault="template")),
            (manners.bounced, Delivery("bounced", detail="550 5.1.1", fault="address")),
            (
                manners.later / 2,
                Delivery("refused for now", detail="451", retry_after=dice.choice((None, 90.0))),
            ),
        ):
            if chance < share:
                return delivery
            chance -= share
        if not await hand_over():
            return Delivery("never left", detail="the hand-over was not given")
        self._handed(message)
        await asyncio.sleep(dice.random() * 0.3)
        if dice.random() < manners.unreachable / 2:
            return Delivery("never left", detail="lost before the last byte", fault="provider")
        if dice.random() < manners.later / 2:
            return Delivery("refused for now", detail="452 after the last byte")
        is_slow = dice.random() < manners.slow
        self._providers.take(message, self._clock.now(), self._turn())
        await asyncio.sleep(LEASE / SECOND * 1.5 if is_slow else dice.random() * 0.5)
        if dice.random() < manners.lost_answer:
            return Delivery("unknown", detail="the connection was lost after the last byte")
        return Delivery("accepted", provider_id=f"p-{message.key}")

    async def close(self) -> None:
        """Nothing is open."""
