"""Counts by the domain of their recipients the messages that left before a store counted so, page by page.

A message without a domain (`outbox.domain` is NULL) is counted by none, whatever becomes of it; the page that
gives it one counts it as it is then, with the orders that belong to it. From there on it counts like any
other. By which message somebody left, no row says, so those who left before are missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from engine.recipient_domains import recipient_domain
from engine.store.counting import daily_counts
from engine.store.counting.daily_counts import Count, CountKey, ShopFacts
from engine.store.messages.message_counts import CLASSES, REFUSED
from engine.store.serialization import dump
from engine.store.sql import change_many, rows
from engine.values import Instant


class _Message(NamedTuple):
    """A row of `outbox`, with what people did with it."""

    number: int
    bucket: int
    customer: str
    send_key: str
    channel: str
    address: str | None
    state: str
    parts: int
    handed_at: Instant | None
    settled_at: Instant | None
    opened: int
    clicked: int
    replied: int


def _did(kind: str = "") -> str:
    """How often people did it with the message; anything at all, without a kind."""
    return (
        "(SELECT count(*) FROM reaction r WHERE r.bucket = o.bucket AND r.send_key = o.send_key"  # noqa: S608
        " AND r.who = 'human'" + (f" AND r.kind = '{kind}'" if kind else "") + ")"
    )


_PAGE = (
    "SELECT o.number, o.bucket, o.customer, o.send_key, o.channel, o.address, o.state, o.parts, o.handed_at,"  # noqa: S608
    f" o.settled_at, {_did()}, {_did('clicked')}, {_did('replied')}"
    " FROM outbox o WHERE o.number > ? AND o.number <= ? AND o.domain IS NULL ORDER BY o.number LIMIT ?"
)
_ORDERS = (
    "SELECT c.bucket, c.customer, c.occurred_at, c.event, c.send_key, c.channel, c.is_service, c.amount,"
    " c.currency FROM {lines} CROSS JOIN credit c WHERE c.bucket = CAST({cell0} AS INTEGER)"
    " AND c.customer = {cell1} AND c.send_key = {cell2} AND c.domain IS NULL"
)


def count_page(conn: Connection, shop: ShopFacts, after: int, until: int, page: int) -> int:
    """Counts some messages behind the number `after`, alone among the writers. The number of the last of
    them; `until` where there is none left. They are priced as today, since nobody knows what each cost."""
    messages = [_Message(*row) for row in rows(conn, _PAGE, (after, until, page))]
    domains = {
        (one.bucket, one.send_key): recipient_domain(one.channel, one.address or "", shop.domains)
        for one in messages
    }
    counts: Counter[tuple[int, CountKey]] = Counter()
    money: Counter[tuple[int, CountKey]] = Counter()
    for one in messages:
        is_refused = one.handed_at is None and one.state in REFUSED
        at = one.settled_at if is_refused else one.handed_at
        if at is None:
            continue
        day = daily_counts.day_in(at, shop)
        sent = CountKey("", "", one.channel, Count.SENT, domain=domains[one.bucket, one.send_key])
        did = {Count.OPENED: one.opened, Count.CLICKED: one.clicked, Count.REPLIED: one.replied}
        reacted = (what for what, times in did.items() if times)
        for what in (Count.SENT, *CLASSES.get(one.state, ()), *reacted):
            counts[day, sent._replace(what=what)] += 1
        if not is_refused:
            money[day, sent] += one.parts * shop.prices.get(one.channel, 0)
    change_many(
        conn,
        "UPDATE outbox SET domain = ? WHERE number = ?",
        [(domains[one.bucket, one.send_key], one.number) for one in messages],
    )
    _count_orders(conn, shop, messages, domains, counts, money)
    daily_counts.write_domains(conn, ((*key, n, money[key]) for key, n in counts.items()))
    return messages[-1].number if len(messages) == page else until


def _count_orders(
    conn: Connection,
    shop: ShopFacts,
    messages: list[_Message],
    domains: Mapping[tuple[int, str], str],
    counts: Counter[tuple[int, CountKey]],
    money: Counter[tuple[int, CountKey]],
) -> None:
    """The orders that belong to these messages."""
    lines = dump(sorted((one.bucket, one.customer, one.send_key) for one in messages))
    moved = []
    for row in rows(conn, _ORDERS, (lines,)):
        bucket, customer, at, event, send_key, channel, is_service, amount, currency = row
        domain = domains[bucket, send_key]
        what = Count.SERVICE_ORDER if is_service else Count.ATTRIBUTED
        why = currency if currency != shop.currency else ""
        key = (daily_counts.day_in(at, shop), CountKey("", "", channel, what, why, domain))
        counts[key] += 1
        money[key] += amount
        moved.append((domain, bucket, customer, at, event))
    change_many(
        conn,
        "UPDATE credit SET domain = ? WHERE bucket = ? AND customer = ? AND occurred_at = ? AND event = ?",
        moved,
    )
