"""Who belongs to a segment, and when membership changes: by what happened, or by time alone
(design/language 2.4)."""

from __future__ import annotations

from collections.abc import Iterable

from engine.core.conditions.scope import NO_RULES, Rules, Scope
from engine.core.decision.decision_context import DecisionContext
from engine.core.facts.customer import Facts
from engine.core.happening import SegmentChanged
from engine.core.journey import SegmentRule
from engine.core.time_dependence import next_answer_change
from engine.values import Instant


def is_member(rule: SegmentRule, facts: Facts, now: Instant) -> bool:
    """Whether a customer belongs to a segment now."""
    return rule.question.test(Scope(facts, None, now))


def next_crossing(rule: SegmentRule, facts: Facts, now: Instant, rules: Rules = NO_RULES) -> Instant | None:
    """The first moment after `now` at which the membership changes though nothing happens; None: never."""
    return next_answer_change(rule.question, Scope(facts, None, now), rules)


def ask_segments(
    context: DecisionContext, rules: Iterable[SegmentRule], *, starts: bool
) -> tuple[SegmentChanged, ...]:
    """The memberships that changed. A customer's next crossing is found anew."""
    changes = []
    # All are asked before any change is applied: segments do not read one another.
    for rule in rules:
        member = is_member(rule, context.facts, context.now)
        if member != (rule.name in context.facts.segments):
            changes.append(SegmentChanged(context.number, context.now, rule.name, member, starts))
        _look_ahead(context, rule)
    return tuple(changes)


def cross(context: DecisionContext, segment: str, at: Instant) -> SegmentChanged | None:
    """The moment at which time alone may have changed a membership has come."""
    context.crossings.pop(segment, None)
    # A segment that was taken out of the files since the crossing was found.
    rule = context.journeys.segments.get(segment)
    if rule is None:
        return None
    member = is_member(rule, context.facts, context.now)
    _look_ahead(context, rule)
    if member == (segment in context.facts.segments):
        return None
    # At the crossing, however late it is noticed: the start counts from there (2.4).
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
