"""The nightly look at gaps: what is usual in the shop between one event and the next, for the `next` facts of
those who have too few events to tell it themselves."""

from __future__ import annotations

from functools import partial

from sqlalchemy import Connection

from engine.core.facts.rule import FactRule, TypicalGaps
from engine.core.happening import ProfileChanged
from engine.core.journeys import Journeys
from engine.store import watermarks
from engine.store.database import Store
from engine.store.facts import definitions
from engine.store.inbox import inbox
from engine.store.inbox.inbox_codec import to_row
from engine.store.learning import gaps, learned
from engine.store.watermarks import Watermark
from engine.values import Instant, local_date, zone

CHUNK = 2_000
"""Customers who get another moment in one transaction: between two chunks others may write."""

SWEEP = "next"
"""The kind of these looks in the table of sweeps."""


def learn_gaps(store: Store, journeys: Journeys, now: Instant, chunk: int = CHUNK) -> dict[str, int]:
    """Learns what is usual once per day of the shop's calendar, and anew when a definition changed. fact ->
    how many customers have another moment now.

    Who gets a moment by the first look, by the first one with a changed definition, or in the night in which
    a median is known for the first time, starts nothing. Reading keeps nobody from writing. After a crash
    between two chunks the look is made again: it finds the rest, who start nothing either.
    """
    changed: dict[str, int] = {}
    with store.read() as conn:
        # What is usual is learned from moments that everybody has by this definition
        unsettled = {each.name for each in definitions.unsettled(conn)}
    for rule in journeys.facts:
        if rule.how != "next" or rule.name in unsettled:
            continue
        with store.read() as conn:
            last = watermarks.get(conn, SWEEP, rule.name)
            is_first, shop = last is None or not is_current(last, rule), zone(journeys.timezone)
            if last is not None and not is_first and local_date(last.until, shop) >= local_date(now, shop):
                continue
            before = TypicalGaps() if is_first else learned.known(conn).gaps.get(rule.name, TypicalGaps())
            known = before.steadied(gaps.typical(conn, rule))
            learned_at = learned.gaps_at(conn, rule.name)
            # A look that was cut off has put its medians down, and nobody knows those before them.
            is_quiet = is_first or (last is not None and learned_at is not None and learned_at > last.until)
        # Before the customers: whose event comes from now on is told by what was learned now.
        store.write(partial(learned.put_gaps, name=rule.name, known=known, now=now))
        with store.read() as conn:
            found = list(gaps.others(conn, rule, known))
        rows = []
        for each in found:
            starts = not is_quiet and before.of(each.events) is not None
            kind, body = to_row(ProfileChanged(0, now, {rule.name: each.moment}, starts=starts))
            rows.append((each.bucket, each.customer, kind, now, body))
        for start in range(0, len(rows), chunk):
            store.write(partial(inbox.append_rows, inbox=rows[start : start + chunk]))
        store.write(partial(watermarks.put, kind=SWEEP, name=rule.name, until=now, hash_=rule.fingerprint))
        changed[rule.name] = len(rows)
    return changed


def is_current(last: Watermark, rule: FactRule) -> bool:
    """Whether a look learned by the definition that the fact has now."""
    return last.hash == rule.fingerprint


def last_looks(conn: Connection, journeys: Journeys) -> dict[str, Instant]:
    """fact -> when what is usual was learned last."""
    looks = {
        rule.name: watermarks.get(conn, SWEEP, rule.name) for rule in journeys.facts if rule.how == "next"
    }
    return {name: look.until for name, look in looks.items() if look is not None}
