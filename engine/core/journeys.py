"""Everything that is published, as one value that decisions are taken by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from engine.core.facts.backfill import Backfill
from engine.core.facts.customer import ZoneReason, resolve_zone
from engine.core.facts.fold import initial_values
from engine.core.facts.learned import Learned
from engine.core.facts.rule import FactRule
from engine.core.journey import CodeStep, DecisionMoment, Journey, Pool, SegmentRule
from engine.core.points.rules import LoyaltyRules
from engine.core.policy import Policy
from engine.core.products.watched import WATCH_EVENTS, TouchKind
from engine.core.subscriptions import SubscriptionIndex, index_of
from engine.values import Type, Value


def nowhere(number: str) -> tuple[str, ...]:
    """A phone number that tells nothing about where its owner lives."""
    del number
    return ()


def no_zone(country: str) -> None:
    """A country that tells nothing about the clocks of its people."""
    del country


@dataclass(frozen=True, slots=True)
class Journeys:
    """Everything that is published, as one value."""

    by_name: Mapping[str, Journey]
    facts: tuple[FactRule, ...] = ()  # computed for everybody
    backfills: tuple[Backfill, ...] = ()  # definitions that are computed beside them, until they are whole
    attributes: Mapping[str, Type] = field(default_factory=dict)
    segments: Mapping[str, SegmentRule] = field(default_factory=dict)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    channels: tuple[str, ...] = ()  # in the order of price
    timezone: str = "UTC"
    currency: str = "EUR"
    global_holdout: int = 0  # percent; counts for marketing policies only
    global_decide: DecisionMoment | None = None  # what it shows
    commit: str = ""
    needs: Mapping[str, int | None] = field(default_factory=dict)  # event -> history to load (ms; None: all)
    paths: Mapping[str, str] = field(default_factory=dict)  # split -> the path that everybody takes (stories)
    prices: Mapping[str, Decimal] = field(default_factory=dict)  # per message, in `currency`
    by_phone: frozenset[str] = frozenset()  # channels whose address is a phone number
    # The zones in which somebody with a number may live; none: the number does not tell.
    zones_of_phone: Callable[[str], tuple[str, ...]] = nowhere
    zone_of_country: Callable[[str], str | None] = no_zone  # its only zone, by ISO 3166 code
    # Events that touch products, and how.
    watch: Mapping[str, TouchKind] = field(default_factory=lambda: WATCH_EVENTS)
    loyalty: LoyaltyRules | None = None  # points and tiers
    learned: Learned = field(default_factory=Learned)  # what the last night knew
    explain: bool = True  # False: traces carry no values read and no lines about questions (replay)
    index: SubscriptionIndex = field(init=False, repr=False, compare=False)
    # The pools that codes are drawn from.
    drawn_pools: tuple[Pool, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Looks up once what decisions ask for at every event."""
        gaps = self.learned.gaps
        facts = tuple(
            replace(rule, typical=gaps[rule.name]) if rule.name in gaps else rule for rule in self.facts
        )
        same = {(rule.name, rule.fingerprint): rule for rule in facts}
        backfills = tuple(
            replace(backfill, rule=same.get((backfill.rule.name, backfill.rule.fingerprint), backfill.rule))
            for backfill in self.backfills
        )
        loyalty = self.loyalty or LoyaltyRules()
        index = index_of(self.by_name.values(), self.segments.values(), facts, self.needs, loyalty, backfills)
        object.__setattr__(self, "index", index)
        pools = {
            pool.name: pool
            for journey in self.by_name.values()
            for step in journey.steps
            if isinstance(step, CodeStep)
            for pool in step.pools.values()
            if pool.kind == "generated"
        }
        object.__setattr__(self, "drawn_pools", tuple(pools.values()))

    def first_values(self) -> dict[str, Value]:
        """What a customer has of whom nothing is known yet: counts and sums are 0, and so are points."""
        first = initial_values(self.facts, self.currency)
        return first if self.loyalty is None else {**first, **self.loyalty.first_values()}

    def resolve_zone(self, values: Mapping[str, Value]) -> tuple[str, ZoneReason]:
        """The zone of a customer with these attributes, and why it is this one."""
        return resolve_zone(values, self.timezone, self.zone_of_country)
