"""A shop with points, and the life of one customer in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from engine.compiler.facts.customer_file import read_catalogue
from engine.compiler.incentives.points import compile_points
from engine.compiler.project_context import ProjectContext
from engine.compiler.publication import publish
from engine.config.file import read_config
from engine.core.decide import decide, next_due
from engine.core.decision.effects import Emit, EnterPoints
from engine.core.facts.customer import CustomerState, Facts
from engine.core.happening import Event, Happening, PointsSpent
from engine.core.journeys import Journeys
from engine.language.yaml.source import read
from engine.problem import render_problems
from engine.values import Instant, Money, Value

POINTS = """
points:
  earn:
    - {event: subscribed, points: 100, once: ever}
    - {event: order_placed, points: 2 for each 1 EUR of total, who: {tier: gold}}
    - {event: order_placed, points: 1 for each 1 EUR of total}
    - {event: order_placed, points: 200, who: {orders_count: 2}, and: also}
    - {event: review_written, points: 30, at_most: 2 a month}
    - {event: review_written, points: 5}
  pending: 14 days
  less: [order_returned.total by order_id, order_cancelled by order_id]
  spent_by: points_redeemed.points
  expire: 365 days after earning
  warn: 14 days
tiers:
  by: points earned in last 365 days
  into: {bronze: 0, silver: 500, gold: 2000}
  keep: 365 days
"""
PLAIN = """
points:
  earn:
    - {event: subscribed, points: 100, once: ever}
    - {event: order_placed, points: 1 for each 1 EUR of total}
    - {event: order_placed, points: 20, where: {total: at least 50 EUR}, and: also}
    - {event: review_written, points: 30, at_most: 2 a month}
    - {event: review_written, points: 5}
  pending: 3 days
  less: [order_returned.total by order_id, order_cancelled by order_id]
  spent_by: points_redeemed.points
  expire: 60 days after earning
  warn: 14 days
"""
EVENTS = """
events:
  subscribed: {fields: {form: text}}
  order_placed: {fields: {order_id: text, total: money}}
  order_returned: {fields: {order_id: text, total: money}}
  order_cancelled: {fields: {order_id: text}}
  review_written: {fields: {stars: number}}
  points_redeemed: {fields: {points: number, reward: text}}
"""
CUSTOMER = """
facts:
  orders_count: count of order_placed
  total_spent: sum of order_placed.total
"""
HEAD = "shop: {name: Bean There, url: https://shop.example, address: Sofia}\ntimezone: UTC\ncurrency: EUR\n"
TOLD = frozenset((
    "points_earned", "points_spent", "points_expiring", "points_expired", "tier_reached", "tier_left",
))  # fmt: skip


def shop(points: str = POINTS, customer: str = CUSTOMER, events: str = EVENTS) -> Journeys:
    """What is published; a mistake in it fails the test with the words that an author would read. Everything
    that is told of points is listened to."""
    config, problems = read_config(HEAD + points)
    nodes = [read(text, name)[0] for text, name in ((customer, "customer"), (events, "events"))]
    catalogue, more = read_catalogue(nodes[0], nodes[1], None, config)
    world = ProjectContext(config, catalogue)
    problems += more + compile_points(world)[1]
    assert not [problem for problem in problems if problem.is_error], render_problems(problems, {})
    journeys = publish((), {}, world)
    object.__setattr__(journeys.index, "observed_events", journeys.index.observed_events | TOLD)
    return journeys


def money(amount: int | str) -> Money:
    """An amount in the currency of the shop."""
    return Money(Decimal(amount), "EUR")


@dataclass(slots=True)
class Life:
    """One customer. `told`: the events of the engine, with the fields; `entered`: points by cause."""

    journeys: Journeys
    state: CustomerState = field(default_factory=lambda: CustomerState(Facts("anna")))
    told: list[tuple[Instant, str, dict[str, Value]]] = field(default_factory=list)
    entered: Counter[str] = field(default_factory=Counter)
    entries: list[EnterPoints] = field(default_factory=list)
    number: int = 0

    def __post_init__(self) -> None:
        if not self.state.facts.values:
            self.state.facts.values.update(self.journeys.first_values())

    @property
    def values(self) -> dict[str, Value]:
        """Attributes and facts."""
        return self.state.facts.values

    def event(self, id_: str, name: str, at: Instant, now: Instant | None = None, **fields: Value) -> None:
        """An event, received at `now`."""
        self.number += 1
        received = now if now is not None else at
        self.feed(Event(self.number, id_, name, at, received, fields), received)

    def spend(self, id_: str, points: int, now: Instant) -> None:
        """The till has asked, and the balance was enough."""
        self.number += 1
        self.feed(PointsSpent(self.number, now, id_, points, "till"), now)

    def feed(self, happening: Happening, now: Instant) -> None:
        """Decides it, and everything that time has brought until then."""
        self.until(now)
        self._decide((happening,), now)

    def until(self, now: Instant) -> None:
        """Everything that time brings until a moment."""
        for _ in range(1000):
            due = next_due(self.state, self.journeys)
            if due is None or due > now:
                return
            self._decide((), due)
        raise AssertionError("it never comes to rest")

    def _decide(self, happenings: Iterable[Happening], now: Instant) -> None:
        decided = decide(self.state, tuple(happenings), self.journeys, now)
        self.state = decided.state
        for decision in decided.decisions:
            for effect in decision.effects:
                if isinstance(effect, EnterPoints):
                    self.entries.append(effect)
                    self.entered[effect.cause] += effect.points
                elif isinstance(effect, Emit):
                    self.told.append((now, effect.name, dict(effect.fields)))
