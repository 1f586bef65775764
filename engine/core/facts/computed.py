"""Computed facts: the fields of events that they go over, sums and means, and facts with a window, which
are counted from history when they are asked for (`count of product_viewed in last 7 days`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import cast

from engine.core.facts.customer import FactRule, Facts
from engine.core.happening import Event
from engine.values import DAY, Instant, Money, Value


def field_values(fields: Mapping[str, Value], path: str) -> tuple[Value, ...]:
    """Every value that a path leads to, in the order of the items; a missing one gives nothing."""
    # A plain name first: a shop may have a field whose name has a dot in it.
    if path in fields:
        value = fields[path]
        return () if value is None else (value,)
    head, dot, rest = path.partition(".")
    items = fields.get(head) if dot else None
    if not isinstance(items, list):
        return ()
    of_items = (cast("Value", item.get(rest)) for item in items)
    return tuple(value for value in of_items if value is not None)


def add_up(total: Value, addends: tuple[Value, ...]) -> tuple[Value, int]:
    """A sum with more amounts added, and how many fitted it.

    A sum that is not set starts with the first amount. Amounts of another currency, and anything
    that is no amount, are left out.
    """
    fitted = 0
    for value in addends:
        if isinstance(value, Money):
            if total is None:
                total, fitted = value, fitted + 1
            elif isinstance(total, Money) and total.currency == value.currency:
                total, fitted = Money(total.amount + value.amount, total.currency), fitted + 1
        elif is_number(value):
            number = cast("int | Decimal", value)
            if total is None:
                total, fitted = number, fitted + 1
            elif is_number(total):
                total, fitted = cast("int | Decimal", total) + number, fitted + 1
    return total, fitted


def mean(total: Value, count: int) -> Value:
    """A sum divided by its count: money to the cent, numbers to six places; not set for nothing."""
    if count < 1:
        return None
    if isinstance(total, Money):
        return Money(rounded(total.amount / count, 2), total.currency)
    if is_number(total):
        return rounded(Decimal(cast("int | Decimal", total)) / count, 6)
    return None


def rounded(number: Decimal, places: int) -> Decimal:
    """Rounded half to even; an amount too large to have that many places stays as it is."""
    try:
        return number.quantize(Decimal(1).scaleb(-places))
    except InvalidOperation:
        return number


def is_number(value: object) -> bool:
    """An int or Decimal; true and false are no numbers."""
    return type(value) is int or isinstance(value, Decimal)


def windowed_value(rule: FactRule, facts: Facts, now: Instant) -> Value:
    """The value of a windowed fact now; the edge is strict (an event exactly as old as the window is
    outside)."""
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
            ordered = events if rule.how == "first" else events[::-1]
            if rule.field is None:
                return ordered[0].occurred_at if ordered else None
            # The first of them that has the field.
            return next(
                (values[0] for event in ordered if (values := field_values(event.fields, rule.field))), None
            )
        case "most frequent":
            # A list of items is no key of a dictionary: it is counted by its text.
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
    value = facts.values.get(rule.name)
    if isinstance(value, Money):
        return Money(Decimal(0), value.currency)
    return None if rule.type.kind == "money" else 0


def days_between(times: int, first_at: Instant, last_at: Instant) -> Value:
    """Average days from one event to the next, to two places; not set for fewer than two events."""
    if times < 2:
        return None
    return rounded(Decimal(last_at - first_at) / ((times - 1) * DAY), 2)


def _values(events: list[Event], rule: FactRule) -> tuple[Value, ...]:
    return tuple(value for event in events for value in field_values(event.fields, rule.field or ""))
