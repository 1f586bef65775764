"""A definition of a fact that is computed beside the one in use, customer by customer, until it is whole for
everybody (a back-fill).

What is known of it lies in `Facts.fact_state` of each customer under a name of its own: first the value, then
the state that it goes on from. A customer who has it was counted, and every event since is counted into it
like into the one in use. One who does not have it yet is counted from the kept events, among which every
event is that was ever applied to them. So each event counts once, in whatever order pages and events come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

from engine.core.facts import fold
from engine.core.facts.customer import EventCounter, Facts
from engine.core.facts.rule import FactRule
from engine.core.facts.tally import days_between, restored
from engine.core.happening import Event
from engine.values import Value

_MARK = "+"
"""No fact has this sign in its name."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """A definition and the number of the attempt to make it whole: what was left by an earlier one is none of
    its business. `currency`: of the shop."""

    rule: FactRule
    number: int
    currency: str
    key: str = field(init=False, compare=False)  # of the value; of the state with `_MARK` behind it

    def __post_init__(self) -> None:
        """Finds the key once: it is asked for at every event."""
        object.__setattr__(self, "key", f"{self.rule.name}{_MARK}{self.number}")

    @property
    def needs_events(self) -> bool:
        """False: the counters of a customer say all, those of events that are no longer kept too."""
        rule = self.rule
        if rule.where is not None or rule.less:
            return True
        return not (
            rule.how in ("count", "average days between")
            or (rule.how in ("first", "last") and rule.field is None)
        )


def is_begun(fact_state: Mapping[str, object], backfill: Backfill) -> bool:
    """Whether a customer was counted."""
    return backfill.key in fact_state


def count_event(facts: Facts, event: Event, backfill: Backfill) -> None:
    """One more event, whose counter counts it already; `facts.fact_state` is changed. A customer with earlier
    ones who was not counted yet is left to whoever counts the kept events: this one is among them."""
    if event.name not in backfill.rule.events:
        return
    if is_begun(facts.fact_state, backfill):
        counted = _reopened(facts, backfill)
    elif times(facts.event_counters, backfill.rule) == 1:
        counted = _nothing(facts.customer, facts.event_counters, backfill)
    else:
        return
    fold.count(counted, event, backfill.rule)
    facts.fact_state.update(kept(counted, backfill))


def times(counters: Mapping[str, EventCounter], rule: FactRule) -> int:
    """How many events a customer had that change a fact, kept or not."""
    return sum(counters[name].times for name in rule.events if name in counters)


def from_scratch(
    customer: str, counters: Mapping[str, EventCounter], events: Iterable[Event], backfill: Backfill
) -> Facts:
    """The fact of a customer with these kept events, in whatever order; with nothing else in it."""
    counted, rule = _nothing(customer, counters, backfill), backfill.rule
    if backfill.needs_events:
        for event in events:
            fold.count(counted, event, rule)
        return counted
    counter = counters.get(rule.event)
    if counter is not None:
        match rule.how:
            case "count":
                counted.values[rule.name] = counter.times
            case "average days between":
                gap = days_between(counter.times, counter.first_at, counter.last_at)
                if gap is not None:
                    counted.values[rule.name] = gap
            case _:
                last = rule.how == "last"
                counted.values[rule.name] = counter.last_at if last else counter.first_at
    return counted


def kept(counted: Facts, backfill: Backfill) -> dict[str, object]:
    """What is kept of it in the state of the customer."""
    rule = backfill.rule
    found: dict[str, object] = {
        backfill.key: (counted.values[rule.name],) if rule.name in counted.values else ()
    }
    if rule.memory in counted.fact_state:
        found[backfill.key + _MARK] = counted.fact_state[rule.memory]
    return found


def take_place(
    values: Mapping[str, Value],
    fact_state: Mapping[str, object],
    counters: Mapping[str, EventCounter],
    backfill: Backfill,
) -> tuple[dict[str, Value], dict[str, object]]:
    """Values and state of a customer with the new definition in place of the one before. Who was not counted
    had no such event: has what everybody begins with."""
    rule = backfill.rule
    facts = Facts("", values={}, fact_state=dict(fact_state), event_counters=dict(counters))
    counted = (
        _reopened(facts, backfill) if is_begun(fact_state, backfill) else _nothing("", counters, backfill)
    )
    others = {name: value for name, value in values.items() if name != rule.name}
    return {**others, **counted.values}, {**without(fact_state, rule.name), **counted.fact_state}


def without(fact_state: Mapping[str, object], name: str) -> dict[str, object]:
    """A state without anything of a fact: of its definition in use, and of whatever was begun beside it."""
    return {
        key: state
        for key, state in fact_state.items()
        if key != name and not key.startswith((f"{name}@", f"{name}{_MARK}"))
    }


def without_begun(fact_state: Mapping[str, object], name: str) -> dict[str, object]:
    """A state without what was begun beside the definition in use."""
    return {key: state for key, state in fact_state.items() if not key.startswith(f"{name}{_MARK}")}


def _nothing(customer: str, counters: Mapping[str, EventCounter], backfill: Backfill) -> Facts:
    values = fold.initial_values((backfill.rule,), backfill.currency)
    return Facts(customer, values=values, event_counters=dict(counters))


def _reopened(facts: Facts, backfill: Backfill) -> Facts:
    rule = backfill.rule
    values = {}
    for value in cast("tuple[Value, ...]", facts.fact_state[backfill.key]):  # none or one
        values[rule.name] = restored(value, rule.type.kind)
    state = facts.fact_state.get(backfill.key + _MARK)
    return Facts(
        facts.customer,
        values=values,
        fact_state={} if state is None else {rule.memory: state},
        event_counters=facts.event_counters,
    )
