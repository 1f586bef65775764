"""Gamma-gamma against an independent integral and a shop that is made by it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gamma

from engine.forecast import gamma_gamma
from engine.forecast.gamma_gamma import GammaGamma, SpendingHistories, mean_log_likelihood
from tests.forecast.shops import simulated

MODEL = GammaGamma(6.25, 3.74, 15.44)


@pytest.mark.parametrize(("days", "spend"), [(1.0, 30.0), (3.0, 12.5), (9.0, 80.0)])
def test_the_likelihood_is_the_integral_over_all_customers(days: float, spend: float) -> None:
    """The mean of `days` amounts is gamma (p * days, nu * days), and nu is gamma (q, v)."""

    def inner(nu: float) -> float:
        mean = gamma.pdf(spend, MODEL.p * days, scale=1 / (nu * days))
        return float(mean * gamma.pdf(nu, MODEL.q, scale=1 / MODEL.v))

    expected = quad(inner, 0, np.inf, epsabs=1e-15, epsrel=1e-10)[0]
    spending = SpendingHistories.of(np.array([days]), np.array([spend]))
    assert mean_log_likelihood(MODEL.parameters, spending)[0] == pytest.approx(math.log(expected), rel=1e-8)


def test_few_days_are_drawn_towards_everybody() -> None:
    nobody, few, many = MODEL.amount(np.array([0.0, 1.0, 100.0]), np.array([np.nan, 100.0, 100.0]))
    assert nobody == pytest.approx(MODEL.mean)
    assert MODEL.mean < few < many < 100
    assert many == pytest.approx(100, rel=0.01)


def test_the_slope_is_that_of_the_likelihood() -> None:
    made = simulated(300, seed=5).until(600)
    spending = SpendingHistories.of(made.paid[made.payers], made.spend[made.payers])
    at = np.array([4.0, 3.0, 20.0])
    slope = mean_log_likelihood(at, spending)[1]
    for place in range(3):
        step = np.zeros(3)
        step[place] = 1e-6 * at[place]
        higher, lower = (mean_log_likelihood(at + sign * step, spending)[0] for sign in (1, -1))
        assert slope[place] == pytest.approx((higher - lower) / (2 * step[place]), rel=1e-4, abs=1e-7)


def test_a_shop_that_is_made_by_it_is_found_again() -> None:
    found = gamma_gamma.fit(simulated(6_000, seed=3).until(730))
    assert found.is_found
    assert found.model.mean == pytest.approx(6.0 * 15.0 / 3.0, rel=0.05)
    assert found.model.p == pytest.approx(6.0, rel=0.15)
    assert abs(found.correlation) < 0.06


@pytest.mark.parametrize("unit", [1e-4, 1.0, 1e6])
def test_the_currency_makes_no_difference(unit: float) -> None:
    table = simulated(800, seed=6)
    made = table.until(600)
    scaled = type(table)(table.customer, table.day, table.amount * unit).until(600)
    one, other = gamma_gamma.fit(made), gamma_gamma.fit(scaled)
    assert other.is_found
    assert other.model.mean == pytest.approx(one.model.mean * unit, rel=1e-4)
    assert other.model.q == pytest.approx(one.model.q, rel=1e-4)


def test_equal_amounts_have_a_mean() -> None:
    table = simulated(400, seed=7)
    made = type(table)(table.customer, table.day, np.full(len(table.day), 25.0)).until(600)
    found = gamma_gamma.fit(made)
    assert found.at_edge
    assert found.model.mean == pytest.approx(25.0, rel=0.01)
