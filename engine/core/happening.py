"""Everything that can happen to a customer, in the order of its number.

`number` is the place in the order of receipt (the inbox number). `occurred_at` never lies after
`received_at` (it is cut at intake, design/language 2.13).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from engine.core.reasons import ReturnReason
from engine.values import Instant, Money, Value


class Event(Struct, frozen=True, gc=False):
    """Something the customer did. A direct price_drop, back_in_stock or low_stock event is a start that
    reached this customer."""

    number: int
    id: str
    name: str
    occurred_at: Instant
    received_at: Instant
    fields: Mapping[str, Value] = field(default_factory=dict)  # typed by schemas/events.yaml
    starts: bool = (
        True  # False for imported history: it updates facts and membership, starts and awaits nothing
    )
    causes: Mapping[str, int] = field(default_factory=dict)  # what led to one of the engine's own


class ProfileChanged(Struct, frozen=True):
    """Attributes, addresses, consent or suppressions were written; None takes a value away."""

    number: int
    at: Instant
    values: Mapping[str, Value] = field(default_factory=dict)
    addresses: Mapping[str, str | None] = field(default_factory=dict)  # by channel
    # (channel, purpose) -> none | asked | given | withdrawn
    consents: Mapping[tuple[str, str], str] = field(default_factory=dict)
    suppressed: Mapping[str, str | None] = field(
        default_factory=dict
    )  # channel -> purpose or `all`; None lifts
    starts: bool = True
    # (channel, address): one of several addresses, such as the tokens of a person's devices, comes or goes
    joined: tuple[tuple[str, str], ...] = ()
    left: tuple[tuple[str, str], ...] = ()


class ProductChanged(Struct, frozen=True):
    """The catalogue changed for a product that an enrollment of this customer looks at, or that the customer
    touched: then it may start journeys."""

    number: int
    at: Instant
    product_id: str
    fields: Mapping[str, Value]
    before: Mapping[str, Value] = field(default_factory=dict)  # the fields until now
    # Kind of touch -> when the customer last touched the product in this way before the change.
    touches: Mapping[str, Instant] = field(default_factory=dict)
    seen: Money | None = None  # the price that the customer saw last, where it is not that of `before`


class SegmentChanged(Struct, frozen=True):
    """The customer became a member of a segment or left it."""

    number: int
    at: Instant  # the crossing
    segment: str
    member: bool
    starts: bool = True  # False for members found by a first evaluation, a changed definition or an import


class MemberAdmitted(Struct, frozen=True):
    """The moment of somebody who was in a segment already when a journey first went live, and whom its
    `members: all` takes (design/language 2.4)."""

    number: int
    at: Instant
    journey: str
    segment: str


class FactsRedefined(Struct, frozen=True):
    """Facts of the customer have another value by a changed definition, which is whole now."""

    number: int
    at: Instant
    names: tuple[str, ...]


class InsideChanged(Struct, frozen=True):
    """A run of another journey began or ended. Only stories say so, in which that journey does not run:
    elsewhere decisions find it themselves. Never stored."""

    number: int
    at: Instant
    journey: str
    inside: bool


class Occurrence(Struct, frozen=True):
    """A clock or date start reached this customer."""

    number: int
    journey: str
    at: Instant
    day: dt.date  # the local date that it belongs to


class MessageSent(Struct, frozen=True):
    """A message was handed to its channel: the point of no return."""

    number: int
    at: Instant
    key: str
    enrollment: str


class MessageReturned(Struct, frozen=True):
    """A planned message came back before hand-over and asks all rules again."""

    number: int
    at: Instant
    key: str
    enrollment: str
    reason: ReturnReason


class MessageOutcome(Struct, frozen=True):
    """What became of a message after hand-over. `unknown` keeps a cascade where it is until another outcome
    settles it; `not_sent` says that an unknown turned out never to have been accepted."""

    number: int
    at: Instant
    key: str
    enrollment: str
    # `unknown` keeps a cascade where it is until another outcome settles it; `not_sent` says that an unknown
    # turned out never to have been accepted.
    kind: Literal[
        "accepted", "delivered", "bounced", "complained", "refused", "unknown", "settled", "not_sent"
    ]
    detail: str = ""
    channel: str = ""  # lets a bounce close the channel when the enrollment is no longer kept


class Reaction(Struct, frozen=True):
    """A person clicked, opened or replied. `machine` openings and clicks are never given to the core."""

    number: int
    at: Instant
    key: str
    enrollment: str
    kind: Literal["clicked", "opened", "replied"]


class CodeTaken(Struct, frozen=True):
    """The pool gave a code (None: the pool is empty) for a code step of an enrollment."""

    number: int
    at: Instant
    enrollment: str
    pool: str
    value: str | None


class PointsSpent(Struct, frozen=True):
    """Points were asked for at the till, and the balance was enough. `points` 0: nothing was spent, and the
    ledger is only to be looked at anew."""

    number: int
    at: Instant
    id: str = ""  # the same for the same request
    points: int = 0
    about: str = ""
    starts: bool = True


class HistoryHalf(Struct, frozen=True):
    """What one of two ids of a person brings: names of events and attributes, and whether anything is known
    of how to reach them."""

    events: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    is_reached: bool = False


class Joined(Struct, frozen=True):
    """Another id turned out to be this customer's. It comes after everything that the other id did, which is
    received again as history."""

    number: int
    at: Instant
    runs: tuple[str, ...]  # ids of those that were the other id's
    theirs: HistoryHalf  # of the other id
    ours: HistoryHalf


class Wake(Struct, frozen=True):
    """Nothing happened but the time: what is due is looked at. Never stored."""

    number: int
    at: Instant


Happening = (
    Event
    | ProfileChanged
    | ProductChanged
    | SegmentChanged
    | MemberAdmitted
    | FactsRedefined
    | InsideChanged
    | Occurrence
    | MessageSent
    | MessageReturned
    | MessageOutcome
    | Reaction
    | CodeTaken
    | PointsSpent
    | Joined
    | Wake
)
