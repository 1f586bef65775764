"""Folds what happened into the facts of a customer, each at constant cost.

The functions change the `Facts` they are given: fork them first. Computed facts keep what they need
to go on in `Facts.fact_state`; one that a story has set by hand has no state and goes on from its value.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias, cast

from msgspec.structs import replace

from engine.core.facts import taking_back
from engine.core.facts.computed import zero
from engine.core.facts.customer import ANY_PURPOSE, Consent, EventCounter, Facts, Reach, ZoneReason
from engine.core.facts.fields import field_values
from engine.core.facts.rule import FactRule
from engine.core.facts.tally import (
    add_moment,
    add_up,
    count_values,
    days_between,
    mean,
    median_days,
    next_moment,
    share,
    value_of,
)
from engine.core.happening import Event, ProfileChanged
from engine.values import Instant, Money, Value

DEVICES = 10
"""So many addresses of one channel are kept; the newest count."""

EventOrder: TypeAlias = tuple[Instant, int]
"""Where an event stands in time: moment, then order of receipt."""


def initial_values(rules: Iterable[FactRule], currency: str) -> dict[str, Value]:
    """What a customer without events has: counts and sums are 0, sums of money in the shop's currency."""
    nothing: dict[str, Value] = {}
    for rule in rules:
        if rule.how in ("count", "number of different"):
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
        count(facts, event, rule)
    if needs is None or event.name in needs:
        history = facts.history.setdefault(event.name, [])
        # Events arrive late: history is in the order in which things happened, not in that of receipt.
        bisect.insort(history, event, key=lambda event: (event.occurred_at, event.number))


def count(facts: Facts, event: Event, rule: FactRule) -> None:
    """One computed fact with one more event, whose counter counts it already."""
    if rule.last is not None:
        return
    if rule.less and event.name in rule.events:
        # after one of its events or of those that take back
        state, nothing = facts.fact_state.get(rule.memory), zero(rule, facts)
        if state is None:
            kept = taking_back.begun_with(facts.values.get(rule.name), rule, nothing)
        else:
            kept = taking_back.load(state, rule.type.kind)
        taking_back.take(kept, rule, event)
        facts.fact_state[rule.memory] = kept
        _put(facts, rule, kept.total.value(rule, nothing))
    elif not rule.less and rule.event == event.name:
        _count(facts, event, rule)


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
    name, fields = rule.name, event.fields
    if rule.where is not None:
        fitting = rule.where.fitting(fields)
        if rule.how == "share":
            _remember_share(facts, rule, fits=fitting is not None)
            return
        if fitting is None:
            return
        fields = fitting
    values = field_values(fields, rule.field) if rule.field else ()
    match rule.how:
        case "count":
            times_so_far = facts.values.get(name)
            facts.values[name] = (times_so_far if isinstance(times_so_far, int) else 0) + 1
        case "sum":
            total = facts.values.get(name)
            facts.values[name] = add_up(total if total is not None else zero(rule, facts), values)[0]
        case "average":
            known_sum, by_hand = facts.fact_state.get(rule.memory), facts.values.get(name)
            # One that was set by hand goes on as if it came from one event.
            total, count = (
                cast("tuple[Value, int]", known_sum) if known_sum else (by_hand, int(by_hand is not None))
            )
            total, fitted = add_up(total, values)
            facts.fact_state[rule.memory] = (total, count + fitted)
            facts.values[name] = mean(total, count + fitted)
        case "last" | "first":
            _remember_end(facts, event, rule, values)
        case "most frequent" | "number of different":
            _remember_values(facts, rule, values)
        case "average days between":
            _remember_stretch(facts, event, rule)
        case "median days between" | "next":
            # A copy: the moments belong to the state before this event, too.
            is_by_hand = rule.memory not in facts.fact_state
            moments = list(cast("Sequence[Instant]", facts.fact_state.get(rule.memory, ())))
            add_moment(moments, event.occurred_at)
            facts.fact_state[rule.memory] = tuple(moments)
            found = next_moment(moments, rule.typical) if rule.how == "next" else median_days(moments)
            # One that was set by hand stands until the events can tell, a moment until the second of them.
            if found is None and (is_by_hand or rule.how != "next"):
                found = facts.values.get(name)
            facts.values[name] = found
        case "share" | "rfm" | "chance" | "expected sum":
            pass  # a share has a `where`; the others are nightly, over all customers
    # A fact that is not set is no value of None: `is set` asks whether the name is there.
    if facts.values.get(name, 0) is None:
        del facts.values[name]


