"""Lengths, times, dates, weekdays, moments and shares: what they mean, and what is offered instead of a wrong
one."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.language.nodes import tail
from engine.language.quantities import parse_clock, parse_date, parse_length, parse_share, parse_until
from engine.language.syntax import Clock, Length, Text, Until
from engine.language.weekdays import parse_weekday, spell_weekdays
from engine.problem import Problem, Span
from engine.values import HOUR, MINUTE, Duration


def text(words: str) -> Text:
    return Text(words, Span("f", 3, 5, len(words)))


@pytest.mark.parametrize(
    ("words", "duration"),
    [
        ("30 minutes", Duration(elapsed=30 * MINUTE)),
        ("1 hour", Duration(elapsed=HOUR)),
        ("3 days", Duration(days=3)),
        ("1 week", Duration(days=7)),
        ("2 months", Duration(months=2)),
        ("1 year", Duration(months=12)),
        ("1 day 12 hours", Duration(days=1, elapsed=12 * HOUR)),
    ],
)
def test_lengths(words: str, duration: Duration) -> None:
    found = parse_length(text(words))
    assert isinstance(found, Length)
    assert found.duration == duration
    assert found.text.value == words


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        ("3d", "3 days"), ("3", "3 minutes  or  3 hours  or  3 days"), ("3m", "3 minutes  or  3 months"),
        ("PT3H", "3 hours"), ("P1DT2H", "1 day 2 hours"), ("72:00", "72 hours"),
        ("1:30", "1 hour 30 minutes"), ("1 Stunde", "1 hour"), ("drei Tage", "3 days"),
        ("2 semaines", "2 weeks"), ("5 дней", "5 days"),
        ("2d 3h", "2 days 3 hours"), ("1.5 days", "1 day 12 hours"), ("3 dasy", "3 days"),
    ],
)  # fmt: skip
def test_wrong_lengths_show_the_right_one(words: str, fix: str) -> None:
    problem = parse_length(text(words))
    assert isinstance(problem, Problem)
    assert (problem.code, problem.fix) == ("E30", f"write  {fix}")


@pytest.mark.parametrize(
    "words", ["soon", "", "90 seconds", "0 days", "999999 years", "1 година", "2 Tage 3 whiles"]
)
def test_a_length_that_nobody_can_guess_is_not_guessed(words: str) -> None:
    problem = parse_length(text(words))
    assert isinstance(problem, Problem)
    assert not re.search(r"\d", problem.fix)


@pytest.mark.parametrize(
    ("words", "time"),
    [("10:00", dt.time(10)), ("9:30", dt.time(9, 30)), ("00:00", dt.time(0)), ("23:59", dt.time(23, 59))],
)
def test_times(words: str, time: dt.time) -> None:
    assert parse_clock(text(words)) == Clock(time, text(words))


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        ("10am", "10:00"), ("12am", "00:00"), ("12pm", "12:00"), ("10:30 pm", "22:30"), ("10h", "10:00"),
        ("10h30", "10:30"),
        ("10", "10:00"), ("10.30", "10:30"), ("1030", "10:30"), ("24:00", "00:00"), ("noon", "12:00"),
        ("10:00:00", "10:00"),
        ("10:00 UTC", "10:00"),
    ],
)  # fmt: skip
def test_wrong_times_show_the_right_one(words: str, fix: str) -> None:
    problem = parse_clock(text(words))
    assert isinstance(problem, Problem)
    assert (problem.code, problem.fix) == ("E30", f"write  {fix}")


@pytest.mark.parametrize("words", ["25:00", "10:60", "morning"])
def test_a_time_that_nobody_can_guess_is_not_guessed(words: str) -> None:
    problem = parse_clock(text(words))
    assert isinstance(problem, Problem)
    assert problem.fix == "write the hour, a colon and the minutes"


def test_dates() -> None:
    assert parse_date(text("2026-11-27")) == dt.date(2026, 11, 27)
    assert parse_date(text("2028-02-29")) == dt.date(2028, 2, 29)


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        ("27.11.2026", "write  2026-11-27"), ("11/27/26", "write  2026-11-27"),
        ("11/12/26", "write  2026-11-12  or  2026-12-11"),
        ("2026-1-5", "write  2026-01-05"), ("2026/11/27", "write  2026-11-27"),
        ("soon", "write the year, the month and the day with  -  between them"),
        ("2026-02-30", "write a day that exists"), ("0001-01-01", "write a day that exists"),
    ],
)  # fmt: skip
def test_wrong_dates_show_the_right_one(words: str, fix: str) -> None:
    problem = parse_date(text(words))
    assert isinstance(problem, Problem)
    assert (problem.code, problem.fix) == ("E30", fix)


def test_weekdays() -> None:
    assert parse_weekday(text("Monday")) == (0,)
    assert parse_weekday(text("workdays")) == (0, 1, 2, 3, 4)
    assert parse_weekday(text("weekend")) == (5, 6)
    for words, fix in (
        ("Montag", "Monday"),
        ("2", "Tuesday"),
    ):
        problem = parse_weekday(text(words))
        assert isinstance(problem, Problem)
        assert problem.fix == f"write  {fix}"


def test_shares() -> None:
    assert [parse_share(text(words)) for words in ("0%", "45%", "100%")] == [0, 45, 100]
    for words, fix in (("0.45", "45%"), (".5", "50%"), ("45", "45%")):
        problem = parse_share(text(words))
        assert isinstance(problem, Problem)
        assert problem.fix == f"write  {fix}"


def until(words: str) -> Until | Problem:
    whole = text(f"until {words}")
    return parse_until(whole, tail(whole, 5))


def test_moments() -> None:
    whole = text("until 10:00")
    assert until("10:00") == Until(whole, time=dt.time(10))
    weekday = until("Tuesday 10:00")
    assert isinstance(weekday, Until)
    assert (weekday.weekday, weekday.time) == (1, dt.time(10))
    date = until("2026-11-27 08:00")
    assert isinstance(date, Until)
    assert (date.date, date.time) == (dt.date(2026, 11, 27), dt.time(8))
    before = until("3 days before code.expires")
    assert isinstance(before, Until)
    assert before.name == Text("code.expires", Span("f", 3, 25, 12))
    assert before.offset is not None
    assert (before.side, before.offset.duration) == ("before", Duration(days=3))
    name = until("n")
    assert isinstance(name, Until)
    assert name.name == Text("n", Span("f", 3, 11, 1))


@pytest.mark.parametrize(
    ("words", "column", "fix"),
    [
        ("Tuesday", 11, "add the time of day behind it, as in  until Tuesday 10:00"),
        ("noon", 11, "write  until 12:00"),
        ("Tue 10:00", 11, "write  Tuesday"),
        ("10am", 11, "write  10:00"),
        ("27.11.2026 08:00", 11, "write  2026-11-27"),
        ("2026-11-27 8am", 22, "write  08:00"),
        ("3d before code.expires", 11, "write  3 days"),
        ("2 days before Code", 25, "write  until 2 days before code.expires  or the name of a date"),
    ],
)
def test_wrong_moments_show_the_right_one_in_their_place(words: str, column: int, fix: str) -> None:
    problem = until(words)
    assert isinstance(problem, Problem)
    assert (problem.span.column, problem.fix) == (column, fix)


@given(st.one_of(st.text(max_size=40), st.text("0123456789:.-/ dhmPTaysbeforc", max_size=30)))
def test_no_text_crashes_a_value(words: str) -> None:
    for parse in (parse_length, parse_clock, parse_date, parse_weekday, parse_share):
        assert parse(text(words)) is not None
    assert until(words) is not None


@pytest.mark.parametrize("written", ["0011111", "00", "8", "²"])
def test_a_number_that_is_no_weekday_is_told(written: str) -> None:
    problem = parse_weekday(text(written))
    assert isinstance(problem, Problem)
    assert problem.fix == ""


def test_a_long_text_is_no_range_of_weekdays() -> None:
    # each of its "to" could be the middle of a range
    assert spell_weekdays("to" * 500_000) == "to" * 500_000
