"""Facts with `less`: what is kept of each event until another one takes it back, and what is left of them.

A counter event takes back the first event, in the order of time, that has the same key; one that comes before
it is kept for it. With a field it lowers the amounts of that event, never below zero, and leaves it to be
counted; without one the whole event is gone (KNOWING 1 and 10).
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeAlias, cast

import msgspec
from msgspec.structs import replace

from engine.core.facts.fields import field_values
from engine.core.facts.rule import CounterEvent, FactRule
from engine.core.facts.tally import Addend, Tally, as_digits, is_number, restored
from engine.core.happening import Event
from engine.values import Instant, Money, Value

MOST_KEPT = 1_000
"""Events of one customer that may still be taken back; of more, the oldest count for good."""

WHOLE, _NUMBER = "*", ""
"""Under these words stands that an event was taken back altogether, and a number; an amount of money stands
under its currency."""

Taken: TypeAlias = dict[str, Decimal | int]


class KeptEvents(msgspec.Struct, omit_defaults=True):
    """What a fact with `less` keeps of one customer."""

    parts: list[Addend]  # in the order of time
    taken: dict[str, Taken]  # by key
    settled: Tally = msgspec.field(default_factory=Tally)  # those that cannot be taken back any more
    # Of `next` the first moments that are left: what the night learns from, and whom it concerns.
    moments: list[Instant] = msgspec.field(default_factory=list)


def load(state: object, kind: str) -> KeptEvents:
    """A copy of what was kept, as it was left in memory or as it came from a document; nothing for None.
    `kind`: of the values."""
    if state is None:
        return KeptEvents([], {})
    if isinstance(state, KeptEvents):
        settled = state.settled
        copied = replace(settled, counts=dict(settled.counts), moments=list(settled.moments))
        return KeptEvents(list(state.parts), dict(state.taken), copied)
    document = cast("Mapping[str, Any]", state)
    return KeptEvents(
        [_part(row, kind) for row in document["parts"]],
        dict(document["taken"]),
        _settled(document.get("settled", {}), kind),
    )


def begun_with(value: Value, rule: FactRule) -> KeptEvents:
    """What is kept where a value is there already, set by hand or computed under another definition: it goes
    on as if it came from events that nothing takes back."""
    if rule.how == "count" and isinstance(value, int):
        return KeptEvents([], {}, Tally(times=value))
    if rule.how in ("sum", "average") and value is not None:
        return KeptEvents([], {}, Tally(times=1, total=value, fitted=1))
    return KeptEvents([], {})


def take(kept: KeptEvents, rule: FactRule, event: Event, nothing: Value) -> None:
    """Adds an event of a fact to what is kept, or what it takes back. `nothing`: the sum of none."""
    if event.name == rule.event:
        part = part_of(rule, event)
        if part is not None:
            bisect.insort(kept.parts, part, key=lambda part: (part.at, part.number))
            if len(kept.parts) > MOST_KEPT:
                _settle(kept, rule, kept.parts.pop(0), nothing)
    for counter in rule.less:
        if counter.event == event.name:
            _take_back(kept.taken, counter, event)
    if len(kept.taken) > MOST_KEPT:
        del kept.taken[next(iter(kept.taken))]


def tally(kept: KeptEvents, rule: FactRule, nothing: Value) -> Tally:
    """What is left, added up. `nothing`: the sum of none."""
    settled = kept.settled
    if settled != Tally():
        total = replace(settled, counts=dict(settled.counts), moments=list(settled.moments))
    else:
        total = Tally(total=nothing if rule.how == "sum" else None)
    for part in left(kept.parts, kept.taken):
        total.add(rule, part)
    return total


def left(parts: Iterable[Addend], taken: Mapping[str, Taken]) -> Iterator[Addend]:
    """What is left of parts, which are in the order of time."""
    open_keys = set(taken)
    for part in parts:
        if part.key is None or part.key not in open_keys:
            if part.fits:
                yield part
            continue
        open_keys.discard(part.key)
        of_key = taken[part.key]
        if part.fits and WHOLE not in of_key:
            yield replace(part, values=_lowered(part.values, of_key))


def part_of(rule: FactRule, event: Event) -> Addend | None:
    """What an event adds to a fact; None: it does not count."""
    # Every counter of a fact names the same key: it is that of the event itself.
    key = key_of(event.fields.get(rule.less[0].key)) if rule.less else None
    at, number = event.occurred_at, event.number
    fields = event.fields if rule.where is None else rule.where.fitting(event.fields)
    if rule.how == "share":
        return Addend(at, number, (1,) if fields is not None else (), key)
    if fields is None:
        return None if key is None else Addend(at, number, (), key, fits=False)
    return Addend(at, number, field_values(fields, rule.field) if rule.field is not None else (), key)


def taken_by(rule: FactRule, events: Mapping[str, Iterable[Event]]) -> dict[str, Taken]:
    """What the counter events of a history take back, by key."""
    taken: dict[str, Taken] = {}
    for counter in rule.less:
        for event in events.get(counter.event, ()):
            _take_back(taken, counter, event)
    return taken


def key_of(value: Value) -> str | None:
    """A key as text, the same for 5, 5.0 and "5"; None: there is none."""
    if isinstance(value, str):
        return value or None
    return as_digits(cast("int | Decimal", value)) if is_number(value) else None


def _settle(kept: KeptEvents, rule: FactRule, oldest: Addend, nothing: Value) -> None:
    settled = kept.settled
    if rule.how == "sum" and settled.total is None:
        settled.total = nothing
    for part in left((oldest,), kept.taken):
        settled.add(rule, part)
    if oldest.key is not None:
        kept.taken.pop(oldest.key, None)


def _take_back(taken: dict[str, Taken], counter: CounterEvent, event: Event) -> None:
    key = key_of(event.fields.get(counter.key))
    if key is None:
        return
    of_key = dict(taken.get(key, {}))
    if counter.field is None:
        of_key[WHOLE] = 1
    else:
        fields = event.fields if counter.where is None else counter.where.fitting(event.fields)
        for currency, amount in map(_amount, field_values(fields or {}, counter.field)):
            if amount is not None:
                # Some shops write what goes back as an amount below zero.
                of_key[currency] = of_key.get(currency, 0) + max(amount, -amount)
    taken[key] = of_key


def _lowered(values: tuple[Value, ...], taken: Taken) -> tuple[Value, ...]:
    """The amounts of one event without what was taken back; what they come to is never below zero, and
    never more than before."""
    added: dict[str, int | Decimal] = {}
    for currency, amount in map(_amount, values):
        added[currency] = added.get(currency, 0) + (amount or 0)
    rest = {currency: min(back, max(added.get(currency, 0), 0)) for currency, back in taken.items()}
    lowered: list[Value] = []
    for value in values:
        currency, amount = _amount(value)
        back = min(rest.get(currency, 0), max(amount or 0, 0))
        if amount is None or not back:
            lowered.append(value)
            continue
        rest[currency] -= back
        lowered.append(Money(Decimal(amount - back), currency) if currency else amount - back)
    return tuple(lowered)


def _amount(value: Value) -> tuple[str, int | Decimal | None]:
    """An amount with the word that it stands under; None: it is none."""
    if isinstance(value, Money):
        return value.currency, value.amount
    return _NUMBER, cast("int | Decimal", value) if is_number(value) else None


def _part(row: list[Any], kind: str) -> Addend:
    values = tuple(restored(value, kind) for value in row[2]) if len(row) > 2 else ()
    return Addend(row[0], row[1], values, *row[3:])


def _settled(document: Mapping[str, Any], kind: str) -> Tally:
    ends = {name: _part(document[name], kind) for name in ("first", "last") if name in document}
    tally = Tally(**{name: value for name, value in document.items() if name not in ends})
    return replace(tally, total=restored(tally.total, kind), **ends)
