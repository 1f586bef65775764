"""Folds what happened into the facts of a customer, each at constant cost.

The functions change the `Facts` they are given: fork them first. Computed facts keep what they need
to go on in `Facts.fact_state`; one that a story has set by hand has no state and goes on from its value.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TypeAlias, cast

from msgspec.structs import replace

from engine.core.facts.computed import add_up, days_between, field_values, mean, zero
from engine.core.facts.customer import ANY_PURPOSE, Consent, EventCounter, FactRule, Facts, Reach, ZoneReason
from engine.core.happening import Event, ProfileChanged
from engine.values import Instant, Money, Value

DEVICES = 10
"""So many addresses of one channel are kept; the newest count."""

MOST_VALUES = 1_000
"""Different values that a `most frequent` fact counts: they lie in the row of the customer, and come from
outside."""

EventOrder: TypeAlias = tuple[Instant, int]
"""Where an event stands in time: moment, then order of receipt."""


def initial_values(rules: Iterable[FactRule], currency: str) -> dict[str, Value]:
    """What a customer without events has: counts and sums are 0, sums of money in the shop's currency."""
    nothing: dict[str, Value] = {}
    for rule in rules:
        if rule.how == "count":
            nothing[rule.name] = 0
        elif rule.how == "sum":
            nothing[rule.name] = Money(Decimal(0), currency) if rule.type.kind == "money" else 0
    return nothing


def apply_event(
    facts: Facts, event: Event, rules: Iterable[FactRule], needs: Mapping[str, int | None] | None = None
) -> None:
    """Counts an event: its counter, all-time facts, history. `needs` (`Journeys.needs`): history keeps
    only the events in it; None keeps all."""
    # The counter first: `average days between` is made from it.
    counter, at, number = facts.event_counters.get(event.name), event.occurred_at, event.number
    if counter is None:
        facts.event_counters[event.name] = EventCounter(1, at, at, number)
    else:
        last_at, last_number = max((counter.last_at, counter.last_number), (at, number))
        first_at = min(counter.first_at, at)
        facts.event_counters[event.name] = EventCounter(counter.times + 1, first_at, last_at, last_number)
    for rule in rules:
        if rule.event == event.name and rule.last is None:
            _count(facts, event, rule)
    if needs is None or event.name in needs:
        history = facts.history.setdefault(event.name, [])
        # Events arrive late: history is in the order in which things happened, not in that of receipt.
        bisect.insort(history, event, key=lambda event: (event.occurred_at, event.number))


def apply_change(
    facts: Facts,
    change: ProfileChanged,
    resolve_zone: Callable[[Mapping[str, Value]], tuple[str, ZoneReason]] | None = None,
) -> None:
    """Writes attributes, addresses, consents and suppressions; `resolve_zone` finds the customer's zone anew.

    A new address opens a channel that a bounce had closed. `asked` does not take back what is `given`.
    """
    for name, value in change.values.items():
        if value is None:
            facts.values.pop(name, None)
        else:
            facts.values[name] = value
    for channel, address in change.addresses.items():
        _write_address(facts, channel, address)
    for channel, address in change.joined:
        _write_address(facts, channel, "\n".join([*_without(facts, channel, address), address][-DEVICES:]))
    for channel, address in change.left:
        if address in (facts.reach.get(channel, Reach()).address or "").split("\n"):
            _write_address(facts, channel, "\n".join(_without(facts, channel, address)))
    for (channel, purpose), answer in change.consents.items():
        reach = facts.reach.get(channel, Reach())
        # Somebody who signs up once more is asked once more, and has not said no.
        if answer == "asked" and reach.consents.get(purpose) == "given":
            continue
        consents = {**reach.consents, purpose: cast("Consent", answer)}
        facts.reach[channel] = replace(reach, consents=consents)
    for channel, closed_for in change.suppressed.items():
        reach = facts.reach.get(channel, Reach())
        suppressed = closed_for
        if closed_for is not None and reach.suppressed not in (None, closed_for):
            # Two suppressions of different purposes close everything that needs a consent.
            suppressed = "all" if "all" in (reach.suppressed, closed_for) else ANY_PURPOSE
        facts.reach[channel] = replace(reach, suppressed=suppressed)
    # Last, for it is found from the values written above.
    if resolve_zone is not None and ("timezone" in change.values or "country" in change.values):
        facts.timezone, facts.timezone_why = resolve_zone(facts.values)


