"""Who cares for what: looked up once per publication, so that an event costs nothing where nobody listens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from engine.core.conditions.dependencies import Dependencies, dependencies_of
from engine.core.conditions.scope import Rules
from engine.core.facts.customer import FactRule
from engine.core.journey import (
    EventTrigger,
    Journey,
    ProductTrigger,
    Question,
    SegmentRule,
    SegmentTrigger,
    Step,
)

RANKS: Mapping[str, int] = {"high": 0, "normal": 1, "low": 2}


@dataclass(frozen=True, slots=True)
class JourneySubscription:
    """What the runs of one journey react to. `rank` orders journeys that decide at one moment (priority, name);
    `places`: its steps by id and by former id; `leaving`: what `goal: when` and `exit_if` look at; `awaited`: events
    that a `wait ... for` or a cascade listens for; `dates`: attributes that a `wait: until` counts from."""

    journey: Journey
    rank: tuple[int, str]
    steps_by_id: Mapping[str, Step]
    exit_dependencies: Dependencies
    awaited: frozenset[str]
    date_attributes: frozenset[str]


@dataclass(frozen=True, slots=True)
class EventSubscriber:
    """A journey that an event may concern: by its starts, or by what its runs wait for."""

    subscription: JourneySubscription
    triggers: tuple[EventTrigger | ProductTrigger, ...]


@dataclass(frozen=True, slots=True)
class SegmentDependencies:
    """The segments to ask again when an event, an attribute or the reach of a customer changed."""

    of_event: Mapping[str, tuple[SegmentRule, ...]]
    of_attribute: Mapping[str, tuple[SegmentRule, ...]]
    of_reach: tuple[SegmentRule, ...]


@dataclass(frozen=True, slots=True)
class SubscriptionIndex:
    """`listeners` and `entries` are in the order of `rank`. `leavers`: event -> journeys whose runs it may end.
    `moves`: event -> computed facts that it changes.
    `segments`: what membership depends on. `heard`: events that anything in the project looks at."""

    rules: Rules
    subscriptions: Mapping[str, JourneySubscription]
    subscribers: Mapping[str, tuple[EventSubscriber, ...]]
    exit_events: Mapping[str, frozenset[str]]
    segment_starts: Mapping[str, tuple[tuple[JourneySubscription, SegmentTrigger], ...]]
    facts_by_event: Mapping[str, tuple[FactRule, ...]]
    segment_dependencies: SegmentDependencies
    stopped: frozenset[str]
    paused: frozenset[str]
    observed_events: frozenset[str]


def index_of(
    journeys: Iterable[Journey],
    segments: Iterable[SegmentRule],
    facts: tuple[FactRule, ...],
    needs: Iterable[str],
) -> SubscriptionIndex:
    """The index of everything that is published. `needs`: events whose history is kept."""
    rules = {rule.name: rule for rule in facts}
    current = sorted((_interest(each, rules) for each in journeys), key=lambda one: one.rank)
    subscriptions = {each.journey.was: each for each in current if each.journey.was is not None}
    subscriptions |= {each.journey.name: each for each in current}
    moves = _moves(facts)
    listeners = _listeners(current)
    leavers = _leavers(current, moves)
    readers = _segments(segments, rules)
    return SubscriptionIndex(
        rules,
        subscriptions,
        listeners,
        leavers,
        _entries(current),
        moves,
        readers,
        _in_state("stopped", subscriptions),
        _in_state("paused", subscriptions),
        frozenset((*listeners, *leavers, *moves, *readers.of_event, *needs, *_read(current))),
    )


def _interest(journey: Journey, rules: Rules) -> JourneySubscription:
    leaving = _look(journey.goal.when, rules) | _look(journey.exit_if, rules)
    steps_by_id: dict[str, Step] = {step.was: step for step in journey.steps if step.was is not None}
    steps_by_id |= {step.id: step for step in journey.steps}
    awaited = frozenset(event for step in journey.steps for event in step.awaited_events())
    dates = frozenset(name for step in journey.steps for name in step.awaited_dates())
    rank = (RANKS[journey.priority], journey.name)
    return JourneySubscription(journey, rank, steps_by_id, leaving, awaited, dates)


def _in_state(state: str, subscriptions: Mapping[str, JourneySubscription]) -> frozenset[str]:
    return frozenset(name for name, each in subscriptions.items() if each.journey.state == state)


def _look(question: Question | None, rules: Rules) -> Dependencies:
    return dependencies_of(question.condition, rules) if question is not None else Dependencies()


def _listeners(subscriptions: list[JourneySubscription]) -> dict[str, tuple[EventSubscriber, ...]]:
    subscribers: dict[str, dict[str, tuple[EventTrigger | ProductTrigger, ...]]] = defaultdict(dict)
    for each in subscriptions:
        name = each.journey.name
        for trigger in each.journey.starts if each.journey.state != "draft" else ():
            if isinstance(trigger, EventTrigger):
                subscribers[trigger.event][name] = (*subscribers[trigger.event].get(name, ()), trigger)
            elif isinstance(trigger, ProductTrigger):
                subscribers[trigger.kind][name] = (*subscribers[trigger.kind].get(name, ()), trigger)
        for event in each.awaited:
            subscribers[event].setdefault(name, ())
    ranked = {each.journey.name: each for each in subscriptions}
    return {
        event: tuple(EventSubscriber(each, of[name]) for name, each in ranked.items() if name in of)
        for event, of in subscribers.items()
    }


def _read(subscriptions: list[JourneySubscription]) -> Iterator[str]:
    for each in subscriptions:
        yield from each.journey.dependencies.events


def _leavers(
    subscriptions: list[JourneySubscription], moves: Mapping[str, tuple[FactRule, ...]]
) -> dict[str, frozenset[str]]:
    exit_events: dict[str, set[str]] = defaultdict(set)
    for each in subscriptions:
        for event in (*each.journey.goal.events, *each.exit_dependencies.events):
            exit_events[event].add(each.journey.name)
        for event, rules in moves.items():
            if any(rule.name in each.exit_dependencies.attributes for rule in rules):
                exit_events[event].add(each.journey.name)
    return {event: frozenset(names) for event, names in exit_events.items()}


def _entries(
    subscriptions: list[JourneySubscription],
) -> dict[str, tuple[tuple[JourneySubscription, SegmentTrigger], ...]]:
    found: dict[str, list[tuple[JourneySubscription, SegmentTrigger]]] = defaultdict(list)
    for each in subscriptions:
        for trigger in each.journey.starts if each.journey.state != "draft" else ():
            if isinstance(trigger, SegmentTrigger):
                found[trigger.segment].append((each, trigger))
    return {segment: tuple(starts) for segment, starts in found.items()}


def _moves(rules: tuple[FactRule, ...]) -> dict[str, tuple[FactRule, ...]]:
    facts_by_event: dict[str, tuple[FactRule, ...]] = {}
    for rule in rules:
        facts_by_event[rule.event] = (*facts_by_event.get(rule.event, ()), rule)
    return facts_by_event


def _segments(segments: Iterable[SegmentRule], rules: Rules) -> SegmentDependencies:
    of_event: dict[str, tuple[SegmentRule, ...]] = {}
    of_attribute: dict[str, tuple[SegmentRule, ...]] = {}
    of_reach: tuple[SegmentRule, ...] = ()
    for segment in segments:
        read = dependencies_of(segment.question.condition, rules)
        for event in read.events:
            of_event[event] = (*of_event.get(event, ()), segment)
        for name in read.attributes | frozenset(("timezone", "country")):
            of_attribute[name] = (*of_attribute.get(name, ()), segment)
        if read.reach:
            of_reach = (*of_reach, segment)
    return SegmentDependencies(of_event, of_attribute, of_reach)
