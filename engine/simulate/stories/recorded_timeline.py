"""Everything that is known of what happened to one customer, from a store or from a replay: what a story of
one of their runs is written from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.core.decision.effects import Trace
from engine.core.enrollment import Enrollment
from engine.core.happening import Event
from engine.values import Instant, Value


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What was learned of the customer from outside, in the words of the store's history: attributes,
    addresses by channel (None: it went away), consents by channel."""

    at: Instant
    number: int
    attributes: Mapping[str, Value]
    addresses: Mapping[str, str | None]
    consents: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SegmentMove:
    """The customer entered a segment or left it."""

    at: Instant
    number: int
    segment: str
    enters: bool


@dataclass(frozen=True, slots=True)
class SeenProduct:
    """What the catalogue said of a product that a run of the customer is about, from this moment on."""

    at: Instant
    number: int
    product_id: str
    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class RecordedTimeline:
    """Everything that is known of a customer, each list oldest first. `runs`: of all journeys. `ledger`: what
    follows from their points now. `products`: empty where nobody kept them. `assumed_reach`: a channel
    reaches the customer unless something known closes it, as in a replay that is not strict."""

    events: Sequence[Event]
    profile: Sequence[ProfileChange]
    moves: Sequence[SegmentMove]
    traces: Sequence[Trace]
    ledger: Mapping[str, Value]
    runs: Sequence[Enrollment] = ()
    products: Sequence[SeenProduct] = ()
    assumed_reach: bool = False
