"""Conditions with resolved names and typed values: what closures (core) and SQL (store) are made from.

Two-valued: a positive form on a value that is not set is false, `Not` is the exact opposite of
what it holds. No condition raises (design/language 2.7).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from engine.values import Birthday, Duration, Instant, Money, Type


@dataclass(frozen=True, slots=True)
class Ref:
    """A name: of the customer (attribute or fact), `trigger.x`, `product.x`, `code.x`, a field of the event
    in `where`, `paths.x`, the path of the run at a split, or `recommend.x`, which is known when a message is
    written."""

    source: Literal["customer", "trigger", "product", "code", "event", "paths", "recommend"]
    name: str
    type: Type

    def __str__(self) -> str:
        return self.name if self.source in ("customer", "event") else f"{self.source}.{self.name}"


Constant = str | int | Decimal | bool | Money | dt.date | Birthday
Operand = Constant | Ref


@dataclass(frozen=True, slots=True)
class IsOneOf:
    """Equals one of the operands; a list holds one of them."""

    ref: Ref
    values: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class IsSet:
    """`is set`."""

    ref: Ref


@dataclass(frozen=True, slots=True)
class Compare:
    """`at least` and so on, for numbers and money. Another currency than the operand's: false."""

    ref: Ref
    how: Literal["at least", "at most", "more than", "less than"]
    value: Operand


@dataclass(frozen=True, slots=True)
class Between:
    """Both ends belong."""

    ref: Ref
    low: Operand
    high: Operand


@dataclass(frozen=True, slots=True)
class RelativeAge:
    """Strict at the edge; the future is never ago. A `time` counts N x 24 hours (months by the UTC calendar),
    a `date` the days of the customer's local date."""

    ref: Ref
    how: Literal["more than", "less than"]
    length: Duration


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """`before` or `after` a moment. For a `date` attribute `moment` is a date. For a `time` a written
    local moment has been turned into an instant by the project's zone; a date alone means its first moment
    (`before`) and its last (`after`)."""

    ref: Ref
    how: Literal["before", "after"]
    moment: dt.date | Instant


@dataclass(frozen=True, slots=True)
class Today:
    """The customer's local day (a birthday: month and day, 29 February kept on the 28th)."""

    ref: Ref


@dataclass(frozen=True, slots=True)
class TextMatch:
    """`contains`, `starts with`, `ends with`; compared by Unicode case folding. `text` is folded already."""

    ref: Ref
    how: Literal["contains", "starts with", "ends with"]
    text: str


@dataclass(frozen=True, slots=True)
class Did:
    """The number of events in [low, high] (None: no limit), in the last `last`, since the start of the
    run, where their fields fit. N days mean N x 24 hours, strict at the edge."""

    event: str
    low: int
    high: int | None = None
    last: Duration | None = None
    since_start: bool = False
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class InSegment:
    """In one of these segments."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InsideJourney:
    """A run of one of these journeys is open; one of the holdout counts."""

    journeys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Can:
    """One of the channels reaches the customer: address, no suppression, and the consent that `consent`
    asks for (a purpose such as `marketing`; None: no consent needed)."""

    channels: tuple[str, ...]
    consent: str | None


@dataclass(frozen=True, slots=True)
class Reacted:
    """`clicked` or `opened` a template that was sent in this run. A click counts as an open."""

    how: Literal["clicked", "opened"]
    template: str


@dataclass(frozen=True, slots=True)
class GoalReached:
    """The goal of this run was reached."""


@dataclass(frozen=True, slots=True)
class Not:
    """The exact opposite."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one; none: true."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one; none: false."""

    conditions: tuple[Condition, ...]


Condition = (
    IsOneOf
    | IsSet
    | Compare
    | Between
    | RelativeAge
    | BeforeAfter
    | Today
    | TextMatch
    | Did
    | InSegment
    | InsideJourney
    | Can
    | Reacted
    | GoalReached
    | Not
    | AllOf
    | AnyOf
)
