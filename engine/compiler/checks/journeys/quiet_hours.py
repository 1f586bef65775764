"""W02 and W20: a moment that the file fixes lies in the quiet hours, or on a quiet day, of the message behind
it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from engine.compiler.check_input import JourneyCheckInput
from engine.compiler.walk import every_step
from engine.core.policy import Policy, Quiet
from engine.language import syntax
from engine.language.steps.exit import Exit
from engine.language.steps.send import Send
from engine.language.steps.wait import Wait
from engine.language.weekdays import WEEKDAYS
from engine.language.wording import as_list, quoted
from engine.problem import Problem, Span
from engine.values import MINUTE, Duration

_END_OF_DAY = dt.time(23, 59, 59)
_DAY = 24 * 60


def check(checked: JourneyCheckInput) -> list[Problem]:
    """Clock and date starts, waits with a time of the day, and waits in hours behind one of these."""
    problems: list[Problem] = []
    for start in checked.file.starts:
        if isinstance(start, syntax.ClockStart | syntax.DateStart):
            fixed = (start.at.time, start.at.text.span, "at: ")
            problems.extend(_look(checked, fixed, checked.file.steps))
        if isinstance(start, syntax.ClockStart) and start.weekdays:
            problems.extend(_look_at_days(checked, start.weekdays, start.span, checked.file.steps))
    # The minute of the day of every start; None where they differ, or a customer decides
    minutes = {
        _minute(start.at.time) if isinstance(start, syntax.ClockStart | syntax.DateStart) else None
        for start in checked.file.starts
    }
    _lists(checked, checked.file.steps, (), minutes.pop() if len(minutes) == 1 else None, problems)
    return problems


Fixed = tuple[dt.time, Span, str]


def _lists(
    checked: JourneyCheckInput,
    steps: tuple[syntax.Step, ...],
    behind: tuple[syntax.Step, ...],
    clock: int | None,
    problems: list[Problem],
) -> int | None:
    """Every wait with the steps that follow it in its own list and in the lists around it. `clock`: the
    minute of the day at which the list begins, where the file fixes it; the one at its end comes back."""
    for number, step in enumerate(steps):
        rest = (*steps[number + 1 :], *behind)
        if isinstance(step, Wait) and (fixed := _fixed(step)):
            problems.extend(_look(checked, fixed, (*(step.otherwise or ()), *rest)))
        if isinstance(step, Wait) and (days := _days(step)):
            following = (*(step.otherwise or ()), *rest)
            problems.extend(_look_at_days(checked, days, step.value.span, following))
        if isinstance(step, Wait) and clock is not None and (length := _mere_length(step)):
            problems.extend(_look_after(checked, step, clock, length, rest))
        clock = _clock_after(checked, step, clock)
        sides = step.sides()
        ends = {
            _lists(checked, side, rest, clock, problems)
            for side in sides
        }  # fmt: skip
        if sides:
            clock = ends.pop() if len(ends) == 1 else None
    return clock


def _fixed(step: Wait) -> Fixed | None:
    if step.at is not None:
        return step.at.time, step.at.text.span, "at: "
    until = step.until
    if until is None or step.their_hour is not None:
        return None
    if until.time is not None:
        day = f"until {until.text.value.removeprefix('until ').rpartition(' ')[0]} ".replace("  ", " ")
        return until.time, step.value.span, day
    if until.name is not None and until.name.value == "code.expires":
        return _END_OF_DAY, step.value.span, "at: "
    return None


def _mere_length(step: Wait) -> Duration | None:
    """The length of a wait that ends so long after it began, at whatever time of the day that is."""
    is_mere = step.at is None and step.their_hour is None and step.awaited is None and not step.weekdays
    return step.length.duration if step.length is not None and is_mere else None


def _clock_after(checked: JourneyCheckInput, step: syntax.Step, clock: int | None) -> int | None:
    match step:
        case Send():
            policy = checked.policy(step)
            is_held = policy is None or (
                clock is not None and policy.quiet is not None and policy.quiet.covers(_time(clock))
            )
            return None if step.is_cascade or is_held else clock
        case Wait(awaited=None):
            if (length := _mere_length(step)) is not None:
                return None if clock is None else (clock + length.elapsed // MINUTE) % _DAY
            fixed = _fixed(step)
            return _minute(fixed[0]) if fixed is not None else None
        case Wait():
            return None
        case _:
            return clock


def _look_after(
    checked: JourneyCheckInput, step: Wait, clock: int, length: Duration, rest: tuple[syntax.Step, ...]
) -> Iterator[Problem]:
    """One warning where the first message behind a wait in hours would be held."""
    days, ends = divmod(clock + length.elapsed // MINUTE, _DAY)
    for send in _next_sends(rest):
        policy = checked.policy(send)
        if policy is None or policy.quiet is None or not policy.quiet.covers(_time(ends)):
            continue
        leaves = _minute(policy.quiet.end)
        days += length.days + (leaves < ends)
        said = f"wait: {days} day{'' if days == 1 else 's'}  and  at: " if days else "wait: until "
        if length.months:
            said = "at: "
        sum_of = f"{_time(clock):%H:%M} and {step.value.value} is "
        yield _problem(_time(ends), step.value.span, said, policy, policy.quiet, sum_of)
        return


def _minute(time: dt.time) -> int:
    return time.hour * 60 + time.minute


def _time(minute: int) -> dt.time:
    return dt.time(minute // 60, minute % 60)


def _days(step: Wait) -> tuple[int, ...]:
    """The days of the week on which the wait may end; none: any."""
    if step.until is not None and step.until.weekday is not None:
        return (step.until.weekday,)
    if step.until is not None and step.until.date is not None:
        return (step.until.date.weekday(),)
    return step.weekdays


def _look_at_days(
    checked: JourneyCheckInput, days: tuple[int, ...], span: Span, steps: tuple[syntax.Step, ...]
) -> Iterator[Problem]:
    """One warning for the first message behind a day on which it would be held."""
    for send in _next_sends(steps):
        policy = checked.policy(send)
        quiet = policy.quiet if policy is not None else None
        if policy is None or quiet is None or not quiet.days:
            continue
        held = [day for day in days if day not in quiet.days]
        if held:
            names, allowed = (as_list([WEEKDAYS[day] for day in some]) for some in (held, quiet.days))
            yield Problem(
                span, "W20", f"on {names} nothing of the policy {quoted(policy.name)} leaves",
                f"its weekdays are: {allowed}; the next message would be held until the first of them",
                "choose among these days, or another policy for the message", "warning", topic="shop",
            )  # fmt: skip
            return


def _look(checked: JourneyCheckInput, fixed: Fixed, steps: tuple[syntax.Step, ...]) -> Iterator[Problem]:
    """One warning for the first message behind the moment that would be held."""
    time, span, words = fixed
    for send in _next_sends(steps):
        policy = checked.policy(send)
        if policy is None or policy.quiet is None or not policy.quiet.covers(time):
            continue
        yield _problem(time, span, words, policy, policy.quiet)
        return


def _next_sends(steps: tuple[syntax.Step, ...]) -> Iterator[Send]:
    """The first message on every path, as long as nothing is waited for."""
    for step in steps:
        match step:
            case Send():
                yield step
                return
            case Wait() | Exit():
                return
            case _:
                for side in step.sides():
                    yield from _next_sends(side)
                if any(isinstance(inner, Send | Wait) for inner in every_step((step,))):
                    return


def _problem(
    time: dt.time, span: Span, words: str, policy: Policy, quiet: Quiet, sum_of: str = ""
) -> Problem:
    return Problem(
        span, "W02",
        f"{sum_of}{time:%H:%M}{', which' if sum_of else ''} lies in the quiet hours "
        f"({quiet.start:%H:%M} to {quiet.end:%H:%M} of policy {quoted(policy.name)})",
        f"the next message would be held back until {quiet.end:%H:%M}",
        f"write  {words}{quiet.end:%H:%M}  or later, or choose another policy for the message",
        "warning", topic="shop",
    )  # fmt: skip
