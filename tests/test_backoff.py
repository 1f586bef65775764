"""Waits between tries: they grow, they end, and everybody has their own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backoff import Backoff
from engine.values import HOUR, MINUTE, SECOND, parse_instant


def test_a_wait_doubles_until_the_longest() -> None:
    assert [Backoff(SECOND, 5 * SECOND).wait(failures) for failures in range(1, 6)] == [
        1000,
        2000,
        4000,
        5000,
        5000,
    ]


def test_another_factor() -> None:
    waits = Backoff(MINUTE, HOUR, factor=4)
    assert [waits.wait(failures) // MINUTE for failures in range(1, 6)] == [1, 4, 16, 60, 60]


@given(st.integers(1, 10**6), st.text(max_size=20))
def test_the_part_on_top_is_a_fifth_at_most_and_always_the_same(failures: int, key: str) -> None:
    waits = Backoff(5 * SECOND, HOUR, spread=5)
    plain = Backoff(5 * SECOND, HOUR).wait(failures)
    assert plain <= waits.wait(failures, key) <= plain * 1.2
    assert waits.wait(failures, key) == waits.wait(failures, key)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T02:00:01+02:00", 1000),
        ("1970-01-01 00:00:01.5", 1500),
        ("1970-01-02", 86_400_000),
        ("tomorrow", None),
        ("2026-02-30T10:00:00Z", None),
        ("1970-01-01T00:00:01Z" + " " * 40, None),
    ],
)
def test_a_moment_of_iso_8601(text: str, at: int | None) -> None:
    assert parse_instant(text) == at
