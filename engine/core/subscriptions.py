"""Who cares for what: looked up once per publication, so that an event costs nothing where nobody listens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from engine.core.conditions.dependencies import Dependencies, dependencies_of
from engine.core.conditions.scope import Rules
from engine.core.facts.backfill import Backfill
from engine.core.facts.rule import FactRule
from engine.core.journey import (
    EventTrigger,
    Journey,
    ProductTrigger,
    Question,
    SegmentRule,
    SegmentTrigger,
    Step,
)
from engine.core.points.rules import LoyaltyRules
from engine.core.time_dependence import is_time_dependent

T = TypeVar("T")

RANKS: Mapping[str, int] = {"high": 0, "normal": 1, "low": 2}


@dataclass(frozen=True, slots=True)
class JourneySubscription:
    """What the enrollments of one journey react to."""

    journey: Journey
    rank: tuple[int, str]  # priority and name: the order of journeys that decide at one moment
    steps_by_id: Mapping[str, Step]  # by id and by former id
    exit_dependencies: Dependencies  # what `goal: when` and `exit_if` look at
    awaited: frozenset[str]  # events that a `wait ... for` or a cascade listens for
    date_attributes: frozenset[str]  # attributes that a `wait: until` counts from
    turning_goal: Question | None  # `goal: when`, where time alone may change the answer
    turning_exit: Question | None  # `exit_if`, the same

    @classmethod
    def of(cls, journey: Journey, rules: Rules) -> JourneySubscription:
        """What one journey subscribes to. `rules`: the computed facts by name."""
        exit_dependencies = Dependencies()
        for question in (journey.goal.when, journey.exit_if):
            if question is not None:
                exit_dependencies |= dependencies_of(question.condition, rules)
        # An id that is in use beats the same word as a former id: that step was renamed away.
        steps_by_id: dict[str, Step] = {step.was: step for step in journey.steps if step.was is not None}
        steps_by_id |= {step.id: step for step in journey.steps}
        return cls(
            journey,
            rank=(RANKS[journey.priority], journey.name),
            steps_by_id=steps_by_id,
            exit_dependencies=exit_dependencies,
            awaited=frozenset(event for step in journey.steps for event in step.awaited_events()),
            date_attributes=frozenset(name for step in journey.steps for name in step.awaited_dates()),
            turning_goal=_turning(journey.goal.when, rules),
            turning_exit=_turning(journey.exit_if, rules),
        )


def _turning(question: Question | None, rules: Rules) -> Question | None:
    return question if question is not None and is_time_dependent(question.condition, rules) else None


@dataclass(frozen=True, slots=True)
class EventSubscriber:
    """A journey that an event may concern: by its starts, or by what its enrollments wait for."""

    subscription: JourneySubscription
    triggers: tuple[EventTrigger | ProductTrigger, ...]


@dataclass(frozen=True, slots=True)
class SegmentDependencies:
    """The segments to ask again when an event, an attribute, the reach or the journeys of a customer
    changed."""

    of_event: Mapping[str, tuple[SegmentRule, ...]]
    of_attribute: Mapping[str, tuple[SegmentRule, ...]]
    of_journey: Mapping[str, tuple[SegmentRule, ...]]
    of_reach: tuple[SegmentRule, ...]

    @classmethod
    def of(cls, segments: Iterable[SegmentRule], rules: Rules) -> SegmentDependencies:
        """What membership in these segments depends on. `rules`: the computed facts by name."""
        of_event: dict[str, tuple[SegmentRule, ...]] = {}
        of_attribute: dict[str, tuple[SegmentRule, ...]] = {}
        of_journey: dict[str, tuple[SegmentRule, ...]] = {}
        of_reach: tuple[SegmentRule, ...] = ()
        for segment in segments:
            dependencies = dependencies_of(segment.question.condition, rules)
            for event in dependencies.events:
                of_event[event] = (*of_event.get(event, ()), segment)
            # Any of them may ask for a date or a day, which another zone answers otherwise.
            for name in dependencies.attributes | frozenset(("timezone", "country")):
                of_attribute[name] = (*of_attribute.get(name, ()), segment)
            for journey in dependencies.journeys:
                of_journey[journey] = (*of_journey.get(journey, ()), segment)
            if dependencies.reach:
                of_reach = (*of_reach, segment)
        return cls(of_event, of_attribute, of_journey, of_reach)


@dataclass(frozen=True, slots=True)
class SubscriptionIndex:
    """Who cares for what in everything that is published. Tuples are in the order of `rank`."""

    rules: Rules  # the computed facts by name
    subscriptions: Mapping[str, JourneySubscription]  # by name and by former name
    subscribers: Mapping[str, tuple[EventSubscriber, ...]]  # by event: journeys that it starts or moves
    exit_events: Mapping[str, frozenset[str]]  # event -> journeys whose enrollments it may end
    segment_starts: Mapping[str, tuple[tuple[JourneySubscription, SegmentTrigger], ...]]  # by segment
    product_starts: tuple[tuple[JourneySubscription, tuple[ProductTrigger, ...]], ...]
    reads_products: bool  # whether any journey looks at the catalogue
    turning: frozenset[str]  # journeys whose enrollments time alone may end
    exit_attributes: frozenset[str]  # attributes that `goal: when` or `exit_if` of any journey looks at
    date_attributes: frozenset[str]  # attributes that a `wait: until` of any journey counts from
    facts_by_event: Mapping[str, tuple[FactRule, ...]]  # the computed facts that an event changes
    backfills_by_event: Mapping[str, tuple[Backfill, ...]]  # and what is computed beside them
    segment_dependencies: SegmentDependencies
    asked_journeys: frozenset[str]  # whose beginning or end an exit or a segment asks about (`inside:`)
    stopped: frozenset[str]
    paused: frozenset[str]
    observed_events: frozenset[str]  # events that anything in the project looks at
    loyalty_events: frozenset[str]  # events that change points or the tier


def index_of(
    journeys: Iterable[Journey],
    segments: Iterable[SegmentRule],
    facts: tuple[FactRule, ...],
    needs: Iterable[str],
    loyalty: LoyaltyRules,
    backfills: Iterable[Backfill] = (),
) -> SubscriptionIndex:
    """The index of everything that is published. `needs`: events whose history is kept."""
    rules = {rule.name: rule for rule in facts}
    facts_by_event = _by_event((event, rule) for rule in facts for event in rule.events)
    backfills_by_event = _by_event((event, each) for each in backfills for event in each.rule.events)
    ranked = sorted(
        (JourneySubscription.of(journey, rules) for journey in journeys),
        key=lambda subscription: subscription.rank,
    )
    # A name that is in use beats the same word as a former name.
    by_name = {was: subscription for subscription in ranked if (was := subscription.journey.was) is not None}
    by_name |= {subscription.journey.name: subscription for subscription in ranked}
    states = {name: subscription.journey.state for name, subscription in by_name.items()}
    subscribers = _subscribers(ranked)
    exit_events = _exit_events(ranked, facts_by_event)
    product_starts = _product_starts(ranked)
    segment_dependencies = SegmentDependencies.of(segments, rules)
    tier_rule = rules.get(loyalty.tiers.fact or "") if loyalty.tiers is not None else None
    loyalty_events = loyalty.events | frozenset(tier_rule.events if tier_rule is not None else ())
    observed_events = {*subscribers, *exit_events, *facts_by_event, *segment_dependencies.of_event, *needs}
    observed_events |= loyalty_events
    for subscription in ranked:
        observed_events |= subscription.journey.dependencies.events
    return SubscriptionIndex(
        rules=rules,
        subscriptions=by_name,
        subscribers=subscribers,
        exit_events=exit_events,
        segment_starts=_segment_starts(ranked),
        product_starts=product_starts,
        exit_attributes=frozenset(
            name for subscription in ranked for name in subscription.exit_dependencies.attributes
        ),
        date_attributes=frozenset(name for subscription in ranked for name in subscription.date_attributes),
        turning=frozenset(
            subscription.journey.name
            for subscription in ranked
            if subscription.turning_goal is not None or subscription.turning_exit is not None
        ),
        # A message about a product that a start named asks for its price and stock.
        reads_products=bool(product_starts)
        or any(subscription.journey.dependencies.product for subscription in ranked),
        facts_by_event=facts_by_event,
        backfills_by_event=backfills_by_event,
        segment_dependencies=segment_dependencies,
        asked_journeys=frozenset(segment_dependencies.of_journey).union(
            *(subscription.exit_dependencies.journeys for subscription in ranked)
        ),
        stopped=frozenset(name for name, state in states.items() if state == "stopped"),
        paused=frozenset(name for name, state in states.items() if state == "paused"),
        observed_events=frozenset(observed_events),
        loyalty_events=loyalty_events,
    )


def _by_event(pairs: Iterable[tuple[str, T]]) -> dict[str, tuple[T, ...]]:
    by_event: dict[str, tuple[T, ...]] = {}
    for event, what in pairs:
        by_event[event] = (*by_event.get(event, ()), what)
    return by_event


def _subscribers(ranked: list[JourneySubscription]) -> dict[str, tuple[EventSubscriber, ...]]:
    """By event, the journeys that it starts or whose enrollments wait for it. A draft starts nobody."""
    triggers: dict[str, dict[str, tuple[EventTrigger | ProductTrigger, ...]]] = defaultdict(dict)
    for subscription in ranked:
        journey = subscription.journey
        for trigger in journey.starts if journey.state != "draft" else ():
            if isinstance(trigger, EventTrigger | ProductTrigger):
                of_event = triggers[trigger.event if isinstance(trigger, EventTrigger) else trigger.kind]
                of_event[journey.name] = (*of_event.get(journey.name, ()), trigger)
        for event in subscription.awaited:
            triggers[event].setdefault(journey.name, ())
    return {
        event: tuple(
            EventSubscriber(subscription, of_event[subscription.journey.name])
            for subscription in ranked
            if subscription.journey.name in of_event
        )
        for event, of_event in triggers.items()
    }


def _exit_events(
    ranked: list[JourneySubscription], facts_by_event: Mapping[str, tuple[FactRule, ...]]
) -> dict[str, frozenset[str]]:
    exit_events: dict[str, set[str]] = defaultdict(set)
    for subscription in ranked:
        for event in (*subscription.journey.goal.events, *subscription.exit_dependencies.events):
            exit_events[event].add(subscription.journey.name)
        # Also through a computed fact: a condition names the fact, the event changes it.
        for event, rules in facts_by_event.items():
            if any(rule.name in subscription.exit_dependencies.attributes for rule in rules):
                exit_events[event].add(subscription.journey.name)
    return {event: frozenset(names) for event, names in exit_events.items()}


def _product_starts(
    ranked: list[JourneySubscription],
) -> tuple[tuple[JourneySubscription, tuple[ProductTrigger, ...]], ...]:
    """The journeys that changes of the catalogue may start. A draft starts nobody."""
    of_journey = [
        (
            subscription,
            tuple(start for start in subscription.journey.starts if isinstance(start, ProductTrigger)),
        )
        for subscription in ranked
        if subscription.journey.state != "draft"
    ]
    return tuple((subscription, triggers) for subscription, triggers in of_journey if triggers)


def _segment_starts(
    ranked: list[JourneySubscription],
) -> dict[str, tuple[tuple[JourneySubscription, SegmentTrigger], ...]]:
    starts: dict[str, list[tuple[JourneySubscription, SegmentTrigger]]] = defaultdict(list)
    for subscription in ranked:
        for trigger in subscription.journey.starts if subscription.journey.state != "draft" else ():
            if isinstance(trigger, SegmentTrigger):
                starts[trigger.segment].append((subscription, trigger))
    return {segment: tuple(pairs) for segment, pairs in starts.items()}
