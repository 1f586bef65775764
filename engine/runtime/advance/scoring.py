"""The nightly score: every `rfm` fact is computed for everybody, and what changed becomes a happening of its
customer."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from sqlalchemy import Connection

from engine.core.definition import definition
from engine.core.facts.rfm import DEFAULT, Spending, groups_of
from engine.core.facts.rule import FactRule
from engine.core.happening import ProfileChanged
from engine.core.journeys import Journeys
from engine.store import watermarks
from engine.store.database import Store
from engine.store.inbox import inbox
from engine.store.inbox.inbox_codec import to_row
from engine.store.learning import rfm
from engine.store.watermarks import Watermark
from engine.values import Instant, local_date, zone

CHUNK = 2000
"""Customers who change their group in one transaction: between two chunks others may write."""

_CUT = "above the quintile"
"""Part of the definition of every score: who changes their group because it is cut in another way starts
nothing."""

SWEEP = "rfm"
"""The kind of these looks in the table of sweeps."""

Row = tuple[int, str, str, int, str]
"""One row of the inbox: bucket, customer, kind, received at, body."""


def score_rfm(store: Store, journeys: Journeys, now: Instant, chunk: int = CHUNK) -> dict[str, int]:
    """Scores everybody once per day of the shop's calendar, and anew when the table changed. fact -> how many
    changed.

    The groups that the first look finds, or the first one with a changed definition, were there from the
    beginning: they start nothing, as with segments (design/language 2.4). Reading keeps nobody from writing.
    After a crash between two chunks the look is made again: it finds the rest.
    """
    changed: dict[str, int] = {}
    for rule in journeys.facts:
        if rule.how != "rfm":
            continue
        with store.read() as conn:
            last = watermarks.get(conn, SWEEP, rule.name)
            is_first = last is None or not is_current(last, rule)
            shop = zone(journeys.timezone)
            if last is not None and not is_first and local_date(last.until, shop) >= local_date(now, shop):
                continue
            changes = list(_changes(conn, rule, journeys, now, starts=not is_first))
        changed[rule.name] = len(changes)
        for start in range(0, len(changes), chunk):
            rows = changes[start : start + chunk]
            store.write(partial(inbox.append_rows, inbox=rows))
        # last: a crash before it only makes the next look find what is missing
        store.write(
            partial(watermarks.put, kind=SWEEP, name=rule.name, until=now, hash_=_definition_of(rule))
        )
    return changed


def is_current(last: Watermark, rule: FactRule) -> bool:
    """Whether a look scored by the definition that the fact has now."""
    return last.hash == _definition_of(rule)


def last_scores(conn: Connection, journeys: Journeys) -> dict[str, Instant]:
    """fact -> when everybody was scored last; those that never were are missing."""
    looks = {
        rule.name: watermarks.get(conn, SWEEP, rule.name) for rule in journeys.facts if rule.how == "rfm"
    }
    return {name: look.until for name, look in looks.items() if look is not None}


def _definition_of(rule: FactRule) -> str:
    return definition((rule.event, rule.field, rule.last, rule.groups, _CUT, rule.borders.all))


def _changes(
    conn: Connection, rule: FactRule, journeys: Journeys, now: Instant, *, starts: bool
) -> Iterator[Row]:
    shop = zone(journeys.timezone)
    people = list(rfm.spending(conn, rule, journeys.currency, now))
    spent = {
        person.customer: Spending(local_date(person.last_at, shop).toordinal(), person.times, person.amount)
        for person in people
        if person.times
    }
    groups = groups_of(spent, rule.groups or DEFAULT, local_date(now, shop).toordinal(), rule.borders)
    for person in people:
        group = groups.get(person.customer)
        if group != person.group:
            # somebody whose orders all came with an import has not just become a good customer
            starts_journeys = starts and not (person.group is None and person.quiet)
            kind, body = to_row(ProfileChanged(0, now, {rule.name: group}, starts=starts_journeys))
            yield person.bucket, person.customer, kind, now, body
