"""BG/NBD: how often a customer comes while they are one, and after which purchase they leave.

Fader, P. S., Hardie, B. G. S., Lee, K. L. (2005): "Counting Your Customers" the Easy Way: An Alternative to
the Pareto/NBD Model. Marketing Science 24(2), 275-284. While a customer is one, purchases are Poisson with a
rate of their own, gamma (r, alpha) among customers; after each purchase they leave with a probability of
their own, beta (a, b) among customers. Numbers of equations are those of the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import betaincinv, digamma, gammaln

from engine.forecast.maximum import maximise
from engine.forecast.purchases import Floats, Integers, PurchaseHistories

NODES = 96
"""Points of the integral over the probability of leaving."""

_STARTS = ((0.5, 5.0, 1.0, 3.0), (1.0, 20.0, 0.5, 0.5), (5.0, 50.0, 0.1, 1.0))

_SLICE = 20_000
"""Customers whose integrals are in memory at once."""


@dataclass(frozen=True, slots=True)
class DistinctHistories:
    """Customers with the same history counted together: the different values of each of the three, and for
    each history the places of its own. `share` of all customers. Functions that cost something are asked once
    for a value, not once for a customer."""

    repeats: Floats
    recency: Floats
    age: Floats
    repeats_at: Integers
    recency_at: Integers
    age_at: Integers
    share: Floats
    customers: int

    @classmethod
    def of(cls, every: PurchaseHistories) -> DistinctHistories:
        """A shop has far fewer histories than customers, and far fewer days than histories."""
        columns = [
            # logarithms and gammas are taken once for each value and not for each customer
            np.unique(values, return_inverse=True)
            for values in (every.repeats, every.recency, every.age)
        ]
        (repeats, x), (recency, t), (age, until) = columns
        # three places in one number: over rows `np.unique` is slower
        keys, counts = np.unique((x * len(recency) + t) * len(age) + until, return_counts=True)
        rest, age_at = np.divmod(keys, len(age))
        repeats_at, recency_at = np.divmod(rest, len(recency))
        size = len(every.repeats)
        return cls(repeats, recency, age, repeats_at, recency_at, age_at, counts / size, size)


@dataclass(frozen=True, slots=True)
class BgNbd:
    """The model with its parameters; `alpha` in weeks."""

    r: float
    alpha: float
    a: float
    b: float

    @property
    def parameters(self) -> Floats:
        """As an array."""
        return np.array([self.r, self.alpha, self.a, self.b])

    def log_likelihood(self, histories: PurchaseHistories) -> float:
        """Of all customers (equation 6)."""
        distinct = DistinctHistories.of(histories)
        return mean_log_likelihood(self.parameters, distinct)[0] * distinct.customers

    def is_active(self, repeats: Floats, recency: Floats, age: Floats) -> Floats:
        """The probability that a customer has not left. Who never came back cannot have left by this
        model."""
        has_left = (
            np.log(self.a)
            - np.log(self.b + np.maximum(repeats, 1.0) - 1.0)
            + (self.r + repeats) * (np.log(self.alpha + age) - np.log(self.alpha + recency))
        )
        # 1 / (1 + e^x) without overflow
        return np.where(repeats > 0, np.exp(-np.logaddexp(0.0, has_left)), 1.0)

    def chance(self, repeats: Floats, recency: Floats, age: Floats, weeks: float) -> Floats:
        """The probability of a purchase in so many weeks: not to have left, and to come. The rate of
        somebody who has not left is gamma (r + x, alpha + T)."""
        comes = -np.expm1(-(self.r + repeats) * np.log1p(weeks / (self.alpha + age)))
        return self.is_active(repeats, recency, age) * comes

    def purchases(self, repeats: Floats, recency: Floats, age: Floats, weeks: float) -> Floats:
        """The expected number of purchases in so many weeks (equation 10).

        Not by the hypergeometric function of the paper, which overflows for frequent customers, but by the
        integral that it stands for: of somebody who has not left, with the probability p of leaving, it is
        the mean of (1 - e^(-lambda p t)) / p over lambda, and p is beta (a, b + x).
        """
        expected = np.empty(len(repeats))
        # Only repeats and age tell the rate: many customers share them.
        pairs, place = np.unique(np.stack([repeats, age], axis=1), axis=0, return_inverse=True)
        while_active = np.empty(len(pairs))
        # in slices: a matrix of all customers and all nodes would not fit into memory
        for begin in range(0, len(pairs), _SLICE):
            some = slice(begin, begin + _SLICE)
            while_active[some] = self._while_active(pairs[some, 0], pairs[some, 1], weeks)
        expected[:] = while_active[np.asarray(place).ravel()]
        return self.is_active(repeats, recency, age) * expected

    def _while_active(self, repeats: Floats, age: Floats, weeks: float) -> Floats:
        levels, weights = _nodes()
        counts, place = np.unique(repeats, return_inverse=True)
        leaving = betaincinv(self.a, (self.b + counts)[:, None], levels[None, :])[np.asarray(place).ravel()]
        shape, step = (self.r + repeats)[:, None], (weeks / (self.alpha + age))[:, None]
        ever = -np.expm1(-shape * np.log1p(leaving * step))
        # For p towards 0 the limit: nobody leaves.
        is_small = leaving * step * np.maximum(shape, 1.0) < 1e-12
        each = np.where(is_small, shape * step, ever / np.maximum(leaving, 1e-300))
        return np.asarray(each @ weights, dtype=np.float64)


@cache
def _nodes() -> tuple[Floats, Floats]:
    """Levels of the beta distribution between 0 and 1 and their weights.

    Gauss-Legendre in v, with the level u = v^3 (10 - 15 v + 6 v^2): a quantile rises like u^(1/a) at the
    ends, which no polynomial in u follows, and this change of variable is flat there.
    """
    points, weights = np.polynomial.legendre.leggauss(NODES)
    v = (np.asarray(points, dtype=np.float64) + 1.0) / 2.0
    levels = v**3 * (10.0 - 15.0 * v + 6.0 * v**2)
    return levels, np.asarray(weights, dtype=np.float64) * 15.0 * (v * (1.0 - v)) ** 2


def mean_log_likelihood(parameters: Floats, histories: DistinctHistories) -> tuple[float, Floats]:
    """The mean of a customer at parameters (r, alpha, a, b), and its derivatives by them (equation 6)."""
    r, alpha, a, b = parameters
    x, x_at, share = histories.repeats, histories.repeats_at, histories.share
    of_x = np.bincount(x_at, weights=share, minlength=len(x))
    log_age = np.log(alpha + histories.age)[histories.age_at]
    log_recency = np.log(alpha + histories.recency)[histories.recency_at]
    before = b + np.maximum(x, 1.0) - 1.0
    shape = (r + x)[x_at]
    stays = -shape * log_age
    # Who never came back cannot have left.
    leaves = np.where(x > 0, np.log(a) - np.log(before), -np.inf)[x_at] - shape * log_recency
    either = np.logaddexp(stays, leaves)
    value = (
        of_x @ (gammaln(r + x) + gammaln(b + x) - gammaln(a + b + x))
        - gammaln(r) + r * np.log(alpha) + gammaln(a + b) - gammaln(b)
        + share @ either
    )  # fmt: skip
    left = np.exp(leaves - either)
    stayed, left = share * (1.0 - left), share * left
    left_of_x = np.bincount(x_at, weights=left, minlength=len(x))
    slopes = (
        of_x @ digamma(r + x) - digamma(r) + np.log(alpha) - stayed @ log_age - left @ log_recency,
        r / alpha - (stayed * shape) @ np.exp(-log_age) - (left * shape) @ np.exp(-log_recency),
        digamma(a + b) - of_x @ digamma(a + b + x) + left.sum() / a,
        digamma(a + b) - digamma(b) + of_x @ (digamma(b + x) - digamma(a + b + x)) - left_of_x @ (1 / before),
    )
    return float(value), np.array(slopes)


@dataclass(frozen=True, slots=True)
class BgNbdFit:
    """A model that was fitted. `at_edge`: parameters that would have gone on."""

    model: BgNbd
    log_likelihood: float
    at_edge: tuple[str, ...]
    is_found: bool


def fit(histories: PurchaseHistories) -> BgNbdFit:
    """By maximum likelihood, from several starting points; there must be somebody who came back."""
    distinct = DistinctHistories.of(histories)
    scale = max(float(np.mean(histories.age)) / 20.0, 0.1)
    # in the scale of the shop's own time: a shop of ten years and one of ten weeks begin alike
    starts = [(r, alpha * scale, a, b) for r, alpha, a, b in _STARTS]
    size = distinct.customers
    found = maximise(lambda parameters: mean_log_likelihood(parameters, distinct), starts, size)
    model = BgNbd(*(float(each) for each in found.parameters))
    names = ("r", "alpha", "a", "b")
    edges = tuple(name for name, is_there in zip(names, found.at_edge, strict=True) if is_there)
    return BgNbdFit(model, found.value * size, edges, found.is_found)
