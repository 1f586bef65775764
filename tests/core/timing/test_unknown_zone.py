"""Quiet hours in every zone in which somebody may live (design/reliability 3.5, case 92), also where clocks
change."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.compiler.zone_lookup import zones_of_phone
from engine.core.facts.customer import Reach
from engine.core.happening import ProfileChanged
from engine.core.policy import Quiet
from engine.core.timing.quiet_hours import (
    quiet_end,
    quiet_end_in_all_zones,
    quiet_start,
    quiet_start_in_all_zones,
)
from engine.values import DAY, HOUR, MINUTE, Instant, instant, zone
from tests.core.builders import Life, life, project, written

NIGHT = Quiet(dt.time(21), dt.time(9))
TEXT = """
- send: news
  via: sms
"""
NEW_YORK, TOLL_FREE, MOSCOW_MOBILE, SOFIA = "+12125550123", "+18005550123", "+79161234567", "+359881234567"


def utc(text: str) -> Instant:
    return instant(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC))


# --- the number ----------------------------------------------------------------------------------


def test_the_area_code_of_a_number_names_its_zone() -> None:
    assert zones_of_phone("+12125551234") == ("America/New_York",)
    assert zones_of_phone(SOFIA) == ("Europe/Sofia",)


def test_a_number_without_area_has_every_zone_of_its_country() -> None:
    assert {"America/New_York", "Pacific/Honolulu", "America/Anchorage"} <= set(zones_of_phone(TOLL_FREE))
    assert {"Europe/Moscow", "Asia/Kamchatka", "Asia/Vladivostok"} <= set(zones_of_phone(MOSCOW_MOBILE))


@pytest.mark.parametrize("number", ["", "0881234567", "not a number", "+", "+999123456789"])
def test_what_is_no_international_number_tells_nothing(number: str) -> None:
    assert zones_of_phone(number) == ()


# --- all zones at once ---------------------------------------------------------------------------

ZONES = st.lists(
    st.sampled_from((
        "America/New_York", "America/Los_Angeles", "Pacific/Honolulu", "America/St_Johns", "America/Phoenix",
        "Europe/Moscow", "Asia/Kamchatka", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe",
        "Pacific/Auckland",
        "America/Havana", "Africa/Casablanca",
    )),
    min_size=1, max_size=6, unique=True,
)  # fmt: skip
MOMENTS = st.integers(utc("2025-01-01"), utc("2028-01-01")).map(Instant)
QUIET = st.tuples(st.times(), st.times()).map(
    lambda pair: Quiet(pair[0].replace(second=0, microsecond=0), pair[1].replace(second=0, microsecond=0))
)


def quiet_in(quiet: Quiet, at: Instant, zones: list[ZoneInfo]) -> int:
    return sum(quiet_end(quiet, at, each) is not None for each in zones)


@given(QUIET, MOMENTS, ZONES)
@example(NIGHT, utc("2026-03-08 09:30"), ["America/New_York", "Pacific/Honolulu"])
@example(NIGHT, utc("2026-10-25 00:30"), ["Europe/Berlin", "Africa/Casablanca"])
def test_a_message_leaves_when_it_is_quiet_in_none_or_as_few_as_ever(
    quiet: Quiet, at: Instant, names: list[str]
) -> None:
    zones = [zone(name) for name in names]
    end = quiet_end_in_all_zones(quiet, at, zones)
    found = end if end is not None else at
    assert found >= at
    least = quiet_in(quiet, found, zones)
    if len(zones) == 1:
        assert least == 0
        return
    assert found - at <= DAY
    for minute in range(0, 24 * 60, 15):
        moment = Instant(at + minute * MINUTE)
        count = quiet_in(quiet, moment, zones)
        assert count >= least
        if moment < found:
            assert count > least
    if end is not None and end - at < 20 * HOUR:  # asked again then, it leaves
        again = quiet_end_in_all_zones(quiet, end, zones)
        assert again is None or quiet_in(quiet, again, zones) < least


@given(QUIET, MOMENTS, ZONES)
def test_what_may_leave_may_do_so_until_it_gets_quiet_in_one_of_them(
    quiet: Quiet, at: Instant, names: list[str]
) -> None:
    zones = [zone(name) for name in names]
    until = quiet_start_in_all_zones(quiet, at, zones)
    assert until == min(quiet_start(quiet, at, each) for each in zones)
    if quiet_end_in_all_zones(quiet, at, zones) is None and quiet_in(quiet, at, zones) == 0:
        step = max(MINUTE, (until - at) // 50)
        assert all(quiet_in(quiet, Instant(moment), zones) == 0 for moment in range(at, until, step))


def test_zones_too_far_apart_take_the_moment_at_which_the_fewest_are_quiet() -> None:
    zones = [
        zone(name) for name in ("Europe/London", "Asia/Singapore", "Pacific/Auckland", "Pacific/Honolulu")
    ]
    long_night = Quiet(dt.time(18), dt.time(10))
    found = quiet_end_in_all_zones(long_night, utc("2026-06-01 12:00"), zones)
    assert found is not None
    assert found == utc(
        "2026-06-02 02:00"
    )  # 10:00 in Singapore, 14:00 in Auckland, 16:00 in Honolulu, 03:00 in London
    assert quiet_in(long_night, found, zones) == 1
    assert quiet_end_in_all_zones(long_night, found, zones) is None


# --- messages ------------------------------------------------------------------------------------


def texted(at: str, number: str, steps: str = TEXT, **values: str) -> Life:
    """A start at a moment of Berlin."""
    one = life(project(written(steps)))
    one.state.facts.reach["sms"] = Reach(number)
    for name, value in values.items():
        one.take(ProfileChanged(one.next(), one.until(at), {name: value}))
    one.event(at, "subscribed")
    return one


def test_case_92_a_text_to_an_unknown_zone_of_america_is_not_sent_after_nine_in_the_strictest() -> None:
    # 01:59 in Berlin is 20:59 in New York; in Newfoundland, where the number may be as well, it is 22:29
    one = texted("1 01:59", TOLL_FREE)
    assert one.sends == []
    one.pass_time("3 00:00")
    (sent,) = one.sends
    zones = [zone(name) for name in zones_of_phone(TOLL_FREE)]
    (left,) = [line for line in one.trace() if line.kind == "send"]
    assert quiet_in(NIGHT, left.at, zones) == 0
    assert sent.valid_until == min(quiet_start(NIGHT, left.at, each) for each in zones)


def test_case_92_one_minute_before_nine_it_may_leave_but_not_be_handed_over_later() -> None:
    one = texted("1 02:59", NEW_YORK.replace("0123", "1234"))  # 20:59 in New York
    (sent,) = one.sends
    assert sent.valid_until == utc("2026-03-03 02:00")  # 21:00 there


def test_every_zone_of_russia_is_asked_about_a_mobile_number_of_moscow() -> None:
    one = texted("0 14:00", MOSCOW_MOBILE)  # 16:00 in Moscow, 01:00 in Kamchatka
    one.pass_time("3 00:00")
    assert one.lines[0] == "1 08:00 send news via sms"  # 09:00 in Kaliningrad, 19:00 in Kamchatka
    assert one.sends[0].valid_until == utc("2026-03-03 09:00")  # 21:00 in Kamchatka


def test_who_told_their_zone_is_asked_nothing_else() -> None:
    one = texted("0 14:00", MOSCOW_MOBILE, timezone="Europe/Moscow")
    assert one.lines[0] == "0 14:00 send news via sms"


def test_the_zone_of_their_country_counts_with_those_of_the_number() -> None:
    # 06:30 in Berlin: 07:30 in Sofia, 14:30 in Tokyo
    one = texted("0 06:30", "+81312345678", country="BG")
    assert one.sends == []
    one.pass_time("0 09:00")
    assert one.lines[0] == "0 08:00 send news via sms"  # 09:00 in Sofia, 16:00 in Tokyo


def test_the_zone_of_the_shop_is_not_where_somebody_with_a_number_of_their_own_lives() -> None:
    one = texted("0 22:00", NEW_YORK.replace("0123", "1234"))  # quiet in Berlin, 16:00 in New York
    assert one.lines[0] == "0 22:00 send news via sms"


def test_a_channel_that_does_not_ring_has_the_quiet_hours_of_the_shop() -> None:
    steps = "- send: news\n  via: [push, sms]\n  next_after: 4 hours\n"
    one = texted("0 14:00", MOSCOW_MOBILE, steps)
    one.pass_time("3 00:00")
    assert one.lines[:2] == ["0 14:00 send news via push", "1 08:00 send news via sms"]


def test_a_new_number_counts_from_the_moment_it_is_known() -> None:
    one = life(project(written(TEXT)))
    one.state.facts.reach["sms"] = Reach(SOFIA)
    one.take(ProfileChanged(one.next(), one.until("0 14:00"), addresses={"sms": MOSCOW_MOBILE}))
    one.event("0 14:00", "subscribed")
    assert one.sends == []
