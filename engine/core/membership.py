"""Segments of one customer: asked again when what they read changes, and when time alone crosses their edge."""

from __future__ import annotations

from collections.abc import Iterable

from engine.core.facts import Facts
from engine.core.happening import SegmentChanged
from engine.core.journey import SegmentRule
from engine.core.segment import is_member, next_crossing
from engine.core.turn import Turn
from engine.values import Instant


def ask_segments(turn: Turn, rules: Iterable[SegmentRule], *, starts: bool) -> tuple[SegmentChanged, ...]:
    """The memberships that changed. A customer's next crossing is found anew."""
    changes = []
    for rule in rules:
        member = is_member(rule, turn.facts, turn.now)
        if member != (rule.name in turn.facts.segments):
            changes.append(SegmentChanged(turn.number, turn.now, rule.name, member, starts))
        _look_ahead(turn, rule)
    return tuple(changes)


def cross(turn: Turn, segment: str, at: Instant) -> SegmentChanged | None:
    """The moment at which time alone may have changed a membership has come."""
    turn.crossings.pop(segment, None)
    rule = turn.journeys.segments.get(segment)
    if rule is None:
        return None
    member = is_member(rule, turn.facts, turn.now)
    _look_ahead(turn, rule)
    if member == (segment in turn.facts.segments):
        return None
    return SegmentChanged(turn.number, at, segment, member)


def set_member(facts: Facts, segment: str, *, member: bool) -> None:
    """Writes the membership down."""
    facts.segments = facts.segments | {segment} if member else facts.segments - {segment}


def _look_ahead(turn: Turn, rule: SegmentRule) -> None:
    at = next_crossing(rule, turn.facts, turn.now, turn.index.rules)
    if at is None:
        turn.crossings.pop(rule.name, None)
    else:
        turn.crossings[rule.name] = at
