"""Facts with a window, which are counted from history when they are asked for (`count of product_viewed in
last 7 days`)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from engine.core.facts.customer import Facts
from engine.core.facts.rule import FactRule
from engine.core.facts.taking_back import left, part_of, taken_by
from engine.core.facts.tally import Addend, tally_of
from engine.values import Instant, Money, Value


def windowed_value(rule: FactRule, facts: Facts, now: Instant) -> Value:
    """The value of a windowed fact now; the edge is strict (an event exactly as old as the window is
    outside)."""
    if rule.is_nightly:
        return facts.values.get(rule.name)  # what the last night found
    edge, end = rule.edges(now)
    if rule.how == "count" and rule.where is None and not rule.less and end is None:
        return sum(event.occurred_at > edge for event in facts.history.get(rule.event, ()))
    parts = (part for part in _parts(rule, facts, edge) if part.at > edge and (end is None or part.at < end))
    return tally_of(rule, parts, zero(rule, facts))


def zero(rule: FactRule, facts: Facts) -> Value:
    """The sum of nothing, in the currency that the fact has had so far."""
    value = facts.values.get(rule.name)
    if isinstance(value, Money):
        return Money(Decimal(0), value.currency)
    return None if rule.type.kind == "money" else 0


def _parts(rule: FactRule, facts: Facts, edge: Instant) -> Iterator[Addend]:
    events = facts.history.get(rule.event, ())
    if rule.less:
        # All of them: what is taken back is the first event with the key, be it inside the window or not.
        every = (part for event in events if (part := part_of(rule, event)) is not None)
        yield from left(every, taken_by(rule, facts.history))
        return
    for event in events:
        if event.occurred_at > edge and (part := part_of(rule, event)) is not None:
            yield part
