"""Sums of the table of daily counts, added up and cut into the parts of a period."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from engine.figures.metrics import SumMetric, Totals
from engine.figures.period import Granularity, Period
from engine.figures.report import Row, Table, of_parts
from engine.store.counting.daily_counts import Count
from engine.store.counting.period_sums import Column, PeriodSum, date_of, sums

Sums = dict[tuple[str, str], PeriodSum]
"""(what, why) -> how many, how much."""


def added(many: Iterable[Sums]) -> Sums:
    """All of them together."""
    whole: Sums = {}
    for found in many:
        for key, total in found.items():
            add(whole, key, total)
    return whole


def add(found: Sums, key: tuple[str, str], total: PeriodSum) -> None:
    """Adds one sum to others."""
    known = found.get(key, PeriodSum(0, 0))
    found[key] = PeriodSum(known.n + total.n, known.money + total.money)


def by_granularity(
    conn: Connection,
    period: Period,
    by: Granularity | None,
    metrics: tuple[SumMetric, ...],
    journeys: Sequence[str] | None = None,
    whats: Sequence[Count] | None = None,
) -> tuple[Table, ...]:
    """The period in parts, as `--by` says; no table without it. `journeys`: of these alone; `whats`:
    only these, also of no journey."""
    if by is None:
        return ()
    days: dict[dt.date, Sums] = defaultdict(dict)
    columns: tuple[Column, ...] = ("day", "what", "why")
    for journey in journeys if journeys is not None else (None,):
        found = sums(conn, period.first, period.last, columns, journey, whats, of_journeys=whats is None)
        for (day, what, why), total in found.items():
            add(days[date_of(int(day))], (str(what), str(why)), total)
    lines = []
    for part in period.parts(by):
        within = Totals(added(days[day] for day in part.dates() if day in days))
        lines.append(Row(part.called(by), tuple(metric.value(within) for metric in metrics), ()))
    return (of_parts(by, metrics, lines),)
