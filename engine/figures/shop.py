"""What is known of a shop and its customers over several periods, read in a fixed number of statements."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import Connection

from engine.figures.customer_metrics import RPR_DAYS
from engine.figures.metrics import CustomerTotals, Totals
from engine.figures.period import Period
from engine.figures.sums import Sums, add
from engine.store.counting import customer_counts
from engine.store.counting.customer_counts import CustomerCounts, DayRange
from engine.store.counting.daily_counts import EPOCH, Count
from engine.store.counting.period_sums import Column, sums
from engine.store.journeys import one_offs

YEAR = 365

SHOP = (
    Count.ORDER, Count.TAKEN_BACK, Count.ATTRIBUTED, Count.SERVICE_ORDER, Count.SENT, Count.DELIVERED,
    Count.OPENED, Count.CLICKED, Count.UNSUBSCRIBED, Count.COMPLAINED,
)  # fmt: skip
"""What figures of the whole shop are made of."""


def day_range(period: Period) -> DayRange:
    """A period as the table counts days."""
    return DayRange(period.first.toordinal() - EPOCH, period.last.toordinal() - EPOCH)


@dataclass(frozen=True, slots=True)
class ShopSums:
    """Of all that happened, and the part of it that single sends have."""

    whole: Sums
    one_offs: Sums


def shop_totals(
    conn: Connection,
    periods: Sequence[Period],
    lost_after: int,
    today: dt.date,
    known: Mapping[Period, ShopSums] = MappingProxyType({}),
) -> list[Totals]:
    """Everything of each period. `lost_after`: days without an order after which a customer is none any
    more; `known`: what was read of a period already."""
    customers = customer_totals(conn, periods, lost_after, today)
    single = frozenset(one_offs.names(conn))
    read = {
        period: known.get(period) or _sums_of_shop(conn, period, single) for period in dict.fromkeys(periods)
    }
    return [
        Totals(read[period].whole, None, its_customers, read[period].one_offs)
        for period, its_customers in zip(periods, customers, strict=True)
    ]


def _sums_of_shop(conn: Connection, period: Period, single: frozenset[str]) -> ShopSums:
    whole: Sums = {}
    one_off: Sums = {}
    for (what, why), total in sums(conn, period.first, period.last, ("what", "why"), what=SHOP).items():
        add(whole, (str(what), str(why)), total)
    if single:
        columns: tuple[Column, ...] = ("journey", "what", "why")
        of_journeys = sums(conn, period.first, period.last, columns, what=Count.ATTRIBUTED)
        for (journey, what, why), total in of_journeys.items():
            if journey in single:
                add(one_off, (str(what), str(why)), total)
    return ShopSums(whole, one_off)


@dataclass(frozen=True, slots=True)
class _AskedDays:
    """The ranges of days that the figures of one period are counted in."""

    period: DayRange
    lost_after: int
    today: int

    @property
    def before(self) -> DayRange:
        """Who orders in it is a customer when the period begins."""
        return DayRange(self.period.first - self.lost_after, self.period.first - 1)

    @property
    def until(self) -> DayRange:
        """Who orders in it is a customer when the period ends."""
        return DayRange(self.period.last - self.lost_after + 1, self.period.last)

    @property
    def year(self) -> DayRange:
        return DayRange(self.period.last - YEAR + 1, self.period.last)

    @property
    def ever(self) -> DayRange:
        return DayRange(-EPOCH, self.period.last)

    @property
    def firsts(self) -> dict[int, DayRange]:
        """By days: first orders of the period after which so many days are over."""
        whole = {days: min(self.period.last, self.today - days - 1) for days in RPR_DAYS}
        return {
            days: DayRange(self.period.first, last)
            for days, last in whole.items()
            if last >= self.period.first
        }

    def all(self) -> list[DayRange]:
        """With those after which customers of the period are lost."""
        lost = DayRange(self.period.first - self.lost_after, self.period.last - self.lost_after)
        return [self.period, self.before, self.until, self.year, self.ever, lost, *self.firsts.values()]


def customer_totals(
    conn: Connection, periods: Sequence[Period], lost_after: int, today: dt.date
) -> list[CustomerTotals]:
    """The customers of each period."""
    asked = [_AskedDays(day_range(period), lost_after, today.toordinal() - EPOCH) for period in periods]
    counts = CustomerCounts(
        conn, [days.period for days in asked], [each for days in asked for each in days.all()], lost_after
    )
    return [_customers_of(counts, days) for days in asked]


def _customers_of(counts: CustomerCounts, days: _AskedDays) -> CustomerTotals:
    inside, second = counts.of(days.period), counts.second_orders(days.period)
    return CustomerTotals(
        period=inside,
        year=counts.of(days.year),
        ever=counts.of(days.ever),
        # whoever is not new has ordered before; of the new ones those who ordered again
        repeated=inside.customers - inside.new + second.of_new,
        at_start=counts.of(days.before).customers,
        at_end=counts.of(days.until).customers,
        lost=counts.lapsed(days.period),
        days_kept=counts.days_between(days.period.last),
        by_gap=second.by_gap,
        again={within: counts.bought_again_within(firsts, within) for within, firsts in days.firsts.items()},
    )


def customers_in_parts(conn: Connection, parts: Sequence[Period]) -> list[CustomerTotals]:
    """Who ordered in each part of a period and who of them for the first time, of however many parts."""
    return [
        CustomerTotals(each)
        for each in customer_counts.parts_counted(conn, [day_range(part) for part in parts])
    ]
