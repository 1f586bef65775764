"""Gamma-gamma: what a customer spends on a day on which they come.

Fader, P. S., Hardie, B. G. S. (2013): The Gamma-Gamma Model of Monetary Value. The amounts of a customer are
gamma (p, nu), and nu is gamma (q, v) among customers; how much is taken to say nothing of how often.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln

from engine.forecast.maximum import maximise
from engine.forecast.purchases import Floats, Integers, PurchaseHistories

_STARTS = ((1.0, 2.0, 1.0), (6.0, 4.0, 1.0), (1.0, 10.0, 10.0))


@dataclass(frozen=True, slots=True)
class GammaGamma:
    """The model with its parameters; `v` in the currency."""

    p: float
    q: float
    v: float

    @property
    def parameters(self) -> Floats:
        """As an array."""
        return np.array([self.p, self.q, self.v])

    @property
    def has_mean(self) -> bool:
        """False where amounts spread so far that the mean of all customers is infinite."""
        return self.q > 1.0

    @property
    def mean(self) -> float:
        """What a day comes to over all customers."""
        return self.p * self.v / (self.q - 1.0)

    def amount(self, paid: Floats, spend: Floats) -> Floats:
        """What a later day of a customer comes to (equation 5): their own mean, drawn towards that of all the
        more, the fewer days they have."""
        own = self.p * paid
        known = np.where(paid > 0, np.nan_to_num(spend), 0.0)
        return (self.p * self.v + own * known) / (own + self.q - 1.0)


@dataclass(frozen=True, slots=True)
class SpendingHistories:
    """What the model is fitted to: on how many days customers paid, and the mean of these days. `days`: the
    different numbers of days, `share` of each among the customers; `days_at`: the place of a customer's."""

    paid: Floats
    spend: Floats
    days: Floats
    days_at: Integers
    share: Floats

    @classmethod
    def of(cls, paid: Floats, spend: Floats) -> SpendingHistories:
        """An entry for each customer."""
        days, days_at, counts = np.unique(paid, return_inverse=True, return_counts=True)
        return cls(paid, spend, days, days_at, counts / len(paid))


def mean_log_likelihood(parameters: Floats, spending: SpendingHistories) -> tuple[float, Floats]:
    """The mean of a customer at parameters (p, q, v), and its derivatives by them (equation 1a)."""
    p, q, v = parameters
    paid, spend, days, share = spending.paid, spending.spend, spending.days, spending.share
    own = p * days
    log_total, log_own_total, log_spend = np.log(paid * spend + v), np.log(paid * spend), np.log(spend)
    value = (
        share @ (gammaln(own + q) - gammaln(own)) - gammaln(q) + q * np.log(v)
        + np.mean(p * paid * log_own_total - log_spend - (p * paid + q) * log_total)
    )  # fmt: skip
    slopes = (
        share @ (days * (digamma(own + q) - digamma(own))) + np.mean(paid * (log_own_total - log_total)),
        share @ digamma(own + q) - digamma(q) + np.log(v) - np.mean(log_total),
        q / v - np.mean((p * paid + q) / (paid * spend + v)),
    )
    return float(value), np.array(slopes)


@dataclass(frozen=True, slots=True)
class GammaGammaFit:
    """A model that was fitted. `correlation`: of how often and how much, over the same customers, which the
    model takes for 0 (Pearson)."""

    model: GammaGamma
    log_likelihood: float
    customers: int
    correlation: float
    at_edge: tuple[str, ...]
    is_found: bool


def fit(histories: PurchaseHistories) -> GammaGammaFit:
    """By maximum likelihood over everybody whose later days came to more than nothing; there must be some."""
    payers = histories.payers
    paid, spend = histories.paid[payers], histories.spend[payers]
    # In units of the usual amount: the search then does not depend on the currency.
    unit = float(np.exp(np.mean(np.log(spend))))
    spending = SpendingHistories.of(paid, spend / unit)
    found = maximise(lambda parameters: mean_log_likelihood(parameters, spending), _STARTS, len(paid))
    p, q, v = (float(each) for each in found.parameters)
    model = GammaGamma(p, q, v * unit)
    names = ("p", "q", "v")
    edges = tuple(name for name, is_there in zip(names, found.at_edge, strict=True) if is_there)
    size = len(paid)
    log_likelihood = size * (found.value - float(np.log(unit)))
    is_varied = size > 2 and np.ptp(paid) > 0 and np.ptp(spend) > 0
    correlation = float(np.corrcoef(paid, spend)[0, 1]) if is_varied else 0.0
    return GammaGammaFit(model, log_likelihood, size, correlation, edges, found.is_found)
