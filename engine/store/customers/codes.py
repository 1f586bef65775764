"""Promo codes that were given out: recorded, recognised in events, given back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from engine.core.effects import GiveBack, TakeCode
from engine.store.sql import change_many, ids, rows
from engine.values import Instant


def take(conn: Connection, bucket: int, taken: Sequence[tuple[str, TakeCode]], now: Instant) -> None:
    """Records codes of customers: (customer, code). The same code asked again by the same run is one row."""
    change_many(
        conn,
        "INSERT INTO code (bucket, pool, value, enrollment, customer, taken_at, expires_at) VALUES (?, ?, "
        "?, ?, ?, ?, ?)"
        " ON CONFLICT (bucket, pool, value, enrollment) DO UPDATE SET given_back_at = NULL",
        [
            (bucket, code.pool, code.value, code.enrollment, customer, now, code.expires)
            for customer, code in taken
            if code.value is not None
        ],
    )


def give_back(conn: Connection, bucket: int, codes: Iterable[GiveBack], now: Instant) -> None:
    """Notes that a run ended before its code was handed over."""
    change_many(
        conn,
        "UPDATE code SET given_back_at = ? WHERE bucket = ? AND pool = ? AND value = ? AND enrollment = ?",
        [(now, bucket, code.pool, code.value, code.enrollment) for code in codes],
    )


def pools_of(conn: Connection, values: Iterable[str]) -> dict[str, str]:
    """The pool of each text that is a code we gave out: in events a field `code` equals its pool's name."""
    sql = "SELECT DISTINCT c.value, c.pool FROM {ids} CROSS JOIN code c WHERE c.value = j.value"
    return dict(rows(conn, sql, (ids(values),)))


def mark_used(conn: Connection, customer: str, values: Iterable[str], now: Instant) -> None:
    """Marks the codes of a customer that an event has shown; the first use stays."""
    change_many(
        conn,
        "UPDATE code SET used_at = ? WHERE value = ? AND customer = ? AND used_at IS NULL",
        [(now, value, customer) for value in values],
    )
