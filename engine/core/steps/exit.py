"""`exit`: the run ends with a reason."""

from __future__ import annotations

from engine.core.ending import end
from engine.core.journey import ExitStep, StepBase
from engine.core.run import Run


def leave(run: Run, step: ExitStep) -> None:
    """Ends the run for the reason that the author gave."""
    leave_for(run, step, step.reason)


def leave_for(run: Run, step: StepBase, reason: str) -> None:
    """Ends the run with the outcome `exit REASON`."""
    run.say("exit", step, reason)
    end(run, f"exit {reason}")
