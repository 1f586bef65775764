"""The guards of the first weeks: who may get messages at all (`deliver_only`), and how many a journey may
send on a day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

import structlog

from engine.channel_kinds import normalised
from engine.channels.base import Message
from engine.clock import Clock
from engine.command_hints import command
from engine.config import Ceilings, Config
from engine.config.guards import OF_CUSTOMER
from engine.core.journeys import Journeys
from engine.store.database import Store
from engine.store.journeys import one_offs
from engine.store.messages import daily_limits as ceilings
from engine.store.messages.daily_limits import DailyQuota
from engine.values import MINUTE, Instant, local_date, midnight_after, zone

log = structlog.get_logger("daemon")

LOOK = 5 * MINUTE
"""Between two looks at the volume of the day."""


@dataclass(frozen=True, slots=True)
class AllowList:
    """The only addresses, endings and customers that get messages, as they are written in config.yaml."""

    written: tuple[str, ...]

    def names(self, channel: str, address: str, customer: str = "") -> bool:
        """Whether this address of this customer is on it; e-mail in any case, phone numbers in any
        spelling."""
        own = normalised(channel, address)
        for text in self.written:
            if text.startswith(OF_CUSTOMER):
                if customer and text.removeprefix(OF_CUSTOMER) == customer:
                    return True
            elif text.startswith("@"):
                if channel == "email" and own.endswith(normalised("email", f"x{text}")[1:]):
                    return True
            elif normalised(channel, text) == own and own:
                return True
        return False


@dataclass(frozen=True, slots=True)
class SendLimits:
    """What a deployment guards. `only` None: everybody gets messages."""

    only: AllowList | None = None
    ceilings: Ceilings = field(default_factory=Ceilings)
    owners: Mapping[str, str] = field(default_factory=dict)
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    @classmethod
    def of(cls, config: Config, journeys: Journeys) -> SendLimits:
        """Those of config.yaml."""
        only = AllowList(config.deliver_only) if config.deliver_only is not None else None
        owners = {name: journey.owner for name, journey in journeys.by_name.items()}
        return cls(only, config.ceilings, owners, zone(config.timezone))

    def quota(self, journey: str, now: Instant) -> DailyQuota:
        """What a journey may hand over today."""
        return DailyQuota(
            local_date(now, self.timezone).isoformat(),
            midnight_after(now, self.timezone),
            self.ceilings.of_journey(journey),
            self.owners.get(journey, ""),
        )

    def narrowed(self, message: Message, customer: str) -> Message | None:
        """The message with those of its addresses that may get it; None when none may."""
        only = self.only
        if only is None:
            return message
        listed = [each for each in message.addresses if only.names(message.channel, each, customer)]
        return replace(message, address="\n".join(listed)) if listed else None


class VolumeMonitor:
    """What the daemon does about guards beside the hand-over; `guards` gives those that are published."""

    def __init__(self, store: Store, clock: Clock, guards: Callable[[], SendLimits]) -> None:
        self._store, self._clock, self._guards = store, clock, guards

    def begin(self) -> None:
        """At the start and when config.yaml says something else: says who gets messages, and asks again about
        those that a ceiling holds."""
        only = self._guards().only
        if only is not None:
            log.warning("deliver_only", entries=len(only.written), what="nobody else gets a message")
        self._store.writer.submit(lambda conn: ceilings.release(conn, self._clock.now()))

    async def look(self) -> None:
        """Tells the owners of journeys that send far more than usual; ends one-off sends in which nobody is
        any more."""
        guards, now = self._guards(), self._clock.now()
        today = local_date(now, guards.timezone)
        loud = await self._store.awrite(
            lambda conn: ceilings.tell_of_sudden_volume(
                conn, today, guards.ceilings.sudden, guards.owners, now
            )
        )
        for name in await self._store.awrite(lambda conn: one_offs.end_those_that_are_over(conn, now)):
            log.info("one_off_ended", name=name)
        for journey in loud:
            log.warning("sudden_volume", journey=journey, look=command("status"))
