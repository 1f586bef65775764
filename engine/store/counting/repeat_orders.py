"""Who orders for the first time, who again and after how long: counted by day, from each order and those
around it.

Whatever changes the orders of a customer (one that is new, one that is told late, two ids that turn out to be
one person) is counted as the difference between what the orders came to before and after. An order is read
with its neighbours alone, so that the thousandth costs what the tenth does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from engine.store.counting import daily_counts
from engine.store.counting.daily_counts import Count, CountKey, ShopFacts
from engine.store.serialization import dump
from engine.store.sql import ids, rows
from engine.values import Instant, local_date, zone


class PlacedOrder(NamedTuple):
    """An order of a customer. `amount`: in millionths. In the order of time."""

    occurred_at: Instant
    event: str
    amount: int
    currency: str
    categories: str


_COLUMNS = "c.customer, c.occurred_at, c.event, c.amount, c.currency, c.categories"
_AROUND = (
    f"SELECT {_COLUMNS} FROM {{lines}} CROSS JOIN credit c WHERE c.bucket = ? AND c.customer = {{cell0}}"  # noqa: S608
    " AND c.occurred_at >= COALESCE((SELECT max(p.occurred_at) FROM credit p WHERE p.bucket = ?"
    " AND p.customer = {cell0} AND p.occurred_at < CAST({cell1} AS BIGINT)), CAST({cell1} AS BIGINT))"
)
_FIRST_TWO = (
    f"SELECT {_COLUMNS} FROM {{ids}} CROSS JOIN credit c WHERE c.bucket = ? AND c.customer = j.value"  # noqa: S608
    " AND c.occurred_at <= (SELECT p.occurred_at FROM credit p WHERE p.bucket = ? AND p.customer = j.value"
    " ORDER BY p.occurred_at, p.event LIMIT 1 OFFSET 1)"
)
_ALL = f"SELECT {_COLUMNS} FROM {{ids}} CROSS JOIN credit c WHERE c.bucket = ? AND c.customer = j.value"  # noqa: S608


def count_new(conn: Connection, bucket: int, new: Iterable[tuple[str, Instant, str]]) -> None:
    """Counts what has changed by orders that were written a moment ago: (customer, moment, event). Of
    customers whose past is not counted yet nothing: it will be with it."""
    shop = daily_counts.shop(conn)
    added: defaultdict[str, set[tuple[Instant, str]]] = defaultdict(set)
    for customer, at, event in new:
        added[customer].add((at, event))
    counted = _whose_past_is_counted(conn, bucket, added)
    if not counted:
        return
    since = dump(sorted((customer, min(added[customer])[0]) for customer in counted))
    around = _by_customer(rows(conn, _AROUND, (since, bucket, bucket)))
    # whose earliest order here is not new has others before it
    begun = [customer for customer in counted if _key(around[customer][0]) not in added[customer]]
    heads = _by_customer(rows(conn, _FIRST_TWO, (ids(begun), bucket, bucket))) if begun else {}
    for customer in counted:
        after = around[customer]
        first_two = heads.get(customer, after)[:2]
        place = first_two.index(after[0]) + 1 if after[0] in first_two else 3
        # Counted as they are now, and taken off as they were without the new ones
        before = [order for order in after if _key(order) not in added[customer]]
        _count(conn, after, shop, first_two[0], place=place)
        if before:
            first = first_two[0] if place > 1 else before[0]
            _count(conn, before, shop, first, place=place, n=-1)


def count_all(conn: Connection, bucket: int, customers: Iterable[str], n: int = 1) -> None:
    """Counts all orders of customers, of whom none is counted yet. `n`: -1 takes them back."""
    shop = daily_counts.shop(conn)
    for orders in _by_customer(rows(conn, _ALL, (ids(customers), bucket))).values():
        _count(conn, orders, shop, orders[0], place=1, n=n)


def count_all_if_counted(conn: Connection, bucket: int, customer: str, n: int) -> None:
    """As `count_all`, of one customer, unless their past is still to be counted."""
    if _whose_past_is_counted(conn, bucket, (customer,)):
        count_all(conn, bucket, (customer,), n)


def _count(
    conn: Connection,
    orders: Sequence[PlacedOrder],
    shop: ShopFacts,
    first: PlacedOrder,
    *,
    place: int,
    n: int = 1,
) -> None:
    """Counts what orders that follow each other count as. `first`: of that customer; `place`: of `orders[0]`
    among all of them, 3 for any beyond the second; `n`: -1 takes them back. What is behind the first place
    counts from its second one on."""
    calendar = zone(shop.zone)
    begun = local_date(first.occurred_at, calendar)
    cohort = f"{begun:%Y-%m}"
    days = [local_date(order.occurred_at, calendar) for order in orders]

    def add(order: PlacedOrder, what: Count, why: str = "", amount: int = 0) -> None:
        daily_counts.add(conn, order.occurred_at, CountKey("", "", "", what, why), n, n * amount)

    for index, (order, day) in enumerate(zip(orders, days, strict=True)):
        # It only stands here for the gap to the one behind it
        if index == 0 and place > 1:
            continue
        gap = (day - days[index - 1]).days if index else 0
        amount = order.amount if order.currency == shop.currency else 0
        add(order, Count.COHORT_ORDER, cohort, amount)
        if not index or (day.year, day.month) != (days[index - 1].year, days[index - 1].month):
            add(order, Count.COHORT_ACTIVE, cohort)
        number = place + index
        if number == 1:
            add(order, Count.NEW_CUSTOMER)
        else:
            add(order, Count.ORDER_AGAIN, str(gap))
        # Of the day of the first order: what is asked is how many of its customers came back
        if number == 2:
            add(first, Count.SECOND_ORDER, str(gap))
        if number in _CATEGORIES:
            for category in filter(None, order.categories.split("\n")):
                add(order, _CATEGORIES[number], category)


_CATEGORIES: Mapping[int, Count] = {1: Count.FIRST_CATEGORY, 2: Count.SECOND_CATEGORY}


def _whose_past_is_counted(conn: Connection, bucket: int, customers: Collection[str]) -> Collection[str]:
    last = daily_counts.counted_customers(conn)
    return [one for one in customers if last is None or (bucket, one) <= last]


def _by_customer(found: Iterable[Sequence[object]]) -> dict[str, list[PlacedOrder]]:
    orders: dict[str, list[PlacedOrder]] = {}
    for customer, *row in found:
        orders.setdefault(str(customer), []).append(PlacedOrder(*row))  # type: ignore[arg-type]
    for each in orders.values():
        each.sort()
    return orders


def _key(order: PlacedOrder) -> tuple[Instant, str]:
    return order.occurred_at, order.event
