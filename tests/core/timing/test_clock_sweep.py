"""Every change of every clock in two years, against every kind of wait, start and window.

What must come out is reckoned here from two offsets and the moment between them, without the engine: the
first moment at which the clock on the wall shows the time that is meant, or one behind it where that time was
skipped.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from engine.core.conditions.condition import Ref
from engine.core.enrollment import Due
from engine.core.facts.customer import Facts
from engine.core.journey import CalendarTrigger, ClockTrigger, DateTrigger, TimedTrigger, WaitStep
from engine.core.policy import Quiet
from engine.core.timing.due import wait_due
from engine.core.timing.occurrence import next_occurrence
from engine.core.timing.quiet_hours import quiet_end, quiet_start
from engine.values import DAY, HOUR, MINUTE, SECOND, Birthday, Duration, Instant, Type
from tests.core.builders import project, written
from tests.core.timing.test_local_time import clock_changes

EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - a clock on the wall
MILLISECOND = dt.timedelta(milliseconds=1)
TIMES = tuple(
    dt.time.fromisoformat(text) for text in ("00:00", "00:30", "01:59", "02:30", "03:00", "09:30", "23:45")
)
BEGINS = tuple(
    round(hours * HOUR) for hours in (-49.5, -24, -23.25, -2.5, -1, -0.25, 0, 0.25, 0.75, 1, 2.5, 24.5)
)
"""From the change of the clock to the moment at which something begins."""


@dataclass(frozen=True)
class Change:
    """A clock that is put forward or back, once in a fortnight."""

    zone: str
    at: Instant
    before: int  # milliseconds east of UTC
    after: int

    def wall(self, at: int) -> dt.datetime:
        """What the clock shows."""
        return EPOCH + (at + (self.before if at < self.at else self.after)) * MILLISECOND

    def first(self, meant: dt.datetime) -> Instant:
        """The first moment at which the clock shows this, or something behind it."""
        local = (meant - EPOCH) // MILLISECOND
        early = local - self.before
        return Instant(early if early < self.at else max(local - self.after, self.at))


@cache
def changes() -> tuple[Change, ...]:
    """One zone for each change that clocks make alike: same moment, same offsets."""
    found: dict[tuple[Instant, int, int], Change] = {}
    for name, at in clock_changes():
        tz = ZoneInfo(name)
        before, after = (
            cast("dt.timedelta", dt.datetime.fromtimestamp(moment / SECOND, tz).utcoffset()) // MILLISECOND
            for moment in (at - 1, at)
        )
        found.setdefault((at, before, after), Change(name, at, before, after))
    return tuple(found.values())


def begins() -> Iterator[tuple[Change, Instant]]:
    for change in changes():
        for offset in BEGINS:
            yield change, Instant(change.at + offset)


def test_there_is_something_to_sweep() -> None:
    assert len({name for name, _ in clock_changes()}) > 100
    assert len(changes()) > 30
    assert len({change.after - change.before for change in changes()}) > 3


def step(text: str) -> WaitStep:
    """One wait as the compiler makes it."""
    journeys = project(written(f"- wait: {text}\n  id: pause\n- send: letter", policy="free"))
    (journey,) = journeys.by_name.values()
    found = journey.steps[0]
    assert isinstance(found, WaitStep)
    return found


def due(wait: WaitStep, change: Change, at: Instant) -> Instant:
    run = SimpleNamespace(
        enrollment=SimpleNamespace(clock=at),
        context=SimpleNamespace(facts=SimpleNamespace(zone=ZoneInfo(change.zone))),
    )
    found = wait_due(cast("Any", run), wait)
    assert isinstance(found, Due)
    return found.at


def next_time(
    change: Change, at: Instant, time: dt.time, days: range, fits: Callable[[dt.date], bool]
) -> Instant:
    """The first such time of the clock from `at` on, now included."""
    today = change.wall(at).date()
    return next(
        moment
        for number in days
        if fits(day := today + dt.timedelta(days=number))
        and (moment := change.first(dt.datetime.combine(day, time))) >= at
    )


def anything(_: dt.date) -> bool:
    return True


@pytest.mark.parametrize("days", [1, 2, 7])
def test_whole_days_keep_the_time_of_the_clock(days: int) -> None:
    wait = step(f"{days} days" if days > 1 else "1 day")
    for change, at in begins():
        meant = change.wall(at) + dt.timedelta(days=days)
        assert due(wait, change, at) == change.first(meant), (change, at)


@pytest.mark.parametrize("hours", [1, 24, 36])
def test_hours_are_elapsed_time(hours: int) -> None:
    wait = step(f"{hours} hours" if hours > 1 else "60 minutes")
    for change, at in begins():
        assert due(wait, change, at) == at + hours * HOUR


@pytest.mark.parametrize("time", TIMES, ids=str)
def test_until_a_time_of_day(time: dt.time) -> None:
    wait = step(f"until {time:%H:%M}")
    for change, at in begins():
        assert due(wait, change, at) == next_time(change, at, time, range(3), anything), (change, at)


@pytest.mark.parametrize("time", TIMES, ids=str)
def test_until_a_weekday(time: dt.time) -> None:
    wait = step(f"until Sunday {time:%H:%M}")
    for change, at in begins():
        wanted = next_time(change, at, time, range(9), lambda day: day.weekday() == 6)
        assert due(wait, change, at) == wanted, (change, at)


@pytest.mark.parametrize("time", TIMES, ids=str)
def test_days_at_a_time_on_certain_weekdays(time: dt.time) -> None:
    plain, weekend = (
        step(f"2 days\n  at: {time:%H:%M}"),
        step(f"1 day\n  at: {time:%H:%M}\n  weekdays: weekend"),
    )
    for change, at in begins():
        today = change.wall(at).date()
        assert due(plain, change, at) == change.first(dt.datetime.combine(today + dt.timedelta(days=2), time))
        days = (today + dt.timedelta(days=number) for number in range(1, 8))
        saturday = next(day for day in days if day.weekday() >= 5)
        assert due(weekend, change, at) == change.first(dt.datetime.combine(saturday, time)), (change, at)


def test_until_a_date() -> None:
    wait = step("until 2026-11-27 08:00")
    assert wait.until is not None
    for change in changes():
        day = change.wall(change.at - 1).date()
        for time in TIMES:
            dated = replace(wait, until=replace(wait.until, date=day, time=time))
            meant = change.first(dt.datetime.combine(day, time))
            assert due(dated, change, Instant(change.at - 3 * DAY)) == meant, change


def occurrence(trigger: TimedTrigger, change: Change, after: int, **values: Any) -> Instant:
    found = next_occurrence(trigger, Facts("c", change.zone, values=values), Instant(after))
    assert found is not None
    return found[0]


@pytest.mark.parametrize("time", TIMES, ids=str)
def test_starts_by_the_clock_by_birthdays_and_by_dates_that_return(time: dt.time) -> None:
    daily = ClockTrigger("day", None, (), time, 1)
    birthday = DateTrigger(Ref("customer", "birthday", Type("birthday")), Duration(days=-2), time, 1)
    yearly = DateTrigger(Ref("customer", "since", Type("date")), Duration(), time, 1, yearly=True)
    for change in changes():
        day = change.wall(change.at - 1).date()
        meant, after = change.first(dt.datetime.combine(day, time)), change.at - 3 * DAY
        in_two_days = day + dt.timedelta(days=2)
        born = Birthday(in_two_days.month, in_two_days.day, 1990)
        assert occurrence(birthday, change, after, birthday=born) == meant, change
        assert occurrence(yearly, change, after, since=day.replace(year=2019)) == meant, change
        calendar = CalendarTrigger(Birthday(day.month, day.day), Duration(), time, 1)
        assert occurrence(calendar, change, after) == meant, change
        assert occurrence(daily, change, meant - 1) == meant, change
        assert occurrence(daily, change, meant) > meant, "never twice on one day"


QUIETS = tuple(
    Quiet(dt.time.fromisoformat(start), dt.time.fromisoformat(end))
    for start, end in (("21:00", "09:00"), ("01:00", "02:30"), ("02:30", "03:30"), ("23:30", "00:15"))
)


QUARTER = 15 * MINUTE
"""All quiet hours and all changes of clocks lie on one."""


@pytest.mark.parametrize("quiet", QUIETS, ids=lambda quiet: f"{quiet.start:%H.%M}-{quiet.end:%H.%M}")
def test_quiet_hours_by_the_clock_on_the_wall(quiet: Quiet) -> None:
    """Quiet where the clock shows a quiet time, and until it does not for the first time; a clock that is put
    back within the quiet hours ends them only where it shows their end."""
    for change, at in begins():
        tz, loud = ZoneInfo(change.zone), at
        while quiet.covers(change.wall(loud).time()):
            loud = Instant(loud + QUARTER)
        end = quiet_end(quiet, at, tz)
        back = max(change.before - change.after, 0)
        if end is not None and at - back < change.at <= loud:
            assert loud <= end <= loud + 2 * back, (change, at)
            assert not quiet.covers(change.wall(end).time()), (change, at)
        else:
            assert end == (None if loud == at else loud), (change, at)
        if end is None:
            begin = quiet_start(quiet, at, tz)
            assert begin > at
            assert not any(quiet.covers(change.wall(moment).time()) for moment in range(at, begin, QUARTER))


def test_quiet_days_by_the_calendar_on_the_wall() -> None:
    quiet = Quiet(dt.time(20), dt.time(8), days=(0, 1, 2, 3, 4))
    for change, at in begins():
        tz, loud = ZoneInfo(change.zone), at
        while quiet.covers((wall := change.wall(loud)).time()) or wall.weekday() >= 5:
            loud = Instant(loud + QUARTER)
        assert quiet_end(quiet, at, tz) == (None if loud == at else loud), (change, at)
