"""Clock and date starts: whose moment came since the last look goes into the inbox."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import sqlalchemy as sa

from engine.core.decision.effects import Alert
from engine.core.facts.customer import Facts
from engine.core.happening import Occurrence
from engine.core.journey import DateTrigger, Journey, TimedTrigger
from engine.core.journeys import Journeys
from engine.core.timing.occurrence import next_occurrence
from engine.store import watermarks
from engine.store.alerting.alerts import raise_alerts
from engine.store.audience import whole_base
from engine.store.customers import batches
from engine.store.database import Store
from engine.store.inbox import inbox
from engine.store.inbox.inbox_codec import to_row
from engine.values import DAY, Instant, at_local, iso, later_day, local_date, zone

MISSED = DAY
"""What is later than this is noted, not made up (design/language 2.4)."""


CHUNK = 5000
"""Starts that one transaction appends: between two of them others may write."""

Row = tuple[int, str, str, int, str]
"""One row of the inbox: bucket, customer, kind, received at, body."""


def append_occurrences(store: Store, journeys: Journeys, now: Instant, chunk: int = CHUNK) -> int:
    """Appends the clock and date starts between the last look and `now`, some thousand in each transaction.
    How many customers they reach.

    A journey that was never looked at starts to count now. Who is asked twice for one day starts once
    (`CustomerState.occurred`), so that a crash between two transactions only makes the next look ask again.
    """
    reached, looks = 0, _Looks(journeys, now)
    with store.read() as conn:
        looks.find(conn)
        zones = batches.zones(conn) if looks.due else []
    for journey, trigger, since in looks.due:
        for name in zones:
            reached += _reach(store, journeys, journey, trigger, name, zones, since, now, chunk)
    if looks.seen:
        store.write(looks.note)
    return reached


@dataclass(slots=True)
class _Looks:
    """What one look finds to do, and what it leaves behind when that is done."""

    journeys: Journeys
    now: Instant
    seen: list[str] = field(default_factory=list)
    missed: list[Alert] = field(default_factory=list)
    due: list[tuple[Journey, TimedTrigger, Instant]] = field(default_factory=list)

    def find(self, conn: sa.Connection) -> None:
        """Since when each journey was not looked at."""
        for journey in self.journeys.by_name.values():
            triggers = [start for start in journey.starts if isinstance(start, TimedTrigger)]
            if not triggers:
                continue
            # A journey that is paused does not make up for its starts: it is noted in any case.
            self.seen.append(journey.name)
            last = watermarks.get(conn, "clock", journey.name)
            if last is None or last.until >= self.now or journey.state != "live":
                continue
            since = Instant(max(last.until, self.now - MISSED))
            if since > last.until:
                why = f"its starts between {iso(last.until)} and {iso(since)} were missed while nothing ran"
                self.missed.append(Alert(journey.name, journey.owner, why))
            self.due.extend((journey, trigger, since) for trigger in triggers)

    def note(self, conn: sa.Connection) -> None:
        """Up to where the look has come, and what was missed before it."""
        for name in self.seen:
            watermarks.put(conn, "clock", name, self.now)
        raise_alerts(conn, self.missed, self.now)


def _reach(
    store: Store,
    journeys: Journeys,
    journey: Journey,
    trigger: TimedTrigger,
    name: str,
    zones: list[str],
    since: Instant,
    now: Instant,
    chunk: int,
) -> int:
    is_date = isinstance(trigger, DateTrigger)
    moments = list((_times_of_day if is_date else _calendar_moments)(trigger, name, since, now))
    if not moments:  # the usual case: the question is not even put together
        return 0
    asked = whole_base.in_sql(journey.who, journeys, now, zones) if journey.who is not None else None
    who = sa.true() if asked is None else asked.may_fit  # the closure is asked in any case
    reached = 0
    for at, day in moments:
        kind, body = to_row(Occurrence(0, journey.name, at, day))
        if isinstance(trigger, DateTrigger):
            with store.read() as conn:
                rows = [
                    (bucket, customer, kind, now, body)
                    for bucket, customer in _on_their_day(conn, trigger, name, who, at, day)
                ]
            for start in range(0, len(rows), chunk):
                store.write(partial(inbox.append_rows, inbox=rows[start : start + chunk]))
            reached += len(rows)
            continue
        with store.read() as conn:
            slices = list(whole_base.slices(conn, whole_base.in_zone(name), chunk))
        for part in slices:
            reached += store.write(
                partial(
                    whole_base.append_for_all,
                    where=whole_base.in_zone(name) & part,
                    who=who,
                    kind=kind,
                    body=body,
                    now=now,
                )
            )
    return reached


def _on_their_day(
    conn: sa.Connection, trigger: DateTrigger, name: str, who: whole_base.Truth, at: Instant, day: dt.date
) -> Iterator[tuple[int, str]]:
    """(bucket, customer) of those in a zone whose own date fires at this moment."""
    # the dates that may fire on this day, and some more: short months make the way back ambiguous
    back = later_day(day, -trigger.offset.months, -trigger.offset.days)
    dates = {later_day(back, 0, days) for days in range(-4, 5)}
    near = whole_base.in_zone(name) & whole_base.date_near(trigger.ref, dates, yearly=trigger.yearly)
    for bucket, customer, values in whole_base.values_of(conn, near, who, trigger.ref.name):
        # the SQL only narrows: the one rule of the core says who it is
        facts = Facts(customer, name, values=values)
        if next_occurrence(trigger, facts, Instant(at - 1)) == (at, day):
            yield bucket, customer


def _calendar_moments(
    trigger: TimedTrigger, name: str, since: Instant, now: Instant
) -> Iterator[tuple[Instant, dt.date]]:
    facts = Facts("", name)
    coming = next_occurrence(trigger, facts, since)
    while coming is not None and coming[0] <= now:
        yield coming
        coming = next_occurrence(trigger, facts, coming[0])


def _times_of_day(
    trigger: TimedTrigger, name: str, since: Instant, now: Instant
) -> Iterator[tuple[Instant, dt.date]]:
    tz = zone(name)
    day = local_date(since, tz)
    while day <= local_date(now, tz):
        at = at_local(day, trigger.at, tz)
        if since < at <= now:
            yield at, day
        day = later_day(day, 0, 1)
