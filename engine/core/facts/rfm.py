"""Recency, frequency, money: the scores 1 to 5 of each customer among all of them, and the group they stand
for.

Each of the three is cut at its quintiles (quantile of type 7 at 20, 40, 60 and 80 %) plus 1; a score is one
more than the number of cuts that a value has reached, for recency the other way round, so that 5 is always
the best. This is what the published vignette of the R package `rfm` computes.
"""

from __future__ import annotations

from bisect import bisect_right
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


class Cuts(NamedTuple):
    """The four cuts of each; those of recency are days before `today` (an ordinal)."""

    recency: tuple[Decimal, ...]
    frequency: tuple[Decimal, ...]
    money: tuple[Decimal, ...]

    def scores(self, spending: Spending, today: int) -> Scores:
        """The three scores of a customer on a day."""
        return (
            BEST - bisect_right(self.recency, today - spending.last_day),
            1 + bisect_right(self.frequency, spending.times),
            1 + bisect_right(self.money, spending.amount),
        )


def cuts_of(everybody: Sequence[Spending], today: int) -> Cuts:
    """The cuts among customers who have at least one event each; there must be one customer."""
    return Cuts(
        cuts([Decimal(today - spending.last_day) for spending in everybody]),
        cuts([Decimal(spending.times) for spending in everybody]),
        cuts([spending.amount for spending in everybody]),
    )


def cuts(values: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """The quintiles of some values (quantile of type 7), each plus 1; a value that reaches a cut lies
    above it."""
    ordered = sorted(values)
    return cuts_of_ordered(len(ordered), ordered.__getitem__)


def cuts_of_ordered(size: int, at: Callable[[int], Decimal]) -> tuple[Decimal, ...]:
    """The same of values that are in order already: `at` gives the one at a place, from 0."""
    quintiles = []
    for fifth in range(1, BEST):
        # Type 7 lies between two values, in whole numbers up to here, so that no float moves a customer.
        place, rest = divmod((size - 1) * fifth, BEST)
        low = at(place)
        high = at(place + 1) if rest else low
        quintiles.append(low + (high - low) * rest / BEST + 1)
    return tuple(quintiles)


def groups_of(everybody: Mapping[str, Spending], table: GroupTable, today: int) -> dict[str, str | None]:
    """The group of each customer on a day (the ordinal of a date in the shop's zone)."""
    if not everybody:
        return {}
    among_all = cuts_of(list(everybody.values()), today)
    return {
        customer: table.group_of(among_all.scores(spending, today))
        for customer, spending in everybody.items()
    }
