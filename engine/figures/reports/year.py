"""`report year CUSTOMER`: what a letter about the year of one customer needs."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from engine.figures.content import ReportContent, ReportScope
from engine.figures.metrics import Metric, Unit, Value, ratio
from engine.figures.period import Period
from engine.figures.report import Row, Table
from engine.figures.reports.other_currencies import apart
from engine.store.amounts import amount_of
from engine.store.counting.period_sums import PeriodSum
from engine.store.customers import customer_orders
from engine.store.customers.customer_orders import CustomerOrder
from engine.values import local_date, zone


def _of_orders(
    name: str, title: str, formula: str, counts: str = "orders, gross", unit: Unit = "count"
) -> Metric:
    """A figure that counts on the day of the order."""
    return Metric(name, title, unit, formula, counts, "on the day of the order", "")


YEAR_ORDERS = _of_orders("year_orders", "orders", "orders of the customer")
YEAR_REVENUE = _of_orders(
    "year_revenue", "spent", "what they came to, in the currency of the shop",
    "orders, gross; those in another currency apart", unit="money",
)  # fmt: skip
YEAR_AVERAGE = _of_orders("year_average", "average order", "spent / orders in that currency", unit="money")
YEAR_LARGEST = _of_orders("year_largest", "largest order", "the largest of them", unit="money")
YEAR_DAYS = _of_orders("year_days", "days with an order", "different days", "days")
YEAR_CATEGORIES = _of_orders(
    "year_categories", "categories", "different categories of the products", "categories"
)
YEAR_CANCELLED = _of_orders(
    "year_cancelled", "taken back", "orders that were taken back altogether", "orders"
)
KNOWN_DAYS = _of_orders(
    "known_days", "days a customer", "days from the first order of all to the end of the period", "days"
)
YEAR_SENT = Metric(
    "year_sent", "messages", "count", "messages that were handed over to a channel for them", "messages",
    "on the day of the hand-over", "",
)  # fmt: skip
YEAR_CLICKED = Metric(
    "year_clicked", "clicked", "count", "of these, those in which they clicked", "messages",
    "on the day of the hand-over", "",
)  # fmt: skip
YEAR: tuple[Metric, ...] = (
    YEAR_ORDERS, YEAR_REVENUE, YEAR_AVERAGE, YEAR_LARGEST, YEAR_DAYS, YEAR_CATEGORIES, YEAR_CANCELLED,
    KNOWN_DAYS, YEAR_SENT, YEAR_CLICKED,
)  # fmt: skip
IN_CATEGORY = _of_orders("orders_in_category", "orders with it", "orders that hold a product of the category")

MOST = 5


def usual_period(today: dt.date) -> Period:
    """The calendar year that is over; in December the one that ends."""
    year = today.year if today.month == 12 else today.year - 1
    return Period(dt.date(year, 1, 1), min(dt.date(year, 12, 31), today))


def year(scope: ReportScope) -> ReportContent:
    """The figures of one customer against the period before."""
    customer, period = scope.wanted.of, scope.wanted.period
    orders = customer_orders.of_customer(scope.conn, customer)
    now, before = (_values(scope, orders, each) for each in (period, scope.before))
    whole = Table(
        "year", f"The customer {customer}", "customer", YEAR, (Row(customer, now, before),), is_whole=True
    )
    often = Counter(category for order in _inside(scope, orders, period) for category in order.categories)
    lines = [
        Row(name, (times,), ())
        for name, times in sorted(often.items(), key=lambda each: (-each[1], each[0]))[:MOST]
    ]
    categories = Table("year_categories", "Most often bought", "category", (IN_CATEGORY,), tuple(lines))
    notes = []
    place = zone(scope.journeys.timezone)
    if orders:
        notes.append(f"The first order of all: {local_date(orders[0].at, place).isoformat()}.")
    others = (_other_currencies(scope, orders, each) for each in (period, scope.before))
    return ReportContent((whole, *apart(*others), categories), tuple(notes), f"The year of {customer}")


def _other_currencies(
    scope: ReportScope, orders: Sequence[CustomerOrder], period: Period
) -> dict[str, PeriodSum]:
    found: dict[str, PeriodSum] = {}
    for order in _inside(scope, orders, period):
        if order.currency != scope.journeys.currency:
            known = found.get(order.currency, PeriodSum(0, 0))
            found[order.currency] = PeriodSum(known.n + 1, known.money + order.amount)
    return found


def _inside(scope: ReportScope, orders: Sequence[CustomerOrder], period: Period) -> list[CustomerOrder]:
    place = zone(scope.journeys.timezone)
    return [order for order in orders if local_date(order.at, place) in period]


def _values(scope: ReportScope, orders: Sequence[CustomerOrder], period: Period) -> tuple[Value, ...]:
    place, span = zone(scope.journeys.timezone), scope.span(period)
    inside = _inside(scope, orders, period)
    amounts = [amount_of(order.amount) for order in inside if order.currency == scope.journeys.currency]
    messages = customer_orders.messages_of(scope.conn, scope.wanted.of, span.begin, span.end)
    first = local_date(orders[0].at, place) if orders else None
    spent = sum(amounts, Decimal(0))
    return (
        len(inside),
        spent,
        ratio(spent, len(amounts)),
        max(amounts, default=None),
        len({local_date(order.at, place) for order in inside}),
        len({category for order in inside for category in order.categories}),
        sum(order.is_cancelled for order in inside),
        (period.last - first).days + 1 if first is not None and first <= period.last else None,
        messages.sent,
        messages.clicked,
    )
