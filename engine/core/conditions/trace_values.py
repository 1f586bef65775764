"""The values that a question looked at, in words, for the trace of a customer."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from engine.core.conditions.condition import (
    Can,
    Condition,
    Did,
    GoalReached,
    InSegment,
    InsideJourney,
    Reacted,
    Ref,
)
from engine.core.conditions.dependencies import forms, refs
from engine.core.conditions.scope import NO_RULES, Reader, Rules, Scope, reader
from engine.core.facts.customer import why_closed
from engine.values import Birthday, Instant, Money, Type, Value, iso


def values_asked(condition: Condition, scope: Scope, rules: Rules = NO_RULES) -> tuple[tuple[str, str], ...]:
    """Name and value, in words, of everything that the condition looks at now. Fields of the events that a
    `did` goes over are not in it."""
    names, questions = _looked_at(condition, rules)
    answers: dict[str, str] = {}
    # Fields of an event mean something only where there is one: those in the `where` of a `did` do not.
    for name, ref, get in names:
        if ref.source != "event" or scope.event is not None:
            answers[name] = words(get(scope), ref.type)
    for form in questions:
        answers.update(_answer(form, scope))
    return tuple(answers.items())


_LookedAt = tuple[tuple[tuple[str, Ref, Reader], ...], tuple[Condition, ...]]
_CACHE: dict[int, tuple[Condition, Rules, _LookedAt]] = {}
"""By identity: a condition never changes, and comparing two of them costs more than what is kept."""

_CACHE_SIZE = 10_000
"""Conditions of many publications, one after the other; those of one are far fewer."""


def _looked_at(condition: Condition, rules: Rules) -> _LookedAt:
    """The names in a condition, and the forms that ask about something else than a name: the same for
    everybody."""
    entry = _CACHE.get(id(condition))
    # The id of a condition that is gone may have been given to another one.
    if entry is not None and entry[0] is condition and entry[1] is rules:
        return entry[2]
    questions = (Did, InSegment, InsideJourney, Can, Reacted, GoalReached)
    looked_at = (
        tuple((str(ref), ref, reader(ref, rules)) for ref in refs(condition)),
        tuple(form for form in forms(condition) if isinstance(form, questions)),
    )
    if len(_CACHE) >= _CACHE_SIZE:
        _CACHE.clear()
    _CACHE[id(condition)] = (condition, rules, looked_at)
    return looked_at


def words(value: Value, kind: Type) -> str:
    """A value as a person reads it; `not set` for none. A time is ISO 8601 in UTC."""
    # Most values are texts and amounts: they do not go through all the cases below.
    if type(value) is str:
        return value or "empty"
    if type(value) is Money:
        return str(value)
    match value:
        case None:
            return "not set"
        case bool():
            return "true" if value else "false"
        case int() if kind.kind == "time":
            return _moment(value)
        case int() | Decimal() if kind.kind == "share":
            return f"{(Decimal(value) * 100).quantize(Decimal('0.1')).normalize():f} %"
        case Decimal():
            return format(value.normalize(), "f")
        case dt.date():
            return value.isoformat()
        case Birthday():
            year = f"{value.year:04d}-" if value.year is not None else ""
            return f"{year}{value.month:02d}-{value.day:02d}"
        case tuple():
            return ", ".join(value) or "nothing"
        case list():
            return f"{len(value)} items" if len(value) != 1 else "1 item"
        case _:
            return str(value)


def _moment(at: int) -> str:
    # An attribute may hold any number of milliseconds; a trace must not fail over the year 300,000.
    try:
        return iso(Instant(at))
    except OverflowError:
        return str(at)


def _answer(form: Condition, scope: Scope) -> dict[str, str]:
    facts, enrollment = scope.facts, scope.run
    match form:
        case Did(event=event):
            seen = facts.event_counters.get(event)
            if seen is None:
                return {f"did {event}": "never"}
            times = "once" if seen.times == 1 else f"{seen.times} times"
            return {f"did {event}": f"{times}, last {_moment(seen.last_at)}"}
        case InSegment(names):
            return {f"segment {name}": "inside" if name in facts.segments else "outside" for name in names}
        case InsideJourney(journeys):
            return {f"inside {name}": "yes" if name in facts.inside else "no" for name in journeys}
        case Can(channels, purpose):
            return {f"can {channel}": why_closed(facts, channel, purpose) or "yes" for channel in channels}
        case Reacted(how, template):
            messages = (
                [part for parts in enrollment.sent.values() for part in parts]
                if enrollment is not None
                else []
            )
            sent = [message for message in messages if message.template == template]
            # The latest; a click counts as an open.
            moments = [message.clicked_at for message in sent]
            if how == "opened":
                moments += [message.opened_at for message in sent]
            at = max((moment for moment in moments if moment is not None), default=0)
            return {f"{how} {template}": _moment(at) if at else ("no" if sent else "not sent")}
        case GoalReached():
            reached = enrollment is not None and enrollment.goal_at is not None
            return {"goal": "reached" if reached else "not reached"}
        case _:
            return {}
