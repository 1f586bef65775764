"""The figures of the shop and of its customers; as in `metrics`, the one place that says what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from engine.figures.metrics import COST, SumMetric, Totals, Value, counted, quotient, ratio
from engine.store.amounts import amount_of
from engine.store.counting.daily_counts import Count

_ORDERED = "on the day of the order"
_ACTIVE = (
    "a customer is who has ordered within the time after which one is lost (`reports: {lost: }` of"
    " config.yaml)"
)
RPR_DAYS = (30, 60, 90)
"""After so many days it is asked how many of the new customers have ordered again."""


def _revenue(totals: Totals) -> Decimal:
    return totals.money(Count.ORDER)


def _one_off_revenue(totals: Totals) -> Decimal:
    return Totals(totals.one_offs).money(Count.ATTRIBUTED)


def _trigger_revenue(totals: Totals) -> Decimal:
    return totals.money(Count.ATTRIBUTED) - _one_off_revenue(totals)


def _mean(by_gap: Mapping[int, int]) -> Decimal | None:
    return ratio(sum(gap * n for gap, n in by_gap.items()), sum(by_gap.values()))


def _median(by_gap: Mapping[int, int]) -> Decimal | None:
    """The middle one; of an even number the mean of the two in the middle."""
    whole = sum(by_gap.values())
    if not whole:
        return None
    middles, passed = [(whole - 1) // 2, whole // 2], 0
    found: list[int] = []
    for gap, n in sorted(by_gap.items()):
        passed += n
        while middles and middles[0] < passed:
            found.append(gap)
            middles.pop(0)
    return Decimal(sum(found)) / 2


def _lifetime_value(totals: Totals) -> Value:
    known = totals.customers
    if not known.year.orders or not known.year.customers or not known.ever.customers:
        return None
    average_order = amount_of(known.year.money) / known.year.orders
    orders_a_year = Decimal(known.year.orders) / known.year.customers
    years = Decimal(known.days_kept) / known.ever.customers / 365
    return average_order * orders_a_year * years


ALL_REVENUE = SumMetric(
    "all_revenue", "revenue", "money", "what all orders came to, in the currency of the shop",
    "orders, gross; those in another currency apart", _ORDERED, "", _revenue,
)  # fmt: skip
NET_REVENUE = SumMetric(
    "net_revenue", "net revenue", "money",
    "revenue without what was taken back: `less` of the sum of orders in schemas/customer.yaml, by the key of"
    " each order, never more than it came to", "orders",
    "on the day of the order, whenever it was taken back",
    "", lambda totals: totals.money(Count.ORDER) - totals.money(Count.TAKEN_BACK),
)  # fmt: skip
ALL_ORDERS = counted("all_orders", "orders", Count.ORDER, "all orders", "orders, each once, gross", _ORDERED)
NET_ORDERS = SumMetric(
    "net_orders", "net orders", "count",
    "orders without those that were taken back altogether (by an event of `less` without a field)", "orders",
    "on the day of the order, whenever it was taken back", "",
    lambda totals: totals.n(Count.ORDER) - totals.n(Count.TAKEN_BACK),
)  # fmt: skip
CUSTOMERS = SumMetric(
    "customers", "customers", "count", "who ordered in the period", "people, each once", _ORDERED, "",
    lambda totals: totals.customers.period.customers,
)  # fmt: skip
NEW_CUSTOMERS = SumMetric(
    "new_customers", "new customers", "count", "customers whose first order lies in the period", "people",
    _ORDERED, "", lambda totals: totals.customers.period.new,
)  # fmt: skip
RETURNING_CUSTOMERS = SumMetric(
    "returning_customers", "returning customers", "count",
    "customers of the period whose first order lies before it", "people", _ORDERED, "",
    lambda totals: totals.customers.period.customers - totals.customers.period.new,
)  # fmt: skip
REPEAT_RATE = SumMetric(
    "repeat_rate", "repeat rate", "share",
    "customers with more than one order / customers with an order: of those who ordered in the period, who"
    " had ordered more than once until its end, before it or in it", "people", _ORDERED, "customers",
    lambda totals: ratio(totals.customers.repeated, totals.customers.period.customers),
)  # fmt: skip
FREQUENCY = SumMetric(
    "frequency", "purchase frequency", "number", "orders / customers", "orders and people", _ORDERED, "",
    lambda totals: ratio(totals.customers.period.orders, totals.customers.period.customers),
)  # fmt: skip
AVERAGE_ORDER = SumMetric(
    "average_order", "average order", "money", "revenue / orders, of those in the currency of the shop",
    "orders, gross", _ORDERED, "",
    lambda totals: ratio(_revenue(totals), totals.n(Count.ORDER, "")),
)  # fmt: skip
LIFETIME_VALUE = SumMetric(
    "lifetime_value", "lifetime value", "money",
    "average order x repeat orders x retention time: revenue / orders of the 365 days until the end of the"
    " period, x orders / customers of the same days, x the average time from the first to the last order of"
    " every customer until then, in years", "orders and people; who ordered once has been kept for no time",
    "all orders until the end of the period", "", _lifetime_value,
)  # fmt: skip
VALUE_SO_FAR = SumMetric(
    "value_so_far", "revenue per customer so far", "money",
    "revenue of all orders until the end of the period / everybody who ever ordered until then",
    "orders and people", "all orders until the end of the period", "",
    lambda totals: ratio(amount_of(totals.customers.ever.money), totals.customers.ever.customers),
)  # fmt: skip
ACTIVE_CUSTOMERS = SumMetric(
    "active_customers", "customers at the end", "count", f"customers at the end of the period; {_ACTIVE}",
    "people", "the end of the last day", "", lambda totals: totals.customers.at_end,
)  # fmt: skip
CHURN = SumMetric(
    "churn", "churn", "share",
    f"customers who were lost in the period / customers at its start; {_ACTIVE}", "people",
    "on the day on which that time was over", "customers at the start",
    lambda totals: ratio(totals.customers.lost, totals.customers.at_start),
)  # fmt: skip
RETENTION_RATE = SumMetric(
    "crr", "customer retention rate", "share",
    f"(customers at the end - new customers) / customers at the start; {_ACTIVE}", "people",
    "the end of the day before the period, and of its last one", "customers at the start",
    lambda totals: ratio(totals.customers.at_end - totals.customers.period.new, totals.customers.at_start),
)  # fmt: skip


def _rpr(days: int) -> SumMetric:
    def value(totals: Totals) -> Value:
        found = totals.customers.again.get(days)
        return ratio(found.again, found.whole) if found is not None else None

    return SumMetric(
        f"rpr_new_{days}", f"new who buy again in {days} days", "share",
        f"new customers with a second order within {days} days of the first / new customers (RPR new)",
        f"people; of the new customers those alone whose {days} days are over by now",
        "by the day of the first order", "new customers", value,
    )  # fmt: skip


RPR_NEW = tuple(map(_rpr, RPR_DAYS))
SECOND_ORDERS = SumMetric(
    "second_orders", "second orders", "count", "customers whose second order lies in the period", "people",
    _ORDERED, "", lambda totals: sum(totals.customers.by_gap.values()),
)  # fmt: skip
MEAN_TO_SECOND = SumMetric(
    "mean_to_second", "to the second order, mean", "days",
    "mean of the days from the first to the second order",
    "people whose second order lies in the period; days of the shop's calendar",
    "on the day of the second order",
    "", lambda totals: _mean(totals.customers.by_gap),
)  # fmt: skip
MEDIAN_TO_SECOND = SumMetric(
    "median_to_second", "to the second order, median", "days",
    "median of the days from the first to the second order",
    "people whose second order lies in the period; days of the shop's calendar",
    "on the day of the second order",
    "", lambda totals: _median(totals.customers.by_gap),
)  # fmt: skip
TRIGGER_REVENUE = SumMetric(
    "trigger_revenue", "revenue of triggers", "money",
    "revenue of the orders that belong to a message of a journey (as `revenue` of journeys)",
    "orders, gross; messages of service and single sends apart", _ORDERED, "",
    _trigger_revenue,
)  # fmt: skip
TRIGGER_SHARE = quotient(
    "trigger_share", "share of triggers", "share", TRIGGER_REVENUE, ALL_REVENUE, "orders, gross", _ORDERED
)
ONE_OFF_REVENUE = SumMetric(
    "one_off_revenue", "revenue of one-offs", "money",
    "revenue of the orders that belong to a message that was sent with `send`", "orders, gross", _ORDERED, "",
    _one_off_revenue,
)  # fmt: skip
ONE_OFF_SHARE = quotient(
    "one_off_share", "share of one-offs", "share", ONE_OFF_REVENUE, ALL_REVENUE, "orders, gross", _ORDERED
)
COST_SHARE = quotient(
    "cost_share", "cost of revenue", "share", COST, ALL_REVENUE, "parts of messages and orders",
    "cost on the day of the hand-over, revenue on that of the order",
)  # fmt: skip
CATEGORY_FIRST = counted(
    "in_first_order", "in first orders", Count.FIRST_CATEGORY,
    "first orders of the period that hold a product of the category", "orders", _ORDERED,
)  # fmt: skip
CATEGORY_SECOND = counted(
    "in_second_order", "in second orders", Count.SECOND_CATEGORY,
    "second orders of the period that hold a product of the category", "orders", _ORDERED,
)  # fmt: skip
COHORT_SIZE = SumMetric(
    "cohort", "customers", "count", "customers whose first order lies in the month", "people",
    "in the calendar month of the first order", "", lambda totals: totals.customers.period.new,
)  # fmt: skip
COHORT_ACTIVE = counted(
    "cohort_active", "active", Count.COHORT_ACTIVE, "customers of the cohort who ordered in the month",
    "people, each once", _ORDERED,
)  # fmt: skip
COHORT_SHARE = quotient(
    "cohort_share", "share active", "share", COHORT_ACTIVE, COHORT_SIZE, "people, each once", _ORDERED
)
COHORT_ORDERS = counted(
    "cohort_orders", "orders", Count.COHORT_ORDER, "orders of the cohort in the month", "orders, gross",
    _ORDERED,
)  # fmt: skip
COHORT_REVENUE = SumMetric(
    "cohort_revenue", "revenue", "money", "revenue of the cohort in the month", "orders, gross", _ORDERED, "",
    lambda totals: totals.money(Count.COHORT_ORDER),
)  # fmt: skip
COHORT_VALUE = SumMetric(
    "cohort_value", "revenue per customer so far", "money",
    "revenue of the cohort from its month until the end of this one / the cohort",
    "orders, gross, and people", _ORDERED, "",
    lambda totals: ratio(amount_of(totals.customers.ever.money), totals.customers.period.new),
)  # fmt: skip

CUSTOMER_METRICS: tuple[SumMetric, ...] = (
    ALL_REVENUE, NET_REVENUE, ALL_ORDERS, NET_ORDERS, CUSTOMERS, NEW_CUSTOMERS, RETURNING_CUSTOMERS,
    REPEAT_RATE, FREQUENCY, AVERAGE_ORDER, LIFETIME_VALUE, VALUE_SO_FAR, ACTIVE_CUSTOMERS, CHURN,
    RETENTION_RATE, *RPR_NEW, SECOND_ORDERS, MEAN_TO_SECOND, MEDIAN_TO_SECOND, CATEGORY_FIRST,
    CATEGORY_SECOND, TRIGGER_REVENUE, TRIGGER_SHARE, ONE_OFF_REVENUE, ONE_OFF_SHARE, COST_SHARE, COHORT_SIZE,
    COHORT_ACTIVE, COHORT_SHARE, COHORT_ORDERS, COHORT_REVENUE, COHORT_VALUE,
)  # fmt: skip
