"""When a wait ends (design/language 2.8, 2.10, 2.12, 2.20)."""

from __future__ import annotations

import datetime as dt

import pytest

from engine.values import Birthday
from tests.core.builders import Life, label, life, project, written


def due(step: str, at: str = "0 10:00", runs_out_on: dt.date | None = None) -> str:
    """When a wait that begins at `at` ends."""
    one = life(project(written(f"- {step}", policy="free")))
    one.event(at, "subscribed", runs_out_on=runs_out_on)
    assert one.run.due is not None
    return label(one.run.due.at)


@pytest.mark.parametrize(
    ("written_wait", "begins", "ends"),
    [
        ("wait: 3 days", "0 10:15", "3 10:15"),
        ("wait: 24 hours", "0 10:15", "1 10:15"),
        ("wait: 3 days\n  at: 10:00", "0 22:30", "3 10:00"),
        ("wait: 1 day\n  at: 08:00", "0 23:59", "1 08:00"),
        ("wait: 1 month", "0 10:00", "31 10:00"),  # 2 April, in summer time
        ("wait: 1 day 12 hours", "0 10:00", "1 22:00"),
        ("wait: until 10:00", "0 09:59", "0 10:00"),
        ("wait: until 10:00", "0 10:01", "1 10:00"),
        ("wait: until Tuesday 10:00", "0 12:00", "1 10:00"),
        ("wait: until Monday 10:00", "0 12:00", "7 10:00"),
        ("wait: until 2026-03-05 08:00", "0 12:00", "3 08:00"),
        ("wait: 1 day\n  at: 10:00\n  weekdays: [Thursday]", "0 12:00", "3 10:00"),
        ("wait: 1 day\n  weekdays: weekend", "0 12:00", "5 12:00"),
    ],
)
def test_forms(written_wait: str, begins: str, ends: str) -> None:
    assert due(written_wait + "\n  id: pause", begins) == ends


def test_now_is_included_in_until_a_time() -> None:
    one = life(project(written("- wait: until 10:00\n  id: pause\n- send: letter", policy="free")))
    one.event("0 10:00", "subscribed")
    assert one.lines == ["0 10:00 send letter via email", "0 10:00 finish"]


def test_a_date_that_is_past_ends_the_wait_at_once() -> None:
    one = life(project(written("- wait: until 2026-03-01 08:00\n  id: pause\n- send: letter", policy="free")))
    one.event("0 10:00", "subscribed")
    assert one.lines == ["0 10:00 send letter via email", "0 10:00 finish"]


def test_a_day_in_spring_has_23_hours() -> None:
    assert due("wait: 1 day\n  id: pause", "26 10:00") == "27 10:00"
    assert due("wait: 24 hours\n  id: pause", "26 10:00") == "27 11:00"


def test_a_time_that_the_clock_skips_is_the_first_valid_moment() -> None:
    assert due("wait: 1 day\n  id: pause\n  at: 02:30", "26 10:00") == "27 03:00"


def test_a_date_of_the_trigger() -> None:
    step = "wait: until 3 days before trigger.runs_out_on\n  id: pause\n  at: 08:00"
    assert due(step, runs_out_on=dt.date(2026, 3, 20)) == "15 08:00"


def test_a_missing_date_ends_the_run_with_its_name() -> None:
    one = life(
        project(written("- wait: until trigger.runs_out_on\n  id: pause\n  at: 08:00\n- send: letter"))
    )
    one.event("0 10:00", "subscribed")
    assert one.lines == ["0 10:00 exit missing trigger.runs_out_on"]


def test_the_end_of_the_code_has_its_own_time() -> None:
    steps = "- code: WELCOME10\n  valid: 7 days\n- wait: until 2 days before code.expires\n  id: pause"
    one = life(project(written(steps, policy="free")))
    one.event("0 10:00", "subscribed")
    due = one.run.due
    assert due is not None
    assert label(due.at) == "5 23:59"
    assert str(due.local) == "2026-03-07 23:59:59"


def test_a_wait_counts_from_the_clock_not_from_the_processing() -> None:
    one = life(project(written("- wait: 1 hour\n  id: pause\n- send: letter", policy="free")))
    one.event("0 10:10", "subscribed", happened="0 10:00")
    one.pass_time("0 12:00")
    assert one.lines[0] == "0 11:00 send letter via email"


