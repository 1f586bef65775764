"""Scores of recency, frequency and money: the cuts, who lies on them, and the groups."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.facts.rfm import (
    DEFAULT,
    Borders,
    Group,
    GroupTable,
    Scores,
    Spending,
    cuts,
    cuts_of,
    groups_of,
)

TODAY = 732_000
EVERY_SCORE: list[Scores] = list(product(range(1, 6), range(1, 6), range(1, 6)))


def decimals(*values: str | int) -> list[Decimal]:
    return [Decimal(value) for value in values]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (decimals(1, 2, 3, 4, 5, 6), ("2", "3", "4", "5")),
        (decimals(6, 5, 4, 3, 2, 1), ("2", "3", "4", "5")),
        (decimals(0, 1), ("0.2", "0.4", "0.6", "0.8")),
        (decimals("0.10", "0.25", "10.05"), ("0.16", "0.22", "2.21", "6.13")),
        (decimals(7), ("7", "7", "7", "7")),
        (decimals(-10, 0), ("-8", "-6", "-4", "-2")),
        (decimals(1, 5, 5, 5, 5), ("1", "1", "1", "1")),
        (decimals(1, 1, 2, 3, 3, 3), ("1", "2", "2", "2")),
    ],
    ids=["six", "any order", "two", "cents", "one", "refunds", "the best share a value", "half are the best"],
)
def test_cuts_are_quintiles_of_type_7(values: list[Decimal], expected: tuple[str, ...]) -> None:
    assert cuts(values) == tuple(Decimal(cut) for cut in expected)


def test_a_value_on_a_cut_lies_below_it() -> None:
    people = [Spending(TODAY - days, days + 1, Decimal(days)) for days in range(6)]  # cuts at 1, 2, 3, 4 days
    found = cuts_of(people, TODAY)
    assert [found.scores(one, TODAY) for one in people] == [
        (5, 1, 1), (5, 1, 1), (4, 2, 2), (3, 3, 3), (2, 4, 4), (1, 5, 5),
    ]  # fmt: skip


@pytest.mark.parametrize("unit", ["0.10", "1", "1000"])
def test_the_best_fifth_scores_5_in_any_unit(unit: str) -> None:
    values = [Decimal(unit) * number for number in range(1, 11)]
    people = [Spending(TODAY - place, place + 1, value) for place, value in enumerate(values)]
    found = cuts_of(people, TODAY)
    assert [found.scores(one, TODAY)[2] for one in people] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_one_to_five_orders_are_five_scores() -> None:
    people = [Spending(TODAY, orders, Decimal(orders)) for orders in (1, 2, 3, 4, 5)]
    found = cuts_of(people, TODAY)
    assert [found.scores(one, TODAY)[1] for one in people] == [1, 2, 3, 4, 5]


@given(st.lists(st.decimals("-1000", "1000", places=2), min_size=1, max_size=60))
def test_the_best_score_5_and_nobody_scores_less_for_more(values: list[Decimal]) -> None:
    people = [Spending(TODAY - place, 1, value) for place, value in enumerate(values)]
    found = cuts_of(people, TODAY)
    scores = [found.scores(one, TODAY)[2] for one in sorted(people, key=lambda one: one.amount)]
    assert scores == sorted(scores)
    # Where all are the same nobody is better than the others.
    assert scores[-1] == (5 if min(values) < max(values) else 1)
    assert found.scores(people[0], TODAY)[0] == 5


def test_borders_of_the_shop_belong_to_the_part_above_them() -> None:
    borders = Borders(
        recency=tuple(decimals(30, 90, 180, 365)), money=tuple(decimals("9.99", "50", "100", "500"))
    )
    people = [
        Spending(TODAY - days, 1, Decimal(amount))
        for days, amount in (
            (0, "9.98"),
            (29, "9.99"),
            (30, "49"),
            (364, "100"),
            (365, "500"),
            (999, "9999"),
        )
    ]
    found = cuts_of(people, TODAY, borders)
    assert [found.scores(one, TODAY) for one in people] == [
        (5, 1, 1), (5, 1, 2), (4, 1, 2), (2, 1, 4), (1, 1, 5), (1, 1, 5),
    ]  # fmt: skip


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
