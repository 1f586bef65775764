"""Local time by arithmetic on calm days is the local time that the zone itself tells."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import values
from engine.core.policy import Quiet
from engine.core.timing import quiet_hours
from engine.core.timing.quiet_hours import quiet_end, quiet_start
from engine.values import (
    Duration,
    Instant,
    at_local,
    instant,
    local_date,
    midnight_after,
    plus,
    wall_clock,
    zone,
)

ZONES = [
    name
    for name in sorted(available_timezones())
    if "/" in name and not name.startswith(("posix/", "right/"))
]
zones = st.sampled_from(ZONES).map(zone)
instants = st.integers(
    instant(dt.datetime(1960, 1, 1, tzinfo=dt.UTC)), instant(dt.datetime(2045, 1, 1, tzinfo=dt.UTC))
).map(Instant)
days = st.dates(dt.date(1960, 1, 1), dt.date(2045, 1, 1))
times = st.times()


def asked(question: Callable[[], object]) -> object:
    """The answer when nothing counts as calm, so that the zone is asked for everything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(values, "calm_offset", lambda _day, _tz: None)
        patch.setattr(quiet_hours, "calm_offset", lambda _day, _tz: None)
        return question()


@given(days, times, zones)
def test_at_local(day: dt.date, time: dt.time, tz: ZoneInfo) -> None:
    assert at_local(day, time, tz) == asked(lambda: at_local(day, time, tz))


@given(instants, zones)
def test_local_date(at: Instant, tz: ZoneInfo) -> None:
    assert local_date(at, tz) == asked(lambda: local_date(at, tz))


@given(instants, zones)
def test_wall_clock(at: Instant, tz: ZoneInfo) -> None:
    assert wall_clock(at, tz) == asked(lambda: wall_clock(at, tz))


@given(
    instants,
    st.builds(Duration, st.integers(-2, 2), st.integers(-400, 400), st.integers(-(10**9), 10**9)),
    zones,
)
def test_plus(at: Instant, length: Duration, tz: ZoneInfo) -> None:
    assert plus(at, length, tz) == asked(lambda: plus(at, length, tz))


@given(st.builds(Quiet, times, times), instants, zones)
def test_quiet_hours(quiet: Quiet, at: Instant, tz: ZoneInfo) -> None:
    assert quiet_end(quiet, at, tz) == asked(lambda: quiet_end(quiet, at, tz))
    if quiet.start != quiet.end:
        assert quiet_start(quiet, at, tz) == asked(lambda: quiet_start(quiet, at, tz))
    assert midnight_after(at, tz) == asked(lambda: midnight_after(at, tz))
