"""Who is marked as a member of a segment, over the whole base."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from engine.store.audience.whole_base import CUSTOMER, SqlQuestion
from engine.store.conditions.json_sql import json_kind
from engine.store.sql import change
from engine.values import Instant


def wrong_members(conn: sa.Connection, segment: str, belongs: SqlQuestion) -> Iterator[tuple[int, str, bool]]:
    """(bucket, customer, whether they belong) of everybody whose mark says otherwise, but for those of whom
    SQL cannot tell."""
    marked = json_kind(CUSTOMER.c.segments, segment).is_not(None)
    query = sa.select(CUSTOMER.c.bucket, CUSTOMER.c.id, belongs.fits).where(belongs.fits != marked)
    if belongs.is_open is not None:
        query = query.where(sa.not_(belongs.is_open))
    for bucket, customer, member in conn.execute(query).fetchall():
        yield bucket, customer, bool(member)


def expect_crossing(conn: sa.Connection, segment: str, at: Instant) -> None:
    """Everybody's membership is asked again at a moment, and the next crossing found then: the third of a
    customer's marks are crossings by segment (`customer_codec.dump_marks`)."""
    if conn.dialect.name == "sqlite":
        change(conn, "UPDATE customer SET marks = json_set(marks, ?, ?)", (f'$[2]."{segment}"', at))
    else:
        change(
            conn,
            "UPDATE customer SET marks = jsonb_set(marks, ARRAY['2', CAST(? AS TEXT)],"
            " to_jsonb(CAST(? AS BIGINT)))",
            (segment, at),
        )
