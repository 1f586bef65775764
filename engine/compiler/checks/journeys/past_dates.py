"""W18: a date that is past when the file is checked."""

from __future__ import annotations

import datetime as dt

from engine.compiler.check_input import JourneyCheckInput
from engine.compiler.walk import every_step
from engine.language import syntax
from engine.language.quantities import calendar_day
from engine.language.steps.wait import Wait
from engine.language.wording import quoted
from engine.problem import Problem
from engine.values import Birthday, later_day


def check(checked: JourneyCheckInput) -> list[Problem]:
    """A start on one day, and waits until one. Who checks without a clock is told nothing."""
    today = checked.world.today
    if today is None:
        return []
    problems: list[Problem] = []
    for start in checked.file.starts:
        if isinstance(start, syntax.DateStart) and isinstance(start.day, dt.date):
            day = _fired_on(start, start.day)
            if day < today:
                problems.append(_start(start, start.day, day))
    for step in every_step(checked.file.steps):
        until = step.until if isinstance(step, Wait) else None
        if isinstance(step, Wait) and until is not None and until.date is not None and until.date < today:
            problems.append(_wait(step))
    return problems


def _fired_on(start: syntax.DateStart, day: dt.date) -> dt.date:
    if start.before is not None:
        return later_day(day, -start.before.duration.months, -start.before.duration.days)
    if start.after is not None:
        return later_day(day, start.after.duration.months, start.after.duration.days)
    return day


def _start(start: syntax.DateStart, written: dt.date, day: dt.date) -> Problem:
    every_year = calendar_day(Birthday(written.month, written.day))
    return Problem(
        start.date.span, "W18", f"{day.isoformat()} is past: nobody starts on it any more",
        "a start on a single day comes once",
        f"write a day to come, or  date: {every_year}  for that day of every year", level="warning",
    )  # fmt: skip


def _wait(step: Wait) -> Problem:
    return Problem(
        step.value.span, "W18", f"{quoted(step.value.value)} is past: nobody waits here",
        "a wait until a moment that is past ends at once", "write a day to come", level="warning",
    )  # fmt: skip
