"""To which message an order belongs: the last one that its customer clicked in the days before it, once.

Every order of a customer has a row here, with the message that it belongs to, if any. Whatever may change the
answer (an order, a click that is told late, two ids that turn out to be one person) has it computed anew from
all orders and reactions of those customers, in two statements; only what comes out otherwise is written and
counted. So the order in which things are heard of changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection

from engine.core.happening import Event
from engine.store.amounts import stored
from engine.store.counting import daily_counts, order_returns, repeat_orders
from engine.store.counting.categories import of_orders
from engine.store.counting.daily_counts import Count, CountKey
from engine.store.id_move import IdMove
from engine.store.sql import change, change_many, ids, rows
from engine.values import Instant, Money


class _Order(NamedTuple):
    """A row of `credit`, in its order."""

    customer: str
    occurred_at: Instant
    event: str
    amount: int
    currency: str
    send_key: str
    journey: str
    step: str
    channel: str
    is_service: bool
    domain: str | None


class _Reaction(NamedTuple):
    """What a person did with a message."""

    at: Instant
    number: int
    kind: str
    send_key: str
    journey: str
    step: str
    channel: str
    is_service: bool
    domain: str | None


_COLUMNS = ", ".join(f"c.{name}" for name in _Order._fields)
_KEEP = (
    "INSERT INTO credit (bucket, customer, occurred_at, event, amount, currency, send_key, journey, step,"
    " channel, is_service, order_key, categories) VALUES (?, ?, ?, ?, ?, ?, '', '', '', '', ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
_MOVE = (
    "UPDATE credit SET send_key = ?, journey = ?, step = ?, channel = ?, is_service = ?, domain = ?"
    " WHERE bucket = ? AND customer = ? AND occurred_at = ? AND event = ?"
)


def note_orders(conn: Connection, bucket: int, events: Iterable[tuple[str, Event]]) -> None:
    """Keeps and counts the orders among events that were just applied: (customer, event). One that is
    received again, as those of an id that turned out to be somebody else's are, counts no second time."""
    found = list(events)
    if not found:
        return
    shop = daily_counts.shop(conn)
    orders = [(customer, event) for customer, event in found if event.name == shop.order]
    new = _unknown_among(conn, bucket, orders) if orders else []
    if new:
        kept = []
        categories = of_orders(conn, [event for _, event in new])
        for (customer, event), its_categories in zip(new, categories, strict=True):
            amount, currency = _amount(event.fields.get(shop.total), shop.currency)
            key = order_returns.order_key(event, shop)
            kept.append((
                bucket, customer, event.occurred_at, _id(event), amount, currency, False, key,
                its_categories,
            ))  # fmt: skip
            counted = CountKey("", "", "", Count.ORDER, currency if currency != shop.currency else "")
            daily_counts.add(conn, event.occurred_at, counted, 1, amount)
        # Before both of the next: they read the orders back from the table
        change_many(conn, _KEEP, sorted(kept))
        settle(conn, bucket, {customer for customer, _ in new}, min(event.occurred_at for _, event in new))
        repeat_orders.count_new(
            conn, bucket, [(customer, event.occurred_at, _id(event)) for customer, event in new]
        )
    # Also without a new order: what takes an earlier one back may be among the events
    order_returns.note(conn, bucket, found, shop)


def complete(conn: Connection, bucket: int, events: Iterable[tuple[str, Event]]) -> None:
    """Writes what earlier versions did not keep of orders that are kept: the key, the categories."""
    shop = daily_counts.shop(conn)
    orders = [(customer, event) for customer, event in events if event.name == shop.order]
    categories = of_orders(conn, [event for _, event in orders])
    change_many(
        conn,
        "UPDATE credit SET order_key = ?, categories = ?"
        " WHERE bucket = ? AND customer = ? AND occurred_at = ? AND event = ?",
        [
            (order_returns.order_key(event, shop), some, bucket, customer, event.occurred_at, _id(event))
            for (customer, event), some in zip(orders, categories, strict=True)
        ],
    )


def move(conn: Connection, ids: IdMove) -> None:
    """The orders of an id that turned out to be another customer's."""
    # Taken off while the rows still say whose each was, and counted at the end as those of one customer
    repeat_orders.count_all_if_counted(conn, *ids.source, -1)
    repeat_orders.count_all_if_counted(conn, *ids.target, -1)
    change(
        conn,
        "INSERT INTO credit (bucket, customer, occurred_at, event, amount, currency, send_key, journey,"
        " step, channel, is_service, order_key, categories, taken, is_cancelled, domain)"
        " SELECT CAST(? AS INTEGER), CAST(? AS TEXT), occurred_at, event, amount, currency, send_key,"
        " journey, step, channel, is_service, order_key, categories, taken, is_cancelled, domain FROM credit"
        " WHERE bucket = ? AND customer = ? ON CONFLICT DO NOTHING",
        ids.parameters,
    )
    change(conn, "DELETE FROM credit WHERE bucket = ? AND customer = ?", ids.source)
    # what the two clicked and ordered is of one person now
    bucket, customer = ids.target
    settle(conn, bucket, [customer], Instant(0))
    order_returns.move(conn, ids, daily_counts.shop(conn))
    repeat_orders.count_all_if_counted(conn, *ids.target, 1)


