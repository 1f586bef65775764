"""Sums of the table of daily counts that say how many different customers ordered: from who is new, and from
the days between an order and the one before."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import Connection

from engine.store.counting.daily_counts import EPOCH, Count
from engine.store.counting.period_sums import PeriodSum, without_index
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


_RANGES = (
    "WITH r AS MATERIALIZED (SELECT CAST({cell0} AS INTEGER) AS place, CAST({cell1} AS BIGINT) AS first,"
    " CAST({cell2} AS BIGINT) AS last FROM {lines}) "
)
_INSIDE = " FROM r CROSS JOIN daily d WHERE d.day >= r.first AND d.day <= r.last"
_PLACE = 1 << 20
"""More than there are days: a place and a number of days go into one number, by which is grouped in half the
time that two take."""
_GAP = "CAST(d.why AS INTEGER)"
_PLAIN = (
    f"{_RANGES} SELECT r.place, d.what, sum(d.n), sum(CASE WHEN d.why = '' THEN d.money ELSE 0 END) {_INSIDE}"
    " AND d.what IN (?, ?) GROUP BY 1, 2"
)


def parts_counted(conn: Connection, parts: Sequence[DayRange]) -> list[DayCounts]:
    """Of ranges that do not overlap, in two statements, however many there are."""
    wanted = _lines(parts)
    # who ordered before in the same range is one of its customers already
    again = (
        f"{_RANGES} SELECT r.place, sum(d.n) {_INSIDE} AND d.what = ? AND d.day - {_GAP} < r.first GROUP BY 1"
    )
    returned = dict(rows(conn, again, (wanted, Count.ORDER_AGAIN.value)))
    return [
        DayCounts(new.n + int(returned.get(place, 0)), new.n, orders.n, orders.money)
        for place, (new, orders) in enumerate(_plain(conn, parts))
    ]


@dataclass(frozen=True, slots=True)
class _Returned:
    """Orders of one stretch of days whose customers had ordered on the day `before`, and the days between,
    added up. `is_soon`: it was not too long ago."""

    before: int
    is_soon: bool
    n: int
    days: int


@dataclass(frozen=True, slots=True)
class _Second:
    """Second orders after so many days, of those whose first one lies in one stretch of days. For each period
    how many lie in it, and how many until its end."""

    gap: int
    n: int
    inside: tuple[int, ...]
    until: tuple[int, ...]


class CustomerCounts:
    """What is counted of customers in ranges of days that overlap, read once for all of them: where they
    begin and end they are cut into stretches, and each is summed by the day of the order before. `periods`:
    of which second orders are asked; `ranges`: everything else that will be; `soon`: so many days after an
    order a customer is lost."""

    def __init__(
        self, conn: Connection, periods: Sequence[DayRange], ranges: Sequence[DayRange], soon: int
    ) -> None:
        self._soon = soon
        self._periods = list(dict.fromkeys(periods))
        edges = {edge for each in (*periods, *ranges) for edge in (each.first, each.last + 1)}
        self._edges = sorted({-EPOCH, *edges})
        stretches = [DayRange(first, after - 1) for first, after in pairwise(self._edges)]
        self._plain = _plain(conn, stretches)
        self._returned = self._read_returned(conn, stretches)
        self._second = self._read_second(conn, stretches)

    def of(self, wanted: DayRange) -> DayCounts:
        """What was counted in a range."""
        places = self._places(wanted)
        new = sum(self._plain[place][0].n for place in places)
        orders = [self._plain[place][1] for place in places]
        # who ordered before in the same range is one of its customers already
        returned = sum(
            each.n for place in places for each in self._returned[place] if each.before < wanted.first
        )
        return DayCounts(
            new + returned, new, sum(each.n for each in orders), sum(each.money for each in orders)
        )

    def lapsed(self, wanted: DayRange) -> int:
        """How many customers came in a range to so many days without an order."""
        last = DayRange(wanted.first - self._soon, wanted.last - self._soon)
        orders = sum(
            self._plain[place][0].n + sum(each.n for each in self._returned[place])
            for place in self._places(last)
        )
        came_back = sum(
            each.n
            for place in self._places(DayRange(last.first, wanted.last))
            for each in self._returned[place]
            if each.is_soon and last.first <= each.before <= last.last
        )
        return orders - came_back

    def days_between(self, last: int) -> int:
        """The days from the first to the last order until a day, of all customers together."""
        until = self._places(DayRange(-EPOCH, last))
        return sum(each.days for place in until for each in self._returned[place])

    def second_orders(self, period: DayRange) -> SecondOrders:
        """First orders lie before the second ones: everything up to the last day is looked at."""
        at = self._periods.index(period)
        by_gap: Counter[int] = Counter()
        for place in self._places(DayRange(-EPOCH, period.last)):
            for each in self._second[place]:
                if each.inside[at]:
                    by_gap[each.gap] += each.inside[at]
        of_new = sum(each.until[at] for place in self._places(period) for each in self._second[place])
        return SecondOrders(by_gap, of_new)

    def bought_again_within(self, firsts: DayRange, days: int) -> BoughtAgain:
        """Of the customers whose first order lies in a range."""
        places = self._places(firsts)
        again = sum(each.n for place in places for each in self._second[place] if each.gap <= days)
        return BoughtAgain(again, sum(self._plain[place][0].n for place in places))

    def _places(self, wanted: DayRange) -> range:
        """The stretches that a range is made of."""
        return range(bisect_left(self._edges, wanted.first), bisect_left(self._edges, wanted.last + 1))

    def _read_returned(self, conn: Connection, stretches: Sequence[DayRange]) -> list[list[_Returned]]:
        found: list[list[_Returned]] = [[] for _ in stretches]
        group = (
            f"(r.place * {_PLACE} + d.day + {EPOCH} - {_GAP}) * 2 + CASE WHEN {_GAP} <= ? THEN 1 ELSE 0 END"
        )
        sql = (
            f"{_RANGES} SELECT {group}, sum(d.n), sum(d.n * {_GAP}) {_INSIDE} AND {without_index(conn)} = ?"
            " GROUP BY 1"
        )
        wanted = (_lines(stretches), self._soon, Count.ORDER_AGAIN.value)
        for group_, n, days in rows(conn, sql, wanted):
            place, before = divmod(int(group_) // 2, _PLACE)
            found[place].append(_Returned(before - EPOCH, bool(group_ % 2), int(n), int(days)))
        return found

    def _read_second(self, conn: Connection, stretches: Sequence[DayRange]) -> list[list[_Second]]:
        found: list[list[_Second]] = [[] for _ in stretches]
        second = f"d.day + {_GAP}"
        sums = [f"sum(CASE WHEN {each.condition(second)} THEN d.n ELSE 0 END)" for each in self._periods]
        sums += [f"sum(CASE WHEN {second} <= {each.last} THEN d.n ELSE 0 END)" for each in self._periods]
        columns = ", ".join((f"r.place * {_PLACE} + {_GAP}", "sum(d.n)", *sums))
        sql = f"{_RANGES} SELECT {columns} {_INSIDE} AND {without_index(conn)} = ? GROUP BY 1"
        for group, n, *of_periods in rows(conn, sql, (_lines(stretches), Count.SECOND_ORDER.value)):
            place, gap = divmod(int(group), _PLACE)
            counts = tuple(map(int, of_periods))
            half = len(self._periods)
            found[place].append(_Second(gap, int(n), counts[:half], counts[half:]))
        return found


def _lines(ranges: Sequence[DayRange]) -> str:
    return dump([(place, each.first, each.last) for place, each in enumerate(ranges)])


def _plain(conn: Connection, ranges: Sequence[DayRange]) -> list[tuple[PeriodSum, PeriodSum]]:
    """New customers and orders of each range."""
    wanted = (_lines(ranges), Count.NEW_CUSTOMER.value, Count.ORDER.value)
    found = {
        (place, what): PeriodSum(int(n), int(money)) for place, what, n, money in rows(conn, _PLAIN, wanted)
    }
    none = PeriodSum(0, 0)
    return [
        (found.get((place, Count.NEW_CUSTOMER), none), found.get((place, Count.ORDER), none))
        for place in range(len(ranges))
    ]
