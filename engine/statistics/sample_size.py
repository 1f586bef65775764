"""How many people it takes to find an effect, and how large an effect so many people can show."""

from __future__ import annotations

import math

from engine.statistics.confidence import ALPHA
from engine.statistics.distributions import normal_quantile

POWER = 0.8
"""In so many of the experiments in which the effect is there, it is found."""


def people_needed(
    base: float, changed: float, ratio: float = 1.0, alpha: float = ALPHA, power: float = POWER
) -> int:
    """People in the control, of whom `base` do what is counted, so that the change to `changed` is found.
    `ratio`: people in the other arm for each one in the control.

    J. L. Fleiss, Statistical methods for rates and proportions, 2nd edition 1981, formula 3.18 (without
    correction for continuity), two-sided. Both rates between 0 and 1, and not the same.
    """
    middle = (base + ratio * changed) / (1 + ratio)
    by_chance = normal_quantile(1 - alpha / 2) * math.sqrt((1 + 1 / ratio) * middle * (1 - middle))
    missed = normal_quantile(power) * math.sqrt(base * (1 - base) + changed * (1 - changed) / ratio)
    return math.ceil(((by_chance + missed) / (changed - base)) ** 2)


def smallest_found(people: int, base: float, alpha: float = ALPHA, power: float = POWER) -> float:
    """The smallest rise above `base` that so many people in each of two arms show; 1 - `base` at most."""
    low, high = 0.0, 1 - base
    for _ in range(60):
        middle = (low + high) / 2
        if people_needed(base, base + middle, alpha=alpha, power=power) > people:
            low = middle
        else:
            high = middle
    return high
