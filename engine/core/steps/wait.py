"""`wait`: a run rests until a moment, or until what it waits for."""

from __future__ import annotations

from engine.core.awaited import already_there
from engine.core.enrollment import Waiting
from engine.core.journey import WaitStep
from engine.core.steps.exit import leave_for
from engine.core.timing.due import MissingDate, hour_of, wait_due
from engine.core.transition import Transition
from engine.values import Instant, iso


def wait(transition: Transition, step: WaitStep) -> int | None:
    """Rests until the due moment. What was awaited and is already there ends it at once, and so does a moment that lies
    before the clock; a date that is not set ends the run (a wrong message is worse than none)."""
    due = wait_due(transition, step)
    if isinstance(due, MissingDate):
        leave_for(transition, step, f"missing {due.name}")
        return None
    enrollment = transition.enrollment
    enrollment.due, enrollment.state = due, Waiting(step.id, enrollment.window_at, enrollment.window_number)
    following = end_if_there(transition, step)
    if following is not None:
        return following
    if due.at <= enrollment.clock:
        return end_by_time(transition, step)
    if transition.context.journeys.explain:
        if step.their_hour:
            hour = hour_of(transition)
            transition.add_trace("learned", step, f"their hour: {hour.time:%H:%M}", hour.why)
        transition.add_trace("wait", step, detail=iso(due.at))
    return None


def end_if_there(transition: Transition, step: WaitStep) -> int | None:
    """Ends the wait by what came inside its window; None: nothing did."""
    if step.awaited is None or not isinstance(transition.enrollment.state, Waiting):
        return None
    ended_by = already_there(transition, step.awaited, transition.enrollment.state)
    return end_by(transition, step, *ended_by) if ended_by is not None else None


def end_by(transition: Transition, step: WaitStep, at: Instant, number: int, name: str) -> int:
    """What was awaited came: the run goes on with `then`."""
    transition.add_trace("awaited", step, name)
    return _over(transition, at, number, step.then)


def end_by_time(transition: Transition, step: WaitStep) -> int:
    """The time is up. The clock is the moment that was due, however late it is noticed."""
    due = transition.enrollment.due
    return _over(
        transition, due.at if due is not None else transition.now, transition.context.number, step.otherwise
    )


def _over(transition: Transition, at: Instant, number: int, following: int) -> int:
    enrollment = transition.enrollment
    enrollment.clock = max(enrollment.clock, at)
    enrollment.window_at, enrollment.window_number = enrollment.clock, number
    enrollment.state = enrollment.due = None
    return following


EXECUTES = {WaitStep: wait}
