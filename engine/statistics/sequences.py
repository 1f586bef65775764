"""An interval that holds at every moment at which somebody looks, however often."""

from __future__ import annotations

import math

from engine.statistics.confidence import ALPHA, ConfidenceInterval
from engine.statistics.means import MoneySample
from engine.statistics.proportions import Proportion

PLANNED = 5_000
"""People in all arms for whom the interval is narrowest, where nobody has said how many there will be."""

FEWEST = 100
"""People in an arm below whom nothing is said: the interval is right for large numbers."""


def of_shares(
    one: Proportion, other: Proportion, planned: int = PLANNED, alpha: float = ALPHA
) -> ConfidenceInterval | None:
    """The interval of the difference `one` - `other` that may be looked at every day. `planned`: people of
    both for whom it is narrowest, fixed before the first look. None: one has fewer than `FEWEST`."""
    if min(one.whole, other.whole) < FEWEST:
        return None
    error = sum(_smoothed(share) * (1 - _smoothed(share)) / share.whole for share in (one, other))
    low, high = _around(one.rate - other.rate, error, one.whole + other.whole, planned, alpha)
    # two shares differ by no more than the whole
    return ConfidenceInterval(max(-1.0, low), min(1.0, high))


def of_means(
    one: MoneySample, other: MoneySample, planned: int = PLANNED, alpha: float = ALPHA
) -> ConfidenceInterval | None:
    """As `of_shares`, of the means of amounts. None also where nobody differs from the others."""
    if min(one.people, other.people) < FEWEST:
        return None
    error = one.variance / one.people + other.variance / other.people
    # everybody spent the same, mostly nothing
    if error <= 0:
        return None
    return ConfidenceInterval(
        *_around(one.mean - other.mean, error, one.people + other.people, planned, alpha)
    )


def _smoothed(share: Proportion) -> float:
    """One more of each: nobody is taken for certain where the first goal is still to come."""
    return (share.part + 1) / (share.whole + 2)


def _around(difference: float, error: float, people: int, planned: int, alpha: float) -> tuple[float, float]:
    """The asymptotic confidence sequence with the boundary of a normal mixture: I. Waudby-Smith, D. Arbour,
    R. Sinha, E. H. Kennedy, A. Ramdas, Time-uniform central limit theory and asymptotic confidence sequences,
    Annals of Statistics 52 (2024), theorem 2.2, with its parameter (section 2.3 there, appendix B.2) tuned to
    `planned`. `error`: the variance of the difference, so that the variance of what one person tells is
    `error` x `people`."""
    spread = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / planned
    grown = people * spread + 1
    half = math.sqrt(error * 2 * grown / (people * spread) * math.log(math.sqrt(grown) / alpha))
    return difference - half, difference + half
