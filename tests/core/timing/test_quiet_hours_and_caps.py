"""Caps and quiet hours at their edges (design/language 2.13, 2.20)."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.core.facts.customer import CapSlot
from engine.core.policy import Cap, Quiet
from engine.core.timing.frequency_caps import has_free_slot, next_free_slot
from engine.core.timing.quiet_hours import quiet_end, quiet_start
from engine.values import HOUR, MINUTE, Duration, Instant, instant, iso, zone

BERLIN = zone("Europe/Berlin")
NIGHT = Quiet(dt.time(21), dt.time(9))
A_DAY, FOUR_A_WEEK, TWO_SMS_A_MONTH = Cap(1, "day"), Cap(4, "week"), Cap(2, "month", "sms")


def at(text: str) -> Instant:
    """A local time in Berlin."""
    return instant(dt.datetime.fromisoformat(text).replace(tzinfo=BERLIN))


def sent(*moments: str, channel: str = "email", counts_total: bool = True) -> list[CapSlot]:
    return [CapSlot(f"k{number}", at(moment), channel, counts_total) for number, moment in enumerate(moments)]


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-03-02 20:59:59", None),
        ("2026-03-02 21:00", "2026-03-03 09:00"),
        ("2026-03-03 02:00", "2026-03-03 09:00"),
        ("2026-03-03 08:59:59", "2026-03-03 09:00"),
        ("2026-03-03 09:00", None),
    ],
)
def test_quiet_hours_are_half_open_and_go_over_midnight(now: str, end: str | None) -> None:
    assert quiet_end(NIGHT, at(now), BERLIN) == (at(end) if end is not None else None)


def test_quiet_hours_within_a_day() -> None:
    noon = Quiet(dt.time(12), dt.time(14))
    assert quiet_end(noon, at("2026-03-02 13:00"), BERLIN) == at("2026-03-02 14:00")
    assert quiet_end(noon, at("2026-03-02 14:00"), BERLIN) is None
    assert quiet_start(noon, at("2026-03-02 12:00"), BERLIN) == at("2026-03-03 12:00")
    assert quiet_start(noon, at("2026-03-02 11:59"), BERLIN) == at("2026-03-02 12:00")


def test_an_end_that_does_not_exist_is_the_first_valid_moment() -> None:
    until_half_past_two = Quiet(dt.time(21), dt.time(2, 30))
    assert quiet_end(until_half_past_two, at("2026-03-29 01:00"), BERLIN) == at("2026-03-29 03:00")


def test_an_hour_that_is_shown_twice_is_quiet_twice() -> None:
    until_half_past_two = Quiet(dt.time(21), dt.time(2, 30))
    first_end = quiet_end(until_half_past_two, at("2026-10-25 01:00"), BERLIN)
    assert first_end is not None
    assert iso(first_end) == "2026-10-25T00:30:00Z"
    shown_again = Instant(first_end + 45 * MINUTE)  # 02:15 for the second time
    assert quiet_end(until_half_past_two, shown_again, BERLIN) == first_end + HOUR
    assert quiet_start(until_half_past_two, first_end, BERLIN) == first_end + 30 * MINUTE


def test_a_day_is_the_calendar_day_of_the_customer() -> None:
    places = sent("2026-03-02 00:00")
    assert not has_free_slot([A_DAY], places, at("2026-03-02 23:59:59"), BERLIN, "email", first_part=True)
    assert has_free_slot([A_DAY], places, at("2026-03-03 00:00"), BERLIN, "email", first_part=True)
    assert has_free_slot(
        [A_DAY], places, at("2026-03-02 23:59:59"), zone("Asia/Tokyo"), "email", first_part=True
    )


def test_a_week_reaches_back_seven_calendar_days_to_the_same_time_that_moment_outside() -> None:
    places = sent("2026-03-24 10:00")  # a clock change lies between: the week is an hour short
    cap = [Cap(1, "week")]
    assert not has_free_slot(cap, places, at("2026-03-31 09:59:59"), BERLIN, "email", first_part=True)
    assert has_free_slot(cap, places, at("2026-03-31 10:00"), BERLIN, "email", first_part=True)


def test_a_month_is_thirty_days() -> None:
    places = sent("2026-03-01 10:00", "2026-03-02 10:00", channel="sms")
    assert not has_free_slot(
        [TWO_SMS_A_MONTH], places, at("2026-03-31 09:59"), BERLIN, "sms", first_part=True
    )
    assert has_free_slot([TWO_SMS_A_MONTH], places, at("2026-03-31 10:00"), BERLIN, "sms", first_part=True)
    assert has_free_slot([TWO_SMS_A_MONTH], places, at("2026-03-03 10:00"), BERLIN, "email", first_part=True)


def test_later_parts_of_a_cascade_count_for_their_channel_only() -> None:
    places = sent("2026-03-02 10:00", channel="push") + sent(
        "2026-03-02 11:00", channel="sms", counts_total=False
    )
    now = at("2026-03-02 12:00")
    assert has_free_slot([Cap(2, "day")], places, now, BERLIN, "email", first_part=True)
    assert not has_free_slot([Cap(1, "day")], places, now, BERLIN, "email", first_part=True)
    assert has_free_slot([Cap(1, "day")], places, now, BERLIN, "email", first_part=False)
    assert not has_free_slot([Cap(1, "month", "sms")], places, now, BERLIN, "sms", first_part=False)


def test_the_next_place() -> None:
    three_days = Duration(days=3)
    places = sent("2026-03-02 10:00")
    now = at("2026-03-02 12:00")
    assert next_free_slot([A_DAY], places, now, BERLIN, "email", three_days) == at("2026-03-03 00:00")
    assert next_free_slot([A_DAY], [], now, BERLIN, "email", three_days) == now
    assert next_free_slot([Cap(1, "week")], places, now, BERLIN, "email", three_days) is None
    week = sent("2026-02-25 10:00", "2026-02-25 11:00", "2026-02-26 09:00", "2026-03-01 10:00")
    assert next_free_slot([A_DAY, FOUR_A_WEEK], week, now, BERLIN, "email", three_days) == at(
        "2026-03-04 10:00"
    )
    assert next_free_slot([Cap(0, "day")], [], now, BERLIN, "email", three_days) is None


CAPS = st.lists(
    st.builds(
        Cap,
        st.integers(1, 3),
        st.sampled_from(["day", "week", "month"]),
        st.sampled_from([None, "email", "sms"]),
    ),
    max_size=3,
)
PLACES = st.lists(
    st.builds(
        lambda hours, channel, total: CapSlot(
            "k", Instant(at("2026-03-29 12:00") - hours * HOUR), channel, total
        ),
        st.integers(0, 24 * 31),
        st.sampled_from(["email", "sms"]),
        st.booleans(),
    ),
    max_size=8,
)


@given(CAPS, PLACES, st.booleans())
@example([Cap(1, "week", "email")], [CapSlot("k", at("2026-03-29 03:00"), "email", False)], False)
def test_the_next_place_is_free_and_none_before_it_is(
    caps: list[Cap], places: list[CapSlot], first_part: bool
) -> None:
    now, limit = at("2026-03-29 12:00"), Duration(days=10)
    found = next_free_slot(caps, places, now, BERLIN, "email", limit, first_part)
    end = found if found is not None else at("2026-04-08 12:00")
    if found is not None:
        assert has_free_slot(caps, places, found, BERLIN, "email", first_part)
    for moment in range(now, end, HOUR):
        assert not has_free_slot(caps, places, Instant(moment), BERLIN, "email", first_part)
    if found is not None and found > now:
        assert not has_free_slot(caps, places, Instant(found - 1), BERLIN, "email", first_part)
