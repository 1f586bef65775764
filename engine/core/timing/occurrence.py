"""When a clock or date start reaches a customer next (design/language 2.4)."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from engine.core.facts.customer import Facts
from engine.core.journey import CalendarTrigger, ClockTrigger, DateTrigger, TimedTrigger
from engine.values import Birthday, Duration, Instant, Value, at_local, later_day, local_date

_FAR = 400
"""Days that a clock start looks ahead: every month has its day well within them."""


def next_occurrence(trigger: TimedTrigger, facts: Facts, after: Instant) -> tuple[Instant, dt.date] | None:
    """The first occurrence strictly after `after`: its moment, and the local date that makes it unique.

    None: the attribute is not set, or the only day is past. A day that a zone left out altogether
    (Apia, 30 December 2011) has no clock start.
    """
    zone = facts.zone
    if isinstance(trigger, ClockTrigger):
        return _next_clock(trigger, after, zone)
    for kept_on in _kept_days(trigger, facts, local_date(after, zone)):
        day = _fired_on(kept_on, trigger.offset)
        at = at_local(day, trigger.at, zone)
        if at > after:
            return at, day
    return None


def occurrence_day(trigger: TimedTrigger, facts: Facts, day: dt.date) -> dt.date | None:
    """What the occurrence on a local date is about: for a date start the date of the attribute itself (the
    birthday, for `before: 7 days` a week later), for a clock start the date; None if the trigger has no
    occurrence that day.

    This is what `Enrollment.occurrence` holds, so that `wait: until birthday` finds the one that started the
    run.
    """
    if isinstance(trigger, ClockTrigger):
        return day if _fits(trigger, day) else None
    kept_days = _kept_days(trigger, facts, day)
    return next((kept_on for kept_on in kept_days if _fired_on(kept_on, trigger.offset) == day), None)


def attribute_date(value: Value, kind: str, zone: ZoneInfo) -> dt.date | None:
    """The local date of a `date` or `time` attribute; None for anything else."""
    if kind == "date" and type(value) is dt.date:
        return value
    if kind == "time" and type(value) is int:
        try:
            return local_date(Instant(value), zone)
        except OverflowError:
            return None
    return None


def _kept_days(trigger: DateTrigger | CalendarTrigger, facts: Facts, around: dt.date) -> Iterator[dt.date]:
    """The dates of the attribute or of the calendar, oldest first: one, or of a day that returns those of
    the years near `around`."""
    value = trigger.day if isinstance(trigger, CalendarTrigger) else _day_of(trigger, facts)
    if isinstance(value, Birthday):
        # An offset may lead into another year: the day that is kept then lies as many years away.
        reach = 2 + (abs(trigger.offset.months) * 31 + abs(trigger.offset.days)) // 365
        # Nobody has a birthday before they were born, nor an anniversary before the day itself.
        first = max(around.year - reach, value.year or 1)
        for year in range(first, min(first + 2 * reach, 9999) + 1):
            yield value.in_year(year)
        return
    if value is not None:
        yield value


def _day_of(trigger: DateTrigger, facts: Facts) -> Birthday | dt.date | None:
    """The day of the attribute; None: it is not set, or of another type than the schema says."""
    value, kind = facts.values.get(trigger.ref.name), trigger.ref.type.kind
    if kind == "birthday":
        return value if isinstance(value, Birthday) else None
    day = attribute_date(value, kind, facts.zone)
    return Birthday(day.month, day.day, day.year) if day is not None and trigger.yearly else day


def _fired_on(kept_on: dt.date, offset: Duration) -> dt.date:
    return later_day(kept_on, offset.months, offset.days)


def _next_clock(trigger: ClockTrigger, after: Instant, zone: ZoneInfo) -> tuple[Instant, dt.date] | None:
    # From yesterday on: where the clock is put back over midnight, yesterday's time may come once more.
    day = local_date(after, zone) - dt.timedelta(days=1)
    for _ in range(_FAR):
        # Noon or midnight of the day must lie in it: a zone may have left the whole day out.
        if (
            _fits(trigger, day)
            and (at := at_local(day, trigger.at, zone)) > after
            and (
                local_date(at_local(day, dt.time(12), zone), zone) == day
                or local_date(at_local(day, dt.time.min, zone), zone) == day
            )
        ):
            return at, day
        day += dt.timedelta(days=1)
    return None


def _fits(trigger: ClockTrigger, day: dt.date) -> bool:
    if trigger.weekdays and day.weekday() not in trigger.weekdays:
        return False
    if trigger.every != "month":
        return True
    # 0 stands for the last day, whichever it is.
    last = calendar.monthrange(day.year, day.month)[1]
    return day.day == (trigger.day or last)
