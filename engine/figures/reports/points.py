"""`report points`: what was issued, spent and expired, and what customers still have."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from decimal import Decimal
from itertools import accumulate

from sqlalchemy import Connection

from engine.figures.metrics import PointsTotals, SumMetric, Totals, Value, ratio
from engine.figures.period import Period
from engine.figures.report import Row, Table, of_parts
from engine.figures.request import ReportRequest
from engine.figures.sums import Sums, added
from engine.store.counting.daily_counts import Count
from engine.store.counting.period_sums import date_of, sums
from engine.store.incentives.points import FORGOTTEN

_OWN_DAY = "on the day of what happened, as its entries say it now"


def _issued(totals: Totals) -> int:
    return totals.n(Count.POINTS, "earned", "given", "opening")


EARNED = SumMetric(
    "points_earned", "earned", "count", "points that events earned by the table `points: {earn: }`", "points",
    _OWN_DAY, "", lambda totals: totals.n(Count.POINTS, "earned"),
)  # fmt: skip
GIVEN = SumMetric(
    "points_given", "given", "count", "points that steps of journeys gave", "points", _OWN_DAY, "",
    lambda totals: totals.n(Count.POINTS, "given"),
)  # fmt: skip
BROUGHT = SumMetric(
    "points_brought_forward", "brought forward", "count",
    "points that customers had before there was a ledger", "points",
    "on the day on which the ledger of the customer began", "",
    lambda totals: totals.n(Count.POINTS, "opening"),
)  # fmt: skip
ISSUED = SumMetric(
    "points_issued", "issued", "count", "earned + given + brought forward", "points", _OWN_DAY, "", _issued,
)  # fmt: skip
TAKEN_BACK = SumMetric(
    "points_taken_back", "taken back", "count", "points that returns and cancellations took back", "points",
    "on the day of the return", "", lambda totals: -totals.n(Count.POINTS, "taken back"),
)  # fmt: skip
SPENT = SumMetric(
    "points_spent", "spent", "count", "points that customers spent, or that steps of journeys took", "points",
    _OWN_DAY, "", lambda totals: -totals.n(Count.POINTS, "spent"),
)  # fmt: skip
EXPIRED = SumMetric(
    "points_expired", "expired", "count", "points that ended unspent", "points",
    "on the day on which they were gone", "", lambda totals: -totals.n(Count.POINTS, "expired"),
)  # fmt: skip
FORGOTTEN_POINTS = SumMetric(
    "points_forgotten", "forgotten", "count", "points of customers who were erased", "points",
    "on the day of the erasure", "", lambda totals: -totals.n(Count.POINTS, FORGOTTEN),
)  # fmt: skip
OUTSTANDING = SumMetric(
    "points_outstanding", "outstanding", "count",
    "points that were not spent and have not ended, pending ones among them: all that was issued until then "
    "less all that went", "points, those below zero against the others", "at the end of the period", "",
    lambda totals: totals.points.outstanding,
)  # fmt: skip
LIABILITY = SumMetric(
    "points_liability", "liability", "money", "outstanding x `points: {worth: }` of config.yaml as it is now",
    "points", "at the end of the period", "",
    lambda totals: totals.points.outstanding * totals.points.worth if totals.points.worth else None,
)  # fmt: skip
REDEMPTION_RATE = SumMetric(
    "points_redemption_rate", "redemption rate", "share", "spent / issued", "points",
    "points spent in the period against those issued in it, which need not be the same", "issued",
    lambda totals: ratio(-totals.n(Count.POINTS, "spent"), _issued(totals)),
)  # fmt: skip
BREAKAGE = SumMetric(
    "points_breakage", "breakage", "share", "expired / issued", "points",
    "points that ended in the period against those issued in it", "issued",
    lambda totals: ratio(-totals.n(Count.POINTS, "expired"), _issued(totals)),
)  # fmt: skip

POINTS_METRICS: tuple[SumMetric, ...] = (
    EARNED, GIVEN, BROUGHT, ISSUED, TAKEN_BACK, SPENT, EXPIRED, FORGOTTEN_POINTS, OUTSTANDING, LIABILITY,
    REDEMPTION_RATE, BREAKAGE,
)  # fmt: skip
TRENDS = (EARNED, GIVEN, ISSUED, TAKEN_BACK, SPENT, EXPIRED)
"""Of which a day has a figure of its own that adds up to that of the period."""


def points(conn: Connection, wanted: ReportRequest, worth: Decimal | None) -> tuple[Table, ...]:
    """All of it, figure by figure, and in parts. `worth`: of one point, in the currency of the shop."""
    period, by = wanted.period, wanted.by
    ledgers = _Ledgers(conn, period.last, worth)
    now, before, year = (_values(ledgers.totals(each)) for each in wanted.periods)
    daily = [ledgers.totals(Period(day, day)) for day in period.dates()]
    trends = {metric.name: tuple(metric.value(totals) for totals in daily) for metric in TRENDS}
    whole = Row("points", now, before, year_before=year, trends=trends)
    table = Table("points", "Points", "points", POINTS_METRICS, (whole,), is_whole=True)
    if by is None:
        return (table,)
    parts = (Row(part.called(by), _values(ledgers.totals(part)), ()) for part in period.parts(by))
    return table, of_parts(by, POINTS_METRICS, parts)


class _Ledgers:
    """The entries of all ledgers by day, read once."""

    def __init__(self, conn: Connection, last: dt.date, worth: Decimal | None) -> None:
        self.worth = worth
        by_day: dict[dt.date, Sums] = {}
        for (day, why), total in sums(conn, dt.date.min, last, ("day", "why"), what=Count.POINTS).items():
            by_day.setdefault(date_of(int(day)), {})[Count.POINTS, str(why)] = total
        self.days = sorted(by_day)
        self.sums = [by_day[day] for day in self.days]
        self.until = list(accumulate(sum(total.n for total in found.values()) for found in self.sums))

    def totals(self, period: Period) -> Totals:
        first, behind = bisect_left(self.days, period.first), bisect_right(self.days, period.last)
        outstanding = self.until[behind - 1] if behind else 0
        return Totals(added(self.sums[first:behind]), points=PointsTotals(outstanding, self.worth))


def _values(totals: Totals) -> tuple[Value, ...]:
    return tuple(metric.value(totals) for metric in POINTS_METRICS)
