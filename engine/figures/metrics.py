"""Every figure of the reports: its formula, what is counted, on which day, of what it is a share. The one
place that says it: reports compute by it, show it, and `docs/metrics.md` is made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from engine.store.amounts import amount_of
from engine.store.counting.customer_counts import BoughtAgain, DayCounts
from engine.store.counting.daily_counts import Count, GoalKind
from engine.store.counting.period_sums import PeriodSum

Unit = Literal["count", "share", "money", "number", "hours", "days", "parameter"]
Value = int | Decimal | None


@dataclass(frozen=True, slots=True)
class CustomerTotals:
    """What is counted of the customers of a period: `period`: in it; `year`: in the 365 days until its end;
    `ever`: until its end. `repeated`: those of the period who had ordered more than once until its end;
    `at_start`, `at_end`: who is a customer then, having ordered within the time after which one is lost;
    `lost`: who came to the end of that time; `days_kept`: from the first to the last order, of all customers
    together; `by_gap`: second orders by days since the first; `again`: of those who are new, by days."""

    period: DayCounts = field(default_factory=DayCounts)
    year: DayCounts = field(default_factory=DayCounts)
    ever: DayCounts = field(default_factory=DayCounts)
    repeated: int = 0
    at_start: int = 0
    at_end: int = 0
    lost: int = 0
    days_kept: int = 0
    by_gap: Mapping[int, int] = field(default_factory=dict)
    again: Mapping[int, BoughtAgain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PointsTotals:
    """Points of all customers that were not spent and have not ended, at the end of a period; `worth`: of
    one, in the currency of the shop, if it is known."""

    outstanding: int = 0
    worth: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of a period, (what, why) -> how many and how much money. `inside`: runs that are open now;
    None: nobody knows, as of a time that is over. `one_offs`: the part of the sums that single sends have."""

    sums: Mapping[tuple[str, str], PeriodSum] = field(default_factory=dict)
    inside: int | None = None
    customers: CustomerTotals = field(default_factory=CustomerTotals)
    one_offs: Mapping[tuple[str, str], PeriodSum] = field(default_factory=dict)
    points: PointsTotals = field(default_factory=PointsTotals)

    def n(self, what: Count, *whys: str) -> int:
        """How many; `whys`: of these reasons, of all without one."""
        return sum(
            found.n for (name, why), found in self.sums.items() if name == what and (not whys or why in whys)
        )

    def money(self, what: Count) -> Decimal:
        """How much, in the currency of the shop."""
        # what is in another currency says so
        millionths = sum(found.money for (name, why), found in self.sums.items() if name == what and not why)
        return amount_of(millionths)


@dataclass(frozen=True, slots=True)
class Metric:
    """What one figure means. `title`: its column. `counts`: people, starts, messages. `when`: on which day it
    counts. `of`: the denominator of a share."""

    name: str
    title: str
    unit: Unit
    formula: str
    counts: str
    when: str
    of: str


@dataclass(frozen=True, slots=True)
class SumMetric(Metric):
    """One that follows from the sums of a period."""

    value: Callable[[Totals], Value]


def ratio(part: Value, whole: Value) -> Decimal | None:
    """A share or a mean; not known where there is nothing to be a share of."""
    return Decimal(part) / whole if part is not None and whole else None


def counted(name: str, title: str, what: Count, formula: str, counts: str, when: str) -> SumMetric:
    """How many there are of something, for whatever reason."""
    return SumMetric(name, title, "count", formula, counts, when, "", lambda totals: totals.n(what))


def quotient(
    name: str, title: str, unit: Unit, part: SumMetric, whole: SumMetric, counts: str, when: str
) -> SumMetric:
    """One figure divided by another one."""
    return SumMetric(
        name, title, unit, f"{part.title} / {whole.title}", counts, when,
        whole.title if unit == "share" else "",
        lambda totals: ratio(part.value(totals), whole.value(totals)),
    )  # fmt: skip


_DECIDED = "on the day of the decision"
_LEFT = "on the day on which the message was handed over, or refused before that"

