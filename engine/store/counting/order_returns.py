"""What is left of orders: other events take them back, the whole or an amount, as `less` of the sum of orders
in schemas/customer.yaml says.

Of two orders with the same key the first is taken back; never more than it came to. A return that comes
before its order is kept for it, so the order in which things are heard of changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection

from engine.core.facts.fields import field_values
from engine.core.facts.taking_back import key_of
from engine.core.happening import Event
from engine.store.amounts import stored
from engine.store.counting import daily_counts
from engine.store.counting.daily_counts import Count, CountKey, ShopFacts, TakingBack
from engine.store.id_move import IdMove
from engine.store.serialization import dump
from engine.store.sql import change, change_many, rows
from engine.values import Instant, Money, Value


class _Order(NamedTuple):
    customer: str
    order_key: str
    occurred_at: Instant
    event: str
    amount: int
    currency: str
    taken: int
    is_cancelled: bool  # 0 or 1 where the database says so


@dataclass(slots=True)
class _Taken:
    """What events take back of one order: by currency, in millionths."""

    amounts: dict[str, int]
    is_whole: bool = False


_KEEP = (
    "INSERT INTO order_return (bucket, customer, order_key, event, occurred_at, amount, currency)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_ORDERS = (
    "SELECT c.customer, c.order_key, c.occurred_at, c.event, c.amount, c.currency, c.taken, c.is_cancelled"
    " FROM {lines} CROSS JOIN credit c WHERE c.bucket = ? AND c.customer = {cell0}"
    " AND c.order_key = {cell1}"
)
_RETURNS = (
    "SELECT r.customer, r.order_key, r.amount, r.currency FROM {lines} CROSS JOIN order_return r"
    " WHERE r.bucket = ? AND r.customer = {cell0} AND r.order_key = {cell1}"
)
_WRITE = (
    "UPDATE credit SET taken = ?, is_cancelled = ?"
    " WHERE bucket = ? AND customer = ? AND occurred_at = ? AND event = ?"
)


def order_key(event: Event, shop: ShopFacts) -> str:
    """By which an order is taken back; "": it cannot be."""
    # every rule of a fact names the same key
    return (key_of(event.fields.get(shop.less[0].key)) or "") if shop.less else ""


def note(conn: Connection, bucket: int, events: Iterable[tuple[str, Event]], shop: ShopFacts) -> None:
    """Keeps what takes orders back among events that were just applied, and counts what has changed, also for
    the orders among them, which are written already."""
    if not shop.less:
        return
    touched: set[tuple[str, str]] = set()
    kept = []
    for customer, event in events:
        if event.name == shop.order and (key := order_key(event, shop)):
            # Its return may have come before it
            touched.add((customer, key))
        for rule in shop.less:
            if rule.event == event.name and (key := key_of(event.fields.get(rule.key)) or ""):
                touched.add((customer, key))
                name = f"{event.id or f'#{event.number}'} {rule.field or ''}".strip()
                kept += [
                    (bucket, customer, key, f"{name} {currency}".strip(), event.occurred_at, amount, currency)
                    for currency, amount in _amounts(event, rule, shop.currency)
                ]
    change_many(conn, _KEEP, sorted(kept, key=lambda row: row[:4]))
    settle(conn, bucket, touched, shop)


def settle(conn: Connection, bucket: int, keys: Iterable[tuple[str, str]], shop: ShopFacts) -> None:
    """Finds anew what is taken back of the orders with these keys, (customer, key), and counts what has
    changed."""
    wanted = dump(sorted(keys))
    taken: dict[tuple[str, str], _Taken] = {}
    for customer, key, amount, currency in rows(conn, _RETURNS, (wanted, bucket)):
        of_key = taken.setdefault((customer, key), _Taken({}))
        # An event without an amount takes the whole order back
        if amount is None:
            of_key.is_whole = True
        else:
            of_key.amounts[currency] = of_key.amounts.get(currency, 0) + int(amount)
    if not taken:
        return
    orders: dict[tuple[str, str], list[_Order]] = {}
    for row in rows(conn, _ORDERS, (dump(sorted(taken)), bucket)):
        order = _Order(*row)
        orders.setdefault((order.customer, order.order_key), []).append(order)
    written = []
    for key, some in orders.items():
        some.sort(key=lambda order: (order.occurred_at, order.event))
        for place, order in enumerate(some):
            # Of several with one key the first, as facts have it
            back, is_cancelled = _of(order, taken[key]) if place == 0 else (0, False)
            if (back, is_cancelled) != (order.taken, order.is_cancelled):
                why = order.currency if order.currency != shop.currency else ""
                n = int(is_cancelled) - int(order.is_cancelled)
                counted = CountKey("", "", "", Count.TAKEN_BACK, why)
                daily_counts.add(conn, order.occurred_at, counted, n, back - order.taken)
                written.append((back, is_cancelled, bucket, order.customer, order.occurred_at, order.event))
    change_many(conn, _WRITE, written)


def move(conn: Connection, ids: IdMove, shop: ShopFacts) -> None:
    """The returns of an id that turned out to be another customer's, whose orders have moved already."""
    change(
        conn,
        "INSERT INTO order_return (bucket, customer, order_key, event, occurred_at, amount, currency)"
        " SELECT CAST(? AS INTEGER), CAST(? AS TEXT), order_key, event, occurred_at, amount, currency"
        " FROM order_return WHERE bucket = ? AND customer = ? ON CONFLICT DO NOTHING",
        ids.parameters,
    )
    change(conn, "DELETE FROM order_return WHERE bucket = ? AND customer = ?", ids.source)
    sql = "SELECT DISTINCT customer, order_key FROM order_return WHERE bucket = ? AND customer = ?"
    settle(conn, ids.target[0], [(name, key) for name, key in rows(conn, sql, ids.target)], shop)


def _of(order: _Order, taken: _Taken) -> tuple[int, bool]:
    """What is taken back of an order, and whether it is gone altogether."""
    whole = max(order.amount, 0)
    return (whole, True) if taken.is_whole else (min(taken.amounts.get(order.currency, 0), whole), False)


def _amounts(event: Event, rule: TakingBack, currency: str) -> Sequence[tuple[str, int | None]]:
    """(currency, amount) that an event takes back; ("", None): the whole order."""
    if rule.field is None:
        return (("", None),)
    found: dict[str, int] = {}
    for value in field_values(event.fields, rule.field):
        amount = _amount(value)
        if amount is not None:
            # some shops write what goes back as an amount below zero
            name = value.currency if isinstance(value, Money) else currency
            found[name] = found.get(name, 0) + abs(stored(amount) or 0)
    return tuple(found.items())


def _amount(value: Value) -> Decimal | int | None:
    if isinstance(value, Money):
        return value.amount
    return value if isinstance(value, Decimal | int) and not isinstance(value, bool) else None
