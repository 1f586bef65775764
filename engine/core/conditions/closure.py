"""Conditions as closures: compiled once, asked of one customer at one moment.

A question about values is made of three parts that are chosen once: how the name is read, whether
the value fits the type (a value of another type than the schema says counts as not set), and what
is asked of it. Nothing here raises (design/language 2.7).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeAlias, cast

from engine.core.conditions.condition import (
    AllOf,
    AnyOf,
    BeforeAfter,
    Between,
    Can,
    Compare,
    Condition,
    Did,
    GoalReached,
    InSegment,
    InsideJourney,
    IsOneOf,
    IsSet,
    Not,
    Operand,
    Reacted,
    Ref,
    RelativeAge,
    TextMatch,
    Today,
)
from engine.core.conditions.dependencies import dependencies_of, refs
from engine.core.conditions.scope import NO_RULES, Reader, Rules, Scope, read, reader
from engine.core.conditions.trace_values import values_asked
from engine.core.facts.customer import can_reach
from engine.core.facts.fields import field_values
from engine.core.happening import Event
from engine.values import DAY, UTC, Birthday, Instant, Money, Value, local_date, minus_days, plus

__all__ = ["Scope", "Test", "compile_condition", "dependencies_of", "read", "refs", "values_asked"]


Test: TypeAlias = Callable[[Scope], bool]


def compile_condition(condition: Condition, rules: Rules = NO_RULES) -> Test:
    """The closure of a condition. `rules`: the computed facts by name; those with a window are counted
    when asked."""
    match condition:
        case Not(inner):
            test = compile_condition(inner, rules)
            return lambda scope: not test(scope)
        case AllOf(inners):
            tests = tuple(compile_condition(inner, rules) for inner in inners)
            # Nearly all have one line or two; a generator for each question would cost more
            # than the question.
            if len(tests) == 1:
                return tests[0]
            if len(tests) == 2:
                first, second = tests
                return lambda scope: first(scope) and second(scope)
            return lambda scope: all(test(scope) for test in tests)
        case AnyOf(inners):
            tests = tuple(compile_condition(inner, rules) for inner in inners)
            return lambda scope: any(test(scope) for test in tests)
        case Did():
            return _did(condition, rules)
        case InSegment(names):
            wanted = frozenset(names)
            return lambda scope: not wanted.isdisjoint(scope.facts.segments)
        case InsideJourney(journeys):
            asked = frozenset(journeys)
            return lambda scope: not asked.isdisjoint(scope.facts.inside)
        case Can(channels, purpose):
            return lambda scope: any(can_reach(scope.facts, channel, purpose) for channel in channels)
        case Reacted(how, template):
            return lambda scope: (
                scope.run is not None
                and any(
                    message.template == template and message.reacted_at(how) is not None
                    for messages in scope.run.sent.values()
                    for message in messages
                )
            )
        case GoalReached():
            return lambda scope: scope.run is not None and scope.run.goal_at is not None
        case _:
            return _about_value(condition.ref, _asked(condition, rules), rules)


FITS: Mapping[str, Callable[[Value], bool]] = {
    "text": lambda value: type(value) is str,
    "one of": lambda value: type(value) is str,
    "number": lambda value: type(value) is int or type(value) is Decimal,
    "money": lambda value: type(value) is Money,
    "share": lambda value: type(value) is Decimal or type(value) is int,
    "true/false": lambda value: type(value) is bool,
    "date": lambda value: type(value) is dt.date,
    "time": lambda value: type(value) is int,
    "birthday": lambda value: type(value) is Birthday,
    "list of text": lambda value: type(value) is tuple and len(value) > 0,
    "list of": lambda value: type(value) is list and len(value) > 0,
}
"""Whether a value has the type that the schema says; an empty list counts as not set."""


def _about_value(ref: Ref, asked: Asked, rules: Rules) -> Test:
    fits, path = FITS[ref.type.kind], ref.name
    # A path over the items of an event: true if one of them fits.
    if "." in path and ref.source in ("event", "trigger"):
        of_event = ref.source == "event"

        def test_items(scope: Scope) -> bool:
            owner = scope.event if of_event else scope.run
            if owner is None:
                return False
            fields = owner.fields if isinstance(owner, Event) else owner.trigger
            return any(fits(value) and asked(value, scope) for value in field_values(fields, path))

        return test_items
    get = reader(ref, rules)

    def test(scope: Scope) -> bool:
        value = get(scope)
        return value is not None and fits(value) and asked(value, scope)

    return test


def _asked(
    form: IsOneOf | IsSet | Compare | Between | RelativeAge | BeforeAfter | Today | TextMatch, rules: Rules
) -> Asked:
    match form:
        case IsSet():
            return lambda _value, _scope: True
        case IsOneOf(ref, values):
            return _is_one_of(ref, values, rules)
        case Compare(ref, how, operand):
            return _compares(how, _operand(operand, ref, rules))
        case Between(ref, low, high):
            least = _compares("at least", _operand(low, ref, rules))
            most = _compares("at most", _operand(high, ref, rules))
            return lambda value, scope: least(value, scope) and most(value, scope)
        case RelativeAge():
            return ago(form)
        case BeforeAfter(ref, how, moment):
            # A day and a moment have no order; the check refuses it, and here it is false as all that
            # does not fit.
            if (type(moment) is dt.date) != (ref.type.kind == "date"):
                return lambda _value, _scope: False
            if how == "before":
                return lambda value, _scope: value < moment  # type: ignore[operator]  # both of the type of ref
            return lambda value, _scope: value > moment  # type: ignore[operator]  # both of the type of ref
        case Today(ref):
            return TODAY.get(ref.type.kind, lambda _value, _scope: False)
        case TextMatch(_, how, text):
            match how:
                case "contains":
                    return lambda value, _scope: text in cast("str", value).casefold()
                case "starts with":
                    return lambda value, _scope: cast("str", value).casefold().startswith(text)
                case "ends with":
                    return lambda value, _scope: cast("str", value).casefold().endswith(text)


def _is_one_of(ref: Ref, operands: tuple[Operand, ...], rules: Rules) -> Asked:
    # Equals one of them, or for a list holds one of them: so an operand is a text there.
    fits = FITS["text" if ref.type.kind == "list of text" else ref.type.kind]
    fixed = frozenset(operand for operand in operands if not isinstance(operand, Ref) and fits(operand))
    readers = tuple(reader(operand, rules) for operand in operands if isinstance(operand, Ref))
    if not readers and ref.type.kind == "list of text":
        return lambda value, _scope: not fixed.isdisjoint(cast("tuple[str, ...]", value))
    if not readers:
        return lambda value, _scope: value in fixed

    def one_of(value: Value, scope: Scope) -> bool:
        held = frozenset(value) if isinstance(value, tuple) else frozenset((value,))
        if not fixed.isdisjoint(held):
            return True
        for get in readers:
            other = get(scope)
            others = other if isinstance(other, tuple) else (other,)
            if any(operand is not None and fits(operand) and operand in held for operand in others):
                return True
        return False

    return one_of


def _operand(operand: Operand, ref: Ref, rules: Rules) -> Reader:
    """The other side of a comparison; None where it is not set or of another type."""
    fits = FITS[ref.type.kind]
    if not isinstance(operand, Ref):
        constant = operand if fits(operand) else None
        return lambda _scope: constant
    get = reader(operand, rules)

    def checked(scope: Scope) -> Value:
        value = get(scope)
        return value if value is not None and fits(value) else None

    return checked


_COMPARISONS: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    "at least": lambda left, right: left >= right,
    "at most": lambda left, right: left <= right,
    "more than": lambda left, right: left > right,
    "less than": lambda left, right: left < right,
}


def _compares(how: str, operand: Reader) -> Asked:
    compare = _COMPARISONS[how]

    def asked(value: Value, scope: Scope) -> bool:
        other = operand(scope)
        # Amounts of two currencies are never compared: false (2.6).
        if isinstance(other, Money):
            return (
                isinstance(value, Money)
                and value.currency == other.currency
                and compare(value.amount, other.amount)
            )
        return other is not None and compare(value, other)  # type: ignore[arg-type]  # int, Decimal: checked by FITS

    return asked


def _did(form: Did, rules: Rules) -> Test:
    event, low = form.event, form.low
    high = form.high if form.high is not None else float("inf")
    # The counter (times, first, last) answers most forms at constant cost; the rows are for what
    # is left (2.7).
    if form.where is None and not form.since_start:
        if form.last is None:
            return lambda scope: (
                low <= (seen.times if (seen := scope.facts.event_counters.get(event)) else 0) <= high
            )
        # `in last 30 days` and `not in last 30 days`: the last one is inside, or none is. Strict at
        # the edge (2.20).
        if (low, high) in ((1, float("inf")), (0, 0)):
            back, wanted = form.last.backwards(), low == 1

            def did_lately(scope: Scope) -> bool:
                seen = scope.facts.event_counters.get(event)
                return (seen is not None and seen.last_at > plus(scope.now, back, UTC)) == wanted

            return did_lately
    if form.where is None and form.last is None and (low, high) == (1, float("inf")):

        def did_since_start(scope: Scope) -> bool:
            seen, enrollment = scope.facts.event_counters.get(event), scope.run
            start = (enrollment.started_at, enrollment.started_number) if enrollment is not None else None
            return seen is not None and start is not None and (seen.last_at, seen.last_number) > start

        return did_since_start
    counted = _counter(form, rules)
    return lambda scope: low <= counted(scope) <= high


def _counter(form: Did, rules: Rules) -> Callable[[Scope], int]:
    """How many events of the history fit."""
    where = compile_condition(form.where, rules) if form.where is not None else None
    back = form.last.backwards() if form.last is not None else None

    def counted(scope: Scope) -> int:
        edge = plus(scope.now, back, UTC) if back is not None else None
        start = None
        # In (moment, order of receipt): the starting event itself is not since the start (2.20).
        if form.since_start:
            if scope.run is None:
                return 0
            start = (scope.run.started_at, scope.run.started_number)
        count = 0
        for event in scope.facts.history.get(form.event, ()):
            if edge is not None and event.occurred_at <= edge:
                continue
            if start is not None and (event.occurred_at, event.number) <= start:
                continue
            if where is None or where(Scope(scope.facts, scope.run, scope.now, event)):
                count += 1
        return count

    return counted


Asked: TypeAlias = Callable[[Value, Scope], bool]
"""What is asked of a value that is set and has the right type."""


def ago(form: RelativeAge) -> Asked:
    """`more than N ago`, `less than N ago`: strict at the edge, and the future is never ago."""
    length, back, more = form.length, form.length.backwards(), form.how == "more than"
    # A date means days of the customer's local date, a time N x 24 hours (months by the UTC calendar):
    # as in SQL.
    if form.ref.type.kind == "date":

        def asked_of_date(value: Value, scope: Scope) -> bool:
            today = local_date(scope.now, scope.facts.zone)
            day, edge = cast("dt.date", value), minus_days(today, length)
            return day < edge if more else edge < day <= today

        return asked_of_date

    def asked_of_time(value: Value, scope: Scope) -> bool:
        at, edge = cast("Instant", value), plus(scope.now, back, UTC)
        return at < edge if more else edge < at <= scope.now

    return asked_of_time if form.ref.type.kind == "time" else lambda _value, _scope: False


def _birthday_today(value: Value, scope: Scope) -> bool:
    today = local_date(scope.now, scope.facts.zone)
    return cast("Birthday", value).in_year(today.year) == today


def _time_today(value: Value, scope: Scope) -> bool:
    at, zone = cast("Instant", value), scope.facts.zone
    # Asked first, since a value of any size may stand here and most of them have no local date.
    return abs(at - scope.now) <= 2 * DAY and local_date(at, zone) == local_date(scope.now, zone)


TODAY: Mapping[str, Asked] = {
    "date": lambda value, scope: value == local_date(scope.now, scope.facts.zone),
    "time": _time_today,
    "birthday": _birthday_today,
}
"""Whether a value of a kind falls on the customer's local day."""
