"""Folds what happened into the facts of a customer, each at constant cost.

The functions change the `Facts` they are given: fork them first. Computed facts keep what they need
to go on in `Facts.memory`; one that a story has set by hand has no memory and goes on from its value.
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

Place: TypeAlias = tuple[Instant, int]
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
    """Counts an event: seen, all-time facts, history. Late events find their place by (occurred_at, number).

    `needs` (`Journeys.needs`): history keeps only the events in it; None keeps all.
    """
    _see(facts, event)
    for rule in rules:
        if rule.event == event.name and rule.last is None:
            _count(facts, event, rule)
    if needs is None or event.name in needs:
        kept = facts.history.setdefault(event.name, [])
        bisect.insort(kept, event, key=lambda known: (known.occurred_at, known.number))


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
        if answer == "asked" and reach.consents.get(purpose) == "given":
            continue
        consents = {**reach.consents, purpose: cast("Consent", answer)}
        facts.reach[channel] = replace(reach, consents=consents)
    for channel, purpose_or_all in change.suppressed.items():
        reach = facts.reach.get(channel, Reach())
        facts.reach[channel] = replace(reach, suppressed=_wider(reach.suppressed, purpose_or_all))
    if resolve_zone is not None and ("timezone" in change.values or "country" in change.values):
        facts.timezone, facts.timezone_why = resolve_zone(facts.values)


def changed_value(old: Value, how: str, value: Value) -> Value:
    """What `set`, `add` or `remove` makes of an attribute. A number that is missing starts at 0, a list empty; what
    does not fit (another currency, another type) leaves the old value."""
    if how == "set":
        return value
    listed = value if isinstance(value, tuple) else (value,)
    if isinstance(old, tuple) or (old is None and all(isinstance(each, str) for each in listed)):
        texts = [each for each in listed if isinstance(each, str)]
        kept = old or ()
        if how == "remove":
            return tuple(each for each in kept if each not in texts)
        return (*kept, *dict.fromkeys(each for each in texts if each not in kept))
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


def _see(facts: Facts, event: Event) -> None:
    known = facts.event_counters.get(event.name)
    at, number = event.occurred_at, event.number
    if known is None:
        facts.event_counters[event.name] = EventCounter(1, at, at, number)
        return
    last = max((known.last_at, known.last_number), (at, number))
    facts.event_counters[event.name] = EventCounter(known.times + 1, min(known.first_at, at), *last)


def _count(facts: Facts, event: Event, rule: FactRule) -> None:
    """One computed fact with one more event."""
    name, found = rule.name, field_values(event.fields, rule.field) if rule.field else ()
    match rule.how:
        case "count":
            times = facts.values.get(name)
            facts.values[name] = (times if isinstance(times, int) else 0) + 1
        case "sum":
            known = facts.values.get(name)
            facts.values[name] = add_up(known if known is not None else zero(rule, facts), found)[0]
        case "average":
            known_sum = facts.fact_state.get(name)
            total, count = (
                cast("tuple[Value, int]", known_sum) if known_sum else _given(facts.values.get(name))
            )
            total, fitted = add_up(total, found)
            facts.fact_state[name] = (total, count + fitted)
            facts.values[name] = mean(total, count + fitted)
        case "last" | "first":
            _remember_end(facts, event, rule, found)
        case "most frequent":
            _remember_favourite(facts, rule, found)
        case "average days between":
            seen = facts.event_counters[event.name]
            facts.values[name] = days_between(seen.times, seen.first_at, seen.last_at)
        case "rfm":
            pass  # nightly, over all customers
    if facts.values.get(name, 0) is None:
        del facts.values[name]


def _given(value: Value) -> tuple[Value, int]:
    """An average that was set by hand goes on as if it came from one event."""
    return (value, 1) if value is not None else (None, 0)


def _remember_end(facts: Facts, event: Event, rule: FactRule, found: tuple[Value, ...]) -> None:
    """`first` or `last`: the moment of the event, or a field of it where the event has that field."""
    value: Value = event.occurred_at if rule.field is None else found[0] if found else None
    if value is None:
        return
    place = (event.occurred_at, event.number)
    known = cast("Place | None", facts.fact_state.get(rule.name))
    set_by_hand = facts.values.get(rule.name)
    if known is None and rule.field is None and isinstance(set_by_hand, int):
        known = (Instant(set_by_hand), 0)
    if known is None and set_by_hand is not None and rule.how == "first":
        return
    if known is None or (place > known if rule.how == "last" else place < known):
        facts.fact_state[rule.name] = place
        facts.values[rule.name] = value


def _remember_favourite(facts: Facts, rule: FactRule, found: tuple[Value, ...]) -> None:
    """`most frequent`: of several with the same number, the one that reached it first in the order of receipt."""
    counts = dict(cast("Mapping[str, int]", facts.fact_state.get(rule.name, {})))
    favourite = facts.values.get(rule.name)
    for value in found:
        if not isinstance(value, str):
            continue
        counts[value] = counts.get(value, 0) + 1
        if favourite is None or counts[value] > counts.get(str(favourite), 0):
            favourite = value
    if counts:
        facts.fact_state[rule.name] = counts
        facts.values[rule.name] = favourite


def _without(facts: Facts, channel: str, address: str) -> list[str]:
    """The addresses of a channel but one, in the order in which they came."""
    known = (facts.reach.get(channel, Reach()).address or "").split("\n")
    return [each for each in known if each and each != address]


def _write_address(facts: Facts, channel: str, address: str | None) -> None:
    reach = facts.reach.get(channel, Reach())
    if address and address != reach.address:
        # what closed the old address does not close the new one; the hand-over asks the list of suppressed addresses anyway
        facts.reach[channel] = replace(reach, address=address, bounced=False, suppressed=None)
    elif not address:
        facts.reach[channel] = replace(reach, address="")


def _wider(known: str | None, added: str | None) -> str | None:
    """Two suppressions of different purposes close everything that needs a consent; None lifts them."""
    if added is None or known is None or known == added:
        return added
    return "all" if "all" in (known, added) else ANY_PURPOSE
