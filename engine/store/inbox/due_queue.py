"""The queue of customers who have to be looked at: filled anywhere, emptied at its left edge, never searched.

A row says "not later than". It is left behind when the moment moves, and then wakes somebody for whom
nothing is due; that does nothing. So no statement looks for a row, and none needs an index beside it.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from engine.store.meta import buckets
from engine.store.sql import IDS, change, change_many, ids, rows
from engine.values import Instant


def take(conn: Connection, bucket: int, now: Instant, limit: int) -> set[str]:
    """Takes the customers out whose moment has come, the longest waiting first. Who takes them puts back who
    stays due."""
    sql = (
        "SELECT due_at, customer FROM due WHERE bucket = ? AND due_at <= ? ORDER BY due_at, customer LIMIT ?"
    )
    found = rows(conn, sql, (bucket, now, limit))
    if found:
        change(
            conn, "DELETE FROM due WHERE bucket = ? AND (due_at, customer) <= (?, ?)", (bucket, *found[-1])
        )
    return {customer for _, customer in found}


def put(conn: Connection, bucket: int, moments: Iterable[tuple[Instant, str]]) -> None:
    """Puts customers in: (due moment, customer)."""
    change_many(
        conn,
        "INSERT INTO due (bucket, due_at, customer) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(bucket, at, customer) for at, customer in sorted(moments)],
    )


def put_inside(conn: Connection, journey: str, now: Instant) -> int:
    """Everybody inside a journey is looked at now: it moves again, or leaves. How many."""
    return change(
        conn,
        "INSERT INTO due (bucket, due_at, customer) SELECT DISTINCT bucket, CAST(? AS BIGINT), customer "
        "FROM enrollment"
        " WHERE journey = ? AND ended_at IS NULL ON CONFLICT DO NOTHING",
        (now, journey),
    )


def put_everybody(conn: Connection, now: Instant) -> int:
    """Every customer is looked at once: a new segment has to know when time alone will change who belongs to
    it."""
    return change(
        conn,
        "INSERT INTO due (bucket, due_at, customer) SELECT bucket, CAST(? AS BIGINT), id FROM customer "
        "WHERE true"
        " ON CONFLICT DO NOTHING",
        (now,),
    )


def first(conn: Connection) -> Instant | None:
    """The moment at which the next customer is due; None: nobody waits."""
    # bucket by bucket, since each begins with its earliest row; the minimum over all of them reads every row
    found = rows(
        conn,
        "SELECT min(o.at) FROM (SELECT (SELECT min(due_at) FROM due WHERE bucket = CAST(j.value AS BIGINT))"  # noqa: S608
        f" AS at FROM {IDS}) AS o",
        (_all_buckets(conn),),
    )[0][0]
    return None if found is None else Instant(found)


def overdue(conn: Connection, now: Instant, limit: int = 1_000_000_000) -> int:
    """How many rows are due, counted up to `limit`."""
    found = rows(
        conn,
        f"SELECT count(*) FROM (SELECT 1 FROM {IDS} JOIN due ON due.bucket = CAST(j.value AS BIGINT)"  # noqa: S608
        " AND due.due_at <= ? LIMIT ?) AS o",
        (_all_buckets(conn), now, limit),
    )
    return int(found[0][0])


def _all_buckets(conn: Connection) -> str:
    return ids(map(str, range(buckets(conn))))
