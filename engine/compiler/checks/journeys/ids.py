"""E40: every name under which people rest is unique in the journey."""

from __future__ import annotations

from engine.compiler.check_input import JourneyCheckInput
from engine.compiler.walk import every_step
from engine.language.syntax import Step, Text
from engine.language.wording import quoted
from engine.problem import Problem


def check(checked: JourneyCheckInput) -> list[Problem]:
    """Two steps with one id, and former ids that still belong to somebody."""
    first: dict[str, Text] = {}
    problems: list[Problem] = []
    steps = list(every_step(checked.file.steps))
    for step in steps:
        name = step.resting_id
        if name is None:
            continue
        other = first.setdefault(name.value, name)
        if other is not name:
            problems.append(_twice(step, name, other))
    problems.extend(problem for step in steps if (problem := _former(step, first)))
    return problems


def _twice(step: Step, name: Text, other: Text) -> Problem:
    again = f"{name.value}_again"
    if step.verb == "send" and step.id is None:
        fix = f"add an id to one of them, for example\n         id: {again}"
    else:
        fix = f"give one of them another name, for example  {again}"
    return Problem(
        name.span, "E40",
        f"two steps are both called {quoted(name.value)} (the other is in line {other.span.line})",
        "the name tells which customers are waiting where, so it must be unique in the journey", fix,
    )  # fmt: skip


def _former(step: Step, names: dict[str, Text]) -> Problem | None:
    was, own = step.was, step.resting_id
    if was is None or was.value not in names:
        return None
    if own is not None and own.value == was.value:
        return Problem(
            was.span, "W10", f"{quoted(was.value)} is the present name of this step",
            "was: holds a former one",
            "remove this line", "warning",
        )  # fmt: skip
    line = names[was.value].span.line
    return Problem(
        was.span, "E40", f"{quoted(was.value)} still is the name of a step (line {line})",
        "customers who rest there could not be told apart",
        f"remove this line, or rename the step in line {line}",
    )  # fmt: skip
