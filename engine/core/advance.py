"""Moves one run: from step to step until it rests or ends, never more steps than the journey has."""

from __future__ import annotations

from typing import assert_never

from engine.core.cascade import next_part, send, try_send
from engine.core.ending import end, finish
from engine.core.enrollment import Due, Handing, Held, Listening, Moving, NeedsCode, Waiting
from engine.core.goal import leave_if_over
from engine.core.journey import (
    END,
    ChangeStep,
    ChooseStep,
    CodeStep,
    ExitStep,
    IfStep,
    SendStep,
    SplitStep,
    Step,
    WaitStep,
    WebhookStep,
)
from engine.core.reactions import end_by_reaction, reaction_there
from engine.core.run import Run
from engine.core.steps.branch import choose, decide_if
from engine.core.steps.change import change
from engine.core.steps.code import take_code
from engine.core.steps.exit import leave
from engine.core.steps.split import split
from engine.core.steps.wait import end_by_time, end_if_there, wait
from engine.core.steps.webhook import call


def advance(run: Run, index: int, *, asked: bool = False) -> None:
    """Goes on at step `index` (`END`: after the last). Goal and `exit_if` are asked before every step and after the
    last one; `asked`: they just were. Steps form a tree, so a run never passes one twice in one go."""
    steps = run.journey.steps
    for _ in range(len(steps) + 1):
        if not asked and leave_if_over(run):
            return
        asked = False
        if not 0 <= index < len(steps):
            finish(run)
            return
        following = execute(run, steps[index])
        if following is None:
            return
        index = following
    run.effects.append(run.turn.alarm(run.it, "the steps of this journey lead back to themselves"))
    finish(run)


def move_on(run: Run, index: int) -> None:
    """Goes on at step `index`; in a paused journey nobody moves, so there the run waits on the way for the resume."""
    if run.journey.state != "paused":
        advance(run, index)
        return
    was = run.it.rest.step or "" if run.it.rest is not None else ""
    steps = run.journey.steps
    run.it.rest = Moving(steps[index].id if 0 <= index < len(steps) else None, was)
    run.it.due = Due(run.now)


def execute(run: Run, step: Step) -> int | None:
    """Does one step: the index of the next one, None if the run rests here or has ended."""
    match step:
        case SendStep():
            return send(run, step)
        case WaitStep():
            return wait(run, step)
        case IfStep():
            return decide_if(run, step)
        case ChooseStep():
            return choose(run, step)
        case SplitStep():
            return split(run, step)
        case ChangeStep():
            return change(run, step)
        case CodeStep():
            return take_code(run, step)
        case WebhookStep():
            return call(run, step)
        case ExitStep():
            leave(run, step)
            return None
        case _:
            assert_never(step)


def wake(run: Run) -> None:
    """What a run rests for is due. Goal and `exit_if` first (rule 1)."""
    it, rest = run.it, run.it.rest
    if it.holdout:
        run.say("note", subject="holdout", detail="its time is over")
        end(run, "holdout")
        return
    if leave_if_over(run):
        return
    match rest:
        case Moving(step=place):
            step = run.interest.places.get(place) if place is not None else None
            it.clock = max(it.clock, it.due.at if it.due is not None else run.now)
            it.rest = it.due = None
            advance(run, step.index if step is not None else END, asked=True)
        case Waiting() | Held() | Listening() | Handing() | NeedsCode():
            step = run.interest.places.get(rest.step)
            following = _resume(run, rest, step) if step is not None else _lost(run, rest.step)
            if following is not None:
                advance(run, following, asked=True)
        case None:
            advance(run, _lost(run, ""), asked=True)
        case _:
            assert_never(rest)


def _resume(run: Run, rest: Waiting | Held | Listening | Handing | NeedsCode, step: Step) -> int | None:
    """The end of a rest at its step; None if the run goes on resting."""
    match rest, step:
        case Waiting(), WaitStep():
            there = end_if_there(run, step)
            return there if there is not None else end_by_time(run, step)
        case Held(), SendStep():
            reacted = reaction_there(run, step)
            if reacted is not None:
                return end_by_reaction(run, step, reacted)
            return try_send(run, step, rest.first_due, rest.tried, rest.since)
        case Listening(), SendStep():
            reacted = reaction_there(run, step)
            if reacted is not None:
                return end_by_reaction(run, step, reacted)
            due = run.it.due
            return next_part(run, step, rest, due.at if due is not None else run.now)
        case NeedsCode(), CodeStep():
            run.it.due = None
            return None
        case Handing(), SendStep():
            run.it.due = None  # the message is on its way: only its hand-over or its return moves the run
            return None
        case _:
            return _lost(run, rest.step)


def _lost(run: Run, place: str) -> int:
    """The place is gone and nobody moved the run: it ends rather than waits for ever."""
    run.it.rest = run.it.due = None
    run.effects.append(run.turn.alarm(run.it, f"the step {place!r} where somebody rested is no longer there"))
    return END