def test_what_is_overdue_at_a_late_start_happens_now() -> None:
    one = life(project(written("- wait: 1 hour\n  id: pause\n- send: letter", policy="free")))
    one.event("0 14:00", "subscribed", happened="0 10:00")
    one.pass_time("0 14:00")
    assert one.lines == ["0 14:00 send letter via email", "0 14:00 finish"]


def test_after_a_downtime_the_clock_is_still_the_due_moment() -> None:
    steps = "- wait: 1 hour\n  id: a\n- wait: 2 hours\n  id: b\n- send: letter"
    one = life(project(written(steps, policy="free")))
    one.event("0 10:00", "subscribed")
    one.sleep("0 12:30")
    one.wake()
    one.pass_time("0 20:00")
    assert one.lines[0] == "0 13:00 send letter via email"


def test_the_zone_of_the_customer_changes_while_waiting() -> None:
    one = life(project(written("- wait: 1 day\n  id: pause\n  at: 17:00\n- send: letter", policy="free")))
    one.event("0 10:00", "subscribed")
    one.change("0 12:00", timezone="America/New_York")
    one.pass_time("2 00:00")
    assert one.lines == ["1 23:00 send letter via email", "1 23:00 finish"]


def test_elapsed_time_does_not_move_with_the_zone() -> None:
    one = life(project(written("- wait: 24 hours\n  id: pause\n- send: letter", policy="free")))
    one.event("0 10:00", "subscribed")
    one.change("0 12:00", timezone="America/New_York")
    one.pass_time("2 00:00")
    assert one.lines[0] == "1 10:00 send letter via email"


def test_a_date_attribute_that_changes_is_computed_again() -> None:
    one = waiting_for_a_date()
    one.change("1 10:00", runs_out_on=dt.date(2026, 3, 6))
    one.pass_time("9 00:00")
    assert one.lines == ["4 08:00 send letter via email", "4 08:00 finish"]


def test_a_date_attribute_that_moves_into_the_past_is_due_at_once() -> None:
    one = waiting_for_a_date()
    one.change("5 10:00", runs_out_on=dt.date(2026, 3, 3))
    one.pass_time("5 10:00")
    assert one.run.outcome == "finish"


def test_a_date_attribute_that_is_taken_away_ends_the_run() -> None:
    one = waiting_for_a_date()
    one.change("1 10:00", runs_out_on=None)
    assert one.lines == ["1 10:00 exit missing runs_out_on"]


def waiting_for_a_date() -> Life:
    steps = "- wait: until runs_out_on\n  id: pause\n  at: 08:00\n- send: letter"
    one = life(project(written(steps, policy="free")), runs_out_on=dt.date(2026, 3, 20))
    one.event("0 10:00", "subscribed")
    return one


def test_a_birthday_is_the_one_that_started_the_run() -> None:
    steps = "- wait: until birthday\n  id: the_day\n  at: 09:30\n- send: letter"
    text = written(steps, start="{date: birthday, before: 7 days, at: '10:00'}", policy="free")
    one = life(project(text), birthday=Birthday(3, 12, 1990))
    one.occurrence("3 10:00", "hello", dt.date(2026, 3, 5))
    one.pass_time("20 00:00")
    assert one.lines == ["10 09:30 send letter via email", "10 09:30 finish"]


def test_a_birthday_that_has_passed_does_not_jump_to_the_next_year() -> None:
    steps = "- wait: until birthday\n  id: the_day\n  at: 09:30\n- send: letter"
    text = written(steps, start="{date: birthday, after: 3 days, at: '10:00'}", policy="free")
    one = life(project(text), birthday=Birthday(3, 2, 1990))
    one.occurrence("3 10:00", "hello", dt.date(2026, 3, 5))
    one.wake()
    assert one.lines == ["3 10:00 send letter via email", "3 10:00 finish"]


@pytest.mark.parametrize("since", ["2020-03-09", "2026-03-09"])
def test_a_date_that_starts_every_year_is_waited_for_like_a_birthday(since: str) -> None:
    steps = "- wait: until seen_on\n  id: the_day\n  at: 09:30\n- send: letter"
    start = "{date: seen_on, every: year, before: 7 days, at: 10:00}"
    one = life(project(written(steps, start=start, policy="free")), seen_on=dt.date.fromisoformat(since))
    one.occurrence("0 10:00", "hello")
    one.pass_time("10 00:00")
    assert one.lines == ["7 09:30 send letter via email", "7 09:30 finish"]
