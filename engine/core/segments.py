"""Who belongs to a segment, and when membership changes: by what happened, or by time alone
(design/language 2.4)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator

from engine.core.conditions.condition import AllOf, AnyOf, Condition, Did, Not, RelativeAge, Today
from engine.core.conditions.dependencies import refs
from engine.core.conditions.scope import NO_RULES, Rules, Scope, read
from engine.core.decision_context import DecisionContext
from engine.core.facts.customer import Facts
from engine.core.happening import Event, SegmentChanged
from engine.core.journey import SegmentRule
from engine.values import DAY, UTC, Birthday, Duration, Instant, at_local, later_day, local_date, to_datetime

_REPEATS = 9 * 366 * DAY
"""From some day on birthdays are all that comes back, and whatever they change, they have changed within a
leap cycle."""

_OUT_OF_TIME = 200_000 * DAY
"""Values further from 1970 than this are no moments of a shop."""


def is_member(rule: SegmentRule, facts: Facts, now: Instant) -> bool:
    """Whether a customer belongs to a segment now."""
    return rule.question.test(Scope(facts, None, now))


def next_crossing(rule: SegmentRule, facts: Facts, now: Instant, rules: Rules = NO_RULES) -> Instant | None:
    """The first moment after `now` at which the membership changes though nothing happens; None: never.

    Exact to the millisecond: between the moments that are tried no form changes its answer.
    """
    condition, member = rule.question.condition, is_member(rule, facts, now)
    # Only edges are tried: most of them change nothing, since `not`, `any` and other forms outweigh them.
    later = [edge for edge in edges(condition, facts, now, rules) if edge > now]
    horizon = max(later, default=now) + _REPEATS
    while later and (moment := min(later)) <= horizon:
        if is_member(rule, facts, moment) != member:
            return moment
        later = [edge for edge in edges(condition, facts, moment, rules) if edge > moment]
    return None


def edges(condition: Condition, facts: Facts, now: Instant, rules: Rules = NO_RULES) -> Iterator[Instant]:
    """The moments, past and to come, between which time changes no answer of a condition (birthdays: the
    next two)."""
    yield from _edges(condition, facts, now, rules, (None,))
    for ref in refs(condition):
        rule = rules.get(ref.name) if ref.source == "customer" else None
        if rule is not None and rule.last is not None:
            for event in facts.history.get(rule.event, ()):
                yield Instant(event.occurred_at + rule.last)


def _edges(
    condition: Condition, facts: Facts, now: Instant, rules: Rules, events: Iterable[Event | None]
) -> Iterator[Instant]:
    """`events`: those whose fields bare names mean, inside a `where`."""
    match condition:
        case Not(inner):
            yield from _edges(inner, facts, now, rules, events)
        case AllOf(inners) | AnyOf(inners):
            for inner in inners:
                yield from _edges(inner, facts, now, rules, events)
        case Did():
            if condition.last is not None:
                # The counter, too: the rows are not loaded where it answers.
                seen = facts.event_counters.get(condition.event)
                if seen is not None:
                    yield from _after(seen.last_at, condition.last)
                for event in facts.history.get(condition.event, ()):
                    yield from _after(event.occurred_at, condition.last)
            if condition.where is not None:
                yield from _edges(condition.where, facts, now, rules, facts.history.get(condition.event, ()))
        case RelativeAge() | Today():
            for event_or_none in events:
                yield from _edges_of_value(condition, Scope(facts, None, now, event_or_none), rules)
        case _:
            pass


def _edges_of_value(form: RelativeAge | Today, scope: Scope, rules: Rules) -> Iterator[Instant]:
    # More edges than are needed cost a question each; one too few is a membership that changes a
    # night too late.
    value, kind = read(form.ref, scope, rules), form.ref.type.kind
    length = form.length if isinstance(form, RelativeAge) else Duration()
    if kind == "time" and type(value) is int and abs(value) < _OUT_OF_TIME:
        at = Instant(value)
        yield at
        yield from _midnights(local_date(at, scope.facts.zone), Duration(), scope.facts)
        if isinstance(form, RelativeAge):
            yield from _after(at, length)
    elif kind == "date" and type(value) is dt.date:
        yield from _midnights(value, Duration(), scope.facts)
        yield from _midnights(value, length, scope.facts)
    elif kind == "birthday" and isinstance(value, Birthday):
        today = local_date(scope.now, scope.facts.zone)
        for year in (today.year, today.year + 1):
            yield from _midnights(value.in_year(year), Duration(), scope.facts)


def _midnights(day: dt.date, length: Duration, facts: Facts) -> Iterator[Instant]:
    """The local midnights at which a date may become `length` old: with months several, since short months
    repeat."""
    whole_days = length.days + length.elapsed // DAY
    later = later_day(day, length.months, whole_days)
    for extra in range(-3, 6) if length.months else (0, 1):
        yield at_local(later_day(later, 0, extra), dt.time.min, facts.zone)


def _after(at: Instant, length: Duration) -> Iterator[Instant]:
    """The moments at which a moment becomes `length` old (UTC calendar) and more than that."""
    if not length.months:
        old = Instant(at + length.days * DAY + length.elapsed)
        yield from (old, Instant(old + 1))
        return
    local = to_datetime(at, UTC)
    first = later_day(local.date(), length.months, length.days)
    for extra in range(-3, 5):
        day = later_day(first, 0, extra)
        for time in (dt.time.min, local.time()):
            old = Instant(at_local(day, time, UTC) + length.elapsed)
            yield from (old, Instant(old + 1))


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