def _unknown_among(
    conn: Connection, bucket: int, orders: Sequence[tuple[str, Event]]
) -> list[tuple[str, Event]]:
    """Those that are not kept yet."""
    sql = (
        "SELECT c.customer, c.occurred_at, c.event FROM {ids} CROSS JOIN credit c WHERE c.bucket = ?"
        " AND c.customer = j.value"
    )
    known = {tuple(row) for row in rows(conn, sql, (ids({customer for customer, _ in orders}), bucket))}
    return [
        (customer, event)
        for customer, event in orders
        if (customer, event.occurred_at, _id(event)) not in known
    ]


def _id(event: Event) -> str:
    return event.id or f"#{event.number}"


def settle(conn: Connection, bucket: int, customers: Iterable[str], since: Instant) -> None:
    """Finds anew to which messages the orders of these customers from `since` on belong, and counts what has
    changed."""
    people = ids(customers)
    orders = [
        _Order(*row)
        for row in rows(
            conn,
            f"SELECT {_COLUMNS} FROM {{ids}} CROSS JOIN credit c WHERE c.bucket = ?"  # noqa: S608
            " AND c.customer = j.value AND c.occurred_at >= ?",
            (people, bucket, since),
        )
    ]
    if not orders:
        return
    shop = daily_counts.shop(conn)
    windows = {"clicked": shop.click, "opened": shop.open}
    # A reaction earns what is ordered within the window behind it, so none from before that can matter
    first = min(order.occurred_at for order in orders) - max(shop.click, shop.open)
    reacted = _reactions(conn, bucket, people, first)
    moved = []
    for order in orders:
        reaction = _last(reacted[order.customer], order, windows)
        if (reaction.send_key if reaction is not None else "") == order.send_key:
            continue
        # Off the message that it counted for so far, then onto the one that it counts for now
        _count(conn, order, shop.currency, -1)
        new = order._replace(
            send_key=reaction.send_key if reaction is not None else "",
            journey=reaction.journey if reaction is not None else "",
            step=reaction.step if reaction is not None else "",
            channel=reaction.channel if reaction is not None else "",
            is_service=reaction is not None and reaction.is_service,
            domain=reaction.domain if reaction is not None else None,
        )
        _count(conn, new, shop.currency, 1)
        moved.append((*new[5:], bucket, order.customer, order.occurred_at, order.event))
    change_many(conn, _MOVE, moved)


def _reactions(conn: Connection, bucket: int, people: str, first: int) -> Mapping[str, Sequence[_Reaction]]:
    reacted: defaultdict[str, list[_Reaction]] = defaultdict(list)
    sql = (
        "SELECT r.customer, r.at, r.number, r.kind, o.send_key, o.journey, o.step, o.channel,"
        " o.purpose IS NULL, o.domain"
        " FROM {ids} CROSS JOIN reaction r JOIN outbox o ON o.bucket = r.bucket AND o.send_key = r.send_key"
        " WHERE r.bucket = ? AND r.customer = j.value AND r.at >= ? AND r.who = 'human'"
        " AND r.kind IN ('clicked', 'opened')"
    )
    for customer, *row in rows(conn, sql, (people, bucket, first)):
        reacted[customer].append(_Reaction(*row))
    return reacted


def _last(reacted: Iterable[_Reaction], order: _Order, windows: Mapping[str, int]) -> _Reaction | None:
    """The reaction that an order belongs to: a click before an opening, a message that needs a consent before
    one of service, then the last one."""
    inside = [
        each for each in reacted if order.occurred_at - windows[each.kind] <= each.at <= order.occurred_at
        and windows[each.kind]
    ]  # fmt: skip
    return max(
        inside,
        key=lambda each: (not each.is_service, each.kind == "clicked", each.at, each.number),
        default=None,
    )


def _count(conn: Connection, order: _Order, currency: str, n: int) -> None:
    if order.send_key:
        what = Count.SERVICE_ORDER if order.is_service else Count.ATTRIBUTED
        why = order.currency if order.currency != currency else ""
        counted = CountKey(order.journey, order.step, order.channel, what, why, order.domain)
        daily_counts.add(conn, order.occurred_at, counted, n, n * order.amount)


def _amount(value: Any, currency: str) -> tuple[int, str]:
    """In millionths; nothing for an order that does not say what it cost, or says what no order costs."""
    if isinstance(value, Money):
        amount, currency = value.amount, value.currency
    elif isinstance(value, Decimal | int):
        amount = Decimal(value)
    else:
        return 0, currency
    return stored(amount) or 0, currency