def changed_value(old: Value, how: str, value: Value) -> Value:
    """What `set`, `add` or `remove` makes of an attribute. A number that is missing starts at 0, a list
    empty; what does not fit (another currency, another type) leaves the old value."""
    if how == "set":
        return value
    listed = value if isinstance(value, tuple) else (value,)
    # An attribute that is not set does not tell its type: texts make it a list, everything else a number.
    if isinstance(old, tuple) or (old is None and all(isinstance(item, str) for item in listed)):
        texts = [item for item in listed if isinstance(item, str)]
        present = old or ()
        if how == "remove":
            return tuple(item for item in present if item not in texts)
        # No item twice, in the order in which they were added.
        return (*present, *dict.fromkeys(text for text in texts if text not in present))
    if how == "add":
        return add_up(old, (value,))[0]
    return old


def prune_history(facts: Facts, needs: Mapping[str, int | None], now: Instant) -> None:
    """Forgets events that are older than anything asks for."""
    for name, events in list(facts.history.items()):
        start = history_from(name, needs, now)
        if start is None:
            del facts.history[name]
        elif events and events[0].occurred_at < start:
            facts.history[name] = [event for event in events if event.occurred_at >= start]


def history_from(event: str, needs: Mapping[str, int | None], now: Instant) -> Instant | None:
    """From when on the rows of an event are needed; None: none of them."""
    if event not in needs:
        return None
    back = needs[event]
    return Instant(0 if back is None else max(now - back, 0))


def _count(facts: Facts, event: Event, rule: FactRule) -> None:
    """One computed fact with one more event."""
    name, values = rule.name, field_values(event.fields, rule.field) if rule.field else ()
    match rule.how:
        case "count":
            times = facts.values.get(name)
            facts.values[name] = (times if isinstance(times, int) else 0) + 1
        case "sum":
            total = facts.values.get(name)
            facts.values[name] = add_up(total if total is not None else zero(rule, facts), values)[0]
        case "average":
            known_sum, by_hand = facts.fact_state.get(name), facts.values.get(name)
            # One that was set by hand goes on as if it came from one event.
            total, count = (
                cast("tuple[Value, int]", known_sum) if known_sum else (by_hand, int(by_hand is not None))
            )
            total, fitted = add_up(total, values)
            facts.fact_state[name] = (total, count + fitted)
            facts.values[name] = mean(total, count + fitted)
        case "last" | "first":
            _remember_end(facts, event, rule, values)
        case "most frequent":
            _remember_favourite(facts, rule, values)
        case "average days between":
            counter = facts.event_counters[event.name]
            facts.values[name] = days_between(counter.times, counter.first_at, counter.last_at)
        case "rfm":
            pass  # nightly, over all customers
    # A fact that is not set is no value of None: `is set` asks whether the name is there.
    if facts.values.get(name, 0) is None:
        del facts.values[name]


def _remember_end(facts: Facts, event: Event, rule: FactRule, values: tuple[Value, ...]) -> None:
    """`first` or `last`: the moment of the event, or a field of it where the event has that field."""
    value: Value = event.occurred_at if rule.field is None else values[0] if values else None
    if value is None:
        return
    order = (event.occurred_at, event.number)
    remembered = cast("EventOrder | None", facts.fact_state.get(rule.name))
    set_by_hand = facts.values.get(rule.name)
    if remembered is None and rule.field is None and isinstance(set_by_hand, int):
        remembered = (Instant(set_by_hand), 0)
    # Nobody knows when a value that was set by hand came: it is the first, and any event is later.
    if remembered is None and set_by_hand is not None and rule.how == "first":
        return
    if remembered is None or (order > remembered if rule.how == "last" else order < remembered):
        facts.fact_state[rule.name] = order
        facts.values[rule.name] = value


def _remember_favourite(facts: Facts, rule: FactRule, values: tuple[Value, ...]) -> None:
    """`most frequent`: of several with the same number, the one that reached it first in the order of
    receipt."""
    # A copy: the counts belong to the state before this event, too.
    counts = dict(cast("Mapping[str, int]", facts.fact_state.get(rule.name, {})))
    favourite = facts.values.get(rule.name)
    for value in values:
        if not isinstance(value, str) or (value not in counts and len(counts) >= MOST_VALUES):
            continue
        counts[value] = counts.get(value, 0) + 1
        if favourite is None or counts[value] > counts.get(str(favourite), 0):
            favourite = value
    if counts:
        facts.fact_state[rule.name] = counts
        facts.values[rule.name] = favourite


def _without(facts: Facts, channel: str, address: str) -> list[str]:
    """The addresses of a channel but one, in the order in which they came."""
    addresses = (facts.reach.get(channel, Reach()).address or "").split("\n")
    return [other for other in addresses if other and other != address]


def _write_address(facts: Facts, channel: str, address: str | None) -> None:
    reach = facts.reach.get(channel, Reach())
    if address and address != reach.address:
        # What closed the old address does not close the new one; the hand-over asks the list of
        # suppressed addresses anyway.
        facts.reach[channel] = replace(reach, address=address, bounced=False, suppressed=None)
    elif not address:
        facts.reach[channel] = replace(reach, address="")
