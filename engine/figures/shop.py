"""What is known of a shop and its customers over several periods, read in a fixed number of statements."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import Connection

from engine.figures.customer_metrics import RPR_DAYS
from engine.figures.metrics import CustomerTotals, Totals
from engine.figures.period import Period
from engine.figures.sums import Sums, add
from engine.store.counting import customer_counts
from engine.store.counting.customer_counts import DayRange
from engine.store.counting.daily_counts import EPOCH, What
from engine.store.counting.reading import sums
from engine.store.journeys import one_offs

YEAR = 365

SHOP = (
    What.ORDER, What.TAKEN_BACK, What.ATTRIBUTED, What.SERVICE_ORDER, What.SENT, What.DELIVERED, What.OPENED,
    What.CLICKED, What.UNSUBSCRIBED, What.COMPLAINED,
)  # fmt: skip
"""What figures of the whole shop are made of."""


def day_range(period: Period) -> DayRange:
    """A period as the table counts days."""
    return DayRange(period.first.toordinal() - EPOCH, period.last.toordinal() - EPOCH)


def shop_totals(conn: Connection, periods: Sequence[Period], lost_after: int, today: dt.date) -> list[Totals]:
    """Everything of each period. `lost_after`: days without an order after which a customer is none any
    more."""
    customers = customer_totals(conn, periods, lost_after, today)
    single = frozenset(one_offs.names(conn))
    found = []
    for period, its_customers in zip(periods, customers, strict=True):
        whole: Sums = {}
        one_off: Sums = {}
        of_period = sums(conn, period.first, period.last, ("journey", "what", "why"), what=SHOP)
        for (journey, what, why), total in of_period.items():
            add(whole, (str(what), str(why)), total)
            if journey in single:
                add(one_off, (str(what), str(why)), total)
        found.append(Totals(whole, None, its_customers, one_off))
    return found


def customer_totals(
    conn: Connection, periods: Sequence[Period], lost_after: int, today: dt.date
) -> list[CustomerTotals]:
    """The customers of each period."""
    ranges = [day_range(period) for period in periods]
    asked: list[DayRange] = []
    for each in ranges:
        asked += [
            each,
            DayRange(each.first - lost_after, each.first - 1),  # who is a customer at its start
            DayRange(each.last - lost_after + 1, each.last),  # and at its end
            DayRange(each.last - YEAR + 1, each.last),
            DayRange(-EPOCH, each.last),
        ]
    counts = customer_counts.day_counts(conn, asked)
    now = today.toordinal() - EPOCH
    lost = customer_counts.lapsed(conn, ranges, lost_after)
    found = []
    for place, each in enumerate(ranges):
        inside, start, end, year, ever = counts[5 * place : 5 * place + 5]
        second = customer_counts.second_orders(conn, each)
        found.append(
            CustomerTotals(
                period=inside,
                year=year,
                ever=ever,
                # whoever is not new has ordered before; of the new ones those who ordered again
                repeated=inside.customers - inside.new + second.of_new,
                at_start=start.customers,
                at_end=end.customers,
                lost=lost[place],
                days_kept=customer_counts.days_between(conn, each.last),
                by_gap=second.by_gap,
                again={
                    days: customer_counts.bought_again_within(
                        conn, DayRange(each.first, min(each.last, now - days - 1)), days
                    )
                    for days in RPR_DAYS
                    if now - days - 1 >= each.first
                },
            )
        )
    return found


def customers_in_parts(conn: Connection, parts: Sequence[Period]) -> list[CustomerTotals]:
    """Who ordered in each part of a period and who of them for the first time, of however many parts."""
    return [
        CustomerTotals(each) for each in customer_counts.day_counts(conn, [day_range(part) for part in parts])
    ]
