"""Frequency caps: how many messages a customer may get in a day, week or month, and when there is room again
(design/language 2.13 rules 6 and 7, 2.20)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import assert_never
from zoneinfo import ZoneInfo

from engine.core.facts.customer import CapSlot
from engine.core.policy import Cap
from engine.values import HOUR, Duration, Instant, at_local, local_date, midnight_after, plus

_DAYS_BACK = {"week": 7, "month": 30}
"""Calendar days of the customer's zone that a window looks back."""


def has_free_slot(
    caps: Iterable[Cap], slots: Iterable[CapSlot], at: Instant, tz: ZoneInfo, channel: str, first_part: bool
) -> bool:
    """Whether another message may leave at `at` under all caps."""
    slots = tuple(slots)
    for cap in caps:
        # Most customers got fewer messages than any cap allows: nothing need be counted.
        if len(slots) < cap.count:
            continue
        # A cascade is one message for caps by day and week, asked for with its first part (2.10).
        if cap.channel is None and not first_part:
            continue
        if cap.channel is not None and cap.channel != channel:
            continue
        # The cap of a channel counts every part on it, the others a cascade once.
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
    """The first moment that counts: the last local midnight for a day; for a week or month the moment
    after the same time of the clock 7 or 30 calendar days ago."""
    match cap.per:
        case "day":
            return at_local(local_date(at, tz), dt.time.min, tz)
        case "week" | "month":
            # One millisecond later: the moment itself lies outside (2.20).
            return Instant(plus(at, Duration(days=-_DAYS_BACK[cap.per]), tz) + 1)
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
    """The first moment from `at` on with a free place, if no other message leaves; None: not within
    `limit`."""
    caps, slots = tuple(caps), tuple(slots)
    last = plus(at, limit, tz)
    # Every moment at which a window may let go of a place: between them nothing gets better.
    moments = {at}
    for cap in caps:
        for slot in slots:
            if cap.per == "day":
                moments |= {midnight_after(max(slot.at, at), tz), midnight_after(slot.at, tz)}
                continue
            leaves = plus(slot.at, Duration(days=_DAYS_BACK[cap.per]), tz)
            # An hour before: a place in the first moment after an hour that the clock skipped. An hour after:
            # one in an hour that the clock showed twice.
            moments |= {leaves, Instant(leaves - HOUR), Instant(leaves + HOUR)}
    for moment in sorted(moments):
        if at <= moment <= last and has_free_slot(caps, slots, moment, tz, channel, first_part):
            return moment
    return None