def expect_next(facts: Facts, rule: FactRule) -> None:
    """A `next` fact anew, after what is usual in the shop was learned anew."""
    if rule.memory in facts.fact_state:
        _put(facts, rule, next_moment(moments_of(facts, rule), rule.typical))


def moments_of(facts: Facts, rule: FactRule) -> list[Instant]:
    """The moments that a `next` fact over all time is made from, in their order."""
    state = facts.fact_state.get(rule.memory, ())
    if rule.less and state:
        return taking_back.load(state, rule.type.kind).total.moments
    return list(cast("Sequence[Instant]", state))


def _put(facts: Facts, rule: FactRule, value: Value) -> None:
    if value is None:
        facts.values.pop(rule.name, None)
    else:
        facts.values[rule.name] = value


def _remember_end(facts: Facts, event: Event, rule: FactRule, values: tuple[Value, ...]) -> None:
    """`first` or `last`: the moment of the event, or a field of it where the event has that field."""
    value: Value = event.occurred_at if rule.field is None else values[0] if values else None
    if value is None:
        return
    order = (event.occurred_at, event.number)
    remembered = cast("EventOrder | None", facts.fact_state.get(rule.memory))
    set_by_hand = facts.values.get(rule.name)
    if remembered is None and rule.field is None and isinstance(set_by_hand, int):
        remembered = (Instant(set_by_hand), 0)
    # Nobody knows when a value that was set by hand came: it is the first, and any event is later.
    if remembered is None and set_by_hand is not None and rule.how == "first":
        return
    if remembered is None or (order > remembered if rule.how == "last" else order < remembered):
        facts.fact_state[rule.memory] = order
        facts.values[rule.name] = value


def _remember_values(facts: Facts, rule: FactRule, values: tuple[Value, ...]) -> None:
    """`most frequent` and `number of different`."""
    # A copy: the counts belong to the state before this event, too.
    counts = dict(cast("Mapping[str, int]", facts.fact_state.get(rule.memory, {})))
    before, known = len(counts), facts.values.get(rule.name)
    words = count_values(counts, values, rule)
    if not counts:
        return
    facts.fact_state[rule.memory] = counts
    if rule.how == "number of different":
        facts.values[rule.name] = (known if isinstance(known, int) else 0) + len(counts) - before
        return
    # Only what was counted now can have come in front of the favourite so far; one set by hand has no count.
    best = known if type(known) is str else str(known)
    times = counts.get(best, 0)
    for word in words:
        counted = counts.get(word, 0)
        if counted > times or (counted == times and word < best):
            best, times = word, counted
    if times:
        facts.values[rule.name] = value_of(best, rule)


def _remember_share(facts: Facts, rule: FactRule, *, fits: bool) -> None:
    state, by_hand = facts.fact_state.get(rule.memory), facts.values.get(rule.name)
    if state is None:
        # One that was set by hand goes on as if it came from one event.
        state = (by_hand, 1) if by_hand is not None else (0, 0)
    fitting, times = cast("tuple[int | Decimal, int]", state)
    facts.fact_state[rule.memory] = fitting, times = fitting + fits, times + 1
    facts.values[rule.name] = share(fitting, times)


def _remember_stretch(facts: Facts, event: Event, rule: FactRule) -> None:
    """`average days between`: from the counter of the event, which is there anyway, or with a `where` from
    one of its own."""
    if rule.where is None:
        counter = facts.event_counters[event.name]
        times, first_at, last_at = counter.times, counter.first_at, counter.last_at
    else:
        at = event.occurred_at
        times, first_at, last_at = cast(
            "tuple[int, Instant, Instant]", facts.fact_state.get(rule.memory, (0, at, at))
        )
        times, first_at, last_at = times + 1, min(first_at, at), max(last_at, at)
        facts.fact_state[rule.memory] = (times, first_at, last_at)
    facts.values[rule.name] = days_between(times, first_at, last_at)


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
