"""Local times through every clock change of 2026 and 2027, in all zones of the world."""

from __future__ import annotations

import datetime as dt
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.policy import Quiet
from engine.core.timing.quiet_hours import quiet_end, quiet_start
from engine.values import (
    DAY,
    HOUR,
    MINUTE,
    Duration,
    Instant,
    at_local,
    instant,
    local_date,
    midnight_after,
    minus,
    plus,
    second_at_local,
    to_datetime,
    zone,
)

START = instant(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
YEARS = 2 * 365


@cache
def clock_changes() -> tuple[tuple[str, Instant], ...]:
    """Every moment of 2026 and 2027 at which a zone changes its offset."""
    found = []
    for name in sorted(available_timezones()):
        if "/" not in name or name.startswith(("posix/", "right/", "Etc/")):
            continue
        tz = ZoneInfo(name)
        for day in range(0, YEARS, 7):
            low, high = Instant(START + day * DAY), Instant(START + (day + 7) * DAY)
            if to_datetime(low, tz).utcoffset() == to_datetime(high, tz).utcoffset():
                continue
            while high - low > 1:
                middle = Instant((low + high) // 2)
                if to_datetime(middle, tz).utcoffset() == to_datetime(low, tz).utcoffset():
                    low = middle
                else:
                    high = middle
            found.append((name, high))
    return tuple(found)


APIA = ("Pacific/Apia", instant(dt.datetime(2011, 12, 30, 10, tzinfo=dt.UTC)))
NEAR = st.integers(-27 * 60, 27 * 60).map(lambda minutes: minutes * MINUTE)
TIMES = st.builds(dt.time, st.integers(0, 23), st.sampled_from([0, 0, 15, 30, 59]))


@st.composite
def changes(draw: st.DrawFn) -> tuple[ZoneInfo, Instant]:
    """A zone and a moment within a day or so of one of its clock changes."""
    name, at = draw(st.sampled_from((*clock_changes(), APIA)))
    return zone(name), Instant(at + draw(NEAR) + draw(st.sampled_from([-1, 0, 1])))


def wall(at: Instant, tz: ZoneInfo) -> dt.datetime:
    return to_datetime(at, tz).replace(tzinfo=None, fold=0)


def test_there_are_clock_changes_of_other_sizes_than_an_hour() -> None:
    assert any(name == "Australia/Lord_Howe" for name, _ in clock_changes())
    assert len({name for name, _ in clock_changes()}) > 100


@given(changes(), TIMES)
def test_a_local_time_is_its_first_moment_or_the_first_after_a_gap(
    change: tuple[ZoneInfo, Instant], time: dt.time
) -> None:
    tz, near = change
    day = local_date(near, tz)
    at = at_local(day, time, tz)
    meant = dt.datetime.combine(day, time)
    assert wall(at, tz) >= meant
    assert wall(Instant(at - 1), tz) < meant
    if wall(at, tz) != meant:
        offset_after, offset_before = (
            to_datetime(at, tz).utcoffset(),
            to_datetime(Instant(at - 1), tz).utcoffset(),
        )
        assert offset_before is not None
        assert offset_after is not None
        assert offset_after > offset_before


@given(changes())
def test_every_moment_is_the_first_or_the_second_with_its_wall_clock(
    change: tuple[ZoneInfo, Instant],
) -> None:
    tz, at = change
    local = wall(at, tz)
    first, second = at_local(local.date(), local.time(), tz), second_at_local(local.date(), local.time(), tz)
    assert at == first or (second is not None and at == second[1])
    if second is not None:
        assert first < second[0] <= second[1]
        assert wall(second[1], tz) == local


@given(changes(), st.integers(1, 40), st.integers(0, 3))
def test_calendar_days_keep_the_time_of_the_clock(
    change: tuple[ZoneInfo, Instant], days: int, months: int
) -> None:
    tz, at = change
    later = plus(at, Duration(months=months, days=days), tz)
    assert later > at
    meant = wall(at, tz).time()
    if wall(later, tz).time() != meant:
        local = wall(later, tz)
        assert wall(Instant(later - 1), tz) < dt.datetime.combine(local.date(), meant) or meant > local.time()
        assert to_datetime(later, tz).utcoffset() != to_datetime(Instant(later - 1), tz).utcoffset()


@given(changes(), st.integers(0, 3000))
def test_hours_are_elapsed_time(change: tuple[ZoneInfo, Instant], minutes: int) -> None:
    tz, at = change
    assert plus(at, Duration(elapsed=minutes * MINUTE), tz) - at == minutes * MINUTE
    assert (
        minus(plus(at, Duration(elapsed=minutes * MINUTE), tz), Duration(elapsed=minutes * MINUTE), tz) == at
    )


@given(changes(), TIMES, TIMES)
def test_quiet_hours(change: tuple[ZoneInfo, Instant], start: dt.time, end: dt.time) -> None:
    tz, at = change
    quiet = Quiet(start, end)
    until = quiet_end(quiet, at, tz)
    if until is None:
        assert start == end or not is_quiet_on_the_wall(quiet, at, tz)
        begins = quiet_start(quiet, at, tz)
        assert begins > at
        if start != end:
            assert quiet_end(quiet, Instant(begins - 1), tz) is None
            assert quiet_end(quiet, begins, tz) is not None or begins - at > 20 * HOUR
    else:
        assert until > at
        assert until - at <= 49 * HOUR
        assert quiet_end(quiet, until, tz) is None
        assert not is_quiet_on_the_wall(quiet, until, tz)


def is_quiet_on_the_wall(quiet: Quiet, at: Instant, tz: ZoneInfo) -> bool:
    time = wall(at, tz).time()
    if quiet.start < quiet.end:
        return quiet.start <= time < quiet.end
    return quiet.start != quiet.end and (time >= quiet.start or time < quiet.end)


@given(changes())
def test_the_next_midnight_begins_the_next_day(change: tuple[ZoneInfo, Instant]) -> None:
    tz, at = change
    midnight = midnight_after(at, tz)
    assert midnight > at
    assert local_date(midnight, tz) > local_date(at, tz)
    assert wall(Instant(midnight - 1), tz).date() < local_date(midnight, tz)


@pytest.mark.parametrize(
    ("name", "day", "time", "expected"),
    [
        ("Europe/Berlin", "2026-03-29", "02:30", "2026-03-29T03:00:00+02:00"),
        ("Europe/Berlin", "2026-10-25", "02:30", "2026-10-25T02:30:00+02:00"),
        ("America/New_York", "2027-03-14", "02:30", "2027-03-14T03:00:00-04:00"),
        ("America/New_York", "2027-11-07", "01:30", "2027-11-07T01:30:00-04:00"),
        ("Australia/Lord_Howe", "2026-10-04", "02:10", "2026-10-04T02:30:00+11:00"),
        ("Australia/Lord_Howe", "2026-04-05", "01:45", "2026-04-05T01:45:00+11:00"),
        ("America/Scoresbysund", "2026-03-28", "23:30", "2026-03-29T00:00:00-01:00"),
        ("Africa/Cairo", "2026-04-24", "00:00", "2026-04-24T01:00:00+03:00"),
        ("Pacific/Apia", "2011-12-30", "10:00", "2011-12-31T00:00:00+14:00"),
    ],
)
def test_known_clock_changes(name: str, day: str, time: str, expected: str) -> None:
    tz = zone(name)
    at = at_local(dt.date.fromisoformat(day), dt.time.fromisoformat(time), tz)
    assert to_datetime(at, tz).isoformat() == expected


def test_one_day_is_not_always_24_hours() -> None:
    tz = zone("Europe/Berlin")
    saturday = at_local(dt.date(2026, 3, 28), dt.time(10), tz)
    assert plus(saturday, Duration(days=1), tz) - saturday == 23 * HOUR
    assert wall(plus(saturday, Duration(elapsed=24 * HOUR), tz), tz).time() == dt.time(11)


def test_a_month_that_is_too_short_gives_its_last_day() -> None:
    tz = zone("UTC")
    at = at_local(dt.date(2026, 1, 31), dt.time(10), tz)
    assert to_datetime(plus(at, Duration(months=1), tz)).date() == dt.date(2026, 2, 28)


def test_a_length_beyond_the_calendar_ends_with_it() -> None:
    assert plus(START, Duration(months=12 * 100_000), zone("Pacific/Kiritimati")) > START
    assert minus(START, Duration(days=10_000_000), zone("America/New_York")) < START


@pytest.mark.parametrize(
    "name",
    [
        "",
        "CET",
        "+01:00",
        "GMT+3",
        "Mars/Phobos",
        "Europe/",
        "../etc/passwd",
        "right/UTC",
        "Europe/Ber\x00lin",
    ],
)
def test_what_is_no_zone(name: str) -> None:
    with pytest.raises(KeyError):
        zone(name)
