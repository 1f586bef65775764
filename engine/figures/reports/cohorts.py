"""`report cohorts`: customers by the calendar month of their first order, and what became of them month by
month."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from engine.figures import customer_metrics as c
from engine.figures.metrics import CustomerTotals, SumMetric, Totals, Value
from engine.figures.period import Period
from engine.figures.report import Row, Table
from engine.store.counting.customer_counts import DayCounts
from engine.store.counting.daily_counts import Count
from engine.store.counting.period_sums import PeriodSum, cohort_sums


class _Measure(NamedTuple):
    metric: SumMetric
    title: str  # of its table


MEASURES = (
    _Measure(c.COHORT_ACTIVE, "Customers who ordered, by months since the first order"),
    _Measure(c.COHORT_SHARE, "Share of the cohort who ordered"),
    _Measure(c.COHORT_ORDERS, "Orders"),
    _Measure(c.COHORT_REVENUE, "Revenue"),
    _Measure(c.COHORT_VALUE, "Revenue per customer so far"),
)

MOST_MONTHS = 24
"""Months after the first one that are shown of a cohort."""

_Months = Mapping[int, Mapping[Count, PeriodSum]]


def usual_period(today: dt.date) -> Period:
    """The last twelve calendar months, this one included."""
    return Period(dt.date(today.year - (today.month < 12), today.month % 12 + 1, 1), today)


def cohorts(conn: Connection, period: Period) -> tuple[Table, ...]:
    """The cohorts of the months that the period touches: a table for each figure, with a line for each
    cohort and a column for each month since its first orders, until the end of the period."""
    first, last = f"{period.first:%Y-%m}", f"{period.last:%Y-%m}"
    found: defaultdict[str, defaultdict[int, dict[Count, PeriodSum]]] = defaultdict(lambda: defaultdict(dict))
    for (cohort, month, what), total in cohort_sums(conn, first, last, period.last).items():
        found[cohort][months_between(cohort, month)][what] = total
    if not found:
        return ()
    width = min(months_between(min(found), last), MOST_MONTHS) + 1
    tables = []
    for metric, title in MEASURES:
        columns = [
            dataclasses.replace(metric, name=f"{metric.name}_{place}", title=str(place))
            for place in range(width)
        ]
        lines = [
            _line(cohort, months, metric, min(months_between(cohort, last) + 1, width), width)
            for cohort, months in sorted(found.items())
        ]
        heads = (c.COHORT_SIZE, *columns)
        tables.append(Table(metric.name, title, "first order", heads, tuple(lines), measure=metric))
    return tuple(tables)


def months_between(first: str, last: str) -> int:
    """How many months one lies behind the other."""
    year, month = map(int, first.split("-"))
    other_year, other_month = map(int, last.split("-"))
    return (other_year - year) * 12 + other_month - month


def _line(cohort: str, months: _Months, measure: SumMetric, until: int, width: int) -> Row:
    """`until`: so many months are over or under way; of the others nobody knows."""
    size = months.get(0, {}).get(Count.COHORT_ACTIVE, PeriodSum(0, 0)).n
    values: list[Value] = [size]
    brought = 0
    for place in range(until):
        of_month = months.get(place, {})
        brought += of_month.get(Count.COHORT_ORDER, PeriodSum(0, 0)).money
        known = CustomerTotals(period=DayCounts(new=size), ever=DayCounts(money=brought))
        totals = Totals({(what, ""): total for what, total in of_month.items()}, None, known)
        values.append(measure.value(totals))
    values += [None] * (width - until)
    return Row(cohort, tuple(values), ())
