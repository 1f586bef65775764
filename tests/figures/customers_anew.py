"""The figures of customers counted from a list of orders, one by one, without the tables that count."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from statistics import mean, median
from typing import NamedTuple


class Bought(NamedTuple):
    """An order: who, on which day of the shop, for how much."""

    customer: str
    day: dt.date
    amount: Decimal


def share(part: float | Decimal, whole: float | Decimal) -> float | None:
    return float(part) / float(whole) if whole else None


def figures_anew(
    orders: Iterable[Bought], first: dt.date, last: dt.date, today: dt.date, lost: int
) -> dict[str, float | None]:
    """What `report customers` must say of the days from `first` to `last`."""
    all_orders = sorted(orders, key=lambda order: (order.customer, order.day))
    days: defaultdict[str, list[dt.date]] = defaultdict(list)
    for order in all_orders:
        days[order.customer].append(order.day)
    inside = [order for order in all_orders if first <= order.day <= last]
    who = {order.customer for order in inside}
    new = {name for name, its_days in days.items() if first <= its_days[0] <= last}
    repeated = {name for name in who if sum(day <= last for day in days[name]) > 1}

    def active(day: dt.date) -> set[str]:
        return {
            name for name, its_days in days.items()
            if any(day - dt.timedelta(days=lost) < each <= day for each in its_days)
        }  # fmt: skip

    start, end = active(first - dt.timedelta(days=1)), active(last)
    lost_ones = 0
    for its_days in days.values():
        for place, each in enumerate(its_days):
            following = its_days[place + 1] if place + 1 < len(its_days) else None
            over = each + dt.timedelta(days=lost)
            lost_ones += first <= over <= last and (following is None or following > over)
    gaps = [
        (its_days[1] - its_days[0]).days
        for its_days in days.values() if len(its_days) > 1 and first <= its_days[1] <= last
    ]  # fmt: skip
    year = [order for order in all_orders if last - dt.timedelta(days=364) <= order.day <= last]
    ever = [order for order in all_orders if order.day <= last]
    kept = sum(
        (max(past) - past[0]).days
        for past in ([day for day in its_days if day <= last] for its_days in days.values()) if past
    )  # fmt: skip
    everybody = {order.customer for order in ever}
    revenue = sum((order.amount for order in inside), Decimal(0))
    value = None
    if year:
        of_year = sum(float(order.amount) for order in year)
        orders_a_year = len(year) / len({order.customer for order in year})
        value = of_year / len(year) * orders_a_year * (kept / len(everybody) / 365)
    found: dict[str, float | None] = {
        "all_revenue": float(revenue),
        "all_orders": len(inside),
        "customers": len(who),
        "new_customers": len(new),
        "returning_customers": len(who - new),
        "repeat_rate": share(len(repeated), len(who)),
        "frequency": share(len(inside), len(who)),
        "average_order": share(revenue, len(inside)),
        "lifetime_value": value,
        "value_so_far": share(sum((order.amount for order in ever), Decimal(0)), len(everybody)),
        "active_customers": len(end),
        "churn": share(lost_ones, len(start)),
        "crr": share(len(end) - len(new), len(start)),
        "second_orders": len(gaps),
        "mean_to_second": mean(gaps) if gaps else None,
        "median_to_second": median(gaps) if gaps else None,
    }
    for within in (30, 60, 90):
        over_now = [name for name in new if days[name][0] + dt.timedelta(days=within) < today]
        again = [
            name for name in over_now
            if len(days[name]) > 1 and (days[name][1] - days[name][0]).days <= within
        ]  # fmt: skip
        found[f"rpr_new_{within}"] = share(len(again), len(over_now))
    return found


def cohorts_anew(
    orders: Iterable[Bought], until: dt.date
) -> Mapping[tuple[str, int], tuple[int, int, float]]:
    """(month of the first order, months since) -> active, orders, revenue."""
    firsts: dict[str, dt.date] = {}
    found: defaultdict[tuple[str, int], list[Bought]] = defaultdict(list)
    for order in sorted(orders, key=lambda order: order.day):
        first = firsts.setdefault(order.customer, order.day)
        if order.day <= until:
            months = (order.day.year - first.year) * 12 + order.day.month - first.month
            found[f"{first:%Y-%m}", months].append(order)
    return {
        cell: (len({order.customer for order in some}), len(some), float(sum(order.amount for order in some)))
        for cell, some in found.items()
    }
