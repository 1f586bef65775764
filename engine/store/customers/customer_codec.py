"""The documents of a customer's row: facts and marks as JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from engine.core.facts.customer import CapSlot, EventCounter, Facts, LastStart, Reach
from engine.core.facts.learned import NO_ENGAGEMENT, EngagementStats
from engine.core.products.signals import Collecting, ProductKind, ProductSignal
from engine.store.serialization import dump, load, pack, unpack
from engine.values import DAY, Instant, Money, Value

_reach = msgspec.json.Decoder(dict[str, Reach])

KEPT_DATES = 60 * DAY
"""A fired date is remembered so long: a customer who moves to another zone meets the same date again within
two days."""


def dump_event_counters(seen: Mapping[str, EventCounter]) -> str:
    """{event: [times, first_at, last_at, last_number]}."""
    return dump({name: (s.times, s.first_at, s.last_at, s.last_number) for name, s in seen.items()})


def load_event_counters(text: str) -> dict[str, EventCounter]:
    """What `dump_event_counters` wrote."""
    return {name: EventCounter(*row) for name, row in load(text).items()}


def dump_reach(reach: Mapping[str, Reach]) -> str:
    """{channel: {address, consents, suppressed, bounced}}; what says nothing is left out."""
    documents = {}
    for channel, known in reach.items():
        document: dict[str, Any] = {"address": known.address, "consents": known.consents}
        if known.suppressed is not None:
            document["suppressed"] = known.suppressed
        if known.bounced:
            document["bounced"] = True
        documents[channel] = document
    return dump(documents)


def load_reach(text: str) -> dict[str, Reach]:
    """What `dump_reach` wrote."""
    return _reach.decode(text)


def dump_fact_state(memory: Mapping[str, object]) -> str:
    """What all-time facts keep: rows of values, or counts by name."""
    return dump(memory)


def load_fact_state(text: str) -> dict[str, object]:
    """What `dump_fact_state` wrote: rows come back as tuples."""
    return {name: _remembered(value) for name, value in load(text).items()}


class CustomerMarks(msgspec.Struct):
    """What the document `marks` of a customer holds; the fields as in `CustomerState` and `Facts`."""

    last_starts: dict[tuple[str, str], LastStart] = msgspec.field(default_factory=dict)
    occurred: set[tuple[str, str]] = msgspec.field(default_factory=set)
    crossings: dict[str, Instant] = msgspec.field(default_factory=dict)
    cap_slots: list[CapSlot] = msgspec.field(default_factory=list)
    engagement: EngagementStats = NO_ENGAGEMENT
    collecting: dict[str, Collecting] = msgspec.field(default_factory=dict)
    turns: dict[str, Instant] = msgspec.field(default_factory=dict)
    points_due: Instant | None = None


def dump_marks(marks: CustomerMarks, oldest_day: str) -> str:
    """Fired dates only from `oldest_day` on (ISO); what few customers have only where there is some."""
    engagement = marks.engagement
    later: dict[str, object] = {}
    if marks.collecting:
        later["collecting"] = {name: _dump_collecting(known) for name, known in marks.collecting.items()}
    if marks.turns:
        later["turns"] = dict(marks.turns)
    if marks.points_due is not None:
        later["points"] = marks.points_due
    document: list[object] = [
        [(journey, key, start.at, start.enrollment) for (journey, key), start in marks.last_starts.items()],
        sorted(mark for mark in marks.occurred if mark[1] >= oldest_day),
        marks.crossings,
        marks.cap_slots,
    ]
    if engagement.channels or engagement.hours or later:
        document.append((engagement.channels, engagement.hours))
    if later:
        document.append(later)
    return dump(document)


def load_marks(text: str) -> CustomerMarks:
    """What `dump_marks` wrote, now or in an earlier version."""
    stored = _marks.decode(text)
    later = stored.later
    return CustomerMarks(
        {(journey, key): LastStart(at, enrollment) for journey, key, at, enrollment in stored.starts},
        stored.occurred,
        stored.crossings,
        stored.cap_slots,
        EngagementStats(*stored.habits) if stored.habits is not None else NO_ENGAGEMENT,
        {name: _load_collecting(*row) for name, row in later["collecting"].items()}
        if "collecting" in later
        else {},
        later.get("turns", {}),
        later.get("points"),
    )


def _dump_collecting(collecting: Collecting) -> list[object]:
    signals = [(signal.product, signal.by, signal.old, signal.new) for signal in collecting.signals]
    return [collecting.kind, collecting.until, signals]


def _load_collecting(kind: ProductKind, until: Instant, signals: Sequence[Sequence[Any]]) -> Collecting:
    read = (
        ProductSignal(kind, product, Decimal(by), _price(old), _price(new))
        for product, by, old, new in signals
    )
    return Collecting(kind, until, tuple(read))


def _price(stored: Mapping[str, Any] | None) -> Money | None:
    return None if stored is None else Money(Decimal(stored["amount"]), stored["currency"])


class _StoredMarks(msgspec.Struct, array_like=True):
    """What `dump_marks` writes, with the types that JSON has."""

    starts: list[tuple[str, str, Instant, str]]
    occurred: set[tuple[str, str]]
    crossings: dict[str, Instant]
    cap_slots: list[CapSlot]
    habits: tuple[dict[str, tuple[int, ...]], tuple[int, ...]] | None = None
    later: dict[str, Any] = msgspec.field(default_factory=dict)


_marks = msgspec.json.Decoder(_StoredMarks, float_hook=Decimal)


def dump_attributes(facts: Facts) -> str:
    """Attributes and all-time facts."""
    return dump(pack(facts.values))


def load_attributes(text: str) -> dict[str, Value]:
    """What `dump_attributes` wrote."""
    return unpack(load(text))


def _remembered(value: Any) -> object:
    if type(value) is list:
        return tuple([_price(part) if type(part) is dict and "currency" in part else part for part in value])
    return value
