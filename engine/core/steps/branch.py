"""`if` and `choose`: a question answered in the moment it is reached, with fresh data."""

from __future__ import annotations

from engine.core.journey import ChooseStep, IfStep
from engine.core.run import Run


def decide_if(run: Run, step: IfStep) -> int:
    """The first step of the side that the answer takes."""
    answer = step.question.test(run.scope())
    run.say_asked("asked", step.question, "then" if answer else "else", step)
    return step.then if answer else step.otherwise


def choose(run: Run, step: ChooseStep) -> int:
    """The first step of the first path that fits; without a fit the run goes on below."""
    scope = run.scope()
    for question, label, first in step.paths:
        if question is None or question.test(scope):
            if question is not None:
                run.say_asked("asked", question, label, step)
            run.say("path", step, label)
            return first
    run.say("path", step, "", "none fits")
    return step.next
