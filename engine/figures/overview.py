"""`report` and `report customers`: the shop and its customers against the period before and the same a year
before."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import Connection

from engine.figures import customer_metrics as c
from engine.figures import metrics as m
from engine.figures.metrics import CustomerTotals, Metric, Totals, Value
from engine.figures.period import Granularity, Period
from engine.figures.report import Row, Table
from engine.figures.shop import SHOP, customers_in_parts, shop_totals
from engine.figures.sums import Sums, add, added
from engine.store.counting.daily_counts import What
from engine.store.counting.reading import Column, date_of, sums
from engine.store.journeys import one_offs

OVERVIEW: tuple[Metric, ...] = (
    c.ALL_REVENUE, c.NET_REVENUE, c.ALL_ORDERS, c.NET_ORDERS, c.CUSTOMERS, c.NEW_CUSTOMERS,
    c.RETURNING_CUSTOMERS, c.REPEAT_RATE, c.FREQUENCY, c.AVERAGE_ORDER, c.LIFETIME_VALUE, c.CHURN,
    c.RETENTION_RATE, *c.RPR_NEW, c.TRIGGER_REVENUE, c.TRIGGER_SHARE, c.ONE_OFF_REVENUE, c.ONE_OFF_SHARE,
    m.SENT, m.DELIVERED, m.OPENED, m.CLICKED, m.UNSUBSCRIBED, m.COST, c.COST_SHARE,
)  # fmt: skip
CUSTOMERS: tuple[Metric, ...] = (
    c.CUSTOMERS, c.NEW_CUSTOMERS, c.RETURNING_CUSTOMERS, c.REPEAT_RATE, c.FREQUENCY, c.AVERAGE_ORDER,
    c.LIFETIME_VALUE, c.VALUE_SO_FAR, c.ACTIVE_CUSTOMERS, c.CHURN, c.RETENTION_RATE, *c.RPR_NEW,
    c.SECOND_ORDERS, c.MEAN_TO_SECOND, c.MEDIAN_TO_SECOND,
)  # fmt: skip
CATEGORIES: tuple[Metric, ...] = (c.CATEGORY_FIRST, c.CATEGORY_SECOND)
PARTS: tuple[Metric, ...] = (
    c.ALL_REVENUE, c.NET_REVENUE, c.ALL_ORDERS, c.CUSTOMERS, c.NEW_CUSTOMERS, c.RETURNING_CUSTOMERS,
    c.AVERAGE_ORDER, c.TRIGGER_REVENUE, m.SENT, m.COST,
)  # fmt: skip
TRENDS: tuple[Metric, ...] = (
    c.ALL_REVENUE, c.NET_REVENUE, c.ALL_ORDERS, c.NET_ORDERS, c.NEW_CUSTOMERS, c.TRIGGER_REVENUE,
    c.ONE_OFF_REVENUE, m.SENT, m.DELIVERED, m.OPENED, m.CLICKED, m.UNSUBSCRIBED, m.COST,
)  # fmt: skip
"""Of which a day has a figure of its own that adds up to that of the period."""

MOST_CATEGORIES = 15


@dataclass(frozen=True, slots=True)
class ShopQuestion:
    """What is asked of the shop: over which days, against which, in which parts. `today`: the present day of
    its calendar; `lost_after`: days without an order after which a customer is lost."""

    period: Period
    today: dt.date
    lost_after: int
    by: Granularity | None = None

    @property
    def periods(self) -> tuple[Period, Period, Period]:
        """This one, the one before, the same a year before."""
        return self.period, self.period.before(), self.period.year_before()


def overview(conn: Connection, asked: ShopQuestion) -> tuple[Table, ...]:
    """The whole shop, figure by figure."""
    totals = shop_totals(conn, asked.periods, asked.lost_after, asked.today)
    trends = _trends(conn, asked.period)
    whole = _row("the shop", OVERVIEW, totals, trends)
    return (
        Table("overview", "The shop", "shop", OVERVIEW, (whole,), is_whole=True),
        *_in_parts(conn, asked),
    )


def customers(conn: Connection, asked: ShopQuestion) -> tuple[Table, ...]:
    """Who orders, again and again, and what in the first and the second order."""
    totals = shop_totals(conn, asked.periods, asked.lost_after, asked.today)
    whole = _row("customers", CUSTOMERS, totals)
    return (
        Table("customers", "Customers", "shop", CUSTOMERS, (whole,), is_whole=True),
        _categories(conn, asked.periods),
        *_in_parts(conn, asked),
    )


def _row(
    label: str, metrics: tuple[Metric, ...], totals: Sequence[Totals],
    trends: Mapping[str, tuple[Value, ...]] = MappingProxyType({}),
) -> Row:  # fmt: skip
    """A line with the figures of the period, the one before and the year before."""
    now, before, year = (tuple(metric.value(each) for metric in metrics) for each in totals)
    return Row(label, now, before, year_before=year, trends=trends)


def _trends(conn: Connection, period: Period) -> dict[str, tuple[Value, ...]]:
    """The figures that add up, over the days of the period."""
    days = _by_day(conn, period)
    return {
        metric.name: tuple(metric.value(days.get(day, Totals())) for day in period.dates())
        for metric in TRENDS
    }


def _by_day(conn: Connection, period: Period) -> dict[dt.date, Totals]:
    single = frozenset(one_offs.names(conn))
    whole: defaultdict[dt.date, Sums] = defaultdict(dict)
    one_off: defaultdict[dt.date, Sums] = defaultdict(dict)
    whats = (*SHOP, What.NEW_CUSTOMER)
    of_day = sums(conn, period.first, period.last, ("day", "what", "why"), what=whats)
    for (day, what, why), total in of_day.items():
        add(whole[date_of(int(day))], (str(what), str(why)), total)
    if single:
        columns: tuple[Column, ...] = ("day", "journey", "what", "why")
        of_journeys = sums(conn, period.first, period.last, columns, what=What.ATTRIBUTED)
        for (day, journey, what, why), total in of_journeys.items():
            if journey in single:
                add(one_off[date_of(int(day))], (str(what), str(why)), total)
    return {
        day: Totals(found, None, CustomerTotals(new=Totals(found).n(What.NEW_CUSTOMER)), one_off.get(day, {}))
        for day, found in whole.items()
    }


def _in_parts(conn: Connection, asked: ShopQuestion) -> tuple[Table, ...]:
    """The period in parts, as `--by` says; no table without it."""
    by = asked.by
    if by is None:
        return ()
    days = _by_day(conn, asked.period)
    parts = list(asked.period.parts(by))
    lines = []
    for part, its_customers in zip(parts, customers_in_parts(conn, parts), strict=True):
        inside = [days[day] for day in part.dates() if day in days]
        within = Totals(
            added([dict(found.sums) for found in inside]), None, its_customers,
            added([dict(found.one_offs) for found in inside]),
        )  # fmt: skip
        label = part.first.isoformat() if by is Granularity.day else str(part)
        lines.append(Row(label, tuple(metric.value(within) for metric in PARTS), ()))
    return (Table(f"by_{by.value}", f"By {by.value}", by.value, PARTS, tuple(lines)),)


def _categories(conn: Connection, periods: tuple[Period, ...]) -> Table:
    """Categories in first and second orders, the most frequent first."""
    halves: list[defaultdict[str, Sums]] = []
    for period in periods:
        found: defaultdict[str, Sums] = defaultdict(dict)
        for (what, why), total in sums(
            conn, period.first, period.last, ("what", "why"), what=(What.FIRST_CATEGORY, What.SECOND_CATEGORY)
        ).items():
            add(found[str(why)], (str(what), ""), total)
        halves.append(found)
    now, before, year = halves

    def often(name: str) -> tuple[int, str]:
        return -sum(total.n for total in now[name].values()), name

    rows = []
    for name in sorted(now, key=often)[:MOST_CATEGORIES]:
        totals = [Totals(half.get(name, {})) for half in (now, before, year)]
        rows.append(_row(name, CATEGORIES, totals))
    return Table("categories", "Categories in first and second orders", "category", CATEGORIES, tuple(rows))
