"""How a run ends: what is still open is cancelled, codes go back, and the goal may be watched on."""

from __future__ import annotations

from engine.core.effects import Cancel, GiveBack
from engine.core.enrollment import Handing
from engine.core.journey import CodeStep
from engine.core.run import Run
from engine.values import Instant, plus

CARRIED = "carried:"
"""In `Enrollment.done`: a message was handed over while this code was the run's latest."""


def end(run: Run, outcome: str) -> None:
    """Ends a run. Its goal is watched until `within` after the first start unless it was reached or restarted: the
    effect is measured for everybody who started, whatever ended the run (design/language 2.20)."""
    it = run.it
    cancel_planned(run, outcome)
    _give_codes_back(run)
    it.outcome, it.ended_at, it.rest, it.due, it.watch_until = outcome, run.now, None, None, None
    if it.goal_at is None and outcome not in ("goal", "restart"):
        until = watch_end(run)
        it.watch_until = until if until > run.now else None
    if outcome == "finish":
        run.emit("journey_finished")


def finish(run: Run) -> None:
    """There is no step left."""
    run.say("finish")
    end(run, "finish")


def watch_end(run: Run) -> Instant:
    """Until when a goal counts: `within` after the first start."""
    return plus(run.it.first_started_at, run.journey.goal.within, run.turn.facts.zone)


def cancel_planned(run: Run, why: str) -> None:
    """Takes back a message that is planned but not handed over, with its place under caps."""
    rest = run.it.rest
    if isinstance(rest, Handing):
        run.effects.append(Cancel(rest.key, why))
        run.turn.free(rest.key)


def _give_codes_back(run: Run) -> None:
    """Codes of files that no handed-over message can have carried."""
    for code in run.it.codes.values():
        if f"{CARRIED}{code.pool}" not in run.it.done and _is_counted(run, code.pool):
            run.effects.append(GiveBack(run.it.id, code.pool, code.value))


def _is_counted(run: Run, pool: str) -> bool:
    """Only the codes of a file can run out; a pool that is no longer in the journey is taken for one."""
    kinds = [
        step.pool.kind for step in run.journey.steps if isinstance(step, CodeStep) and step.pool.name == pool
    ]
    return not kinds or "file" in kinds
