"""Holdouts and paths by hash: the right shares, sticky, and nobody moved without need."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ids import choose_path, in_global_holdout, in_holdout, unit

PEOPLE = [f"customer-{number}" for number in range(10_000)]


@given(st.lists(st.text(), min_size=1))
def test_a_draw_lies_strictly_between_0_and_1_and_is_the_same_again(parts: list[str]) -> None:
    assert 0.0 < unit(*parts) < 1.0
    assert unit(*parts) == unit(*parts)


def test_parts_do_not_run_into_each_other() -> None:
    assert unit("ab", "c") != unit("a", "bc")


def test_a_known_draw_stays_for_ever() -> None:
    assert unit("holdout", "welcome", "customer-1") == pytest.approx(0.7387109300852838)
    assert (
        choose_path("customer-1", "win_back", "offer", [("percent", 45), ("gift", 45), ("nothing", 10)])
        == "gift"
    )


@pytest.mark.parametrize("percent", [0, 2, 10, 50, 100])
def test_the_share_of_a_holdout(percent: int) -> None:
    inside = sum(in_holdout(each, "welcome", percent) for each in PEOPLE)
    assert abs(inside - percent * 100) < 150
    if percent in (0, 100):
        assert inside == percent * 100


@given(st.sampled_from(PEOPLE), st.integers(0, 99))
def test_a_larger_holdout_keeps_everybody_of_a_smaller_one(customer: str, percent: int) -> None:
    assert in_holdout(customer, "welcome", percent) <= in_holdout(customer, "welcome", percent + 1)
    assert in_global_holdout(customer, percent) <= in_global_holdout(customer, percent + 1)


def test_holdouts_of_two_journeys_and_of_the_shop_are_independent() -> None:
    both = sum(in_holdout(each, "welcome", 50) and in_holdout(each, "win_back", 50) for each in PEOPLE)
    with_shop = sum(in_holdout(each, "welcome", 50) and in_global_holdout(each, 50) for each in PEOPLE)
    assert abs(both - 2_500) < 200
    assert abs(with_shop - 2_500) < 200


def test_the_shares_of_paths() -> None:
    shares = [("percent", 45), ("gift", 45), ("nothing", 10)]
    counts = Counter(choose_path(each, "win_back", "offer", shares) for each in PEOPLE)
    for name, share in shares:
        assert abs(counts[name] - share * 100) < 200


def test_paths_do_not_follow_the_holdout() -> None:
    shares = [("a", 50), ("b", 50)]
    held = [each for each in PEOPLE if in_holdout(each, "win_back", 20)]
    first = sum(choose_path(each, "win_back", "offer", shares) == "a" for each in held)
    assert abs(first - len(held) / 2) < 150


@given(
    st.sampled_from(PEOPLE),
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 100), min_size=2),
    st.integers(1, 100),
    st.data(),
)
def test_raising_one_share_moves_people_to_it_and_nobody_else(
    customer: str, shares: dict[str, int], more: int, data: st.DataObject
) -> None:
    raised = data.draw(st.sampled_from(sorted(shares)))
    before = choose_path(customer, "j", "s", list(shares.items()))
    after = choose_path(customer, "j", "s", list((shares | {raised: shares[raised] + more}).items()))
    assert after in (before, raised)


@given(st.sampled_from(PEOPLE), st.permutations([("a", 30), ("b", 30), ("c", 40)]))
def test_the_order_of_the_paths_does_not_matter(customer: str, paths: list[tuple[str, int]]) -> None:
    assert choose_path(customer, "j", "s", paths) == choose_path(customer, "j", "s", sorted(paths))
