"""Recency, frequency, money: the scores 1 to 5 of each customer among all of them, and the group they stand
for.

Each of the three is cut at its quintiles (quantile of type 7 at 20, 40, 60 and 80 %), or at borders of the
shop's own; a score is one more than the number of cuts that a value lies above, for recency the other way
round, so that 5 is always the best.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

BEST = 5
"""Scores go from 1 to 5."""

Scores = tuple[int, int, int]
"""Recency, frequency and money of one customer."""

Range = tuple[int, int]
"""Lowest and highest score; both belong."""

ALL: Range = (1, BEST)


@dataclass(frozen=True, slots=True)
class Group:
    """One group of the table: customers whose three scores lie in these ranges."""

    name: str
    recency: Range = ALL
    frequency: Range = ALL
    money: Range = ALL

    def holds(self, scores: Scores) -> bool:
        """Whether all three scores lie in the ranges."""
        ranges = (self.recency, self.frequency, self.money)
        return all(low <= score <= high for score, (low, high) in zip(scores, ranges, strict=True))


@dataclass(frozen=True, slots=True)
class GroupTable:
    """The groups of a shop: the first that holds the scores counts, else `otherwise` (None: the fact is
    not set)."""

    groups: tuple[Group, ...]
    otherwise: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that the fact can have."""
        names = [group.name for group in self.groups]
        return tuple(dict.fromkeys([*names, self.otherwise] if self.otherwise else names))

    def group_of(self, scores: Scores) -> str | None:
        """The name for three scores."""
        return next((group.name for group in self.groups if group.holds(scores)), self.otherwise)


DEFAULT = GroupTable(
    (
        Group("champion", (4, 5), (4, 5), (4, 5)),
        Group("loyal", (3, 5), (3, 5)),
        Group("promising", (3, 5), (2, 2)),
        Group("newcomer", (3, 5), (1, 1)),
        Group("at_risk", (1, 2), (3, 5)),
        Group("lost", (1, 2)),
    )
)
"""What counts where schemas/customer.yaml has no table of its own: every score has a group."""


class Spending(NamedTuple):
    """What the scores of one customer are made from: the ordinal of the shop's calendar day of the last
    event, how many events, and their sum in the shop's currency."""

    last_day: int
    times: int
    amount: Decimal


class Scale(NamedTuple):
    """The four cuts between the scores of one of the three. `reached`: a value on a cut lies above it."""

    cuts: tuple[Decimal, ...]
    reached: bool = False

    def above(self, value: Decimal | int) -> int:
        """How many of the cuts a value lies above."""
        return bisect_right(self.cuts, value) if self.reached else bisect_left(self.cuts, value)


@dataclass(frozen=True, slots=True)
class Borders:
    """Where a shop cuts itself, lowest first: days since the last event, how many, how much; None: at the
    quintiles. A border belongs to the part above it, as in the published vignette of the R package `rfm`."""

    recency: tuple[Decimal, ...] | None = None
    frequency: tuple[Decimal, ...] | None = None
    money: tuple[Decimal, ...] | None = None

    @property
    def all(self) -> tuple[tuple[Decimal, ...] | None, ...]:
        """Those of all three."""
        return self.recency, self.frequency, self.money


QUINTILES = Borders()


class Cuts(NamedTuple):
    """The cuts of each; those of recency are days before `today` (an ordinal)."""

    recency: Scale
    frequency: Scale
    money: Scale

    def scores(self, spending: Spending, today: int) -> Scores:
        """The three scores of a customer on a day."""
        return (
            BEST - self.recency.above(today - spending.last_day),
            1 + self.frequency.above(spending.times),
            1 + self.money.above(spending.amount),
        )


def cuts_of(everybody: Sequence[Spending], today: int, borders: Borders = QUINTILES) -> Cuts:
    """The cuts among customers who have at least one event each; there must be one customer."""
    measures = (
        [Decimal(today - spending.last_day) for spending in everybody],
        [Decimal(spending.times) for spending in everybody],
        [spending.amount for spending in everybody],
    )
    return Cuts(
        *(
            Scale(cuts(values), reached=False) if own is None else Scale(own, reached=True)
            for values, own in zip(measures, borders.all, strict=True)
        )
    )


def cuts(values: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """The quintiles of some values (quantile of type 7). One that is the largest value itself, of several,
    is the next smaller one instead: the largest values lie above it, so that the best always score 5."""
    ordered = sorted(values)
    return cuts_of_ordered(len(ordered), ordered.__getitem__)


def cuts_of_ordered(size: int, at: Callable[[int], Decimal]) -> tuple[Decimal, ...]:
    """The same of values that are in order already: `at` gives the one at a place, from 0."""
    largest = at(size - 1)
    quintiles = []
    for fifth in range(1, BEST):
        # Type 7 lies between two values, in whole numbers up to here, so that no float moves a customer.
        place, rest = divmod((size - 1) * fifth, BEST)
        low = at(place)
        high = at(place + 1) if rest else low
        quintiles.append(low + (high - low) * rest / BEST)
    if quintiles[-1] == largest > at(0):
        # Nobody lies above the largest value: every fifth customer or more may share it.
        below = at(bisect_left(range(size), largest, key=at) - 1)
        quintiles = [min(cut, below) for cut in quintiles]
    return tuple(quintiles)


def groups_of(
    everybody: Mapping[str, Spending], table: GroupTable, today: int, borders: Borders = QUINTILES
) -> dict[str, str | None]:
    """The group of each customer on a day (the ordinal of a date in the shop's zone)."""
    if not everybody:
        return {}
    among_all = cuts_of(list(everybody.values()), today, borders)
    return {
        customer: table.group_of(among_all.scores(spending, today))
        for customer, spending in everybody.items()
    }
