"""Orders in other currencies than that of the shop, which are in no sum of money: they stand apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from engine.figures.content import ReportScope
from engine.figures.metrics import Metric, Value
from engine.figures.period import Period
from engine.figures.report import Row, Table
from engine.store.amounts import amount_of
from engine.store.counting.daily_counts import Count
from engine.store.counting.period_sums import PeriodSum, sums

_ON = "on the day of the order"
OTHER_ORDERS = Metric(
    "other_orders", "orders", "count", "orders in this currency, which count as orders above",
    "orders, gross", _ON, "",
)  # fmt: skip
OTHER_REVENUE = Metric(
    "other_revenue", "came to, in it", "number",
    "what these orders came to, in their own currency: it is in no amount of money above", "orders, gross",
    _ON, "",
)  # fmt: skip
OTHER_CURRENCIES: tuple[Metric, ...] = (OTHER_ORDERS, OTHER_REVENUE)


def other_currencies(scope: ReportScope, what: Count, journeys: Sequence[str] = ()) -> tuple[Table, ...]:
    """A line for each currency; no table where all orders are in that of the shop. `what`: all orders, or
    those that belong to messages; `journeys`: to messages of these, under all their names."""
    now, before = (
        _by_currency(scope, period, what, journeys) for period in (scope.wanted.period, scope.before)
    )
    return apart(now, before)


def apart(now: Mapping[str, PeriodSum], before: Mapping[str, PeriodSum]) -> tuple[Table, ...]:
    """A line for each currency, from the sums of this period and of the one before by currency; no table
    where there is none."""
    lines = [
        Row(currency, _values(now.get(currency)), _values(before.get(currency)))
        for currency in sorted({*now, *before})
    ]
    title = "Orders in another currency, apart"
    return (Table("other_currencies", title, "currency", OTHER_CURRENCIES, tuple(lines)),) if lines else ()


def _by_currency(
    scope: ReportScope, period: Period, what: Count, journeys: Sequence[str]
) -> dict[str, PeriodSum]:
    found: defaultdict[str, PeriodSum] = defaultdict(lambda: PeriodSum(0, 0))
    for journey in journeys or (None,):
        for (why,), total in sums(scope.conn, period.first, period.last, ("why",), journey, what).items():
            if why:
                known = found[str(why)]
                found[str(why)] = PeriodSum(known.n + total.n, known.money + total.money)
    return {currency: total for currency, total in found.items() if total.n}


def _values(total: PeriodSum | None) -> tuple[Value, ...]:
    return (total.n, amount_of(total.money)) if total is not None else (0, amount_of(0))
