"""W23, W24: questions and waits that can never come true: opens that nobody tracks, and the event that is the
goal."""

from __future__ import annotations

from collections.abc import Iterator

from engine.compiler.check_input import JourneyCheckInput
from engine.compiler.walk import every_step
from engine.language import syntax
from engine.language.steps.branch import If
from engine.language.steps.send import Send
from engine.language.steps.wait import Wait
from engine.language.wording import quoted
from engine.problem import Problem, Span


def check(checked: JourneyCheckInput) -> list[Problem]:
    """Each place where somebody would wait in vain."""
    problems = [
        problem for step in every_step(checked.file.steps) for problem in _goal_awaited(step, checked)
    ]
    if checked.world.config.tracking.opens == "never":
        problems += [_not_tracked(span) for span in _opens(checked.file)]
    return problems


def _opens(file: syntax.JourneyFile) -> Iterator[Span]:
    """Where a journey asks for an open or waits for one."""
    conditions = [file.exit_if, file.goal.when if file.goal else None]
    for step in every_step(file.steps):
        match step:
            case If(condition=condition):
                conditions.append(condition)
            case Wait(awaited=awaited) if awaited is not None and awaited.reaction == "opened":
                yield awaited.span
            case Send(until=until) if until is not None and until.value == "opened":
                yield until.span
            case _:
                pass
    for written in conditions:
        yield from _asked(written) if written is not None else ()


def _asked(written: syntax.AllOf) -> Iterator[Span]:
    for line in written.lines:
        if isinstance(line, syntax.Reacted) and line.how == "opened":
            yield line.span
        elif isinstance(line, syntax.Group):
            for inner in line.conditions:
                yield from _asked(inner)


def _not_tracked(span: Span) -> Problem:
    return Problem(
        span, "W23", "nobody tracks opens, so only a click counts here",
        "config.yaml says  tracking: {opens: never} , or nothing about it",
        "ask for  clicked  instead, or write  tracking: {opens: with consent}  in config.yaml", "warning",
        topic="shop",
    )  # fmt: skip


def _goal_awaited(step: syntax.Step, checked: JourneyCheckInput) -> Iterator[Problem]:
    goal = checked.file.goal
    # with a condition on its fields only some of these events end the run
    if (
        not isinstance(step, Wait)
        or step.awaited is None
        or goal is None
        or goal.where
        or goal.then == "stay"
    ):
        return
    names = checked.world.catalogue.event_name
    goals = {names(event.value) for event in goal.events}
    for event in step.awaited.events:
        if names(event.value) in goals:
            yield Problem(
                event.span, "W24",
                f"{quoted(event.value)} is the goal: it ends the run before this wait sees it",
                "what stands under  then:  is never done for this event",
                "wait for another event, or write  then: stay  under  goal:", "warning",
            )  # fmt: skip
