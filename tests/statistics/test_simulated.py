"""Simulated experiments: without an effect nothing is called, with the planned one it is found, and the
interval that may be looked at every day holds on all of them."""

from __future__ import annotations

from itertools import accumulate

import pytest
from numpy.random import Generator, default_rng

from engine.statistics import sequences
from engine.statistics.comparison import Arm, ArmVerdict, compare
from engine.statistics.means import MoneySample
from engine.statistics.proportions import Proportion
from engine.statistics.sample_size import people_needed

DAYS = 40
MANY = 2_000
FEW = 250

Rates = tuple[float, ...]


def days_of(dice: Generator, rates: Rates, a_day: int) -> list[list[Proportion]]:
    """For each day the arms as they stand: so many come in a day, divided by chance, with goals by chance."""
    people = [[0] * DAYS for _ in rates]
    goals = [[0] * DAYS for _ in rates]
    for day in range(DAYS):
        left = a_day
        for arm, rate in enumerate(rates):
            share = 1 / (len(rates) - arm)
            came = left if share == 1 else int(dice.binomial(left, share))
            left -= came
            people[arm][day], goals[arm][day] = came, int(dice.binomial(came, rate))
    sums = [
        list(zip(accumulate(goals[arm]), accumulate(people[arm]), strict=True)) for arm in range(len(rates))
    ]
    return [[Proportion(*sums[arm][day]) for arm in range(len(rates))] for day in range(DAYS)]


def arms(shares: list[Proportion]) -> list[Arm]:
    """Without money, which is not what decides."""
    return [
        Arm(f"arm {place}", 1, share.whole, share, MoneySample(share.whole, ()))
        for place, share in enumerate(shares)
    ]


def amounts(share: Proportion) -> MoneySample:
    """Half of those with a goal spend 20, the others 60."""
    return MoneySample(share.whole, _spent(share.part))


def _spent(goals: int) -> tuple[float, ...]:
    return (20.0,) * (goals // 2) + (60.0,) * (goals - goals // 2)


def is_called(days: list[list[Proportion]], people_each: int) -> bool:
    """Whether an arm is called better or worse on any day on which somebody looks: every day. The moment is
    the first day on which all arms have enough."""
    moment = next((day for day in days if min(share.whole for share in day) >= people_each), None)
    for day in days:
        if day is moment:
            break
        found = compare(arms(day), is_moment=False, planned=2 * people_each, seed="s").effects
        assert all(one.verdict is ArmVerdict.OPEN for one in found)
    if moment is None:
        return False
    found = compare(arms(moment), is_moment=True, planned=2 * people_each, seed="s").effects
    return any(one.verdict in {ArmVerdict.BETTER, ArmVerdict.WORSE} for one in found)


def called(times: int, rates: Rates, people_each: int, seed: int) -> float:
    dice = default_rng(seed)
    a_day = people_each * len(rates) // (DAYS - 8)
    return sum(is_called(days_of(dice, rates, a_day), people_each) for _ in range(times)) / times


def misses(times: int, rate: float, people_each: int, seed: int, *, of_money: bool) -> float:
    """How often the open interval does not hold on some day, of experiments without an effect."""
    dice = default_rng(seed)
    missed = 0
    for _ in range(times):
        for day in days_of(dice, (rate, rate), people_each * 2 // DAYS):
            one, other = day
            bounds = (
                sequences.of_means(amounts(one), amounts(other), 2 * people_each)
                if of_money
                else sequences.of_shares(one, other, 2 * people_each)
            )
            if bounds is not None and 0 not in bounds:
                missed += 1
                break
    return missed / times


def test_without_an_effect_hardly_any_experiment_is_called() -> None:
    assert called(FEW, (0.08, 0.08), 600, 1) <= 0.06


def test_the_planned_effect_is_found() -> None:
    assert called(FEW, (0.20, 0.28), people_needed(0.20, 0.28), 2) >= 0.75


def test_the_interval_that_may_be_looked_at_holds_on_all_days() -> None:
    assert misses(FEW, 0.08, 1000, 3, of_money=False) <= 0.05


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("rates", [(0.02, 0.02), (0.08, 0.08), (0.30, 0.30), (0.08, 0.08, 0.08)])
def test_without_an_effect_at_most_one_of_twenty_is_ever_called(rates: Rates) -> None:
    assert called(MANY, rates, 2_000, 4) <= 0.05


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("base", "changed"), [(0.08, 0.10), (0.02, 0.03), (0.30, 0.34)])
def test_an_effect_of_the_planned_size_is_found_in_three_of_four(base: float, changed: float) -> None:
    assert called(MANY, (base, changed), people_needed(base, changed), 5) >= 0.75


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("rate", [0.03, 0.08, 0.3])
@pytest.mark.parametrize("of_money", [False, True])
def test_an_interval_that_is_looked_at_every_day_is_wrong_in_one_of_twenty(
    rate: float, of_money: bool
) -> None:
    assert misses(MANY, rate, 2_000, 6, of_money=of_money) <= 0.05
