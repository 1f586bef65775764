"""`exit`: the run ends with a reason."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.decision.ending import end
from engine.core.decision.transition import Transition
from engine.core.journey import END, Step


@dataclass(frozen=True, slots=True)
class ExitStep(Step):
    reason: str

    def targets(self) -> tuple[int, ...]:
        """Only out."""
        return (END,)


def leave(transition: Transition, step: ExitStep) -> None:
    """Ends the run for the reason that the author gave: nothing follows."""
    leave_for(transition, step, step.reason)


def leave_for(transition: Transition, step: Step, reason: str) -> None:
    """Ends the run with the outcome `exit REASON`."""
    transition.add_trace("exit", step, reason)
    end(transition, f"exit {reason}")


EXECUTES = {ExitStep: leave}
