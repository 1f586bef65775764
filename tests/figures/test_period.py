"""Which days a report is about, and which it is compared with."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.figures.period import Granularity, Period, asked

TODAY = dt.date(2026, 3, 31)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        (("", "", ""), "2026-03-02", "2026-03-31"),
        (("", "", "7 days"), "2026-03-25", "2026-03-31"),
        (("", "", "1 day"), "2026-03-31", "2026-03-31"),
        (("", "", "2 weeks"), "2026-03-18", "2026-03-31"),
        (("", "", "1 month"), "2026-03-01", "2026-03-31"),
        (("", "2026-02-28", "1 year"), "2025-03-01", "2026-02-28"),
        (("2026-03-05", "2026-03-05", ""), "2026-03-05", "2026-03-05"),
    ],
)
def test_what_is_asked_for(said: tuple[str, str, str], first: str, last: str) -> None:
    assert asked(TODAY, *said) == Period(day(first), day(last))


@pytest.mark.parametrize(
    ("first", "last", "before"),
    [
        ("2026-03-02", "2026-03-31", ("2026-01-31", "2026-03-01")),
        ("2026-03-01", "2026-03-31", ("2026-02-01", "2026-02-28")),
        ("2026-01-01", "2026-03-31", ("2025-10-01", "2025-12-31")),
        ("2026-03-01", "2026-03-01", ("2026-02-28", "2026-02-28")),
    ],
)
def test_whole_months_are_compared_with_whole_months(first: str, last: str, before: tuple[str, str]) -> None:
    assert Period(day(first), day(last)).before() == Period(day(before[0]), day(before[1]))


@given(
    st.dates(dt.date(2020, 1, 1), dt.date(2030, 1, 1)),
    st.integers(0, 800),
    st.sampled_from(list(Granularity)),
)
def test_parts_are_the_whole_period_once(first: dt.date, days: int, by: Granularity) -> None:
    period = Period(first, first + dt.timedelta(days=days))
    parts = list(period.parts(by))
    assert sum(part.days for part in parts) == period.days
    assert parts[0].first == period.first
    assert parts[-1].last == period.last
