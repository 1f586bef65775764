"""What a message must respect: consent, quiet hours, caps, lateness. All local times are the customer's."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from engine.values import HOUR, Duration


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `count` messages per `per`; `channel` None counts messages of all channels."""

    count: int
    per: Literal["day", "week", "month"]
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Quiet:
    """Quiet from `start` (inside) to `end` (outside), local time; may go over midnight, and is of no length
    where both are the same. `days` (0 = Monday): on all other days it is quiet from midnight to midnight;
    none: there is no such day."""

    start: dt.time
    end: dt.time
    days: tuple[int, ...] = ()

    @property
    def has_hours(self) -> bool:
        """Whether there are quiet hours on every day."""
        return self.start != self.end

    def covers_day(self, day: dt.date) -> bool:
        """Whether it is quiet all this day."""
        return bool(self.days) and day.weekday() not in self.days

    def covers(self, time: dt.time) -> bool:
        """Whether it is quiet at this time of the clock."""
        if self.start <= self.end:
            return self.start <= time < self.end
        return time >= self.start or time < self.end


@dataclass(frozen=True, slots=True)
class Policy:
    """One entry of `policies:`; a key left out has the default here (design/language 2.13)."""

    name: str
    consent: str | None = "marketing"
    quiet: Quiet | None = None
    caps: tuple[Cap, ...] = ()
    if_capped: Literal["skip", "wait"] = "skip"
    wait_up_to: Duration = Duration(days=3)  # for a free place under a cap, in all
    too_late: Duration = Duration(elapsed=24 * HOUR)
    not_inside: tuple[str, ...] = ()  # journeys: whoever is inside one of them gets nothing by this policy
