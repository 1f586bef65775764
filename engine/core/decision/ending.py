"""How a run ends: what is still open is cancelled, codes go back, and the goal may be watched on."""

from __future__ import annotations

from engine.core.decision.effects import Cancel, GiveBack
from engine.core.decision.transition import Transition
from engine.core.enrollment import CARRIED, AwaitingSend
from engine.core.journey import CodeStep
from engine.values import Instant, plus


def end(transition: Transition, outcome: str) -> None:
    """Ends a run. Its goal is watched until `within` after the first start unless it was reached or
    restarted: the effect is measured for everybody who started, whatever ended the run (design/language
    2.20)."""
    enrollment = transition.enrollment
    # While the state still says which message is planned.
    cancel_planned(transition, outcome)
    _give_back(transition)
    enrollment.outcome, enrollment.ended_at = outcome, transition.now
    enrollment.state = enrollment.due = enrollment.watch_until = None
    transition.context.note_inside(enrollment.journey)
    # A restarted run is measured on by the new one, which keeps the moment of the first start.
    if enrollment.goal_at is None and outcome not in ("goal", "restart"):
        until = watch_end(transition)
        enrollment.watch_until = until if until > transition.now else None
    if outcome == "finish":
        transition.emit("journey_finished")


def _give_back(transition: Transition) -> None:
    """Nobody has a code that no message can have carried, so another customer may get it. One that everybody
    gets is no loss."""
    enrollment, state = transition.enrollment, transition.enrollment.state
    if not enrollment.codes:
        return
    if isinstance(state, AwaitingSend) and state.unknown:
        enrollment.carry_code()
    planned = state.key if isinstance(state, AwaitingSend) else ""
    shared = {
        pool.name
        for step in transition.journey.steps
        if isinstance(step, CodeStep)
        for pool in step.pools.values()
        if pool.kind == "shared"
    }
    for name, code in enrollment.codes.items():
        if f"{CARRIED}{name}" not in enrollment.done and not code.used and code.pool not in shared:
            transition.effects.append(GiveBack(enrollment.id, code.pool, code.value, planned))


def finish(transition: Transition) -> None:
    """There is no step left."""
    transition.add_trace("finish")
    end(transition, "finish")


def watch_end(transition: Transition) -> Instant:
    """Until when a goal counts: `within` after the first start."""
    return plus(
        transition.enrollment.first_started_at, transition.journey.goal.within, transition.context.facts.zone
    )


def cancel_planned(transition: Transition, why: str) -> None:
    """Takes back a message that is planned but not handed over, with its place under caps."""
    state = transition.enrollment.state
    if isinstance(state, AwaitingSend):
        transition.effects.append(Cancel(state.key, why))
        transition.context.release_slot(state.key)
