"""On which days a message leaves, so that those of two journeys can be laid beside each other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from engine.core.journey import (
    CalendarTrigger,
    ClockTrigger,
    DateTrigger,
    EventTrigger,
    ProductTrigger,
    SegmentTrigger,
    Trigger,
)
from engine.values import Birthday

_SURE_DAYS = 28
"""Every month has so many."""

_A_COMMON_YEAR = 2027


@dataclass(frozen=True, slots=True)
class MessageDay:
    """A kind of day: `kind` and `which` of its kind, `after` days behind it."""

    kind: str
    which: str
    after: int = 0


def days_of(start: Trigger, after: int) -> Iterator[MessageDay]:
    """Every day on which a message leaves, `after` days behind the start."""
    match start:
        case EventTrigger(event=name):
            yield MessageDay("event", name, after)
        case SegmentTrigger(segment=name):
            yield MessageDay("segment", name, after)
        case ProductTrigger(kind=name):
            yield MessageDay("product", name, after)
        case DateTrigger(ref=ref, offset=offset):
            yield MessageDay("date", str(ref), offset.months * 30 + offset.days + after)
        case CalendarTrigger(day=day, offset=offset):
            moved = dt.timedelta(days=offset.months * 30 + offset.days + after)
            if isinstance(day, Birthday):
                yield _yearly(day.in_year(_A_COMMON_YEAR) + moved)
            else:
                yield MessageDay("on", (day + moved).isoformat())
        case ClockTrigger(every="month", day=int() as day) if day > 0 and day + after <= _SURE_DAYS:
            yield MessageDay("monthly", str(day + after))
        case ClockTrigger(every="month", day=0):
            yield MessageDay("last of month", "", after)
        case ClockTrigger(every="week" | "day", weekdays=weekdays):
            for weekday in weekdays or (range(7) if start.every == "day" else ()):
                yield MessageDay("weekly", str((weekday + after) % 7))
        case _:
            return


def including(day: MessageDay) -> Iterator[MessageDay]:
    """The day, and every kind of day that it is one of: 27 November 2026 is a 27 November, a 27th, a
    Friday."""
    yield day
    if day.kind == "on":
        date = dt.date.fromisoformat(day.which)
        yield MessageDay("weekly", str(date.weekday()))
        yield from including(_yearly(date))
    elif day.kind == "yearly":
        yield MessageDay("monthly", day.which.partition("-")[2].lstrip("0"))


def _yearly(date: dt.date) -> MessageDay:
    return MessageDay("yearly", f"{date:%m-%d}")
