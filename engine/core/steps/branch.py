"""`if` and `choose`: a question answered in the moment it is reached, with fresh data."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.decision.transition import Transition
from engine.core.journey import Question, Step


@dataclass(frozen=True, slots=True)
class IfStep(Step):
    """`if`: one of two sides."""

    question: Question
    # Indexes of the first step of each side, `next` where one was not written.
    then: int
    otherwise: int

    def targets(self) -> tuple[int, ...]:
        """Both sides."""
        return (self.then, self.otherwise, self.next)

    def questions(self) -> tuple[Question, ...]:
        """Its only one."""
        return (self.question,)


@dataclass(frozen=True, slots=True)
class ChooseStep(Step):
    """`choose`: the first path that fits, tried from the top."""

    paths: tuple[tuple[Question | None, str, int], ...]  # question (None: `else`), label, first step

    def targets(self) -> tuple[int, ...]:
        """The paths, and on below where none fits."""
        return (*(target for _, _, target in self.paths), self.next)

    def questions(self) -> tuple[Question, ...]:
        """Those of its paths."""
        return tuple(question for question, _, _ in self.paths if question is not None)


def decide_if(transition: Transition, step: IfStep) -> int:
    """The first step of the side that the answer takes."""
    answer = step.question.test(transition.scope())
    transition.trace_question("asked", step.question, "then" if answer else "else", step)
    return step.then if answer else step.otherwise


def choose(transition: Transition, step: ChooseStep) -> int:
    """The first step of the first path that fits; without a fit the run goes on below."""
    # One moment for all paths: nothing happens between one question and the next.
    scope = transition.scope()
    for question, label, target in step.paths:
        if question is None or question.test(scope):
            if question is not None:
                transition.trace_question("asked", question, label, step)
            transition.add_trace("path", step, label)
            return target
    transition.add_trace("path", step, "", "none fits")
    return step.next


EXECUTES = {IfStep: decide_if, ChooseStep: choose}
