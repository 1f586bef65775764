"""When time alone changes the answer of a question: `ago`, `not in last 3 days`, `today`, facts over a
stretch of time (design/language 2.4, 2.21)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator

from engine.core.conditions.condition import AllOf, AnyOf, Condition, Did, Not, Ref, RelativeAge, Today
from engine.core.conditions.dependencies import forms, refs
from engine.core.conditions.scope import NO_RULES, Rules, Scope, read
from engine.core.facts.customer import Facts
from engine.core.facts.rule import FactRule
from engine.core.happening import Event
from engine.core.journey import Question
from engine.values import DAY, UTC, Birthday, Duration, Instant, at_local, later_day, local_date, to_datetime

_REPEATS = 9 * 366 * DAY
"""From some day on birthdays are all that comes back, and whatever they change, they have changed within a
leap cycle."""

_OUT_OF_TIME = 200_000 * DAY
"""Values further from 1970 than this are no moments of a shop."""


def is_time_dependent(condition: Condition, rules: Rules) -> bool:
    """Whether a condition names a form whose answer time alone may change."""
    timed = (
        isinstance(form, RelativeAge | Today) or (isinstance(form, Did) and form.last is not None)
        for form in forms(condition)
    )
    return any(timed) or any(_windowed(ref, rules) is not None for ref in refs(condition))


def with_windowed_facts(written: str, conditions: Iterable[Condition], rules: Rules) -> str:
    """The text of questions with those of the facts over a stretch of time that they read: these are counted
    when they are asked for, so another definition of one is another question at once. Of a kept fact it is
    none: whoever has another value is told."""
    asked = {ref.name: _windowed(ref, rules) for condition in conditions for ref in refs(condition)}
    windows = (f"{name}={rule.fingerprint}" for name, rule in sorted(asked.items()) if rule is not None)
    return " ".join((written, *windows))


def next_answer_change(question: Question, scope: Scope, rules: Rules = NO_RULES) -> Instant | None:
    """The first moment after that of `scope` at which the answer is another one though nothing happens; None:
    never.

    Exact to the millisecond: between the moments that are tried no form changes its answer.
    """
    facts, run, now = scope.facts, scope.run, scope.now
    answer = question.test(scope)
    # Only edges are tried: most of them change nothing, since `not`, `any` and other forms outweigh them.
    later = [edge for edge in _edges(question.condition, scope, rules) if edge > now]
    horizon = max(later, default=now) + _REPEATS
    while later and (moment := min(later)) <= horizon:
        then = Scope(facts, run, moment)
        if question.test(then) != answer:
            return moment
        later = [edge for edge in _edges(question.condition, then, rules) if edge > moment]
    return None


def _windowed(ref: Ref, rules: Rules) -> FactRule | None:
    """The rule of a fact that is counted over a stretch of time."""
    rule = rules.get(ref.name) if ref.source == "customer" else None
    return rule if rule is not None and rule.last is not None else None


def _edges(condition: Condition, scope: Scope, rules: Rules) -> Iterator[Instant]:
    """The moments, past and to come, between which time changes no answer of a condition (birthdays: the
    next two)."""
    yield from _edges_of_forms(condition, scope, rules, (None,))
    for ref in refs(condition):
        rule = _windowed(ref, rules)
        if rule is None or rule.last is None:
            continue
        if rule.year is not None:
            yield rule.year.turn(scope.now)
            continue
        for event in scope.facts.history.get(rule.event, ()):
            yield Instant(event.occurred_at + rule.last)


def _edges_of_forms(
    condition: Condition, scope: Scope, rules: Rules, events: Iterable[Event | None]
) -> Iterator[Instant]:
    """`events`: those whose fields bare names mean, inside a `where`."""
    facts = scope.facts
    match condition:
        case Not(inner):
            yield from _edges_of_forms(inner, scope, rules, events)
        case AllOf(inners) | AnyOf(inners):
            for inner in inners:
                yield from _edges_of_forms(inner, scope, rules, events)
        case Did():
            if condition.last is not None:
                # The counter, too: the rows are not loaded where it answers.
                seen = facts.event_counters.get(condition.event)
                if seen is not None:
                    yield from _after(seen.last_at, condition.last)
                for event in facts.history.get(condition.event, ()):
                    yield from _after(event.occurred_at, condition.last)
            if condition.where is not None:
                history = facts.history.get(condition.event, ())
                yield from _edges_of_forms(condition.where, scope, rules, history)
        case RelativeAge() | Today():
            for event_or_none in events:
                yield from _edges_of_value(
                    condition, Scope(facts, scope.run, scope.now, event_or_none), rules
                )
        case _:
            pass


def _edges_of_value(form: RelativeAge | Today, scope: Scope, rules: Rules) -> Iterator[Instant]:
    # More edges than are needed cost a question each; one too few is a membership or an exit
    # that comes late.
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
