"""`their hour` - the hour of the day at which a customer reacts, outside of the quiet hours."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.facts.learned import HOURS, LEAST, EngagementStats, Learned
from engine.core.policy import Quiet

LEAST_OWN = 5
"""So many reactions of one customer make their own hour."""

OTHERWISE = 10
"""The hour of a customer of whom nothing is known, in a shop of which nothing is known."""


@dataclass(frozen=True, slots=True)
class Hour:
    """The time that was found, and why, in words."""

    time: dt.time
    why: str


def their_hour(engagement: EngagementStats, learned: Learned, quiet: Quiet | None) -> Hour:
    """The fullest hour of the customer's own reactions, else of everybody's, else 10:00. Each hour is looked at with its
    neighbours (1, 2, 1); of equal ones the earliest. One that is quiet gives way to the nearest that is not, of two as
    near the later."""
    if sum(engagement.hours) >= LEAST_OWN:
        wanted = _fullest(engagement.hours)
        why = _spoken(engagement.hours, wanted, "reactions")
    elif sum(learned.hours) >= LEAST:
        wanted = _fullest(learned.hours)
        own = sum(engagement.hours)
        too_few = f"; too few of their own: {own}" if own else ""
        why = _spoken(learned.hours, wanted, "reactions of all customers") + too_few
    else:
        wanted, why = OTHERWISE, "too few reactions are known yet"
    found = _allowed(wanted, quiet)
    if found != wanted:
        why = f"{wanted:02}:00 is quiet; {why}"
    return Hour(dt.time(found), why)


def _fullest(hours: Sequence[int]) -> int:
    def weight(hour: int) -> int:
        return hours[hour - 1] + 2 * hours[hour] + hours[(hour + 1) % HOURS]

    return max(range(HOURS), key=lambda hour: (weight(hour), -hour))


def _spoken(hours: Sequence[int], hour: int, what: str) -> str:
    around = hours[hour - 1] + hours[hour] + hours[(hour + 1) % HOURS]
    begin, end = (hour - 1) % HOURS, (hour + 2) % HOURS
    return f"{around} of {sum(hours)} {what} between {begin:02}:00 and {end:02}:00"


def _allowed(wanted: int, quiet: Quiet | None) -> int:
    if quiet is None:
        return wanted
    for away in range(HOURS // 2 + 1):
        for hour in ((wanted + away) % HOURS, (wanted - away) % HOURS):
            if not _is_quiet(dt.time(hour), quiet):
                return hour
    return wanted


def _is_quiet(time: dt.time, quiet: Quiet) -> bool:
    if quiet.start < quiet.end:
        return quiet.start <= time < quiet.end
    return time >= quiet.start or time < quiet.end
