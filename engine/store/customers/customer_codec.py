"""The documents of a customer's row: facts and marks as JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from engine.core.facts.customer import CapSlot, EventCounter, Facts, LastStart, Reach
from engine.core.facts.learned import NO_ENGAGEMENT, EngagementStats
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


def dump_cap_slots(places: list[CapSlot]) -> list[tuple[str, Instant, str, bool]]:
    """Rows of what counts under caps."""
    return [(place.key, place.at, place.channel, place.counts_total) for place in places]


def dump_customer_state(
    last_starts: Mapping[tuple[str, str], LastStart],
    occurred: set[tuple[str, str]],
    crossings: Mapping[str, Instant],
    places: list[CapSlot],
    oldest_day: str,
    habits: EngagementStats = NO_ENGAGEMENT,
) -> str:
    """Last starts, fired dates from `oldest_day` on (ISO), crossings, places, habits where there are some."""
    document: list[object] = [
        [(journey, key, start.at, start.enrollment) for (journey, key), start in last_starts.items()],
        sorted(mark for mark in occurred if mark[1] >= oldest_day),
        crossings,
        dump_cap_slots(places),
    ]
    if habits.channels or habits.hours:
        document.append((habits.channels, habits.hours))
    return dump(document)


def load_customer_state(
    text: str,
) -> tuple[
    dict[tuple[str, str], LastStart], set[tuple[str, str]], dict[str, Instant], list[CapSlot], EngagementStats
]:
    """What `dump_customer_state` wrote."""
    starts, occurred, crossings, places, *habits = load(text)
    return (
        {(journey, key): LastStart(at, enrollment) for journey, key, at, enrollment in starts},
        {(journey, day) for journey, day in occurred},
        crossings,
        [CapSlot(*row) for row in places],
        _habits(*habits[0]) if habits else NO_ENGAGEMENT,
    )


def _habits(channels: Mapping[str, Sequence[int]], hours: Sequence[int]) -> EngagementStats:
    return EngagementStats({name: tuple(counts) for name, counts in channels.items()}, tuple(hours))


def dump_attributes(facts: Facts) -> str:
    """Attributes and all-time facts."""
    return dump(pack(facts.values))


def load_attributes(text: str) -> dict[str, Value]:
    """What `dump_attributes` wrote."""
    return unpack(load(text))


def _remembered(value: Any) -> object:
    if type(value) is list:
        row = [unpack({"": each})[""] if type(each) is dict else each for each in value]
        return tuple(cast("list[int | Money]", row))
    return value
