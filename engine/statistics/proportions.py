"""Shares of people: how sure one is, how sure the difference of two is, and whether chance would do it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.statistics.confidence import ALPHA, ConfidenceInterval
from engine.statistics.distributions import normal_quantile


@dataclass(frozen=True, slots=True)
class Proportion:
    """`part` of `whole` people."""

    part: int
    whole: int

    @property
    def rate(self) -> float:
        """Between 0 and 1; 0 of nobody."""
        return self.part / self.whole if self.whole else 0.0


def wilson(share: Proportion, alpha: float = ALPHA) -> ConfidenceInterval:
    """The score interval of one share, without correction for continuity.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    Of nobody: everything.
    """
    if not share.whole:
        return ConfidenceInterval(0.0, 1.0)
    z = normal_quantile(1 - alpha / 2)
    n, rate = share.whole, share.rate
    middle = rate + z * z / (2 * n)
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # of none and of all the bound is exact, and not what rounding leaves
    low = 0.0 if share.part == 0 else (middle - half) / scale
    high = 1.0 if share.part == n else (middle + half) / scale
    return ConfidenceInterval(low, high)


def newcombe(one: Proportion, other: Proportion, alpha: float = ALPHA) -> ConfidenceInterval:
    """The interval of the difference `one` - `other` of independent shares, by the score intervals of both.

    R. G. Newcombe, Interval estimation for the difference between independent proportions: comparison of
    eleven methods, Statistics in Medicine 17 (1998), method 10.
    """
    found = _difference(one.rate, wilson(one, alpha), other.rate, wilson(other, alpha))
    return ConfidenceInterval(max(-1.0, found.low), min(1.0, found.high))


def change_against(
    before: Proportion,
    after: Proportion,
    control_before: Proportion,
    control_after: Proportion,
    alpha: float = ALPHA,
) -> ConfidenceInterval:
    """The interval of the change `after` - `before` less that of the control, of four independent shares: the
    difference of two differences, by the same way from the intervals of both.

    G. Y. Zou, A. Donner, Construction of confidence limits about effect measures: a general approach,
    Statistics in Medicine 27 (2008).
    """
    change, control = after.rate - before.rate, control_after.rate - control_before.rate
    return _difference(
        change, newcombe(after, before, alpha), control, newcombe(control_after, control_before, alpha)
    )


def _difference(
    one: float, first: ConfidenceInterval, other: float, second: ConfidenceInterval
) -> ConfidenceInterval:
    """Of two estimates, each with its interval: the variances recovered from these."""
    difference = one - other
    return ConfidenceInterval(
        difference - math.hypot(one - first.low, second.high - other),
        difference + math.hypot(first.high - one, other - second.low),
    )


def fisher(one: Proportion, other: Proportion) -> float:
    """The two-sided p-value of Fisher's exact test: the probability, where both shares have the same cause,
    of any table that is at most as probable as this one.

    Exact, so that at most one in twenty of experiments without an effect comes out below 0.05.
    """
    people, goals = one.whole + other.whole, one.part + other.part
    low, high = max(0, goals - other.whole), min(goals, one.whole)
    if low == high:
        return 1.0
    mode = (goals + 1) * (one.whole + 1) // (people + 2)
    mode = min(max(mode, low), high)
    # in parts of the probability of the most probable table, so that nothing overflows
    weights = {mode: 1.0}
    for step, end in ((-1, low), (1, high)):
        at, weight = mode, 1.0
        while at != end and weight > 1e-30:
            weight *= _ratio(at, one.whole, goals, people) if step > 0 else (
                1 / _ratio(at - 1, one.whole, goals, people)
            )  # fmt: skip
            at += step
            weights[at] = weight
    observed = weights.get(one.part, 0.0)
    # what is as probable must not fall out by rounding (as in R's fisher.test)
    as_rare = sum(weight for weight in weights.values() if weight <= observed * (1 + 1e-7))
    return min(1.0, as_rare / sum(weights.values()))


def _ratio(at: int, drawn: int, goals: int, people: int) -> float:
    """How many times as probable as `at` goals among those drawn one more is."""
    return (goals - at) * (drawn - at) / ((at + 1) * (people - drawn - goals + at + 1))
