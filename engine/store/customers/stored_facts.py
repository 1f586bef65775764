"""The facts of a customer as they were loaded: a document is read when a decision asks for it, and most
decisions ask for few."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.core.facts.customer import CapSlot, Facts
from engine.core.facts.learned import EngagementStats
from engine.store.customers import customer_codec as text
from engine.values import Value

DOCUMENTS = ("attributes", "folded", "memory", "seen", "segments", "reach", "marks")
"""Columns of a customer that hold JSON, in the order in which they are loaded."""

_ATTRIBUTES, _, _MEMORY, _SEEN, _, _REACH, _ = range(len(DOCUMENTS))


class StoredFacts(Facts):
    """Facts over the documents of a row. `values`, `fact_state`, `event_counters` and `reach` are read once,
    whoever shares them: a name that is not in `read` was asked for by nobody and cannot have changed."""

    __slots__ = ("_documents", "_initial", "_origin", "read")

    def __init__(  # the record of the base is not made: what is not set here is read later
        self,
        customer: str,
        timezone: str,
        timezone_why: str,
        documents: Sequence[str],
        initial: Mapping[str, Value],
        segments: frozenset[str],
        cap_slots: list[CapSlot],
        engagement: EngagementStats,
    ) -> None:
        self.customer, self.timezone, self.timezone_why = customer, timezone, timezone_why
        self.history, self.products = {}, {}
        self.segments, self.inside, self.assumed_reach = segments, frozenset(), False
        self.cap_slots, self.engagement = cap_slots, engagement
        self._documents, self._initial = documents, initial
        self._origin: StoredFacts | None = None
        self.read: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        """Reads what is asked for the first time."""
        if name not in _READERS:
            raise AttributeError(name)
        if self._origin is not None:
            value = getattr(self._origin, name)
        else:
            value = _READERS[name](self._documents, self._initial)
        self.read.add(name)
        setattr(self, name, value)
        return value

    def __eq__(self, other: object) -> bool:
        """As facts that were never stored."""
        return self.fork() == (other.fork() if isinstance(other, Facts) else other)

    __hash__ = None  # type: ignore[assignment]  # they change

    def share(self) -> Facts:
        """The same facts in a record of its own; the containers are those of this one."""
        shared = StoredFacts(
            self.customer,
            self.timezone,
            self.timezone_why,
            self._documents,
            self._initial,
            self.segments,
            self.cap_slots,
            self.engagement,
        )
        shared.history, shared.products, shared.inside = self.history, self.products, self.inside
        shared._origin = self
        return shared


def _values(documents: Sequence[str], initial: Mapping[str, Value]) -> dict[str, Value]:
    values = text.load_attributes(documents[_ATTRIBUTES])
    # A fact that was published after the row was written has its first value.
    for name, value in initial.items():
        values.setdefault(name, value)
    return values


_READERS: Mapping[str, Callable[[Sequence[str], Mapping[str, Value]], Any]] = {
    "values": _values,
    "fact_state": lambda documents, _: text.load_fact_state(documents[_MEMORY]),
    "event_counters": lambda documents, _: text.load_event_counters(documents[_SEEN]),
    "reach": lambda documents, _: text.load_reach(documents[_REACH]),
}
