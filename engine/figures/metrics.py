"""Every figure of the reports: its formula, what is counted, on which day, of what it is a share. The one
place that says it: reports compute by it, show it, and `docs/metrics.md` is made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from engine.store.amounts import amount_of
from engine.store.counting.daily_counts import GoalKind, What
from engine.store.counting.reading import Sum

Unit = Literal["count", "share", "money", "number", "days"]
Value = int | Decimal | None


@dataclass(frozen=True, slots=True)
class CustomerTotals:
    """What is counted of the customers of a period. `repeated`: those who had ordered more than once until
    its end; `at_start`, `at_end`: who is a customer then, having ordered within the time after which one is
    lost; `lost`: who came to the end of that time; `by_gap`: second orders by days since the first;
    `again`: of those who were new, by days, how many ordered again within them and how many there are whose
    days are over; `year_...`: of the 365 days until the end; `ever_...`: until the end; `days_kept`: from
    the first to the last order, of all customers together. Money in millionths."""

    customers: int = 0
    new: int = 0
    orders: int = 0
    repeated: int = 0
    at_start: int = 0
    at_end: int = 0
    lost: int = 0
    by_gap: Mapping[int, int] = field(default_factory=dict)
    again: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    year_customers: int = 0
    year_orders: int = 0
    year_money: int = 0
    ever_customers: int = 0
    ever_money: int = 0
    days_kept: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of a period, (what, why) -> how many and how much money. `inside`: runs that are open now;
    None: nobody knows, as of a time that is over. `one_offs`: the part of the sums that single sends have."""

    sums: Mapping[tuple[str, str], Sum] = field(default_factory=dict)
    inside: int | None = None
    customers: CustomerTotals = field(default_factory=CustomerTotals)
    one_offs: Mapping[tuple[str, str], Sum] = field(default_factory=dict)

    def n(self, what: What, *whys: str) -> int:
        """How many; `whys`: of these reasons, of all without one."""
        return sum(
            found.n for (name, why), found in self.sums.items() if name == what and (not whys or why in whys)
        )

    def money(self, what: What) -> Decimal:
        """How much, in the currency of the shop."""
        # what is in another currency says so
        millionths = sum(found.money for (name, why), found in self.sums.items() if name == what and not why)
        return amount_of(millionths)


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure. `title`: its column. `counts`: people, starts, messages. `when`: on which day it counts.
    `of`: the denominator of a share."""

    name: str
    title: str
    unit: Unit
    formula: str
    counts: str
    when: str
    of: str
    value: Callable[[Totals], Value]


def ratio(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    """A share or a mean; not known where there is nothing to be a share of."""
    return Decimal(part) / whole if whole else None


def _goals(totals: Totals) -> int:
    return totals.n(What.GOAL, GoalKind.COUNTED, GoalKind.BEFORE, GoalKind.AFTER)


_DECIDED = "on the day of the decision"
_LEFT = "on the day on which the message was handed over"

STARTED = Metric(
    "started", "starts", "count", "runs that began", "starts: somebody who starts twice counts twice; "
    "without the holdout", _DECIDED, "", lambda totals: totals.n(What.STARTED),
)  # fmt: skip
REFUSED = Metric(
    "refused", "refused", "count", "starts that came to nothing, for whatever reason, the holdout among them",
    "starts", _DECIDED, "", lambda totals: totals.n(What.REFUSED),
)  # fmt: skip
INSIDE = Metric(
    "inside", "inside now", "count", "runs that have not ended, without the holdout", "runs",
    "now, whatever the period is", "", lambda totals: totals.inside,
)  # fmt: skip
GOALS = Metric(
    "goals", "goals", "count",
    "runs that reached their goal within `within`; also before the first message, and after their end",
    "runs, without the holdout", "on the day on which it was noted", "", _goals,
)  # fmt: skip
GOAL_RATE = Metric(
    "goal_rate", "goal rate", "share", "goals / starts", "runs",
    "goals of the period against its starts, which need not be the same runs", "starts",
    lambda totals: ratio(_goals(totals), totals.n(What.STARTED)),
)  # fmt: skip
GOALS_OF_KIND = Metric(
    "goals_of_kind", "reached", "count", "runs that reached their goal, also late, and those of the holdout",
    "runs", "on the day on which it was noted", "", lambda totals: totals.n(What.GOAL),
)  # fmt: skip
ENDED = Metric(
    "ended", "ended", "count", "runs that ended, for whatever reason", "runs", "on the day of their end", "",
    lambda totals: totals.n(What.ENDED),
)  # fmt: skip
REACHED = Metric(
    "reached", "reached", "count", "runs that came to the step", "runs", _DECIDED, "",
    lambda totals: totals.n(What.REACHED),
)  # fmt: skip
SKIPPED = Metric(
    "skipped", "skipped", "count", "messages that a step left out, for whatever reason", "messages", _DECIDED,
    "", lambda totals: totals.n(What.SKIPPED),
)  # fmt: skip
SENT = Metric(
    "sent", "sent", "count", "messages that were handed over to their channel; another try of one is none",
    "messages", _LEFT, "", lambda totals: totals.n(What.SENT),
)  # fmt: skip
DELIVERED = Metric(
    "delivered", "delivered", "count",
    "messages that the provider or the server of the recipient has taken, and that did not come back",
    "messages", _LEFT, "", lambda totals: totals.n(What.DELIVERED),
)  # fmt: skip
BOUNCED = Metric(
    "bounced", "bounced", "count", "messages that came back", "messages", _LEFT, "",
    lambda totals: totals.n(What.BOUNCED),
)  # fmt: skip
BOUNCE_RATE = Metric(
    "bounce_rate", "bounce rate", "share", "bounced / sent", "messages", _LEFT, "sent",
    lambda totals: ratio(totals.n(What.BOUNCED), totals.n(What.SENT)),
)  # fmt: skip
COMPLAINED = Metric(
    "complained", "complained", "count", "delivered messages that were called spam", "messages", _LEFT, "",
    lambda totals: totals.n(What.COMPLAINED),
)  # fmt: skip
FAILED = Metric(
    "failed", "failed", "count",
    "messages that the provider refused, or that were taken back after a first try", "messages", _LEFT, "",
    lambda totals: totals.n(What.FAILED),
)  # fmt: skip
UNKNOWN = Metric(
    "unknown", "unknown", "count", "messages of which nobody knows whether they left; those that count as "
    "sent by their policy among them", "messages", _LEFT, "",
    lambda totals: totals.n(What.UNKNOWN) + totals.n(What.ASSUMED),
)  # fmt: skip
OPENED = Metric(
    "opened", "opened", "count",
    "messages that a person opened, clicked or answered, each once; mail proxies and scanners are left out",
    "messages", _LEFT, "", lambda totals: totals.n(What.OPENED),
)  # fmt: skip
CLICKED = Metric(
    "clicked", "clicked", "count", "messages in which a person clicked, each once; scanners are left out",
    "messages", _LEFT, "", lambda totals: totals.n(What.CLICKED),
)  # fmt: skip
CLICK_RATE = Metric(
    "click_rate", "click rate", "share", "clicked / delivered", "messages", _LEFT, "delivered",
    lambda totals: ratio(totals.n(What.CLICKED), totals.n(What.DELIVERED)),
)  # fmt: skip
UNSUBSCRIBED = Metric(
    "unsubscribed", "unsubscribed", "count",
    "messages by whose link, or by an answer to which, somebody left", "messages", _LEFT, "",
    lambda totals: totals.n(What.UNSUBSCRIBED),
)  # fmt: skip
COST = Metric(
    "cost", "cost", "money",
    "parts of messages x `price` of their channel in config.yaml, as it was when they were handed over",
    "parts of messages", _LEFT, "", lambda totals: totals.money(What.SENT),
)  # fmt: skip

ORDERS = Metric(
    "orders", "orders", "count",
    "orders that belong to a message: the last one that the customer clicked within `attribution: {click: }`"
    " of config.yaml before the order", "orders, each once, gross; those after a message of service apart",
    "on the day of the order", "", lambda totals: totals.n(What.ATTRIBUTED),
)  # fmt: skip
REVENUE = Metric(
    "revenue", "revenue", "money", "what these orders came to, in the currency of the shop",
    "orders, gross; those in another currency apart", "on the day of the order", "",
    lambda totals: totals.money(What.ATTRIBUTED),
)  # fmt: skip
COST_PER_ORDER = Metric(
    "cost_per_order", "cost per order", "money", "cost / orders", "parts of messages and orders",
    "cost on the day of the hand-over, orders on their own day", "orders",
    lambda totals: ratio(totals.money(What.SENT), totals.n(What.ATTRIBUTED)),
)  # fmt: skip
CONVERSION = Metric(
    "conversion", "conversion", "share", "orders / clicked", "orders and messages",
    "orders on their own day, clicks on the day of the hand-over", "clicked",
    lambda totals: ratio(totals.n(What.ATTRIBUTED), totals.n(What.CLICKED)),
)  # fmt: skip
SERVICE_ORDERS = Metric(
    "service_orders", "after service", "count",
    "orders whose customer clicked only messages that need no consent in that time", "orders, each once",
    "on the day of the order", "", lambda totals: totals.n(What.SERVICE_ORDER),
)  # fmt: skip

METRICS: tuple[Metric, ...] = (
    STARTED, REFUSED, INSIDE, GOALS, GOAL_RATE, GOALS_OF_KIND, ENDED, REACHED, SKIPPED, SENT, DELIVERED,
    BOUNCED, BOUNCE_RATE, COMPLAINED, FAILED, UNKNOWN, OPENED, CLICKED, CLICK_RATE, UNSUBSCRIBED,
    COST, ORDERS,
    REVENUE, COST_PER_ORDER, CONVERSION, SERVICE_ORDERS,
)  # fmt: skip

COMPARED = frozenset({"started", "goals", "reached", "sent", "cost", "orders", "revenue"})
"""The figures beside which tables show the change since the period before."""
