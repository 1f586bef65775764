"""The ledger of one customer: what earned points, took them back and spent them. Each line has a cause, and a
cause is in it once, in whatever order and however often it comes.

What the lines are worth follows from all of them together (`settling`); nothing here is a number that is set.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from engine.core.points.rules import TierRules
from engine.values import Instant

MEMORY = "$points"
"""Where `Facts.fact_state` has the ledger: no fact can be called so."""

OPENING, STEP, SPENDING, SETTLED, EXPIRED = "$opening ", "$step ", "$spend ", "$settled ", "$expired "
"""How causes begin that are no event of the shop, none of which can be called so: points that were there
before the ledger, steps of journeys, requests of the till, what a compacted ledger owes, last days."""


class EarnOffer(Struct, frozen=True, array_like=True):
    """What a line of the table would give for an event. `unit`: of the amount, for each whole one of which
    there are `points`; "" for a fixed number. `times`: how often in `period` this line gives something; 0: as
    often as it fits."""

    line: str  # `EarnLine.key`
    words: str
    points: int
    unit: str = ""
    currency: str = ""
    amount: str = ""
    times: int = 0
    period: str = ""

    @property
    def place(self) -> str:
        """What its limit is counted by."""
        return f"{self.line} {self.period}"

    def worth(self, less: Decimal = Decimal(0)) -> int:
        """The points, after so much of the amount was taken back."""
        if not self.unit:
            return self.points
        return int(max(Decimal(self.amount) - less, Decimal(0)) // Decimal(self.unit)) * self.points


class EarnedPoints(Struct, frozen=True, array_like=True):
    """An event, or a step of a journey, that earned points: by the first of `offers` whose limit leaves room.
    `keys`: its fields by which it may be taken back. `ready_at`: from when on the points can be spent;
    `last_day`: until when, and `gone_at` the first moment after it."""

    cause: str
    at: Instant
    about: str  # the event, or the journey and the step
    offers: tuple[EarnOffer, ...]
    ready_at: Instant
    gone_at: Instant | None = None
    last_day: str = ""
    keys: dict[str, str] = field(default_factory=dict)


class TakenBackPoints(Struct, frozen=True, array_like=True):
    """An event that takes back what the first event with the same key earned: all of it, or the points of an
    amount (`amounts`: by currency, "" for numbers)."""

    cause: str
    at: Instant
    about: str
    key: str
    value: str
    amounts: dict[str, str] | None = None


class SpentPoints(Struct, frozen=True, array_like=True):
    """Points that were spent. `firm`: the balance was asked before, and it was enough; else the customer
    spends what is there, and no more."""

    cause: str
    at: Instant
    about: str
    points: int
    firm: bool = False


class Booking(Struct, frozen=True, array_like=True):
    """What a cause comes to, as it was entered last, and in how many entries."""

    points: int
    parts: int


class DatedPoints(NamedTuple):
    """Points by the moment at which they were earned."""

    at: Instant
    points: int


class Ledger(Struct, omit_defaults=True):
    """All that is known of the points and the tier of one customer. Its containers are never changed in
    place."""

    earned: dict[str, EarnedPoints] = field(default_factory=dict)
    back: dict[str, TakenBackPoints] = field(default_factory=dict)
    spent: dict[str, SpentPoints] = field(default_factory=dict)
    booked: dict[str, Booking] = field(default_factory=dict)
    # Lines up to this moment are settled for good: they are in the ledger no more, and none is taken.
    closed_until: Instant | None = None
    earned_before: dict[str, int] = field(default_factory=dict)  # day -> points of lines that were settled
    used_before: dict[str, int] = field(default_factory=dict)  # how often limited lines had given something
    warned: tuple[str, ...] = ()  # last days of which the customer was told
    tier: str = ""
    tier_since: Instant | None = None

    @property
    def lines(self) -> int:
        """How many there are."""
        return len(self.earned) + len(self.back) + len(self.spent)

    def knows(self, cause: str) -> bool:
        """Whether a cause has counted."""
        return cause in self.earned or cause in self.back or cause in self.spent

    def takes(self, at: Instant) -> bool:
        """Whether a line of this moment can still be taken."""
        return self.closed_until is None or at > self.closed_until

    def with_earned(self, line: EarnedPoints) -> Ledger:
        """With one more line."""
        return replace(self, earned={**self.earned, line.cause: line})

    def with_back(self, line: TakenBackPoints) -> Ledger:
        """With one more line."""
        return replace(self, back={**self.back, line.cause: line})

    def with_spent(self, line: SpentPoints) -> Ledger:
        """With one more line."""
        return replace(self, spent={**self.spent, line.cause: line})

    def united(self, other: Ledger, tiers: TierRules | None) -> Ledger:
        """The ledger of two customers who are one: a cause that both have is there once, and the higher of
        the two tiers stays."""
        booked = dict(other.booked)
        for cause, ours in self.booked.items():
            theirs = booked.get(cause)
            if theirs is None or not cause.startswith(EXPIRED):
                booked[cause] = ours
            else:
                booked[cause] = Booking(ours.points + theirs.points, ours.parts + theirs.parts)
        closed = [at for at in (self.closed_until, other.closed_until) if at is not None]
        higher = other if tiers is not None and tiers.rank(other.tier) > tiers.rank(self.tier) else self
        return Ledger(
            {**other.earned, **self.earned},
            {**other.back, **self.back},
            {**other.spent, **self.spent},
            booked,
            max(closed, default=None),
            _summed(self.earned_before, other.earned_before),
            _summed(self.used_before, other.used_before),
            tuple(sorted({*self.warned, *other.warned})),
            higher.tier,
            higher.tier_since,
        )


def _summed(ours: dict[str, int], theirs: dict[str, int]) -> dict[str, int]:
    return {name: ours.get(name, 0) + theirs.get(name, 0) for name in sorted({*ours, *theirs})}


def cause_of(event: str, id_: str, also: str = "") -> str:
    """The cause that an event is, for the first line that fits; `also`: the key of a line that counts beside
    it."""
    return f"+{also} {event} {id_}" if also else f"{event} {id_}"


def event_of(cause: str) -> str:
    """The event of a cause, whatever line it earned by."""
    return cause.partition(" ")[2] if cause.startswith("+") else cause


def load(state: object) -> Ledger:
    """A ledger as it was left in memory, or as it came from a document."""
    if isinstance(state, Ledger):
        return state
    found: Ledger = msgspec.convert(state, Ledger)
    return found
