"""Moments and lengths as people read them at a terminal."""

from __future__ import annotations

import datetime as dt

from engine.values import DAY, HOUR, MINUTE, SECOND, Instant, to_datetime


def local(at: Instant, zone: dt.tzinfo) -> str:
    """`2026-03-02 10:00`, with seconds where there are some."""
    when = to_datetime(at, zone)
    return when.strftime("%Y-%m-%d %H:%M:%S" if at % MINUTE else "%Y-%m-%d %H:%M")


def utc(at: Instant) -> str:
    """`2026-03-02 09:00 UTC`."""
    return f"{local(at, dt.UTC)} UTC"


def both(at: Instant, zone: dt.tzinfo) -> str:
    """`Mon 2026-03-02 10:00 Europe/Berlin (09:00 UTC)`; the UTC date too where it is another one."""
    here, there = to_datetime(at, zone), to_datetime(at)
    far = f"{there:%H:%M}" if here.date() == there.date() else f"{there:%Y-%m-%d %H:%M}"
    return f"{here:%a} {local(at, zone)} {zone} ({far} UTC)"


def distance(at: Instant, now: Instant) -> str:
    """`in 2 days`, `5 minutes ago`, `now`."""
    if abs(at - now) < SECOND:
        return "now"
    return f"in {length(at - now)}" if at > now else f"{length(now - at)} ago"


def length(milliseconds: int) -> str:
    """The largest unit that fits, in whole numbers: `3 days`, `1 hour`."""
    for unit, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second")):
        if milliseconds >= unit:
            number = milliseconds // unit
            return f"{number} {name}" if number == 1 else f"{number} {name}s"
    return "less than a second"
