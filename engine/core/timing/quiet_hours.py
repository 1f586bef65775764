"""Quiet hours and days by the customer's clock, and where nobody knows in which of several time zones a
customer lives: then it must not be quiet in any of them (design/language 2.13 rule 5, 2.20, 2.21)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from engine.core.facts.customer import Facts
from engine.core.journeys import Journeys
from engine.core.policy import Quiet
from engine.values import (
    DAY,
    SECOND,
    Duration,
    Instant,
    at_local,
    calm_offset,
    local_date,
    plus,
    second_at_local,
    zone,
)

_MOST_TURNS = 24
"""More than a week of quiet days and the nights between them."""


def quiet_end(quiet: Quiet, at: Instant, tz: ZoneInfo) -> Instant | None:
    """When the quiet hours and days end in which `at` lies; None: it is not quiet. The start is quiet, the
    end is not."""
    if not quiet.days:
        return _hours_end(quiet, at, tz)
    end = at
    for _ in range(_MOST_TURNS):
        day = local_date(end, tz)
        if quiet.covers_day(day):
            following = at_local(day + dt.timedelta(days=1), dt.time.min, tz)
            # A clock that is put back at midnight shows the evening again: then the day after.
            end = following if following > end else at_local(day + dt.timedelta(days=2), dt.time.min, tz)
        elif (hours_end := _hours_end(quiet, end, tz)) is not None:
            end = hours_end
        else:
            break
    return end if end > at else None


def _hours_end(quiet: Quiet, at: Instant, tz: ZoneInfo) -> Instant | None:
    # On a day without a clock change, as nearly all are, local time is plain arithmetic.
    offset = calm_offset(at // DAY, tz)
    if offset is not None:
        now, start, stop = (at + offset) % DAY, _milliseconds(quiet.start), _milliseconds(quiet.end)
        inside = start <= now < stop if start < stop else start != stop and (now >= start or now < stop)
        return Instant(at + (stop - now) % DAY) if inside else None
    # Quiet hours that an hour shown twice brings back may begin where the first ones end.
    end = at
    while (spell := _spell_around(quiet, end, tz)) is not None:
        end = spell[1]
    return end if end > at else None


def quiet_start(quiet: Quiet, at: Instant, tz: ZoneInfo) -> Instant:
    """The next start of quiet hours, or of a quiet day, after `at`."""
    starts = [_hours_start(quiet, at, tz)] if quiet.has_hours or not quiet.days else []
    today = local_date(at, tz)
    ahead = (today + dt.timedelta(days=days) for days in range(1, 8) if quiet.days)
    starts += [at_local(day, dt.time.min, tz) for day in ahead if quiet.covers_day(day)]
    return min((start for start in starts if start > at), default=plus(at, Duration(days=1), tz))


def _hours_start(quiet: Quiet, at: Instant, tz: ZoneInfo) -> Instant:
    offset = calm_offset(at // DAY, tz)
    if offset is not None and quiet.start != quiet.end:
        return Instant(at + ((_milliseconds(quiet.start) - at - offset) % DAY or DAY))
    today = local_date(at, tz)
    ahead = (today + dt.timedelta(days=offset) for offset in range(-2, 4))
    starts = (start for day in ahead for start, _ in _spells(quiet, day, tz) if start > at)
    return min(starts, default=plus(at, Duration(days=1), tz))


def plausible_zones(facts: Facts, channel: str, journeys: Journeys) -> tuple[ZoneInfo, ...]:
    """The zones whose quiet hours count for a message: the customer's own where it is known, else those of
    the phone number that it goes to."""
    # A phone rings at night; a mail to somebody whose zone is only guessed wakes nobody.
    if facts.timezone_why == "customer" or channel not in journeys.by_phone:
        return (facts.zone,)
    reach = facts.reach.get(channel)
    names = journeys.zones_of_phone(reach.address) if reach is not None and reach.address else ()
    if not names:
        return (facts.zone,)
    # The number says where it was bought, the country where they live: it must be quiet in neither.
    if facts.timezone_why == "country" and facts.timezone not in names:
        names = (*names, facts.timezone)
    return tuple(zone(name) for name in names)


def quiet_end_in_all_zones(quiet: Quiet, at: Instant, zones: Sequence[ZoneInfo]) -> Instant | None:
    """When it is quiet in none of the zones any more; None: it is so now. Where that does not happen
    within 24 hours (the zones lie too far apart), the first moment at which it is quiet in as few of them
    as ever. With quiet days: within the time in which they end."""
    if len(zones) == 1:
        return quiet_end(quiet, at, zones[0])
    clocks = _different(at, zones)
    if all(quiet_end(quiet, at, clock) is None for clock in clocks):
        return None
    # Every end of quiet hours in the next 24 hours: it can get less quiet only there.
    moments, ahead = {at}, _DAYS_AHEAD if quiet.days else DAY
    for tz in clocks:
        end = quiet_end(quiet, at, tz)
        if end is None:
            end = quiet_end(quiet, quiet_start(quiet, at, tz), tz)
        if end is not None and end - at <= ahead:
            moments.add(end)

    def quiet_in(moment: Instant) -> int:
        return sum(count for tz, count in clocks.items() if quiet_end(quiet, moment, tz) is not None)

    # The first of the moments at which it is quiet in as few zones as ever.
    quietest = min(sorted(moments), key=quiet_in)
    return quietest if quietest > at else None


_DAYS_AHEAD = 9 * DAY
"""A week of quiet days, and the difference of the clocks."""


def quiet_start_in_all_zones(quiet: Quiet, at: Instant, zones: Sequence[ZoneInfo]) -> Instant:
    """The next moment after `at` at which it gets quiet in one of the zones."""
    if len(zones) == 1:
        return quiet_start(quiet, at, zones[0])
    return min(quiet_start(quiet, at, clock) for clock in _different(at, zones))


def _different(at: Instant, zones: Sequence[ZoneInfo]) -> dict[ZoneInfo, int]:
    """One zone of those whose clocks show the same for more than a day, and how many it stands for: a
    phone number of a large country has dozens of zones, with a handful of clocks."""
    clocks: dict[object, tuple[ZoneInfo, int]] = {}
    for tz in zones:
        today, tomorrow = calm_offset(at // DAY, tz), calm_offset(at // DAY + 1, tz)
        # One whose clock changes meanwhile stands for itself alone.
        key = today if today is not None and today == tomorrow else tz.key
        shown_by, count = clocks.get(key, (tz, 0))
        clocks[key] = (shown_by, count + 1)
    return dict(clocks.values())


def _milliseconds(time: dt.time) -> int:
    """Since midnight."""
    return ((time.hour * 60 + time.minute) * 60 + time.second) * SECOND + time.microsecond // 1000


def _spell_around(quiet: Quiet, at: Instant, tz: ZoneInfo) -> tuple[Instant, Instant] | None:
    day = local_date(at, tz)
    for offset in (-1, 0, 1):
        for start, end in _spells(quiet, day + dt.timedelta(days=offset), tz):
            if start <= at < end:
                return start, end
    return None


def _spells(quiet: Quiet, day: dt.date, tz: ZoneInfo) -> Iterator[tuple[Instant, Instant]]:
    """The quiet hours that begin on a local date."""
    if quiet.start == quiet.end:
        return
    last_day = day if quiet.start < quiet.end else day + dt.timedelta(days=1)
    start, end = at_local(day, quiet.start, tz), at_local(last_day, quiet.end, tz)
    if start < end:
        yield start, end
    # An end that the clock shows twice ends them the first time. They come back with the hour that is shown
    # again, so that it is never quiet by the clock on the wall and loud for us.
    again = second_at_local(last_day, quiet.end, tz)
    if again is not None:
        change, second_end = again
        second_start = second_at_local(last_day, quiet.start, tz) if last_day == day else None
        yield (second_start[1] if second_start is not None else max(change, start)), second_end
