"""Our formulas against those of others: scipy where it is at hand, and values that statsmodels printed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.statistics.bootstrap import bootstrap
from engine.statistics.distributions import chi_square_tail, t_cdf, t_quantile
from engine.statistics.holm import holm
from engine.statistics.means import MoneySample, is_carried_by_few, welch
from engine.statistics.proportions import Proportion, fisher, newcombe
from engine.statistics.sample_ratio import sample_ratio
from engine.statistics.sample_size import people_needed, smallest_found

stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")

SHARES = st.integers(1, 400).flatmap(
    lambda whole: st.builds(Proportion, st.integers(0, whole), st.just(whole))
)


@given(st.floats(-60, 60), st.floats(1, 1e6))
def test_students_t_is_that_of_scipy(value: float, freedom: float) -> None:
    assert math.isclose(t_cdf(value, freedom), stats.t.cdf(value, freedom), rel_tol=1e-8, abs_tol=1e-12)


@pytest.mark.parametrize("freedom", [1, 1.7, 2, 5, 30, 999.5, 1e6])
@pytest.mark.parametrize("probability", [0.6, 0.9, 0.975, 0.9995])
def test_quantiles_of_students_t_are_those_of_scipy(probability: float, freedom: float) -> None:
    assert math.isclose(t_quantile(probability, freedom), stats.t.ppf(probability, freedom), rel_tol=1e-7)


@given(st.floats(0, 300), st.integers(1, 40))
def test_chi_square_is_that_of_scipy(value: float, freedom: int) -> None:
    ours, theirs = chi_square_tail(value, freedom), stats.chi2.sf(value, freedom)
    assert math.isclose(ours, theirs, rel_tol=1e-7, abs_tol=1e-13)


@given(SHARES, SHARES)
def test_the_exact_test_is_that_of_scipy(one: Proportion, other: Proportion) -> None:
    table = [[one.part, one.whole - one.part], [other.part, other.whole - other.part]]
    assert math.isclose(fisher(one, other), stats.fisher_exact(table).pvalue, rel_tol=1e-6, abs_tol=1e-12)


def test_the_exact_test_of_a_million_people_takes_no_longer() -> None:
    table = [[40_600, 459_400], [40_000, 460_000]]
    ours = fisher(Proportion(40_600, 500_000), Proportion(40_000, 500_000))
    assert math.isclose(ours, stats.fisher_exact(table).pvalue, rel_tol=1e-5)


AMOUNTS = st.lists(st.sampled_from([0.0, 0.0, 0.0, 5.0, 19.9, 80.0, 250.0]), min_size=3, max_size=60)


@given(AMOUNTS, AMOUNTS)
def test_welch_is_that_of_scipy(one: list[float], other: list[float]) -> None:
    ours = welch(_amounts(one), _amounts(other))
    if len({*one}) == 1 or len({*other}) == 1:
        assert (ours is None) == (len({*one}) == len({*other}) == 1)
        return
    assert ours is not None
    theirs = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    assert math.isclose(ours.low, theirs.low, rel_tol=1e-7, abs_tol=1e-9)
    assert math.isclose(ours.high, theirs.high, rel_tol=1e-7, abs_tol=1e-9)


@pytest.mark.parametrize(
    ("people", "shares"), [((480, 520), (50, 50)), ((95, 905), (10, 90)), ((300, 330, 380), (1, 1, 1))]
)
def test_the_sample_ratio_is_that_of_scipy(people: tuple[int, ...], shares: tuple[int, ...]) -> None:
    expected = [sum(people) * share / sum(shares) for share in shares]
    ours = sample_ratio(people, shares)
    assert ours is not None
    assert math.isclose(ours, stats.chisquare(people, expected).pvalue, rel_tol=1e-9)


def test_a_sample_ratio_is_asked_only_where_five_are_expected() -> None:
    assert sample_ratio((0, 49), (10, 90)) is None
    assert sample_ratio((0, 50), (10, 90)) is not None
    assert sample_ratio((10,), (100,)) is None


def test_people_drawn_again_give_an_interval_near_that_of_scipy() -> None:
    one = [0.0] * 900 + [10.0 + number for number in range(100)]
    other = [0.0] * 940 + [20.0 + number for number in range(60)]
    ours = bootstrap(_amounts(one), _amounts(other), "a seed")
    theirs = stats.bootstrap(
        (one, other), lambda a, b, axis: a.mean(axis) - b.mean(axis), n_resamples=2000, method="percentile",
        rng=1, vectorized=True,
    ).confidence_interval  # fmt: skip
    assert abs(ours.low - theirs.low) < 0.25
    assert abs(ours.high - theirs.high) < 0.25
    assert bootstrap(_amounts(one), _amounts(other), "a seed") == ours
    assert bootstrap(_amounts(one), _amounts(other), "another seed") != ours


def test_few_people_carry_it_where_the_99th_percentile_has_more_than_half() -> None:
    usual = MoneySample(1000, tuple([50.0] * 100))
    assert not is_carried_by_few([usual])
    assert is_carried_by_few([MoneySample(1000, (*usual.some, *[600.0] * 10))])
    assert not is_carried_by_few([MoneySample(1000, (*usual.some, *[450.0] * 10))])
    assert not is_carried_by_few([MoneySample(0, ())])


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [  # statsmodels 0.14: confint_proportions_2indep(..., method="newcomb")
        (Proportion(56, 70), Proportion(48, 80), (0.05243147240236498, 0.33387265403690614)),
        (Proportion(200, 2000), Proportion(161, 2010), (0.0021690830587104692, 0.037696302198041765)),
    ],
)
def test_newcombe_is_that_of_statsmodels(
    one: Proportion, other: Proportion, expected: tuple[float, float]
) -> None:
    found = newcombe(one, other)
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("base", "changed", "ratio", "power", "expected"),
    [  # statsmodels 0.14: samplesize_proportions_2indep_onetail(..., alternative="two-sided")
        (0.08, 0.10, 1, 0.8, 3212.937062496111),
        (0.05, 0.04, 1, 0.9, 9029.05285394167),
    ],
)
def test_the_size_is_that_of_statsmodels(
    base: float, changed: float, ratio: float, power: float, expected: float
) -> None:
    assert people_needed(base, changed, ratio, power=power) == math.ceil(expected)


def test_so_many_people_show_the_effect_that_they_were_planned_for() -> None:
    assert smallest_found(people_needed(0.08, 0.10), 0.08) == pytest.approx(0.02, abs=1e-5)


def test_holm_is_that_of_statsmodels() -> None:
    # statsmodels 0.14, the method "holm" of its tests of several hypotheses
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def _amounts(values: list[float]) -> MoneySample:
    return MoneySample(len(values), tuple(value for value in values if value))
