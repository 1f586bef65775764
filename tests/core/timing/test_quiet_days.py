"""Days of the week on which the policy lets nothing leave, together with its quiet hours (design/language
2.21)."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.policy import Quiet
from engine.core.timing.quiet_hours import (
    quiet_end,
    quiet_end_in_all_zones,
    quiet_start,
    quiet_start_in_all_zones,
)
from engine.values import HOUR, MINUTE, Instant, instant, to_datetime, zone
from tests.core.builders import CONFIG, Life, life, project

BERLIN = zone("Europe/Berlin")
WORKDAYS = (0, 1, 2, 3, 4)
NO_HOURS = dt.time.min
WORK = Quiet(NO_HOURS, NO_HOURS, WORKDAYS)
WORK_BY_DAY = Quiet(dt.time(21), dt.time(9), WORKDAYS)
HALF_HOURS = st.integers(0, 47).map(lambda half: dt.time(half // 2, half % 2 * 30))
WEEKS = st.frozensets(st.integers(0, 6), min_size=1, max_size=6).map(lambda days: tuple(sorted(days)))
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Beirut", "Pacific/Apia", "Africa/Cairo", "Asia/Kolkata")


def at(text: str, name: str = "Europe/Berlin") -> Instant:
    return instant(dt.datetime.fromisoformat(text).replace(tzinfo=zone(name)))


@pytest.mark.parametrize(
    ("quiet", "now", "end"),
    [
        (WORK, "2026-03-06 23:59:59", None),
        (WORK, "2026-03-07 00:00", "2026-03-09 00:00"),
        (WORK, "2026-03-08 23:59", "2026-03-09 00:00"),
        (WORK_BY_DAY, "2026-03-06 20:59", None),
        (WORK_BY_DAY, "2026-03-06 21:00", "2026-03-09 09:00"),
        (WORK_BY_DAY, "2026-03-07 12:00", "2026-03-09 09:00"),
        (WORK_BY_DAY, "2026-03-09 09:00", None),
        (Quiet(dt.time(21), dt.time(9), (1,)), "2026-03-03 21:00", "2026-03-10 09:00"),
        (WORK_BY_DAY, "2026-03-27 22:00", "2026-03-30 09:00"),  # over the change of the clocks
    ],
)
def test_a_message_waits_for_the_first_allowed_moment(quiet: Quiet, now: str, end: str | None) -> None:
    assert quiet_end(quiet, at(now), BERLIN) == (at(end) if end is not None else None)


def test_it_gets_quiet_at_midnight_before_a_quiet_day() -> None:
    assert quiet_start(WORK, at("2026-03-02 12:00"), BERLIN) == at("2026-03-07 00:00")
    assert quiet_start(WORK_BY_DAY, at("2026-03-06 12:00"), BERLIN) == at("2026-03-06 21:00")
    noon = Quiet(dt.time(12), dt.time(13), WORKDAYS)
    assert quiet_start(noon, at("2026-03-06 14:00"), BERLIN) == at("2026-03-07 00:00")


def test_where_the_zone_is_not_known_it_is_a_workday_in_all_of_them() -> None:
    zones = (zone("America/New_York"), zone("America/Los_Angeles"))
    saturday = at("2026-03-07 12:00", "America/New_York")
    monday = at("2026-03-09 09:00", "America/Los_Angeles")
    assert quiet_end_in_all_zones(WORK_BY_DAY, saturday, zones) == monday
    friday = at("2026-03-06 12:00", "America/New_York")
    assert quiet_end_in_all_zones(WORK_BY_DAY, friday, zones) is None
    assert quiet_start_in_all_zones(WORK, friday, zones) == at("2026-03-07 00:00", "America/New_York")


@given(HALF_HOURS, HALF_HOURS, WEEKS, st.sampled_from(ZONES), st.integers(0, 2 * 365 * 48))
def test_quiet_days_and_hours_end_where_the_clock_on_the_wall_says(
    start: dt.time, end: dt.time, days: tuple[int, ...], name: str, half_hours: int
) -> None:
    quiet, tz = Quiet(start, end, days), zone(name)

    def is_quiet(moment: Instant) -> bool:
        local = to_datetime(moment, tz)
        return quiet.covers(local.time()) or quiet.covers_day(local.date())

    now = Instant(at("2025-01-01 00:00", "UTC") + half_hours * 30 * MINUTE)
    until = quiet_end(quiet, now, tz)
    assert (until is not None) == is_quiet(now)
    if until is not None:
        assert not is_quiet(until)
        assert all(is_quiet(Instant(moment)) for moment in range(now, until, HOUR))
        assert is_quiet(Instant(until - 1))
    else:
        coming = quiet_start(quiet, now, tz)
        assert is_quiet(coming)
        assert not any(is_quiet(Instant(moment)) for moment in range(now, coming, HOUR))


DAYS = CONFIG.replace("    quiet: 21:00-09:00\n", "    quiet: 21:00-09:00\n    weekdays: workdays\n")
LETTER = """journey: letter
start: {event: subscribed}
again: always
goal: {event: order_placed}
steps:
  - send: hello
  - wait: 1 day
    id: rest
  - send: offer
"""


def letter() -> Life:
    return life(project(LETTER, config=DAYS))


def test_a_message_of_the_weekend_leaves_on_monday_morning_and_is_not_too_late() -> None:
    customer = letter()
    customer.event("4 22:00", "subscribed")  # Friday
    customer.pass_time("9 00:00")
    assert customer.said("hold") == ["quiet hours"]
    assert customer.lines == [
        "7 09:00 send hello via email", "8 09:00 send offer via email", "8 09:00 finish",
    ]  # fmt: skip


def test_the_hold_says_that_it_is_the_day() -> None:
    customer = letter()
    customer.event("5 12:00", "subscribed")  # Saturday
    assert customer.said("hold") == ["quiet day"]
    customer.change("5 13:00", timezone="Asia/Tokyo")
    customer.pass_time("6 12:00")  # in Berlin Sunday, in Tokyo too
    assert customer.lines == []
    customer.pass_time("7 01:00")  # Monday 09:00 in Tokyo
    assert customer.lines == ["7 01:00 send hello via email"]


def test_a_policy_of_its_own_is_not_held() -> None:
    customer = life(project(LETTER.replace("again:", "policy: free\nagain:"), config=DAYS))
    customer.event("5 12:00", "subscribed")
    assert customer.lines == ["5 12:00 send hello via email"]
