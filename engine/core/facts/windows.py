"""Facts with a window (`count of product_viewed in last 7 days`): counted from history in the moment of the question."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from engine.core.facts.customer import FactRule, Facts
from engine.core.facts.payload import add_up, field_values, mean, rounded
from engine.core.happening import Event
from engine.values import DAY, Instant, Money, Value


def windowed_value(rule: FactRule, facts: Facts, now: Instant) -> Value:
    """The value of a windowed fact now; the edge is strict (an event exactly as old as the window is outside)."""
    assert rule.last is not None
    edge = now - rule.last
    events = [event for event in facts.history.get(rule.event, ()) if event.occurred_at > edge]
    match rule.how:
        case "count":
            return len(events)
        case "sum":
            return add_up(zero(rule, facts), _values(events, rule))[0]
        case "average":
            return mean(*add_up(None, _values(events, rule)))
        case "last" | "first":
            return _one_of(events, rule)
        case "most frequent":
            counts = Counter(
                (value if isinstance(value, (str, int, Decimal, bool, Money, tuple)) else str(value))
                for value in _values(events, rule)
            )
            return max(counts, key=lambda value: counts[value], default=None)
        case "average days between":
            return (
                days_between(len(events), events[0].occurred_at, events[-1].occurred_at) if events else None
            )
        case "rfm":
            return facts.values.get(rule.name)  # nightly: what the last sweep found


def zero(rule: FactRule, facts: Facts) -> Value:
    """The sum of nothing, in the currency that the fact has had so far."""
    known = facts.values.get(rule.name)
    if isinstance(known, Money):
        return Money(Decimal(0), known.currency)
    return None if rule.type.kind == "money" else 0


def days_between(times: int, first_at: Instant, last_at: Instant) -> Value:
    """Average days from one event to the next, to two places; not set for fewer than two events."""
    if times < 2:
        return None
    return rounded(Decimal(last_at - first_at) / ((times - 1) * DAY), 2)


def _values(events: list[Event], rule: FactRule) -> tuple[Value, ...]:
    return tuple(value for event in events for value in field_values(event.fields, rule.field or ""))


def _one_of(events: list[Event], rule: FactRule) -> Value:
    ordered = events if rule.how == "first" else reversed(events)
    for event in ordered:
        if rule.field is None:
            return event.occurred_at
        if values := field_values(event.fields, rule.field):
            return values[0]
    return None
