"""Success and early exit: when they are asked, and what reaching the goal does (design/language 2.9)."""

from __future__ import annotations

from engine.core.ending import end, watch_end
from engine.core.enrollment import Enrollment
from engine.core.happening import Event
from engine.core.journey import ChangeStep, Journey, WebhookStep
from engine.core.run import Run
from engine.core.steps.change import change
from engine.core.steps.webhook import call
from engine.core.turn import Turn
from engine.values import Instant


def leave_if_over(run: Run) -> bool:
    """Asks goal and `exit_if` as conditions, before a step and before a message. True if the run ended."""
    goal, exit_if = run.journey.goal, run.journey.exit_if
    if goal.when is not None and run.it.goal_at is None and goal.when.test(run.scope()):
        reach_goal(run, run.now)
        if not run.it.is_open:
            return True
    if exit_if is not None and exit_if.test(run.scope()):
        run.say_asked("exit_if", exit_if, "")
        end(run, "exit_if")
        return True
    return False


def fits_goal(turn: Turn, journey: Journey, run: Enrollment, event: Event) -> bool:
    """Whether an event is the goal of a run: later than its start in (moment, order of receipt), with fitting fields."""
    goal = journey.goal
    return (
        event.name in goal.events
        and (event.occurred_at, event.number) > (run.started_at, run.started_number)
        and (goal.where is None or goal.where.test(turn.scope(run, event)))
    )


def known_goal(run: Run) -> Instant | None:
    """The moment of a goal that was known before the start though it happened after it."""
    it, goal, facts = run.it, run.journey.goal, run.turn.facts
    for name in goal.events:
        seen = facts.seen.get(name)
        if seen is None or (seen.last_at, seen.last_number) <= (it.started_at, it.started_number):
            continue
        for event in facts.history.get(name, ()):
            if fits_goal(run.turn, run.journey, it, event):
                return event.occurred_at
        if goal.where is None:
            return seen.last_at  # its rows need not be loaded where no fields are asked
    return None


def look_at_leaving(turn: Turn, run: Enrollment, event: Event | None = None) -> None:
    """Something changed that goal or `exit_if` of a run may look at: they are asked at once, whatever the run does.

    A run that has ended is only watched: its goal is noted, nothing else happens.
    """
    interest = turn.interest(run)
    if interest is None:
        return
    journey = interest.journey
    goal, exit_if = journey.goal, journey.exit_if
    scope = turn.scope(run)
    reached_at = None
    if run.goal_at is None:
        if event is not None and goal.events and fits_goal(turn, journey, run, event):
            reached_at = event.occurred_at
        elif goal.when is not None and goal.when.test(scope):
            reached_at = turn.now
    if run.outcome is not None:
        if reached_at is not None:
            _note_watched(Run.take(turn, interest, run), reached_at)
        return
    leaves = exit_if is not None and exit_if.test(scope)
    if reached_at is None and not leaves:
        return
    hand = Run.take(turn, interest, run)
    if reached_at is not None:
        reach_goal(hand, reached_at)
    if leaves and hand.it.is_open:
        assert exit_if is not None
        hand.say_asked("exit_if", exit_if, "")
        end(hand, "exit_if")
    hand.close()


def reach_goal(run: Run, at: Instant) -> None:
    """The goal of an open run: it ends or is marked. After `within` it is late: it ends the run but is not counted."""
    it, goal = run.it, run.journey.goal
    it.goal_at = at
    run.say("goal (late)" if at > watch_end(run) else "goal", detail=_standing(it, at))
    if not it.holdout:
        run.emit("goal_reached", at=at)
        _do(run)
    if goal.then == "exit":
        end(run, "goal")


def _note_watched(run: Run, at: Instant) -> None:
    """The goal of a run that has ended: noted beside its outcome if it still counts."""
    it = run.it
    if at > watch_end(run):
        it.watch_until = None
        run.close()
        return
    it.goal_at, it.watch_until = at, None
    if it.outcome == "finish":
        run.say("goal", detail=_standing(it, at))
        run.emit("goal_reached", at=at)
        _do(run)
    else:
        run.say("note", subject="goal", detail=f"after {it.outcome}")
    run.close()


def _do(run: Run) -> None:
    """The instant steps of the goal."""
    for step in run.journey.goal.do:
        if isinstance(step, ChangeStep):
            change(run, step)
        elif isinstance(step, WebhookStep):
            call(run, step)


def _standing(it: Enrollment, at: Instant) -> str:
    """Whether a message had been handed over when the goal was reached: without one the journey had no part in it."""
    first = min((part.handed_at for parts in it.sent.values() for part in parts), default=None)
    return "" if first is not None and first <= at else "before the first message"
