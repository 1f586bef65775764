"""What a journey looks at, so that nothing else wakes its customers, and how much history must be loaded
for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.compiler.nested_values import nested_values
from engine.core.conditions.condition import Ref
from engine.core.conditions.dependencies import Dependencies, dependencies_of, farthest
from engine.core.facts.rule import FactRule
from engine.core.journey import (
    EventTrigger,
    Goal,
    JourneyDependencies,
    ProductTrigger,
    Question,
    SegmentTrigger,
    SendStep,
    Step,
    Trigger,
    WaitStep,
)
from engine.values import DAY, Duration

NOTHING = JourneyDependencies(frozenset(), frozenset(), frozenset(), product=False, reach=False, history={})

_HOLD = 11 * DAY
"""The longest that quiet days and hours and caps hold one message back."""


def dependencies_of_journey(
    starts: tuple[Trigger, ...],
    who: Question | None,
    goal: Goal,
    exit_if: Question | None,
    steps: tuple[Step, ...],
    rules: Mapping[str, FactRule],
) -> JourneyDependencies:
    """The reads of a journey: events, attributes and segments of its starts, goal, exit and waits; history
    of all."""
    waking = Dependencies(events=frozenset(_awaited(starts, goal, steps)))
    waking |= Dependencies(segments=frozenset(t.segment for t in starts if isinstance(t, SegmentTrigger)))
    waking |= Dependencies(attributes=frozenset(name for step in steps for name in step.awaited_dates()))
    for question in (goal.when, exit_if):
        if question is not None:
            waking |= dependencies_of(question.condition, rules)
    history = farthest(waking.history, *_needed(starts, who, goal, steps, rules))
    return JourneyDependencies(
        waking.events, waking.attributes, waking.segments, waking.product, waking.reach, history
    )


def dependencies_of_question(question: Question, rules: Mapping[str, FactRule]) -> JourneyDependencies:
    """The reads of a segment."""
    read = dependencies_of(question.condition, rules)
    return JourneyDependencies(
        read.events, read.attributes, read.segments, read.product, read.reach, read.history
    )


def milliseconds(length: Duration) -> int:
    """An upper bound: a month counts as 31 days."""
    return (length.months * 31 + length.days) * DAY + length.elapsed


def _awaited(starts: tuple[Trigger, ...], goal: Goal, steps: tuple[Step, ...]) -> Iterator[str]:
    yield from goal.events
    for start in starts:
        if isinstance(start, EventTrigger):
            yield start.event
        elif isinstance(start, ProductTrigger):
            yield start.kind
    for step in steps:
        yield from step.awaited_events()


def _needed(
    starts: tuple[Trigger, ...],
    who: Question | None,
    goal: Goal,
    steps: tuple[Step, ...],
    rules: Mapping[str, FactRule],
) -> Iterator[Mapping[str, int | None]]:
    """History that conditions ask for, and that which an event before its time leaves behind."""
    questions = [who] if who else []
    questions += [question for step in steps for question in step.questions()]
    for question in questions:
        yield dependencies_of(question.condition, rules).history
    # Values of `with` and `set`, a choice between offers: facts over a stretch of time are counted there too.
    for ref in nested_values(steps, Ref):
        rule = rules.get(ref.name) if ref.source == "customer" else None
        if rule is not None:
            yield rule.history
    # a start may be taken in so late that its goal has happened already
    fresh = max((milliseconds(t.fresh) for t in starts if isinstance(t, EventTrigger)), default=DAY)
    if goal.where:
        yield dict.fromkeys(goal.events, fresh)
    for before, step in enumerate(steps):
        if isinstance(step, WaitStep) and step.awaited and step.awaited.where:
            yield dict.fromkeys(step.awaited.events, _window(steps[:before]))


def _window(before: tuple[Step, ...]) -> int:
    """How far back the window of a `for` can open: the first hand-over of the longest cascade before it."""
    longest = 0
    for step in before:
        if isinstance(step, SendStep) and (interval := step.longest_interval):
            longest = max(longest, (milliseconds(interval) + _HOLD) * len(step.channels))
    return longest + _HOLD
