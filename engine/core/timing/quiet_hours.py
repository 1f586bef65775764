"""Quiet hours by the customer's clock, and where nobody knows in which of several time zones a customer lives: then it
must not be quiet in any of them (design/language 2.13 rule 5, 2.20)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
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


def quiet_end(quiet: Quiet, at: Instant, tz: ZoneInfo) -> Instant | None:
    """When the quiet hours end in which `at` lies; None: it is not quiet. The start is quiet, the end is not."""
    offset = calm_offset(at // DAY, tz)
    if offset is not None:
        now, start, stop = (at + offset) % DAY, _milliseconds(quiet.start), _milliseconds(quiet.end)
        inside = start <= now < stop if start < stop else start != stop and (now >= start or now < stop)
        return Instant(at + (stop - now) % DAY) if inside else None
    end = at
    while (spell := _spell_around(quiet, end, tz)) is not None:
        end = spell[1]
    return end if end > at else None


def quiet_start(quiet: Quiet, at: Instant, tz: ZoneInfo) -> Instant:
    """The next start of quiet hours after `at`."""
    offset = calm_offset(at // DAY, tz)
    if offset is not None and quiet.start != quiet.end:
        return Instant(at + ((_milliseconds(quiet.start) - at - offset) % DAY or DAY))
    today = local_date(at, tz)
    ahead = (today + dt.timedelta(days=offset) for offset in range(-2, 4))
    starts = (start for day in ahead for start, _ in _spells(quiet, day, tz) if start > at)
    return min(starts, default=plus(at, Duration(days=1), tz))


def plausible_zones(facts: Facts, channel: str, journeys: Journeys) -> tuple[ZoneInfo, ...]:
    """The zones whose quiet hours count for a message: the customer's own where it is known. On a channel that is reached
    by phone (it rings at night) else all those of the number, with the one of the customer's country."""
    if facts.timezone_why == "customer" or channel not in journeys.by_phone:
        return (facts.zone,)
    reach = facts.reach.get(channel)
    names = journeys.zones_of_phone(reach.address) if reach is not None and reach.address else ()
    if not names:
        return (facts.zone,)
    if facts.timezone_why == "country" and facts.timezone not in names:
        names = (*names, facts.timezone)
    return tuple(zone(name) for name in names)


def quiet_end_in_all_zones(quiet: Quiet, at: Instant, zones: Sequence[ZoneInfo]) -> Instant | None:
    """When it is quiet in none of the zones any more; None: it is so now. Where that does not happen within 24 hours (the
    zones lie too far apart), the first moment at which it is quiet in as few of them as ever."""
    if len(zones) == 1:
        return quiet_end(quiet, at, zones[0])
    clocks = _different(at, zones)
    if all(quiet_end(quiet, at, clock) is None for clock in clocks):
        return None
    moments = [at, *sorted(_ends_within_a_day(quiet, at, clocks))]
    quietest = min(moments, key=lambda moment: (_quiet_in(quiet, moment, clocks), moment))
    return quietest if quietest > at else None


def quiet_start_in_all_zones(quiet: Quiet, at: Instant, zones: Sequence[ZoneInfo]) -> Instant:
    """The next moment after `at` at which it gets quiet in one of the zones."""
    if len(zones) == 1:
        return quiet_start(quiet, at, zones[0])
    return min(quiet_start(quiet, at, clock) for clock in _different(at, zones))


def _different(at: Instant, zones: Sequence[ZoneInfo]) -> dict[ZoneInfo, int]:
    """One of those whose clocks show the same for more than a day, and how many it stands for; whose clock changes
    meanwhile is kept."""
    clocks: dict[object, tuple[ZoneInfo, int]] = {}
    for tz in zones:
        today, tomorrow = calm_offset(at // DAY, tz), calm_offset(at // DAY + 1, tz)
        key = today if today is not None and today == tomorrow else tz.key
        shown_by, count = clocks.get(key, (tz, 0))
        clocks[key] = (shown_by, count + 1)
    return dict(clocks.values())


def _ends_within_a_day(quiet: Quiet, at: Instant, zones: Iterable[ZoneInfo]) -> set[Instant]:
    """Every end of quiet hours in the next 24 hours: it can get less quiet only there."""
    ends: set[Instant] = set()
    for tz in zones:
        end = quiet_end(quiet, at, tz)
        if end is None:
            end = quiet_end(quiet, quiet_start(quiet, at, tz), tz)
        if end is not None and end - at <= DAY:
            ends.add(end)
    return ends


def _quiet_in(quiet: Quiet, at: Instant, clocks: Mapping[ZoneInfo, int]) -> int:
    return sum(count for tz, count in clocks.items() if quiet_end(quiet, at, tz) is not None)


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
    """The quiet hours that begin on a local date. An end that the clock shows twice ends them the first time; they
    then come back with the hour that is shown again, so that it is never quiet by the clock on the wall and loud for us."""
    if quiet.start == quiet.end:
        return
    last_day = day if quiet.start < quiet.end else day + dt.timedelta(days=1)
    start, end = at_local(day, quiet.start, tz), at_local(last_day, quiet.end, tz)
    if start < end:
        yield start, end
    again = second_at_local(last_day, quiet.end, tz)
    if again is not None:
        change, second_end = again
        second_start = second_at_local(last_day, quiet.start, tz) if last_day == day else None
        yield (second_start[1] if second_start is not None else max(change, start)), second_end
