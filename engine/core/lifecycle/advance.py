"""Moves one run: from step to step until it rests or ends, never more steps than the journey has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from engine.core.decision.ending import end, finish
from engine.core.decision.transition import Transition
from engine.core.enrollment import (
    AwaitingCode,
    AwaitingReaction,
    AwaitingSend,
    Deferred,
    Due,
    Relocating,
    Waiting,
)
from engine.core.journey import END, CodeStep, SendStep, Step, WaitStep
from engine.core.lifecycle.cascade import send, try_send
from engine.core.lifecycle.goal import leave_if_over
from engine.core.lifecycle.reactions import end_by_reaction, reaction_there
from engine.core.steps.code import take_code
from engine.core.steps.register import EXECUTES as STEPS
from engine.core.steps.register import Execute
from engine.core.steps.wait import end_by_time, end_if_there

EXECUTES: Mapping[type[Step], Execute] = {SendStep: send, **STEPS}
"""What every kind of step does. A test holds it complete for the kinds of the language."""


def advance(transition: Transition, index: int, *, asked: bool = False) -> None:
    """Goes on at step `index` (`END`: after the last). Goal and `exit_if` are asked before every step and
    after the last one (2.9); `asked`: they just were."""
    steps = transition.journey.steps
    # Steps form a tree, so a run never passes one twice in one go: more rounds than steps are a
    # defect of ours.
    for _ in range(len(steps) + 1):
        if not asked and leave_if_over(transition):
            return
        asked = False
        if not 0 <= index < len(steps):
            finish(transition)
            return
        step = steps[index]
        transition.reached.append(step.id)
        following = EXECUTES[type(step)](transition, step)
        if following is None:
            return
        index = following
    transition.effects.append(
        transition.context.alert(transition.enrollment, "the steps of this journey lead back to themselves")
    )
    finish(transition)


def move_on(transition: Transition, index: int) -> None:
    """Goes on at step `index`; in a paused journey nobody moves, so there the run waits on the way for the
    resume."""
    if transition.journey.state != "paused":
        advance(transition, index)
        return
    # The place is kept as an id: while the journey is paused another version may be published.
    was = transition.enrollment.state.step or "" if transition.enrollment.state is not None else ""
    steps = transition.journey.steps
    transition.enrollment.state = Relocating(steps[index].id if 0 <= index < len(steps) else None, was)
    transition.enrollment.due = Due(transition.now)


def wake(transition: Transition) -> None:
    """What a run rests for is due. Goal and `exit_if` first (rule 1)."""
    enrollment, state = transition.enrollment, transition.enrollment.state
    # What the holdout rests for is the end of the time in which its goal counts.
    if enrollment.holdout:
        transition.add_trace("note", subject="holdout", detail="its time is over")
        end(transition, "holdout")
        return
    if leave_if_over(transition):
        return
    match state:
        case Relocating(step=place):
            step = transition.subscription.steps_by_id.get(place) if place is not None else None
            # The clock is the moment at which the removed step would have ended (2.15), not the one
            # of the wake.
            enrollment.clock = max(
                enrollment.clock, enrollment.due.at if enrollment.due is not None else transition.now
            )
            enrollment.state = enrollment.due = None
            advance(transition, step.index if step is not None else END, asked=True)
        case Waiting() | Deferred() | AwaitingReaction() | AwaitingSend() | AwaitingCode():
            step = transition.subscription.steps_by_id.get(state.step)
            following = (
                _resume(transition, state, step) if step is not None else _lost(transition, state.step)
            )
            if following is not None:
                advance(transition, following, asked=True)
        case None:
            advance(transition, _lost(transition, ""), asked=True)
        case _:
            assert_never(state)


def _resume(
    transition: Transition,
    state: Waiting | Deferred | AwaitingReaction | AwaitingSend | AwaitingCode,
    step: Step,
) -> int | None:
    """The end of a rest at its step; None if the run goes on resting."""
    match state, step:
        case Waiting(), WaitStep():
            # An event up to and including the due moment beats the timer, in whatever order they came (2.13).
            following = end_if_there(transition, step)
            return following if following is not None else end_by_time(transition, step)
        case Deferred(), SendStep():
            # A reaction to an earlier part ends the step also during a hold (2.10).
            reacted = reaction_there(transition, step)
            if reacted is not None:
                return end_by_reaction(transition, step, reacted)
            return try_send(transition, step, state.first_due, state.tried, state.since)
        case AwaitingReaction(), SendStep():
            # Looked for once more: a reaction in the very minute in which the next channel is due
            # ends it (2.20).
            reacted = reaction_there(transition, step)
            if reacted is not None:
                return end_by_reaction(transition, step, reacted)
            # Late counts from the moment that was due (rule 4): a downtime never opens the dearer channel.
            due = transition.enrollment.due
            first_due = due.at if due is not None else transition.now
            return try_send(transition, step, first_due, state.tried)
        case AwaitingCode(), CodeStep():
            transition.enrollment.state = transition.enrollment.due = None
            return take_code(transition, step)
        case AwaitingSend(), SendStep():
            # Only the hand-over or return of the message, moves the run.
            transition.enrollment.due = None
            return None
        case _:
            return _lost(transition, state.step)


def _lost(transition: Transition, step_id: str) -> int:
    """The place is gone and nobody moved the run: it ends rather than waits for ever."""
    transition.enrollment.state = transition.enrollment.due = None
    transition.effects.append(
        transition.context.alert(
            transition.enrollment, f"the step {step_id!r} where somebody rested is no longer there"
        )
    )
    return END
