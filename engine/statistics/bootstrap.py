"""The difference of two means by drawing people again, for amounts that a few people carry."""

from __future__ import annotations

import math
import random  # noqa: TID251 - seeded by the caller: the same people always give the same interval
from collections.abc import Sequence

from engine.statistics.confidence import ALPHA, ConfidenceInterval
from engine.statistics.means import MoneySample

MOST = 4_000
"""Samples that are drawn where there are few people."""
LEAST = 400
"""Samples that are drawn, however many people there are."""

_DRAWS = 8_000_000


def bootstrap(one: MoneySample, other: MoneySample, seed: str, alpha: float = ALPHA) -> ConfidenceInterval:
    """The percentile interval of the difference of the means `one` - `other`, people being drawn again within
    each arm (B. Efron, R. J. Tibshirani, An introduction to the bootstrap, 1993, chapter 13).

    The same seed gives the same interval. Of nobody: everything is 0.
    """
    dice = random.Random(seed)
    buyers = len(one.some) + len(other.some)
    # as many draws in all whatever the number of buyers, so that a large experiment takes no longer
    times = max(LEAST, min(MOST, _DRAWS // max(buyers, 1)))
    differences = sorted(_mean(one, dice) - _mean(other, dice) for _ in range(times))
    return ConfidenceInterval(_quantile(differences, alpha / 2), _quantile(differences, 1 - alpha / 2))


def _mean(amounts: MoneySample, dice: random.Random) -> float:
    """The mean of as many people, drawn again: how many of them bought, then which of those who did."""
    if not amounts.some:
        return 0.0
    share = len(amounts.some) / amounts.people
    bought = amounts.people if share == 1 else _binomial(amounts.people, share, dice)
    return math.fsum(dice.choices(amounts.some, k=bought)) / amounts.people


def _binomial(n: int, share: float, dice: random.Random) -> int:
    """By the waiting times between successes (L. Devroye, Non-uniform random variate generation, 1986,
    X.4.3): a step for each success."""
    # a step for each success: the rarer of the two is counted
    if share > 0.5:
        return n - _binomial(n, 1 - share, dice)
    log = math.log1p(-share)
    found, at = 0, 0
    while True:
        at += int(math.log(1.0 - dice.random()) / log) + 1
        if at > n:
            return found
        found += 1


def _quantile(ordered: Sequence[float], part: float) -> float:
    """Type 7, as everywhere in the engine."""
    place = (len(ordered) - 1) * part
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
