"""Scores of recency, frequency and money: the cuts, who lies on them, and the groups."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.facts.rfm import DEFAULT, Group, GroupTable, Scores, Spending, cuts, cuts_of, groups_of

TODAY = 732_000
EVERY_SCORE: list[Scores] = list(product(range(1, 6), range(1, 6), range(1, 6)))


def decimals(*values: str | int) -> list[Decimal]:
    return [Decimal(value) for value in values]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (decimals(1, 2, 3, 4, 5, 6), ("3", "4", "5", "6")),
        (decimals(6, 5, 4, 3, 2, 1), ("3", "4", "5", "6")),
        (decimals(0, 1), ("1.2", "1.4", "1.6", "1.8")),
        (decimals("0.10", "0.25", "10.05"), ("1.16", "1.22", "3.21", "7.13")),
        (decimals(7), ("8", "8", "8", "8")),
        (decimals(-10, 0), ("-7", "-5", "-3", "-1")),
    ],
    ids=["six", "any order", "two", "cents", "one", "refunds"],
)
def test_cuts_are_quintiles_of_type_7_plus_one(values: list[Decimal], expected: tuple[str, ...]) -> None:
    assert cuts(values) == tuple(Decimal(cut) for cut in expected)


def test_a_value_on_a_cut_lies_above_it() -> None:
    people = [Spending(TODAY - days, days + 1, Decimal(days)) for days in range(6)]  # cuts at 2, 3, 4, 5 days
    found = cuts_of(people, TODAY)
    assert [found.scores(one, TODAY) for one in people] == [
        (5, 1, 1), (5, 1, 1), (4, 2, 2), (3, 3, 3), (2, 4, 4), (1, 5, 5),
    ]  # fmt: skip


@given(st.lists(st.decimals("-1000", "1000", places=2), min_size=1, max_size=60))
def test_cuts_rise_and_stay_inside_what_was_spent(values: list[Decimal]) -> None:
    found = cuts(values)
    assert list(found) == sorted(found)
    assert min(values) + 1 <= found[0]
    assert found[-1] <= max(values) + 1


@given(
    st.dictionaries(
        st.text(max_size=3),
        st.builds(
            Spending, st.integers(TODAY - 900, TODAY), st.integers(1, 40), st.decimals(0, 900, places=2)
        ),
        max_size=40,
    ),
    st.integers(0, 400),
)  # fmt: skip
def test_nobody_changes_their_group_by_time_alone(people: dict[str, Spending], later: int) -> None:
    """The scores are relative: replay relies on it and asks only after new events."""
    assert groups_of(people, DEFAULT, TODAY) == groups_of(people, DEFAULT, TODAY + later)


def test_the_first_group_that_holds_the_scores_counts() -> None:
    table = GroupTable((Group("best", (5, 5), (5, 5)), Group("recent", (4, 5))), "others")
    assert [table.group_of(scores) for scores in ((5, 5, 1), (5, 4, 5), (3, 5, 5))] == [
        "best",
        "recent",
        "others",
    ]
    assert GroupTable(table.groups).group_of((3, 5, 5)) is None
    assert table.names == ("best", "recent", "others")


def test_the_default_table_has_a_group_for_every_score() -> None:
    found = [DEFAULT.group_of(scores) for scores in EVERY_SCORE]
    assert set(found) == set(DEFAULT.names)
    assert DEFAULT.group_of((5, 5, 5)) == "champion"
    assert DEFAULT.group_of((1, 1, 1)) == "lost"


def test_nobody_is_nothing() -> None:
    assert groups_of({}, DEFAULT, TODAY) == {}
