"""`wait`: a run rests until a moment, or until what it waits for."""

from __future__ import annotations

from engine.core.awaited import already_there
from engine.core.due import Missing, hour_of, wait_due
from engine.core.enrollment import Waiting
from engine.core.journey import WaitStep
from engine.core.run import Run
from engine.core.steps.exit import leave_for
from engine.values import Instant, iso


def wait(run: Run, step: WaitStep) -> int | None:
    """Rests until the due moment. What was awaited and is already there ends it at once, and so does a moment that lies
    before the clock; a date that is not set ends the run (a wrong message is worse than none)."""
    due = wait_due(run, step)
    if isinstance(due, Missing):
        leave_for(run, step, f"missing {due.name}")
        return None
    it = run.it
    it.due, it.rest = due, Waiting(step.id, it.window_at, it.window_number)
    following = end_if_there(run, step)
    if following is not None:
        return following
    if due.at <= it.clock:
        return end_by_time(run, step)
    if run.turn.journeys.explain:
        if step.their_hour:
            hour = hour_of(run)
            run.say("learned", step, f"their hour: {hour.time:%H:%M}", hour.why)
        run.say("wait", step, detail=iso(due.at))
    return None


def end_if_there(run: Run, step: WaitStep) -> int | None:
    """Ends the wait by what came inside its window; None: nothing did."""
    if step.awaited is None or not isinstance(run.it.rest, Waiting):
        return None
    found = already_there(run, step.awaited, run.it.rest)
    return end_by(run, step, *found) if found is not None else None


def end_by(run: Run, step: WaitStep, at: Instant, number: int, name: str) -> int:
    """What was awaited came: the run goes on with `then`."""
    run.say("awaited", step, name)
    return _over(run, at, number, step.then)


def end_by_time(run: Run, step: WaitStep) -> int:
    """The time is up. The clock is the moment that was due, however late it is noticed."""
    due = run.it.due
    return _over(run, due.at if due is not None else run.now, run.turn.number, step.otherwise)


def _over(run: Run, at: Instant, number: int, following: int) -> int:
    it = run.it
    it.clock = max(it.clock, at)
    it.window_at, it.window_number = it.clock, number
    it.rest = it.due = None
    return following
