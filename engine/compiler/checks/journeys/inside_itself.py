"""W17: a journey that asks whether the customer is inside it."""

from __future__ import annotations

from collections.abc import Iterator

from engine.compiler.check_input import JourneyCheckInput
from engine.compiler.walk import every_line
from engine.language import syntax
from engine.language.syntax import AllOf, Text
from engine.language.wording import quoted
from engine.problem import Problem


def check(checked: JourneyCheckInput) -> list[Problem]:
    """Whoever is asked has a run of the journey, or, at the start, has none yet: the answer is always the
    same."""
    file = checked.file
    goal = file.goal.when if file.goal is not None else None
    places = {"who": file.who, "goal": goal, "exit_if": file.exit_if}
    return [
        _problem(key, name, file.name.value)
        for key, condition in places.items()
        if condition is not None
        for name in _asked(condition)
        if name.value == file.name.value
    ]


def _asked(condition: AllOf) -> Iterator[Text]:
    for line in every_line(condition):
        if isinstance(line, syntax.InsideJourney):
            yield from line.journeys


def _problem(key: str, name: Text, journey: str) -> Problem:
    why = {
        "who": "nobody is inside before the start, and  again:  says what a second start does",
        "goal": "everybody is inside from the start to the end of a run",
        "exit_if": "everybody is inside from the start to the end of a run",
    }[key]
    return Problem(
        name.span, "W17", f"{quoted(journey)} asks whether the customer is inside itself", why,
        "remove it, or name another journey", level="warning",
    )  # fmt: skip
