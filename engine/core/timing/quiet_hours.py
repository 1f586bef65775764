"""Quiet hours and caps, in the customer's zone (design/language 2.13 rules 5 to 7, 2.20)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import assert_never
from zoneinfo import ZoneInfo

from engine.core.facts.customer import CapSlot
from engine.core.policy import Cap, Quiet
from engine.values import (
    DAY,
    HOUR,
    SECOND,
    Duration,
    Instant,
    at_local,
    calm_offset,
    local_date,
    plus,
    second_at_local,
)

_BACK = {"day": 0, "week": 7, "month": 30}


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
    day = local_date(at, tz)
    ahead = (day + dt.timedelta(days=offset) for offset in range(-2, 4))
    starts = (start for each in ahead for start, _ in _spells(quiet, each, tz) if start > at)
    return min(starts, default=plus(at, Duration(days=1), tz))


def midnight_after(at: Instant, tz: ZoneInfo) -> Instant:
    """The next local midnight (its first valid moment where a clock change skips it), later than `at`."""
    offset = calm_offset(at // DAY, tz)
    if offset is not None:
        return Instant(at + DAY - (at + offset) % DAY)
    day = local_date(at, tz) + dt.timedelta(days=1)
    while (midnight := at_local(day, dt.time.min, tz)) <= at:
        day += dt.timedelta(days=1)
    return midnight


def has_free_slot(
    caps: Iterable[Cap], slots: Iterable[CapSlot], at: Instant, tz: ZoneInfo, channel: str, first_part: bool
) -> bool:
    """Whether another message may leave at `at` under all caps.

    Caps without a channel are asked for the first part of a cascade only, and count a cascade once;
    the cap of a channel counts every part on it.
    """
    slots = tuple(slots)
    for cap in caps:
        if len(slots) < cap.count:
            continue
        if cap.channel is None and not first_part:
            continue
        if cap.channel is not None and cap.channel != channel:
            continue
        starts = window_start(cap, at, tz)
        counted = sum(
            1
            for slot in slots
            if slot.at >= starts and (slot.counts_total if cap.channel is None else slot.channel == channel)
        )
        if counted >= cap.count:
            return False
    return True


def window_start(cap: Cap, at: Instant, tz: ZoneInfo) -> Instant:
    """The first moment that counts: the last local midnight for a day; for a week or month the moment after the same
    time of the clock 7 or 30 calendar days ago."""
    match cap.per:
        case "day":
            return at_local(local_date(at, tz), dt.time.min, tz)
        case "week" | "month":
            return Instant(plus(at, Duration(days=-_BACK[cap.per]), tz) + 1)
        case _:
            assert_never(cap.per)


def next_free_slot(
    caps: Iterable[Cap],
    slots: Iterable[CapSlot],
    at: Instant,
    tz: ZoneInfo,
    channel: str,
    limit: Duration,
    first_part: bool = True,
) -> Instant | None:
    """The first moment from `at` on with a free place, if no other message leaves; None: not within `limit`."""
    caps, slots = tuple(caps), tuple(slots)
    last = plus(at, limit, tz)
    for moment in sorted({moment for moment in _openings(caps, slots, at, tz) if at <= moment <= last}):
        if has_free_slot(caps, slots, moment, tz, channel, first_part):
            return moment
    return None


def _openings(caps: Iterable[Cap], slots: Iterable[CapSlot], at: Instant, tz: ZoneInfo) -> Iterator[Instant]:
    """Every moment at which a window may let go of a place."""
    yield at
    for cap in caps:
        for slot in slots:
            if cap.per == "day":
                yield midnight_after(max(slot.at, at), tz)
                yield midnight_after(slot.at, tz)
                continue
            leaves = plus(slot.at, Duration(days=_BACK[cap.per]), tz)
            yield leaves
            yield Instant(leaves - HOUR)  # one in the first moment after an hour that the clock skipped
            yield Instant(leaves + HOUR)  # a place in an hour that the clock showed twice


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
