"""Clock and date starts: the next one, on the right local day, never twice."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from engine.core.conditions.condition import Ref
from engine.core.facts.customer import Facts
from engine.core.journey import CalendarTrigger, ClockTrigger, DateTrigger
from engine.core.timing.occurrence import next_occurrence, occurrence_day
from engine.values import (
    DAY,
    Birthday,
    Duration,
    Instant,
    Type,
    Value,
    instant,
    local_date,
    to_datetime,
    zone,
)

TEN = dt.time(10)
KINDS = {"birthday": "birthday", "ends_on": "date", "ends_at": "time"}


def at(text: str, name: str = "Europe/Berlin") -> Instant:
    return instant(dt.datetime.fromisoformat(text).replace(tzinfo=zone(name)))


def facts(name: str = "Europe/Berlin", **values: Value) -> Facts:
    return Facts("c", name, values=dict(values))


def on(attribute: str, offset: Duration = Duration(), time: dt.time = TEN) -> DateTrigger:
    kind = Type(KINDS[attribute])  # type: ignore[arg-type]
    return DateTrigger(Ref("customer", attribute, kind), offset, time, 1)


def clock(
    every: Literal["day", "week", "month"] = "day", day: int | None = None, weekdays: tuple[int, ...] = ()
) -> ClockTrigger:
    return ClockTrigger(every, day, weekdays, TEN, 1)


def test_a_birthday_returns_every_year_and_29_february_is_kept_on_the_28th() -> None:
    leap = facts(birthday=Birthday(2, 29, 1992))
    found, after = [], at("2026-01-01")
    for _ in range(3):
        occurrence = next_occurrence(on("birthday"), leap, after)
        assert occurrence is not None
        after = occurrence[0]
        found.append(occurrence)
    assert found == [
        (at("2026-02-28 10:00"), dt.date(2026, 2, 28)),
        (at("2027-02-28 10:00"), dt.date(2027, 2, 28)),
        (at("2028-02-29 10:00"), dt.date(2028, 2, 29)),
    ]


def test_before_and_after_over_the_end_of_the_year() -> None:
    new_year = facts(birthday=Birthday(1, 3))
    week_before, week_after = on("birthday", Duration(days=-7)), on("birthday", Duration(days=400))
    assert next_occurrence(week_before, new_year, at("2026-12-01")) == (
        at("2026-12-27 10:00"),
        dt.date(2026, 12, 27),
    )
    assert occurrence_day(week_before, new_year, dt.date(2026, 12, 27)) == dt.date(2027, 1, 3)
    late = next_occurrence(week_after, new_year, at("2026-06-01"))
    assert late is not None
    assert occurrence_day(week_after, new_year, late[1]) == late[1] - dt.timedelta(days=400)


def test_a_date_comes_once_and_not_when_it_is_past() -> None:
    one = facts(ends_on=dt.date(2026, 3, 5))
    three_before = on("ends_on", Duration(days=-3))
    assert next_occurrence(three_before, one, at("2026-03-02 09:59")) == (
        at("2026-03-02 10:00"),
        dt.date(2026, 3, 2),
    )
    assert next_occurrence(three_before, one, at("2026-03-02 10:00")) is None
    assert next_occurrence(three_before, facts(), at("2026-03-01")) is None
    assert next_occurrence(three_before, facts(ends_on="soon"), at("2026-03-01")) is None
    assert occurrence_day(three_before, one, dt.date(2026, 3, 2)) == dt.date(2026, 3, 5)
    assert occurrence_day(three_before, one, dt.date(2026, 3, 3)) is None


def test_a_time_counts_by_its_local_day() -> None:
    moment = at("2026-03-05 23:30", "UTC")
    assert next_occurrence(on("ends_at"), facts(ends_at=moment), at("2026-03-01")) == (
        at("2026-03-06 10:00"),
        dt.date(2026, 3, 6),
    )
    assert next_occurrence(on("ends_at"), facts(ends_at=10**18), at("2026-03-01")) is None


def test_somebody_born_this_year_has_no_birthday_before_they_were_born() -> None:
    newborn = facts(birthday=Birthday(6, 1, 2026))
    assert next_occurrence(on("birthday", Duration(days=-30)), newborn, at("2025-01-01")) == (
        at("2026-05-02 10:00"),
        dt.date(2026, 5, 2),
    )


def test_clocks() -> None:
    here, after = facts(), at("2026-02-10 10:00")
    cases = [
        (clock(), "2026-02-11"),
        (clock("day", weekdays=(5, 6)), "2026-02-14"),
        (clock("week", weekdays=(1,)), "2026-02-17"),
        (clock("month", 10), "2026-03-10"),
        (clock("month", 28), "2026-02-28"),
        (clock("month", 0), "2026-02-28"),
    ]
    for trigger, day in cases:
        assert next_occurrence(trigger, here, after) == (at(f"{day} 10:00"), dt.date.fromisoformat(day)), (
            trigger
        )
    assert next_occurrence(clock(), here, Instant(after - 1)) == (after, dt.date(2026, 2, 10))
    assert occurrence_day(clock("month", 0), here, dt.date(2028, 2, 29)) == dt.date(2028, 2, 29)
    assert occurrence_day(clock("month", 0), here, dt.date(2028, 2, 28)) is None


def test_a_repeated_hour_starts_once_and_a_skipped_one_at_its_end() -> None:
    half_past_two = ClockTrigger("day", None, (), dt.time(2, 30), 1)
    autumn = next_occurrence(half_past_two, facts(), at("2026-10-25 00:00"))
    assert autumn == (at("2026-10-25 02:30"), dt.date(2026, 10, 25))
    following = next_occurrence(half_past_two, facts(), autumn[0])
    assert following == (at("2026-10-26 02:30"), dt.date(2026, 10, 26))
    assert next_occurrence(half_past_two, facts(), at("2026-03-29 00:00")) == (
        at("2026-03-29 03:00"),
        dt.date(2026, 3, 29),
    )


def test_a_day_that_a_zone_left_out_has_no_clock_start() -> None:
    found = next_occurrence(clock(), facts("Pacific/Apia"), at("2011-12-29 12:00", "Pacific/Apia"))
    assert found is not None
    assert found[1] == dt.date(2011, 12, 31)


ZONES = st.sampled_from(
    ["Europe/Berlin", "Australia/Lord_Howe", "America/Scoresbysund", "Africa/Cairo", "Pacific/Apia"]
)
TRIGGERS = st.one_of(
    st.builds(
        lambda every, day, weekdays, time: ClockTrigger(every, day, tuple(weekdays), time, 1),
        st.sampled_from(["day", "week"]),
        st.none(),
        st.lists(st.integers(0, 6), max_size=2),
        st.times(),
    ),
    st.builds(lambda day, time: ClockTrigger("month", day, (), time, 1), st.integers(0, 28), st.times()),
    st.builds(lambda days, time: on("birthday", Duration(days=days), time), st.integers(-60, 60), st.times()),
)


@given(TRIGGERS, ZONES, st.integers(0, 730 * DAY))
def test_occurrences_go_on_strictly_and_each_has_a_day_of_its_own(
    trigger: ClockTrigger | DateTrigger, name: str, offset: int
) -> None:
    one = facts(name, birthday=Birthday(2, 29))
    after, days = Instant(at("2026-01-01") + offset), []
    for _ in range(4):
        occurrence = next_occurrence(trigger, one, after)
        assert occurrence is not None
        moment, day = occurrence
        assert moment > after
        assert occurrence_day(trigger, one, day) is not None
        local = to_datetime(moment, one.zone)
        assert (
            local.date() == day
            or local.time() == dt.time.min
            or local_date(Instant(moment - 1), one.zone) == day
        )
        days.append(day)
        after = moment
    assert days == sorted(set(days))


def days_of(trigger: DateTrigger | CalendarTrigger, of: Facts, after: str, count: int = 3) -> list[str]:
    """The next local dates of a start."""
    days, moment = [], at(after)
    for _ in range(count):
        occurrence = next_occurrence(trigger, of, moment)
        if occurrence is None:
            break
        moment = occurrence[0]
        days.append(occurrence[1].isoformat())
    return days


def test_a_day_of_the_calendar_returns_every_year_for_everybody() -> None:
    black_friday = CalendarTrigger(Birthday(11, 27), Duration(), TEN, 1)
    assert days_of(black_friday, facts(), "2026-11-27 10:00") == ["2027-11-27", "2028-11-27", "2029-11-27"]
    assert next_occurrence(black_friday, facts("Asia/Tokyo"), at("2026-11-01")) == (
        at("2026-11-27 10:00", "Asia/Tokyo"),
        dt.date(2026, 11, 27),
    )
    leap = CalendarTrigger(Birthday(2, 29), Duration(days=-1), TEN, 1)
    assert days_of(leap, facts(), "2026-01-01") == ["2026-02-27", "2027-02-27", "2028-02-28"]
    assert occurrence_day(leap, facts(), dt.date(2028, 2, 28)) == dt.date(2028, 2, 29)


def test_a_day_with_a_year_comes_once() -> None:
    once = CalendarTrigger(dt.date(2026, 11, 27), Duration(), TEN, 1)
    assert days_of(once, facts(), "2026-01-01") == ["2026-11-27"]
    assert days_of(once, facts(), "2026-11-27 10:00") == []


def test_a_date_that_returns_is_kept_like_a_birthday() -> None:
    values: dict[str, Value] = {"ends_on": dt.date(2024, 2, 29), "ends_at": at("2024-02-29 23:30")}
    for attribute, value in values.items():
        yearly = replace(on(attribute), yearly=True)
        customer = Facts("c", "Europe/Berlin", values={attribute: value})
        assert days_of(yearly, customer, "2024-02-29 10:00") == ["2025-02-28", "2026-02-28", "2027-02-28"]
        assert days_of(yearly, customer, "2020-01-01", 1) == ["2024-02-29"]
        assert days_of(replace(yearly, offset=Duration(days=-7)), customer, "2028-01-01", 1) == ["2028-02-22"]
    assert days_of(replace(on("ends_on"), yearly=True), facts(), "2026-01-01") == []


def test_a_date_that_returns_is_on_the_day_of_the_customers_own_zone() -> None:
    yearly = replace(on("ends_at"), yearly=True)
    midnight = at("2024-03-10 23:30", "UTC")
    assert days_of(yearly, facts("UTC", ends_at=midnight), "2025-01-01", 1) == ["2025-03-10"]
    assert days_of(yearly, facts("Asia/Tokyo", ends_at=midnight), "2025-01-01", 1) == ["2025-03-11"]
