"""Segments of one customer: asked again when what they read changes, and when time alone crosses their edge."""

from __future__ import annotations

from collections.abc import Iterable

from engine.core.decision_context import DecisionContext
from engine.core.facts.customer import Facts
from engine.core.happening import SegmentChanged
from engine.core.journey import SegmentRule
from engine.core.segments.segment import is_member, next_crossing
from engine.values import Instant


def ask_segments(
    context: DecisionContext, rules: Iterable[SegmentRule], *, starts: bool
) -> tuple[SegmentChanged, ...]:
    """The memberships that changed. A customer's next crossing is found anew."""
    changes = []
    for rule in rules:
        member = is_member(rule, context.facts, context.now)
        if member != (rule.name in context.facts.segments):
            changes.append(SegmentChanged(context.number, context.now, rule.name, member, starts))
        _look_ahead(context, rule)
    return tuple(changes)


def cross(context: DecisionContext, segment: str, at: Instant) -> SegmentChanged | None:
    """The moment at which time alone may have changed a membership has come."""
    context.crossings.pop(segment, None)
    rule = context.journeys.segments.get(segment)
    if rule is None:
        return None
    member = is_member(rule, context.facts, context.now)
    _look_ahead(context, rule)
    if member == (segment in context.facts.segments):
        return None
    return SegmentChanged(context.number, at, segment, member)


def set_member(facts: Facts, segment: str, *, member: bool) -> None:
    """Writes the membership down."""
    facts.segments = facts.segments | {segment} if member else facts.segments - {segment}


def _look_ahead(context: DecisionContext, rule: SegmentRule) -> None:
    at = next_crossing(rule, context.facts, context.now, context.index.rules)
    if at is None:
        context.crossings.pop(rule.name, None)
    else:
        context.crossings[rule.name] = at