STARTED = counted(
    "started", "starts", Count.STARTED, "runs that began",
    "starts: somebody who starts twice counts twice; without the holdout", _DECIDED,
)  # fmt: skip
REFUSED = counted(
    "refused", "refused", Count.REFUSED,
    "starts that came to nothing, for whatever reason, the holdout among them", "starts", _DECIDED,
)  # fmt: skip
INSIDE = SumMetric(
    "inside", "inside now", "count", "runs that have not ended, without the holdout", "runs",
    "now, whatever the period is", "", lambda totals: totals.inside,
)  # fmt: skip
GOALS = SumMetric(
    "goals", "goals", "count",
    "runs that reached their goal within `within`; also before the first message, and after their end",
    "runs, without the holdout", "on the day on which it was noted", "",
    lambda totals: totals.n(Count.GOAL, GoalKind.COUNTED, GoalKind.BEFORE, GoalKind.AFTER),
)  # fmt: skip
GOAL_RATE = quotient(
    "goal_rate", "goal rate", "share", GOALS, STARTED, "runs",
    "goals of the period against its starts, which need not be the same runs",
)  # fmt: skip
GOALS_OF_KIND = counted(
    "goals_of_kind", "reached", Count.GOAL,
    "runs that reached their goal, also late, and those of the holdout", "runs",
    "on the day on which it was noted",
)  # fmt: skip
ENDED = counted(
    "ended",
    "ended",
    Count.ENDED,
    "runs that ended, for whatever reason, those of the holdout among them",
    "runs",
    "on the day of their end",
)
REACHED = counted("reached", "reached", Count.REACHED, "runs that came to the step", "runs", _DECIDED)
SKIPPED = counted(
    "skipped", "skipped", Count.SKIPPED, "messages that a step left out, for whatever reason", "messages",
    _DECIDED,
)  # fmt: skip
SENT = counted(
    "sent", "sent", Count.SENT,
    "messages that were handed over to their channel, and those that it or the server of the recipient "
    "refused before that; another try of one is none", "messages", _LEFT,
)  # fmt: skip
DELIVERED = counted(
    "delivered", "delivered", Count.DELIVERED,
    "messages that the provider or the server of the recipient has taken, and that did not come back",
    "messages", _LEFT,
)  # fmt: skip
BOUNCED = counted(
    "bounced", "bounced", Count.BOUNCED,
    "messages that came back, and those that the server of the recipient refused at once because the address "
    "does not exist", "messages", _LEFT,
)  # fmt: skip
BOUNCE_RATE = quotient("bounce_rate", "bounce rate", "share", BOUNCED, SENT, "messages", _LEFT)
COMPLAINED = counted(
    "complained",
    "complained",
    Count.COMPLAINED,
    "delivered messages that were called spam",
    "messages",
    _LEFT,
)
FAILED = counted(
    "failed", "failed", Count.FAILED,
    "messages that the provider refused, that could not be handed over, or that were taken back after a "
    "first try", "messages", _LEFT,
)  # fmt: skip
UNKNOWN = SumMetric(
    "unknown", "unknown", "count", "messages of which nobody knows whether they left; those that count as "
    "sent by their policy among them", "messages", _LEFT, "",
    lambda totals: totals.n(Count.UNKNOWN) + totals.n(Count.ASSUMED),
)  # fmt: skip
OPENED = counted(
    "opened", "opened", Count.OPENED,
    "messages that a person opened, clicked or answered, each once; mail proxies and scanners are left out",
    "messages", _LEFT,
)  # fmt: skip
CLICKED = counted(
    "clicked", "clicked", Count.CLICKED,
    "messages in which a person clicked, each once; scanners are left out", "messages", _LEFT,
)  # fmt: skip
CLICK_RATE = quotient("click_rate", "click rate", "share", CLICKED, DELIVERED, "messages", _LEFT)
UNSUBSCRIBED = counted(
    "unsubscribed", "unsubscribed", Count.UNSUBSCRIBED,
    "messages by whose link, or by an answer to which, somebody left", "messages", _LEFT,
)  # fmt: skip
COST = SumMetric(
    "cost", "cost", "money",
    "parts of messages x `price` of their channel in config.yaml, as it was when they were handed over; what "
    "was refused before that costs nothing", "parts of messages", _LEFT, "",
    lambda totals: totals.money(Count.SENT),
)  # fmt: skip

ORDERS = counted(
    "orders", "orders", Count.ATTRIBUTED,
    "orders that belong to a message: the last one that the customer clicked within `attribution: {click: }`"
    " of config.yaml before the order", "orders, each once, gross; those after a message of service apart",
    "on the day of the order",
)  # fmt: skip
REVENUE = SumMetric(
    "revenue", "revenue", "money", "what these orders came to, in the currency of the shop",
    "orders, gross; those in another currency apart", "on the day of the order", "",
    lambda totals: totals.money(Count.ATTRIBUTED),
)  # fmt: skip
COST_PER_ORDER = quotient(
    "cost_per_order", "cost per order", "money", COST, ORDERS, "parts of messages and orders",
    "cost on the day of the hand-over, orders on their own day",
)  # fmt: skip
CONVERSION = quotient(
    "conversion", "conversion", "share", ORDERS, CLICKED, "orders and messages",
    "orders on their own day, clicks on the day of the hand-over",
)  # fmt: skip
SERVICE_ORDERS = counted(
    "service_orders", "after service", Count.SERVICE_ORDER,
    "orders whose customer clicked only messages that need no consent in that time", "orders, each once",
    "on the day of the order",
)  # fmt: skip

METRICS: tuple[SumMetric, ...] = (
    STARTED, REFUSED, INSIDE, GOALS, GOAL_RATE, GOALS_OF_KIND, ENDED, REACHED, SKIPPED, SENT, DELIVERED,
    BOUNCED, BOUNCE_RATE, COMPLAINED, FAILED, UNKNOWN, OPENED, CLICKED, CLICK_RATE, UNSUBSCRIBED, COST,
    ORDERS, REVENUE, COST_PER_ORDER, CONVERSION, SERVICE_ORDERS,
)  # fmt: skip

COMPARED = frozenset({"started", "goals", "reached", "sent", "cost", "orders", "revenue"})
"""The figures beside which tables show the change since the period before."""
