"""Distributions that the standard library does not have: Student's t and chi-square."""

from __future__ import annotations

import math
from statistics import NormalDist

_NORMAL = NormalDist()
_TINY = 1e-300
_CLOSE = 1e-15
_MOST_TERMS = 10_000


def normal_quantile(probability: float) -> float:
    """Where the standard normal distribution has this much below it."""
    return _NORMAL.inv_cdf(probability)


def t_cdf(value: float, freedom: float) -> float:
    """How much of Student's t with so many degrees of freedom (need not be whole) lies below."""
    square = value * value
    if square < 1:  # near the middle the tail would lose what is small
        return 0.5 + math.copysign(_incomplete_beta(square / (freedom + square), 0.5, freedom / 2) / 2, value)
    tail = _incomplete_beta(freedom / (freedom + square), freedom / 2, 0.5) / 2
    return tail if value < 0 else 1 - tail


def t_quantile(probability: float, freedom: float) -> float:
    """Where Student's t has this much below it; `probability` between 0.5 and 1."""
    low, high = 0.0, 2.0
    while t_cdf(high, freedom) < probability:
        high *= 2
    while high - low > 1e-12 * max(1.0, high):
        middle = (low + high) / 2
        if t_cdf(middle, freedom) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def chi_square_tail(value: float, freedom: int) -> float:
    """How much of chi-square with so many degrees of freedom lies above."""
    if value < _TINY:
        return 1.0
    return _upper_gamma(freedom / 2, value / 2)


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """Regularised, I_x(a, b), by its continued fraction (DLMF 8.17.22, Lentz's method)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(1 - x, b, a)
    logs = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(logs + a * math.log(x) + b * math.log1p(-x)) / a
    above, below, fraction = 1.0, 0.0, 1.0
    for term in range(_MOST_TERMS):
        half, is_odd = divmod(term, 2)
        if term == 0:
            step = 1.0
        elif is_odd:
            step = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            step = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        below = 1 / _away_from_zero(1 + step * below)
        above = _away_from_zero(1 + step / above)
        fraction *= above * below
        if abs(1 - above * below) < _CLOSE:
            break
    return front * (fraction - 1)


def _upper_gamma(a: float, x: float) -> float:
    """Regularised, Q(a, x): by its series below a + 1 (DLMF 8.11.4), else by its continued fraction
    (DLMF 8.9.2)."""
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        for step in range(1, _MOST_TERMS):
            term *= x / (a + step)
            total += term
            if term < total * _CLOSE:
                break
        return max(0.0, 1 - front * total)
    shift = x + 1 - a
    above, below = 1 / _TINY, 1 / shift
    fraction = below
    for step in range(1, _MOST_TERMS):
        factor = -step * (step - a)
        shift += 2
        below = 1 / _away_from_zero(factor * below + shift)
        above = _away_from_zero(shift + factor / above)
        fraction *= above * below
        if abs(1 - above * below) < _CLOSE:
            break
    return front * fraction


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
