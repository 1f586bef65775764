"""The ledger of consent: what was agreed to, when, where, in which words. It only grows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from operator import attrgetter

from sqlalchemy import Connection

from engine.store.customers.customer_codec import load_reach
from engine.store.meta import bucket, bucket_of, buckets
from engine.store.sql import change_many, columns_of, rows
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class Agreement:
    """One line: `source` says where it was said (a form, a call, a journey), `wording` what was agreed to."""

    customer: str
    channel: str
    purpose: str
    state: str
    at: Instant
    source: str
    wording: str


_values = attrgetter(*(field.name for field in fields(Agreement)))


def record(conn: Connection, agreements: Iterable[Agreement]) -> None:
    """Adds lines. What counts for decisions is the `ProfileChanged` in the inbox; this is the proof."""
    among = buckets(conn)
    change_many(
        conn,
        f"INSERT INTO consent (bucket, {columns_of(Agreement)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        [(bucket(agreement.customer, among), *_values(agreement)) for agreement in agreements],
    )


def of_customer(conn: Connection, customer: str) -> list[Agreement]:
    """Every line of a customer, oldest first."""
    sql = f"SELECT {columns_of(Agreement)} FROM consent WHERE bucket = ? AND customer = ? ORDER BY number"  # noqa: S608
    return [Agreement(*row) for row in rows(conn, sql, (bucket_of(conn, customer), customer))]


def current(conn: Connection, customer: str) -> dict[tuple[str, str], str]:
    """(channel, purpose) -> state, as decisions see it now."""
    sql = "SELECT CAST(reach AS TEXT) FROM customer WHERE bucket = ? AND id = ?"
    found = rows(conn, sql, (bucket_of(conn, customer), customer))
    reach = load_reach(found[0][0]) if found else {}
    return {
        (channel, purpose): state for channel, one in reach.items() for purpose, state in one.consents.items()
    }
