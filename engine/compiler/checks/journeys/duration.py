"""W06 and W07: journeys that last longer than their goal counts, or exactly until they start again."""

from __future__ import annotations

from engine.compiler.check_input import JourneyCheckInput
from engine.compiler.journeys.longest_path import longest_known
from engine.language import syntax
from engine.problem import Problem, Span
from engine.values import DAY, HOUR, MINUTE


def check(checked: JourneyCheckInput) -> list[Problem]:
    """Both look at the longest path, holds left out."""
    journey, file = checked.journey, checked.file
    if journey is None or file.goal is None:
        return []
    problems: list[Problem] = []
    longest = longest_known(journey.starts, journey.steps)
    within = journey.goal.within.roughly()
    if longest > within:
        problems.append(_too_long(file.goal, longest, within))
    if journey.longest is not None and longest:
        problems.extend(
            _same_period(start) for start in file.starts
            if isinstance(start, syntax.ClockStart) and longest in _periods(start)
        )  # fmt: skip
    return problems


def _too_long(goal: syntax.Goal, longest: int, within: int) -> Problem:
    span = goal.within.text.span if goal.within else Span(goal.span.file, goal.span.line, goal.span.column, 4)
    return Problem(
        span, "W06",
        f"the longest path takes {_words(longest)}, but the goal counts only for {_words(within)}",
        "what customers do after the last messages would not be counted",
        f"write  within: {_words((longest // DAY + 1) * DAY)}  under  goal:", "warning",
    )  # fmt: skip


def _same_period(start: syntax.ClockStart) -> Problem:
    return Problem(
        start.span, "W07",
        f"the longest path takes exactly as long as it is from one start to the next (every {start.every})",
        "the next start comes while the run has not ended, and is ignored",
        "make a wait shorter by some hours, or a path", "warning",
    )  # fmt: skip


def _periods(start: syntax.ClockStart) -> set[int]:
    match start.every:
        case "month":
            return {days * DAY for days in (28, 29, 30, 31)}
        case "week" if start.weekdays:
            days = sorted(start.weekdays)
            return {
                ((after - day - 1) % 7 + 1) * DAY
                for day, after in zip(days, [*days[1:], days[0]], strict=True)
            }
        case "week":
            return {7 * DAY}
        case _:
            return {DAY}


def _words(length: int) -> str:
    days, rest = divmod(length, DAY)
    parts = ((days, "day"), (rest // HOUR, "hour"), (rest % HOUR // MINUTE, "minute"))
    return (
        " ".join(f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count)
        or "0 minutes"
    )
