"""Sums of the table of daily counts that say how many different customers ordered: from who is new, and from
the days between an order and the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.store.counting.daily_counts import What
from engine.store.counting.reading import Sum
from engine.store.serialization import dump
from engine.store.sql import rows


@dataclass(frozen=True, slots=True)
class DayRange:
    """From a day to another one, both included, in days since 1970."""

    first: int
    last: int

    def condition(self, day: str) -> str:
        """As SQL; the numbers are ours."""
        return f"{day} >= {self.first} AND {day} <= {self.last}"


@dataclass(frozen=True, slots=True)
class DayCounts:
    """What was counted in a range. `customers`: those who ordered, each once; `new`: for the first time;
    `orders`: all, also those of customers who were erased since; `money`: in millionths, of those in the
    currency of the shop."""

    customers: int = 0
    new: int = 0
    orders: int = 0
    money: int = 0


@dataclass(frozen=True, slots=True)
class SecondOrders:
    """How many customers ordered a second time after so many days (`by_gap`), of those whose second order
    lies in a range; and of those whose first one does, how many had a second until its end."""

    by_gap: Mapping[int, int]
    of_new: int


@dataclass(frozen=True, slots=True)
class BoughtAgain:
    """How many of `whole` new customers ordered a second time within some days."""

    again: int
    whole: int


_GAP = "CAST(why AS INTEGER)"


_IN_RANGES = (
    "WITH r AS MATERIALIZED (SELECT CAST({cell0} AS INTEGER) AS place, CAST({cell1} AS BIGINT) AS first,"
    " CAST({cell2} AS BIGINT) AS last FROM {lines})"
    " SELECT r.place, d.what, sum(d.n), sum(CASE WHEN d.why = '' THEN d.money ELSE 0 END)"
    " FROM r CROSS JOIN daily d WHERE d.day >= r.first AND d.day <= r.last"
)


def day_counts(conn: Connection, ranges: Sequence[DayRange]) -> list[DayCounts]:
    """Of each range, in two statements, however many there are."""
    wanted = dump([(place, each.first, each.last) for place, each in enumerate(ranges)])
    # who ordered before in the same range is one of its customers already
    again = f"{_IN_RANGES} AND d.what = ? AND d.day - CAST(d.why AS INTEGER) < r.first GROUP BY 1, 2"
    plain = f"{_IN_RANGES} AND d.what IN (?, ?) GROUP BY 1, 2"
    found = {
        (place, what): Sum(int(n), int(money))
        for place, what, n, money in (
            *rows(conn, again, (wanted, What.ORDER_AGAIN.value)),
            *rows(conn, plain, (wanted, What.NEW_CUSTOMER.value, What.ORDER.value)),
        )
    }
    counts = []
    for place in range(len(ranges)):
        returned, new, order = (
            found.get((place, what), Sum(0, 0)) for what in (What.ORDER_AGAIN, What.NEW_CUSTOMER, What.ORDER)
        )
        counts.append(DayCounts(new.n + returned.n, new.n, order.n, order.money))
    return counts


def lapsed(conn: Connection, ranges: Sequence[DayRange], days: int) -> list[int]:
    """How many customers came to so many days without an order, in each range."""
    lasts = [DayRange(each.first - days, each.last - days) for each in ranges]
    came_back = [f"{each.condition(f'day - {_GAP}')} AND {_GAP} <= {days}" for each in lasts]
    wide = [DayRange(each.first, each.last + days) for each in lasts]
    again = _sums(conn, (What.ORDER_AGAIN,), came_back, wide)
    whole = _sums(conn, _ORDERS, [each.condition("day") for each in lasts], lasts)
    return [all_ - back for all_, back in zip(whole, again, strict=True)]


def second_orders(conn: Connection, wanted: DayRange) -> SecondOrders:
    """First orders lie before the second ones: everything up to the last day is looked at."""
    found = rows(
        conn,
        f"SELECT {_GAP},"  # noqa: S608 - numbers of our own
        f" sum(CASE WHEN day + {_GAP} >= ? THEN n ELSE 0 END), sum(CASE WHEN day >= ? THEN n ELSE 0 END)"
        f" FROM daily WHERE what = ? AND day <= ? AND day + {_GAP} <= ? GROUP BY 1",
        (wanted.first, wanted.first, What.SECOND_ORDER.value, wanted.last, wanted.last),
    )
    return SecondOrders(
        {int(gap): int(n) for gap, n, _ in found if n}, sum(int(of_new) for _, _, of_new in found)
    )


def bought_again_within(conn: Connection, firsts: DayRange, days: int) -> BoughtAgain:
    """Of the customers whose first order lies in a range."""
    clause = f"what = '{What.SECOND_ORDER}' AND {_GAP} <= {days}"
    again, whole = _sums_of(
        conn,
        (What.SECOND_ORDER, What.NEW_CUSTOMER),
        [(f"{firsts.condition('day')} AND {clause}", "n"),
         (f"{firsts.condition('day')} AND what = '{What.NEW_CUSTOMER}'", "n")],
        [firsts],
    )  # fmt: skip
    return BoughtAgain(again, whole)


def days_between(conn: Connection, last: int) -> int:
    """The days from the first to the last order until a day, of all customers together."""
    sql = f"SELECT sum(n * {_GAP}) FROM daily WHERE what = ? AND day <= ?"  # noqa: S608
    return int(rows(conn, sql, (What.ORDER_AGAIN.value, last))[0][0] or 0)


_ORDERS = (What.ORDER_AGAIN, What.NEW_CUSTOMER)
"""Together they are all orders."""


def _sums(
    conn: Connection, whats: Sequence[What], conditions: Sequence[str], ranges: Sequence[DayRange]
) -> list[int]:
    return _sums_of(conn, whats, [(condition, "n") for condition in conditions], ranges)


def _sums_of(
    conn: Connection, whats: Sequence[What], wanted: Sequence[tuple[str, str]], ranges: Sequence[DayRange]
) -> list[int]:
    """The sum of a column over the rows that fit each condition, in one statement; rows outside all ranges
    are not looked at."""
    sums = ", ".join(
        f"COALESCE(sum(CASE WHEN {condition} THEN {column} ELSE 0 END), 0)" for condition, column in wanted
    )
    names = ", ".join(f"'{what}'" for what in whats)
    first, last = min(each.first for each in ranges), max(each.last for each in ranges)
    sql = f"SELECT {sums} FROM daily WHERE what IN ({names}) AND day >= ? AND day <= ?"  # noqa: S608
    return [int(found) for found in rows(conn, sql, (first, last))[0]]
