"""Clock and date starts: whose moment came since the last look goes into the inbox."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import sqlalchemy as sa

from engine.core.effects import Alert
from engine.core.facts.customer import Facts
from engine.core.happening import Occurrence
from engine.core.journey import ClockTrigger, DateTrigger, Journey
from engine.core.journeys import Journeys
from engine.core.timing.occurrence import next_occurrence
from engine.store import watermarks
from engine.store.alerts import raise_alerts
from engine.store.customers import batches, whole_base
from engine.store.inbox import inbox
from engine.store.inbox.inbox_codec import to_row
from engine.values import DAY, Instant, at_local, iso, later_day, local_date, zone

MISSED = DAY
"""What is later than this is noted, not made up (design/language 2.4)."""


def append_occurrences(conn: sa.Connection, journeys: Journeys, now: Instant) -> int:
    """Appends the clock and date starts between the last look and `now`. How many customers they reach.

    A journey that was never looked at starts to count now. Who is asked twice for one day starts once
    (`CustomerState.occurred`).
    """
    reached, zones = 0, None
    for journey in journeys.by_name.values():
        triggers = [start for start in journey.starts if isinstance(start, ClockTrigger | DateTrigger)]
        if not triggers:
            continue
        # noted in any case, in the transaction of the starts: a journey that is paused does not make up
        # for its starts
        last = watermarks.get(conn, "clock", journey.name)
        watermarks.put(conn, "clock", journey.name, now)
        if last is None or last.until >= now or journey.state != "live":
            continue
        since = Instant(max(last.until, now - MISSED))
        if since > last.until:
            why = f"its starts between {iso(last.until)} and {iso(since)} were missed while nothing ran"
            raise_alerts(conn, [Alert(journey.name, journey.owner, why)], now)
        zones = batches.zones(conn) if zones is None else zones
        for trigger in triggers:
            for name in zones:
                reached += _reach(conn, journeys, journey, trigger, name, zones, since, now)
    return reached


def _reach(
    conn: sa.Connection,
    journeys: Journeys,
    journey: Journey,
    trigger: ClockTrigger | DateTrigger,
    name: str,
    zones: list[str],
    since: Instant,
    now: Instant,
) -> int:
    reached = 0
    if isinstance(trigger, ClockTrigger):
        moments = list(_clock_moments(trigger, name, since, now))
    else:
        moments = list(_times_of_day(trigger, name, since, now))
    if not moments:  # the usual case: the question is not even put together
        return 0
    asked = whole_base.in_sql(journey.who, journeys, now, zones) if journey.who is not None else None
    who = sa.true() if asked is None else asked  # the closure is asked in any case
    if isinstance(trigger, ClockTrigger):
        for at, day in moments:
            kind, body = to_row(Occurrence(0, journey.name, at, day))
            reached += whole_base.append_for_all(conn, whole_base.in_zone(name), who, kind, body, now)
        return reached
    for at, day in moments:
        kind, body = to_row(Occurrence(0, journey.name, at, day))
        # the dates that may fire on this day, and some more: short months make the way back ambiguous
        back = later_day(day, -trigger.offset.months, -trigger.offset.days)
        dates = {later_day(back, 0, days) for days in range(-4, 5)}
        near = whole_base.in_zone(name) & whole_base.date_near(trigger.ref, dates)
        starts = [
            (bucket, customer, kind, now, body)
            for bucket, customer, values in whole_base.values_of(conn, near, who, trigger.ref.name)
            # the SQL only narrows: the one rule of the core says who it is
            if next_occurrence(trigger, Facts(customer, name, values=values), Instant(at - 1)) == (at, day)
        ]
        inbox.append_rows(conn, starts)
        reached += len(starts)
    return reached


def _clock_moments(
    trigger: ClockTrigger, name: str, since: Instant, now: Instant
) -> Iterator[tuple[Instant, dt.date]]:
    facts = Facts("", name)
    coming = next_occurrence(trigger, facts, since)
    while coming is not None and coming[0] <= now:
        yield coming
        coming = next_occurrence(trigger, facts, coming[0])


def _times_of_day(
    trigger: DateTrigger, name: str, since: Instant, now: Instant
) -> Iterator[tuple[Instant, dt.date]]:
    tz = zone(name)
    day = local_date(since, tz)
    while day <= local_date(now, tz):
        at = at_local(day, trigger.at, tz)
        if since < at <= now:
            yield at, day
        day = later_day(day, 0, 1)
