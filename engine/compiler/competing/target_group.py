"""Whether somebody can fit two journeys at once: what their conditions rule out between them.

What follows is certain: `exclude` is only true where nobody can fit both. Of conditions that it cannot
compare it says that somebody may.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engine.compiler.incentives.ranges import overlap, ranges_of
from engine.core.conditions import condition as core
from engine.core.conditions.condition import Condition, Constant, Did, Not, Ref
from engine.core.facts.rule import FactRule
from engine.core.journey import SegmentRule
from engine.values import DAY, Duration

_LISTS = ("list of text", "list of")
_OF_AN_EVENT = ("last", "first", "average", "most frequent", "next")
"""Facts that are set as soon as their event happened, and not before."""


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """Who can be meant at all: `lines` that are all true of them, each a form of one name, or `AnyOf`."""

    lines: tuple[Condition, ...]

    def excludes(self, other: TargetGroup) -> bool:
        """Nobody belongs to both."""
        return any(exclude(mine, theirs) for mine in self.lines for theirs in other.lines)


@dataclass(frozen=True, slots=True)
class TargetGroupReader:
    """Takes conditions apart, segments and facts into what they say of events."""

    facts: Mapping[str, FactRule]
    segments: Mapping[str, SegmentRule]

    def target_group(self, *conditions: Condition) -> TargetGroup:
        """Everybody of whom all conditions are true."""
        return TargetGroup(tuple(line for condition in conditions for line in self._lines(condition, 3)))

    def _lines(self, condition: Condition, depth: int) -> Iterator[Condition]:
        match condition:
            case core.AllOf(parts):
                for part in parts:
                    yield from self._lines(part, depth)
            case Not(core.AnyOf(parts)):
                for part in parts:
                    yield from self._lines(Not(part), depth)
            case Not(core.AllOf(parts)) if len(parts) > 1:
                yield from self._lines(core.AnyOf(tuple(Not(part) for part in parts)), depth)
            case Not(core.AllOf((part,))) | Not(Not(Not(part))):
                yield from self._lines(Not(part), depth)
            case Not(Not(part)):
                yield from self._lines(part, depth)
            case Not(Did(event, low, None, last, since_start, where)) if low > 0:
                yield Did(event, 0, low - 1, last, since_start, where)
            case core.AnyOf((part,)):
                yield from self._lines(part, depth)
            case core.AnyOf(parts):
                yield core.AnyOf(tuple(core.AllOf(tuple(self._lines(part, depth))) for part in parts))
            case core.InSegment((name,)) if depth and name in self.segments:
                yield condition
                yield from self._lines(self.segments[name].question.condition, depth - 1)
            case _:
                yield condition
                yield from self._of_events(condition)

    def _of_events(self, condition: Condition) -> Iterator[Did]:
        """What a line about a computed fact says of the events behind it."""
        is_opposite = isinstance(condition, Not)
        inner = condition.condition if isinstance(condition, Not) else condition
        ref = getattr(inner, "ref", None)
        rule = self.facts.get(ref.name) if isinstance(ref, Ref) and ref.source == "customer" else None
        if rule is None or rule.where is not None or rule.less or rule.year is not None:
            return
        if rule.how == "count" and rule.last is None:
            for low, high in _counts(condition):
                yield Did(rule.event, low, high)
        elif rule.how in _OF_AN_EVENT and rule.last is None:
            if is_opposite and isinstance(inner, core.IsSet):
                yield Did(rule.event, 0, 0)
            elif not is_opposite:
                yield Did(rule.event, 1)
            if rule.how == "last" and isinstance(inner, core.RelativeAge) and not is_opposite:
                recent = Did(rule.event, 1, None, inner.length)
                yield recent if inner.how == "less than" else Did(rule.event, 0, 0, inner.length)


def exclude(one: Condition, other: Condition) -> bool:
    """The two are never true together."""
    for first, second in ((one, other), (other, one)):
        match first:
            case core.AllOf(parts):
                return any(exclude(part, second) for part in parts)
            case core.AnyOf(parts) if parts:
                return all(exclude(part, second) for part in parts)
            case _:
                pass
    match one, other:
        case Not(), Not():
            return False
        case Not(inner), _:
            return _implies(other, inner)
        case _, Not(inner):
            return _implies(one, inner)
        case Did(), Did():
            return _too_often(one, other) or _too_often(other, one)
        case _:
            return _of_one_name(one, other)


def _implies(one: Condition, other: Condition) -> bool:
    """Whenever the first is true, the second is."""
    if one == other:
        return True
    match one, other:
        case core.InSegment(), core.InSegment():
            return set(one.names) <= set(other.names)
        case core.InsideJourney(), core.InsideJourney():
            return set(one.journeys) <= set(other.journeys)
        case core.Can(), core.Can():
            return set(one.channels) <= set(other.channels) and one.consent == other.consent
        case core.RelativeAge(), core.RelativeAge() if (one.ref, one.how) == (other.ref, other.how):
            lengths = one.length.roughly(), other.length.roughly()
            return lengths[0] >= lengths[1] if one.how == "more than" else lengths[0] <= lengths[1]
        case _:
            pass
    ref = getattr(one, "ref", None)
    if ref is None or ref != getattr(other, "ref", None):
        return False
    mine, theirs = _constants(one), _constants(other)
    return isinstance(other, core.IsSet) or (mine is not None and theirs is not None and mine <= theirs)


def _of_one_name(one: Condition, other: Condition) -> bool:
    """Two positive forms of one name that no value fits."""
    ref = getattr(one, "ref", None)
    if not isinstance(ref, Ref) or ref != getattr(other, "ref", None) or ref.type.kind in _LISTS:
        return False
    mine, theirs = _constants(one), _constants(other)
    if mine is not None and theirs is not None:
        return mine.isdisjoint(theirs)
    match one, other:
        case core.RelativeAge(), core.RelativeAge() if one.how != other.how:
            older, newer = (one, other) if one.how == "more than" else (other, one)
            return older.length.roughly() >= newer.length.roughly()
        case core.BeforeAfter(), core.BeforeAfter() if one.how != other.how:
            before, after = (one, other) if one.how == "before" else (other, one)
            return type(before.moment) is type(after.moment) and after.moment >= before.moment  # type: ignore[operator]
        case _:
            pass
    first, second = ranges_of(one), ranges_of(other)
    if first is None or second is None or len({r.unit for r in (*first, *second) if r.unit}) > 1:
        return False
    return not any(overlap(mine_range, their_range) for mine_range in first for their_range in second)


def _constants(condition: Condition) -> frozenset[Constant] | None:
    if not isinstance(condition, core.IsOneOf):
        return None
    fixed = frozenset(value for value in condition.values if not isinstance(value, Ref))
    return fixed if len(fixed) == len(condition.values) else None


def _too_often(often: Did, seldom: Did) -> bool:
    """The first asks for more of an event than the second lets happen, in a window that lies inside."""
    if often.event != seldom.event or seldom.high is None or often.low <= seldom.high:
        return False
    if often.since_start or seldom.since_start:
        return False
    if seldom.where is not None and seldom.where != often.where:
        return False
    if seldom.last is None:
        return True
    return often.last is not None and _length(often.last) <= _length(seldom.last)


def _length(window: Duration) -> int:
    return window.months * 31 * DAY + window.days * DAY + window.elapsed


def _counts(condition: Condition) -> Iterator[tuple[int, int | None]]:
    """(least, most) of a line about a number of events."""
    ranges = ranges_of(condition)
    if ranges is None or len(ranges) != 1:
        return
    (low, low_side), (high, high_side) = ranges[0].start, ranges[0].end
    least = 0 if not low.is_finite() else int(low) + (1 if low_side > 0 and low == int(low) else 0)
    most = None if not high.is_finite() else int(high) - (1 if high_side < 0 and high == int(high) else 0)
    yield max(least, 0), most
