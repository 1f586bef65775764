"""What every customer spent, summed up by the database: recency, frequency and money of one `rfm` fact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa

from engine.core.facts.rule import FactRule
from engine.store.learning.event_amounts import amount_keys, amount_sql, key_of
from engine.values import Instant

PAGE = 20_000
"""Customers per query: their rows are in memory at once."""

_EVER = -(2**53)


@dataclass(frozen=True, slots=True)
class CustomerSpending:
    """One customer. `group`: the value that is stored now. `times` 0: no such event. `quiet`: all of it was
    imported history, which starts nothing."""

    bucket: int
    customer: str
    group: str | None
    times: int
    last_at: Instant
    amount: Decimal
    quiet: bool


def spending(
    conn: sa.Connection, rule: FactRule, currency: str, now: Instant, page: int = PAGE
) -> Iterator[CustomerSpending]:
    """Everybody who has such events (of the last `rule.last` ms, if it is windowed), or has a group from
    before.

    Amounts are exact, those in another currency are left out. One query per page of customers.
    """
    # The database looks up the events of a page of customers by the key of their table
    spent = amount_sql(rule, conn.dialect.name)
    add_up = "group_concat" if conn.dialect.name == "sqlite" else "sum"
    query = sa.text(
        "SELECT c.bucket, c.id, c.stored, count(e.number), max(e.occurred_at),"  # noqa: S608 - texts of the engine
        f" max(CASE WHEN e.starts THEN 1 ELSE 0 END), {add_up}({spent})"
        " FROM (SELECT bucket, id, attributes ->> :stored AS stored FROM customer"
        " WHERE (bucket, id) > (:bucket, :last) ORDER BY bucket, id LIMIT :size) c"
        " LEFT JOIN event e ON e.bucket = c.bucket AND e.customer = c.id AND e.name = :event AND "
        "e.occurred_at > :since"
        " GROUP BY c.bucket, c.id, c.stored ORDER BY c.bucket, c.id"
    )
    known = {
        **amount_keys(rule, conn.dialect.name),
        "stored": key_of(rule.name, conn.dialect.name),
        "event": rule.event,
        "since": _EVER if rule.last is None else now - rule.last,
        "currency": currency,
        "size": page,
    }
    bucket, last = -1, ""
    while True:
        found = conn.execute(query, {**known, "bucket": bucket, "last": last}).fetchall()
        for number, customer, group, times, last_at, loud, amounts in found:
            if times or group is not None:
                yield CustomerSpending(
                    number, customer, group, times, Instant(last_at or 0), _total(amounts), not loud
                )
        if len(found) < page:
            return
        bucket, last = found[-1][0], found[-1][1]


def _total(amounts: str | Decimal | None) -> Decimal:
    if isinstance(amounts, str):
        return sum(map(Decimal, amounts.split(",")), Decimal(0))
    return amounts if amounts is not None else Decimal(0)
