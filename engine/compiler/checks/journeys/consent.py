"""E76: consent is given by the customer: a journey may only note it after the event that says so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.compiler.check_input import JourneyCheckInput
from engine.language import syntax
from engine.language.steps.branch import If
from engine.language.steps.change import Change
from engine.language.steps.exit import Exit
from engine.language.steps.wait import Awaited, Wait
from engine.problem import Problem

_CONFIRMS = re.compile(r"confirm|opt_?in|consent|agree", re.IGNORECASE)


def check(checked: JourneyCheckInput) -> list[Problem]:
    """`set: {consent.email: given}` where no confirmation led to it."""
    file = checked.file
    started = bool(file.starts) and all(
        isinstance(start, syntax.EventStart) and _says_yes(start.event.value) for start in file.starts
    )
    problems = list(_along(file.steps, started))
    if file.goal is not None and file.goal.do:
        events = file.goal.events
        reached = started or (not file.goal.when and all(_says_yes(event.value) for event in events))
        problems.extend(_along(file.goal.do, reached))
    return problems


def _says_yes(event: str) -> bool:
    return bool(_CONFIRMS.search(event)) and not event.endswith(("_requested", "_asked"))


def _along(steps: tuple[syntax.Step, ...], confirmed: bool) -> Iterator[Problem]:
    for step in steps:
        match step:
            case Change(how="set") if not confirmed:
                yield from (
                    _problem(pair)
                    for pair in step.values
                    if pair.name.value.startswith("consent.") and pair.value.value == "given"
                )
            case Wait(awaited=Awaited() as awaited):
                yield from _along(step.then or (), confirmed or _is_confirmation(awaited))
                yield from _along(step.otherwise or (), confirmed)
                confirmed = confirmed or (_is_confirmation(awaited) and _leaves(step.otherwise))
            case If():
                yield from _along(step.then, confirmed or _asks_for_it(step.condition))
                yield from _along(step.otherwise or (), confirmed)
                confirmed = confirmed or (_asks_for_it(step.condition) and _leaves(step.otherwise))
            case _:
                for side in step.sides():
                    yield from _along(side, confirmed)


def _is_confirmation(awaited: Awaited) -> bool:
    """A tap on the link of a message is a confirmation, opening it is none."""
    if awaited.reaction is not None:
        return awaited.reaction == "clicked"
    return all(_says_yes(event.value) for event in awaited.events)


def _asks_for_it(condition: syntax.AllOf) -> bool:
    for line in condition.lines:
        match line:
            case syntax.Reacted(how="clicked", negated=False):
                return True
            case syntax.Did(negated=False, high=None) if line.low > 0 and _says_yes(line.event.value):
                return True
    return False


def _leaves(steps: tuple[syntax.Step, ...] | None) -> bool:
    """Does this side end the run, so that only the other one goes on below?"""
    return bool(steps) and isinstance((steps or ())[-1], Exit)


def _problem(pair: syntax.Pair) -> Problem:
    channel = pair.name.value.partition(".")[2]
    return Problem(
        pair.name.span, "E76", f"nothing before this step says that the customer agreed to {channel}",
        "consent may only be noted after the event of a confirmed opt-in; without proof it is worth nothing",
        "put it behind  wait: 7 days  with  for: optin_confirmed  under  then:, or under  do:  of a goal "
        "with that event",
    )  # fmt: skip
