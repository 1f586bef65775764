"""The ledger of consent: what was agreed to, when, where, in which words. It only grows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.store.customers.customer_codec import load_reach
from engine.store.meta import bucket_of
from engine.store.sql import change_many, rows
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


def record(conn: Connection, agreements: Iterable[Agreement]) -> None:
    """Adds lines. What counts for decisions is the `ProfileChanged` in the inbox; this is the proof."""
    change_many(
        conn,
        "INSERT INTO consent (bucket, customer, channel, purpose, state, at, source, wording)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                bucket_of(conn, a.customer),
                a.customer,
                a.channel,
                a.purpose,
                a.state,
                a.at,
                a.source,
                a.wording,
            )
            for a in agreements
        ],
    )


def of_customer(conn: Connection, customer: str) -> list[Agreement]:
    """Every line of a customer, oldest first."""
    sql = (
        "SELECT customer, channel, purpose, state, at, source, wording FROM consent WHERE bucket = ? AND customer = ?"
        " ORDER BY number"
    )
    return [Agreement(*row) for row in rows(conn, sql, (bucket_of(conn, customer), customer))]


def current(conn: Connection, customer: str) -> dict[tuple[str, str], str]:
    """(channel, purpose) -> state, as decisions see it now."""
    sql = "SELECT CAST(reach AS TEXT) FROM customer WHERE bucket = ? AND id = ?"
    found = rows(conn, sql, (bucket_of(conn, customer), customer))
    reach = load_reach(found[0][0]) if found else {}
    return {
        (channel, purpose): state for channel, one in reach.items() for purpose, state in one.consents.items()
    }
