"""`report` and `report customers`: the shop and its customers against the period before and the same a year
before."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sqlalchemy import Connection

from engine.figures import customer_metrics as c
from engine.figures import metrics as m
from engine.figures.metrics import CustomerTotals, SumMetric, Totals, Value
from engine.figures.period import Granularity, Period
from engine.figures.report import Row, Table, of_parts
from engine.figures.request import ReportRequest
from engine.figures.shop import SHOP, ShopSums, customers_in_parts, shop_totals
from engine.figures.sums import Sums, add, added
from engine.store.counting.customer_counts import DayCounts
from engine.store.counting.daily_counts import Count
from engine.store.counting.period_sums import Column, date_of, sums
from engine.store.journeys import one_offs

OVERVIEW: tuple[SumMetric, ...] = (
    c.ALL_REVENUE, c.NET_REVENUE, c.ALL_ORDERS, c.NET_ORDERS, c.CUSTOMERS, c.NEW_CUSTOMERS,
    c.RETURNING_CUSTOMERS, c.REPEAT_RATE, c.FREQUENCY, c.AVERAGE_ORDER, c.LIFETIME_VALUE, c.CHURN,
    c.RETENTION_RATE, *c.RPR_NEW, c.TRIGGER_REVENUE, c.TRIGGER_SHARE, c.ONE_OFF_REVENUE, c.ONE_OFF_SHARE,
    m.SENT, m.DELIVERED, m.OPENED, m.CLICKED, m.UNSUBSCRIBED, m.COMPLAINED, m.COST, c.COST_SHARE,
)  # fmt: skip
CUSTOMERS: tuple[SumMetric, ...] = (
    c.CUSTOMERS, c.NEW_CUSTOMERS, c.RETURNING_CUSTOMERS, c.REPEAT_RATE, c.FREQUENCY, c.AVERAGE_ORDER,
    c.LIFETIME_VALUE, c.VALUE_SO_FAR, c.ACTIVE_CUSTOMERS, c.CHURN, c.RETENTION_RATE, *c.RPR_NEW,
    c.SECOND_ORDERS, c.MEAN_TO_SECOND, c.MEDIAN_TO_SECOND,
)  # fmt: skip
CATEGORIES: tuple[SumMetric, ...] = (c.CATEGORY_FIRST, c.CATEGORY_SECOND)
PARTS: tuple[SumMetric, ...] = (
    c.ALL_REVENUE, c.NET_REVENUE, c.ALL_ORDERS, c.CUSTOMERS, c.NEW_CUSTOMERS, c.RETURNING_CUSTOMERS,
    c.AVERAGE_ORDER, c.TRIGGER_REVENUE, m.SENT, m.COST,
)  # fmt: skip
TRENDS: tuple[SumMetric, ...] = (
    c.ALL_REVENUE, c.NET_REVENUE, c.ALL_ORDERS, c.NET_ORDERS, c.NEW_CUSTOMERS, c.TRIGGER_REVENUE,
    c.ONE_OFF_REVENUE, m.SENT, m.DELIVERED, m.OPENED, m.CLICKED, m.UNSUBSCRIBED, m.COMPLAINED, m.COST,
)  # fmt: skip
"""Of which a day has a figure of its own that adds up to that of the period."""

MOST_CATEGORIES = 15


def overview(conn: Connection, wanted: ReportRequest, today: dt.date) -> tuple[Table, ...]:
    """The whole shop, figure by figure."""
    days = _by_day(conn, wanted.period)
    known = ShopSums(
        added(dict(day.sums) for day in days.values()), added(dict(day.one_offs) for day in days.values())
    )
    totals = shop_totals(conn, wanted.periods, wanted.lost_after, today, {wanted.period: known})
    trends = {
        metric.name: tuple(metric.value(days.get(day, Totals())) for day in wanted.period.dates())
        for metric in TRENDS
    }
    whole = _row("the shop", OVERVIEW, totals, trends)
    table = Table("overview", "The shop", "shop", OVERVIEW, (whole,), is_whole=True)
    return (table, *_in_parts(conn, wanted.period, wanted.by, days))


def customers(conn: Connection, wanted: ReportRequest, today: dt.date) -> tuple[Table, ...]:
    """Who orders, again and again, and what in the first and the second order."""
    totals = shop_totals(conn, wanted.periods, wanted.lost_after, today)
    whole = _row("customers", CUSTOMERS, totals)
    days = _by_day(conn, wanted.period) if wanted.by is not None else {}
    return (
        Table("customers", "Customers", "shop", CUSTOMERS, (whole,), is_whole=True),
        _categories(conn, wanted.periods),
        *_in_parts(conn, wanted.period, wanted.by, days),
    )


def _row(
    label: str, metrics: tuple[SumMetric, ...], totals: Sequence[Totals],
    trends: Mapping[str, tuple[Value, ...]] = MappingProxyType({}),
) -> Row:  # fmt: skip
    """A line with the figures of the period, the one before and the year before."""
    now, before, year = (tuple(metric.value(each) for metric in metrics) for each in totals)
    return Row(label, now, before, year_before=year, trends=trends)


def _by_day(conn: Connection, period: Period) -> dict[dt.date, Totals]:
    single = frozenset(one_offs.names(conn))
    whole: defaultdict[dt.date, Sums] = defaultdict(dict)
    one_off: defaultdict[dt.date, Sums] = defaultdict(dict)
    whats = (*SHOP, Count.NEW_CUSTOMER)
    of_day = sums(conn, period.first, period.last, ("day", "what", "why"), what=whats)
    for (day, what, why), total in of_day.items():
        add(whole[date_of(int(day))], (str(what), str(why)), total)
    if single:
        columns: tuple[Column, ...] = ("day", "journey", "what", "why")
        of_journeys = sums(conn, period.first, period.last, columns, what=Count.ATTRIBUTED)
        for (day, journey, what, why), total in of_journeys.items():
            if journey in single:
                add(one_off[date_of(int(day))], (str(what), str(why)), total)
    return {
        day: Totals(
            found,
            None,
            CustomerTotals(DayCounts(new=Totals(found).n(Count.NEW_CUSTOMER))),
            one_off.get(day, {}),
        )
        for day, found in whole.items()
    }


def _in_parts(
    conn: Connection, period: Period, by: Granularity | None, days: Mapping[dt.date, Totals]
) -> tuple[Table, ...]:
    """The period in parts, as `--by` says; no table without it."""
    if by is None:
        return ()
    parts = list(period.parts(by))
    lines = []
    for part, its_customers in zip(parts, customers_in_parts(conn, parts), strict=True):
        inside = [days[day] for day in part.dates() if day in days]
        within = Totals(
            added([dict(found.sums) for found in inside]), None, its_customers,
            added([dict(found.one_offs) for found in inside]),
        )  # fmt: skip
        lines.append(Row(part.called(by), tuple(metric.value(within) for metric in PARTS), ()))
    return (of_parts(by, PARTS, lines),)


def _categories(conn: Connection, periods: tuple[Period, ...]) -> Table:
    """Categories in first and second orders, the most frequent first."""
    halves: list[defaultdict[str, Sums]] = []
    for period in periods:
        found: defaultdict[str, Sums] = defaultdict(dict)
        for (what, why), total in sums(
            conn,
            period.first,
            period.last,
            ("what", "why"),
            what=(Count.FIRST_CATEGORY, Count.SECOND_CATEGORY),
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
