"""Everything that is known of what happened to one customer, from a store or from a replay: what a story of
one of their runs is written from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.core.decision.effects import Trace
from engine.core.enrollment import Enrollment
from engine.core.happening import Event, ProductChanged, ProfileChanged, SegmentChanged
from engine.values import Value


@dataclass(frozen=True, slots=True)
class CustomerTimeline:
    """Everything that is known of a customer, each list oldest first. `profile`: what was written from
    outside. `runs`: of all journeys. `ledger`: what follows from their points now. `products`: what the
    catalogue said of those that runs are about, when each began and when it changed; empty where nobody kept
    them. `assumed_reach`: a channel reaches the customer unless something known closes it, as in a replay
    that is not strict."""

    events: Sequence[Event]
    profile: Sequence[ProfileChanged]
    memberships: Sequence[SegmentChanged]
    traces: Sequence[Trace]
    ledger: Mapping[str, Value]
    runs: Sequence[Enrollment] = ()
    products: Sequence[ProductChanged] = ()
    assumed_reach: bool = False
