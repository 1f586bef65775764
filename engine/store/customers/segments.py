"""Who is marked as a member of a segment, over the whole base."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from engine.store.conditions.json_sql import json_kind
from engine.store.customers.whole_base import CUSTOMER, Truth
from engine.store.serialization import dump, load
from engine.store.sql import change_many, rows
from engine.values import Instant


def wrong_members(conn: sa.Connection, segment: str, belongs: Truth) -> Iterator[tuple[int, str, bool]]:
    """(bucket, customer, whether they belong) of everybody whose mark says otherwise."""
    marked = json_kind(CUSTOMER.c.segments, segment).is_not(None)
    query = sa.select(CUSTOMER.c.bucket, CUSTOMER.c.id, belongs).where(belongs != marked)
    for bucket, customer, member in conn.execute(query).fetchall():
        yield bucket, customer, bool(member)


def expect_crossing(conn: sa.Connection, segment: str, at: Instant) -> None:
    """Everybody's membership is asked again at a moment, and the next crossing found then."""
    changed = []
    for bucket, customer, marks in rows(conn, "SELECT bucket, id, CAST(marks AS TEXT) FROM customer"):
        starts, occurred, crossings, *others = load(marks)
        changed.append((dump([starts, occurred, {**crossings, segment: at}, *others]), bucket, customer))
    change_many(conn, "UPDATE customer SET marks = ? WHERE bucket = ? AND id = ?", changed)
