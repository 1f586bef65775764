"""`exit`: the run ends with a reason."""

from __future__ import annotations

from engine.core.ending import end
from engine.core.journey import ExitStep, StepBase
from engine.core.transition import Transition


def leave(transition: Transition, step: ExitStep) -> None:
    """Ends the run for the reason that the author gave."""
    leave_for(transition, step, step.reason)


def leave_for(transition: Transition, step: StepBase, reason: str) -> None:
    """Ends the run with the outcome `exit REASON`."""
    transition.add_trace("exit", step, reason)
    end(transition, f"exit {reason}")
