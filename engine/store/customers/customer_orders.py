"""The orders of one customer, with what was in them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from engine.store.meta import bucket_of
from engine.store.sql import rows
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class CustomerOrder:
    """One order, gross; `amount` in millionths of `currency`; `categories` of its products, each once."""

    at: Instant
    amount: int
    currency: str
    categories: tuple[str, ...]
    is_cancelled: bool


@dataclass(frozen=True, slots=True)
class CustomerMessages:
    """Messages that were handed over, and those of them in which they clicked."""

    sent: int
    clicked: int


def of_customer(conn: Connection, customer: str) -> list[CustomerOrder]:
    """All of them, the oldest first."""
    found = rows(
        conn,
        "SELECT occurred_at, amount, currency, categories, is_cancelled FROM credit"
        " WHERE bucket = ? AND customer = ? ORDER BY occurred_at, event",
        (bucket_of(conn, customer), customer),
    )
    return [
        CustomerOrder(
            Instant(at), int(amount), currency, tuple(filter(None, categories.split("\n"))), bool(gone)
        )
        for at, amount, currency, categories, gone in found
    ]


def messages_of(conn: Connection, customer: str, begin: Instant, end: Instant) -> CustomerMessages:
    """Handed over from a moment until before another one."""
    sql = (
        "SELECT count(*), sum(CASE WHEN EXISTS (SELECT 1 FROM reaction r WHERE r.bucket = o.bucket"
        " AND r.send_key = o.send_key AND r.who = 'human' AND r.kind = 'clicked') THEN 1 ELSE 0 END)"
        " FROM outbox o WHERE o.bucket = ? AND o.customer = ? AND o.handed_at >= ? AND o.handed_at < ?"
    )
    sent, clicked = rows(conn, sql, (bucket_of(conn, customer), customer, begin, end))[0]
    return CustomerMessages(int(sent), int(clicked or 0))
