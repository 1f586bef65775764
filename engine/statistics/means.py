"""Amounts of money by people: the difference of two means, and where a few people carry it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from engine.statistics.confidence import ALPHA, ConfidenceInterval
from engine.statistics.distributions import t_quantile


@dataclass(frozen=True, slots=True)
class MoneySample:
    """What `people` came to: `some` holds what is not nothing, so that those who bought nothing cost
    nothing."""

    people: int
    some: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Of everybody; 0 of nobody."""
        return math.fsum(self.some) / self.people if self.people else 0.0

    @property
    def variance(self) -> float:
        """Of the sample, with n - 1; 0 of fewer than two."""
        if self.people < 2:
            return 0.0
        mean = self.mean
        # of those who bought; all others are as far from the mean as 0 is
        squares = math.fsum((amount - mean) ** 2 for amount in self.some)
        return (squares + (self.people - len(self.some)) * mean * mean) / (self.people - 1)


def welch(one: MoneySample, other: MoneySample, alpha: float = ALPHA) -> ConfidenceInterval | None:
    """The interval of the difference of the means `one` - `other`, with unequal variances.

    B. L. Welch, The generalization of Student's problem when several different population variances are
    involved, Biometrika 34 (1947). None: one has fewer than two people, or nobody differs from the others.
    """
    if one.people < 2 or other.people < 2:
        return None
    first, second = one.variance / one.people, other.variance / other.people
    error = first + second
    if error <= 0:
        return None
    freedom = error**2 / (first**2 / (one.people - 1) + second**2 / (other.people - 1))
    half = t_quantile(1 - alpha / 2, freedom) * math.sqrt(error)
    difference = one.mean - other.mean
    return ConfidenceInterval(difference - half, difference + half)


def is_carried_by_few(amounts: Iterable[MoneySample]) -> bool:
    """Whether those above the 99th percentile (one in a hundred people) carry more than half of the sum."""
    together = list(amounts)
    highest = sorted((amount for each in together for amount in each.some), reverse=True)
    # of all people and not of the buyers: of very few buyers each one carries much
    few = sum(each.people for each in together) // 100
    return math.fsum(highest[:few]) > math.fsum(highest) / 2
