"""Customers who are set aside because what happened to them cannot be applied: their order is kept, the
others go on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.backoff import Backoff
from engine.store.sql import change, change_many, ids, rows
from engine.values import HOUR, MINUTE, Instant

RETRIES = Backoff(MINUTE, 6 * HOUR)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One customer who is set aside."""

    customer: str
    since: Instant
    tries: int
    retry_at: Instant
    why: str


def quarantine(conn: Connection, bucket: int, customer: str, why: str, now: Instant) -> Instant:
    """Sets a customer aside until the returned moment: a minute first, then twice as long each time, six
    hours at most."""
    known = rows(conn, "SELECT tries FROM stuck WHERE bucket = ? AND customer = ?", (bucket, customer))
    tries = known[0][0] + 1 if known else 1
    retry_at = Instant(now + RETRIES.wait(tries))
    change(
        conn,
        "INSERT INTO stuck (bucket, customer, since, tries, retry_at, why) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (bucket, customer) DO UPDATE SET tries = excluded.tries, retry_at = "
        "excluded.retry_at, why = excluded.why",
        (bucket, customer, now, tries, retry_at, why[:500]),
    )
    return retry_at


def among(conn: Connection, bucket: int, customers: Iterable[str]) -> dict[str, Instant]:
    """Those of these customers who are set aside, and until when."""
    sql = (
        "SELECT s.customer, s.retry_at FROM {ids} CROSS JOIN stuck s WHERE s.bucket = ? AND "
        "s.customer = j.value"
    )
    return {customer: Instant(at) for customer, at in rows(conn, sql, (ids(customers), bucket))}


def release(conn: Connection, bucket: int, customers: Iterable[str]) -> None:
    """These customers go on."""
    change_many(
        conn, "DELETE FROM stuck WHERE bucket = ? AND customer = ?", [(bucket, each) for each in customers]
    )


def list_all(conn: Connection) -> list[Quarantined]:
    """Everybody who is set aside, the longest first."""
    sql = "SELECT customer, since, tries, retry_at, why FROM stuck ORDER BY since, customer"
    return [Quarantined(*row) for row in rows(conn, sql)]


def next_try(conn: Connection) -> Instant | None:
    """When somebody is tried again."""
    found = rows(conn, "SELECT min(retry_at) FROM stuck")[0][0]
    return None if found is None else Instant(found)
