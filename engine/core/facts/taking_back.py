"""Facts with `less`: what is kept of each event until another one takes it back, and what is left of them.

A counter event takes back the first event, in the order of time, that has the same key; one that comes before
it is kept for it. With a field it lowers the amounts of that event, never below zero, and leaves it to be
counted; without one the whole event is gone (docs/facts.md).
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

    parts: list[Any]  # in the order of time; each an `Addend`, or its row as it came from a document
    taken: dict[str, Taken]  # by key
    settled: Tally = msgspec.field(default_factory=Tally)  # those that cannot be taken back any more
    total: Tally = msgspec.field(default_factory=Tally)  # what is left of all of them


def load(state: object, kind: str) -> KeptEvents:
    """A copy of what was kept, as it was left in memory or as it came from a document. `kind`: of the
    values."""
    if isinstance(state, KeptEvents):
        return KeptEvents(list(state.parts), dict(state.taken), _copied(state.settled), _copied(state.total))
    document = cast("Mapping[str, Any]", state)
    settled, total = (_tally(document.get(name, {}), kind) for name in ("settled", "total"))
    return KeptEvents(list(document["parts"]), dict(document["taken"]), settled, total)


def begun_with(value: Value, rule: FactRule, nothing: Value) -> KeptEvents:
    """What is kept where nothing was so far. A value that is there already, set by hand or computed under
    another definition, goes on as if it came from events that nothing takes back. `nothing`: the sum of
    none."""
    begun = Tally(total=nothing if rule.how == "sum" else None)
    if rule.how == "count" and isinstance(value, int):
        begun.times = value
    elif rule.how in ("sum", "average") and value is not None:
        begun = Tally(times=1, total=value, fitted=1)
    return KeptEvents([], {}, begun, _copied(begun))


def take(kept: KeptEvents, rule: FactRule, event: Event) -> None:
    """Adds an event of a fact to what is kept, or what it takes back."""
    is_certain = True
    part = part_of(rule, event) if event.name == rule.event else None
    if part is not None:
        bisect.insort(kept.parts, part, key=_order)
        # Most events nothing has been said of: they come on top of what is there.
        if part.key is not None and part.key in kept.taken:
            is_certain = False
        elif part.fits:
            kept.total.add(rule, part)
    for counter in rule.less:
        if counter.event == event.name:
            key = _take_back(kept.taken, counter, event)
            if key is not None and any(row[3] == key for row in kept.parts):
                is_certain = False
    if not is_certain:
        kept.total = _copied(kept.settled)
        for each in left((_part(row, rule.type.kind) for row in kept.parts), kept.taken):
            kept.total.add(rule, each)
    if len(kept.parts) > MOST_KEPT:
        # the oldest event counts as it is now, for good
        oldest = _part(kept.parts.pop(0), rule.type.kind)
        for part in left((oldest,), kept.taken):
            kept.settled.add(rule, part)
        if oldest.key is not None:
            kept.taken.pop(oldest.key, None)
    if len(kept.taken) > MOST_KEPT:
        # One that is kept for an event that has not come; the others take something back.
        known = {_part(row, rule.type.kind).key for row in kept.parts}
        del kept.taken[next(key for key in kept.taken if key not in known)]


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
            yield part._replace(values=_lowered(part.values, of_key))


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


def _take_back(taken: dict[str, Taken], counter: CounterEvent, event: Event) -> str | None:
    """Notes what an event takes back, and gives its key; None: nothing."""
    key = key_of(event.fields.get(counter.key))
    if key is None:
        return None
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
    return key


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


def _order(row: Any) -> tuple[Instant, int]:
    return row[0], row[1]


def _part(row: Any, kind: str) -> Addend:
    if isinstance(row, Addend):
        return row
    at, number, values, key, fits = row
    return Addend(at, number, tuple(restored(value, kind) for value in values), key, fits)


def _tally(document: Mapping[str, Any], kind: str) -> Tally:
    ends = {name: _part(document[name], kind) for name in ("first", "last") if name in document}
    tally = Tally(**{name: value for name, value in document.items() if name not in ends})
    return _copied(replace(tally, total=restored(tally.total, kind), **ends))


def _copied(tally: Tally) -> Tally:
    return replace(tally, counts=dict(tally.counts), moments=list(tally.moments))
