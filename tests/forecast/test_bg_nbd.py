"""BG/NBD against independent integrals, published figures, and shops that are made by it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import dblquad
from scipy.special import hyp2f1

from engine.forecast import bg_nbd
from engine.forecast.bg_nbd import BgNbd, DistinctHistories, mean_log_likelihood
from engine.forecast.purchases import Floats, PurchaseHistories
from tests.forecast.shops import simulated

CDNOW = BgNbd(0.243, 4.414, 0.793, 2.426)
"""As published."""


def activity(*histories: tuple[float, float, float]) -> PurchaseHistories:
    """(x, t_x, T) of each customer."""
    x, recency, age = (np.array(column, dtype=np.float64) for column in zip(*histories, strict=True))
    nobody = np.zeros(len(x))
    return PurchaseHistories(
        np.arange(len(x)), nobody.astype(np.int64), x, recency, age, nobody, np.full(len(x), np.nan)
    )


def one(x: float, recency: float, age: float) -> tuple[Floats, Floats, Floats]:
    return np.array([x], dtype=np.float64), np.array([recency]), np.array([age])


def integrated(model: BgNbd, x: int, recency: float, age: float, weeks: float = 0.0) -> float:
    """The likelihood of a history (and of nothing in the weeks after it), integrated over everybody's rate
    and probability of leaving."""

    rates = model.alpha**model.r / math.gamma(model.r)
    shares = math.gamma(model.a + model.b) / math.gamma(model.a) / math.gamma(model.b)

    def inner(rate: float, p: float) -> float:
        stays = (1 - p) ** x * rate**x * math.exp(-rate * (age + weeks))
        leaves = p * (1 - p) ** (x - 1) * rate**x * math.exp(-rate * recency) if x else 0.0
        of_rate = rates * rate ** (model.r - 1) * math.exp(-model.alpha * rate)
        of_share = shares * p ** (model.a - 1) * (1 - p) ** (model.b - 1)
        return float((stays + leaves) * of_rate * of_share)

    return float(dblquad(inner, 0, 1, 0, 12, epsabs=0, epsrel=1e-8)[0])


@pytest.mark.parametrize("history", [(0, 0.0, 12.0), (1, 3.0, 10.0), (4, 8.0, 9.0), (7, 5.0, 30.0)])
def test_the_likelihood_is_the_integral_over_all_customers(history: tuple[int, float, float]) -> None:
    model = BgNbd(1.6, 5.0, 1.4, 2.5)
    found = model.log_likelihood(activity(history))
    assert found == pytest.approx(math.log(integrated(model, *history)), rel=1e-6)


@pytest.mark.parametrize("history", [(1, 3.0, 10.0), (4, 8.0, 9.0), (7, 5.0, 30.0)])
def test_the_chance_is_one_less_the_chance_of_silence(history: tuple[int, float, float]) -> None:
    model, weeks = BgNbd(1.6, 5.0, 1.4, 2.5), 6.0
    silence = integrated(model, *history, weeks) / integrated(model, *history)
    assert model.chance(*one(*history), weeks)[0] == pytest.approx(1 - silence, rel=1e-6)


def test_the_example_of_the_paper() -> None:
    """Customer 0001 of CDNOW: two repeat purchases, the last after 30.43 of 38.86 weeks; 1.226 are expected
    in the 39 weeks after."""
    assert CDNOW.purchases(*one(2, 30.43, 38.86), 39.0)[0] == pytest.approx(1.226, abs=5e-4)


def by_the_paper(model: BgNbd, x: float, recency: float, age: float, weeks: float) -> float:
    """Equation 10, with the hypergeometric function."""
    r, alpha, a, b = model.parameters
    ratio = (alpha + age) / (alpha + age + weeks)
    series = hyp2f1(r + x, b + x, a + b + x - 1, weeks / (alpha + age + weeks))
    numerator = (a + b + x - 1) / (a - 1) * (1 - ratio ** (r + x) * series)
    return float(
        numerator / (1 + (x > 0) * a / (b + x - 1) * ((alpha + age) / (alpha + recency)) ** (r + x))
        if x
        else numerator
    )


@given(
    model=st.builds(
        BgNbd,
        st.floats(0.05, 5),
        st.floats(0.5, 50),
        st.one_of(st.floats(0.1, 0.95), st.floats(1.05, 5)),
        st.floats(0.2, 10),
    ),
    x=st.integers(0, 20),
    recency=st.floats(0, 1),
    age=st.floats(1, 200),
    weeks=st.floats(0.5, 60),
)
def test_purchases_are_those_of_the_paper(
    model: BgNbd, x: int, recency: float, age: float, weeks: float
) -> None:
    at = recency * age if x else 0.0
    found = model.purchases(*one(x, at, age), weeks)[0]
    assert found == pytest.approx(by_the_paper(model, x, at, age, weeks), rel=1e-6, abs=1e-9)


@given(
    parameters=st.tuples(*(st.floats(-11, 11) for _ in range(4))),
    x=st.integers(0, 20_000),
    recency=st.floats(0, 1),
    age=st.floats(0, 5_000),
    weeks=st.floats(0.14, 160),
)
def test_nothing_overflows_whatever_the_shop(
    parameters: tuple[float, ...], x: int, recency: float, age: float, weeks: float
) -> None:
    model = BgNbd(*np.exp(np.array(parameters)).tolist())
    history = one(x, recency * age if x else 0.0, age)
    chance, often = model.chance(*history, weeks)[0], model.purchases(*history, weeks)[0]
    assert 0 <= chance <= 1
    assert np.isfinite(often)
    # Nobody is expected less often than their chance says, nor more often than if nobody ever left.
    highest = (model.r + x) / (model.alpha + age) * weeks
    assert chance * (1 - 1e-4) - 1e-12 <= often <= highest * (1 + 1e-9)
    value, slope = mean_log_likelihood(
        model.parameters, DistinctHistories.of(activity((x, history[1][0], age)))
    )
    assert np.isfinite(value)
    assert np.all(np.isfinite(slope))


def test_the_slope_is_that_of_the_likelihood() -> None:
    histories = DistinctHistories.of(simulated(200, seed=4).until(500))
    at = np.array([0.7, 6.0, 1.5, 3.0])
    slope = mean_log_likelihood(at, histories)[1]
    for place in range(4):
        step = np.zeros(4)
        step[place] = 1e-6 * at[place]
        higher, lower = (mean_log_likelihood(at + sign * step, histories)[0] for sign in (1, -1))
        assert slope[place] == pytest.approx((higher - lower) / (2 * step[place]), rel=1e-4, abs=1e-7)


def test_a_shop_that_is_made_by_it_is_found_again() -> None:
    known = BgNbd(0.8, 8.0, 1.2, 4.0)
    found = bg_nbd.fit(simulated(6_000, seed=1).until(730))
    assert found.is_found
    assert found.at_edge == ()
    assert found.model.r / found.model.alpha == pytest.approx(known.r / known.alpha, rel=0.12)
    leaving = found.model.a / (found.model.a + found.model.b)
    assert leaving == pytest.approx(known.a / (known.a + known.b), rel=0.12)


def test_a_fit_is_the_same_every_time_and_in_any_order() -> None:
    made = simulated(500, seed=2).until(600)
    backwards = PurchaseHistories(
        made.customers, made.first[::-1], made.repeats[::-1], made.recency[::-1], made.age[::-1],
        made.paid[::-1], made.spend[::-1],
    )  # fmt: skip
    assert bg_nbd.fit(made) == bg_nbd.fit(made) == bg_nbd.fit(backwards)


@pytest.mark.parametrize(
    ("about", "histories"),
    [
        ("identical customers", [(5, 30.0, 36.0)] * 300),
        ("everybody came back once, at once", [(1, 1 / 7, 50.0)] * 300),
        ("one customer came back", [(0, 0.0, 30.0)] * 299 + [(1, 10.0, 30.0)]),
        ("nobody ever leaves", [(10, 40.0, 40.0)] * 150 + [(20, 40.0, 40.0)] * 150),
        ("a robot among people", [(0, 0.0, 30.0)] * 250 + [(1, 2.0, 20.0)] * 49 + [(5_000, 900.0, 900.0)]),
        ("all on the first day", [(0, 0.0, 0.0)] * 299 + [(1, 1.0, 1.0)]),
    ],
)
def test_a_degenerate_shop_ends_somewhere_and_says_so(
    about: str, histories: list[tuple[float, float, float]]
) -> None:
    known = activity(*histories)
    found = bg_nbd.fit(known)
    assert found.is_found or found.at_edge, about
    chance = found.model.chance(known.repeats, known.recency, known.age, 13.0)
    assert np.all((chance >= 0) & (chance <= 1))
    assert np.all(np.isfinite(found.model.purchases(known.repeats, known.recency, known.age, 13.0)))
