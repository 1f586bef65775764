"""The nightly score: every `rfm` fact is computed for everybody, and what changed becomes a happening of its customer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from sqlalchemy import Connection

from engine.core.definition import definition
from engine.core.facts.customer import FactRule
from engine.core.facts.rfm import DEFAULT, Spending, groups_of
from engine.core.happening import ProfileChanged
from engine.core.journeys import Journeys
from engine.store import watermarks
from engine.store.customers import rfm
from engine.store.database import Store
from engine.store.inbox import inbox
from engine.store.inbox.inbox_codec import to_row
from engine.store.watermarks import Watermark
from engine.values import Instant, local_date, zone

CHUNK = 2000
"""Customers who change their group in one transaction: between two chunks others may write."""

SWEEP = "rfm"
"""The kind of these looks in the table of sweeps."""

Row = tuple[int, str, str, int, str]


def score_rfm(store: Store, journeys: Journeys, now: Instant, chunk: int = CHUNK) -> dict[str, int]:
    """Scores everybody once per day of the shop's calendar, and anew when the table changed. fact -> how many changed.

    The groups that the first look finds, or the first one with a changed definition, were there from the beginning:
    they start nothing, as with segments (design/language 2.4). Reading keeps nobody from writing. After a
    crash between two chunks the look is made again: it finds the rest.
    """
    changed: dict[str, int] = {}
    for rule in journeys.facts:
        if rule.how != "rfm":
            continue
        written = definition((rule.event, rule.field, rule.last, rule.groups))
        with store.read() as conn:
            last = watermarks.get(conn, SWEEP, rule.name)
            is_first = last is None or last.hash != written
            if last is not None and not is_first and not _is_older(last, journeys, now):
                continue
            found = iter(list(_changes(conn, rule, journeys, now, starts=not is_first)))
        changed[rule.name] = 0
        while rows := list(islice(found, chunk)):
            changed[rule.name] += _append(store, rows)
        _note(store, rule.name, now, written)
    return changed


def last_scores(conn: Connection, journeys: Journeys) -> dict[str, Instant]:
    """fact -> when everybody was scored last; those that never were are missing."""
    looks = {
        rule.name: watermarks.get(conn, SWEEP, rule.name) for rule in journeys.facts if rule.how == "rfm"
    }
    return {name: look.until for name, look in looks.items() if look is not None}


def _is_older(last: Watermark, journeys: Journeys, now: Instant) -> bool:
    shop = zone(journeys.timezone)
    return local_date(last.until, shop) < local_date(now, shop)


def _changes(
    conn: Connection, rule: FactRule, journeys: Journeys, now: Instant, *, starts: bool
) -> Iterator[Row]:
    shop = zone(journeys.timezone)
    people = list(rfm.spending(conn, rule, journeys.currency, now))
    spent = {
        one.customer: Spending(local_date(one.last_at, shop).toordinal(), one.times, one.amount)
        for one in people
        if one.times
    }
    groups = groups_of(spent, rule.groups or DEFAULT, local_date(now, shop).toordinal())
    for one in people:
        group = groups.get(one.customer)
        if group != one.group:
            loud = starts and not (one.group is None and one.quiet)
            kind, body = to_row(ProfileChanged(0, now, {rule.name: group}, starts=loud))
            yield one.bucket, one.customer, kind, now, body


def _append(store: Store, rows: list[Row]) -> int:
    store.write(lambda conn: inbox.append_rows(conn, rows))
    return len(rows)


def _note(store: Store, name: str, now: Instant, written: str) -> None:
    store.write(lambda conn: watermarks.put(conn, SWEEP, name, now, written))
