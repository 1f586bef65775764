"""Success and early exit: when they are asked, and what reaching the goal does (design/language 2.9)."""

from __future__ import annotations

from engine.core.decision.decision_context import DecisionContext
from engine.core.decision.ending import end, watch_end
from engine.core.decision.transition import Transition
from engine.core.enrollment import Enrollment
from engine.core.happening import Event
from engine.core.journey import Journey
from engine.core.steps.register import EXECUTES
from engine.core.time_dependence import next_answer_change
from engine.values import Instant


def leave_if_over(transition: Transition) -> bool:
    """Asks goal and `exit_if` as conditions, before a step and before a message. True if the run ended."""
    goal, exit_if = transition.journey.goal, transition.journey.exit_if
    # The goal first: what makes both true is a success, not an exit (2.9).
    if goal.when is not None and transition.enrollment.goal_at is None and goal.when.test(transition.scope()):
        reach_goal(transition, transition.now)
        # With `then: stay` it goes on, and `exit_if` may still end it.
        if not transition.enrollment.is_open:
            return True
    if exit_if is not None and exit_if.test(transition.scope()):
        transition.trace_question("exit_if", exit_if, "")
        end(transition, "exit_if")
        return True
    return False


def fits_goal(context: DecisionContext, journey: Journey, enrollment: Enrollment, event: Event) -> bool:
    """Whether an event is the goal of a run: later than its start in (moment, order of receipt), with
    fitting fields."""
    goal = journey.goal
    return (
        event.name in goal.events
        and (event.occurred_at, event.number) > (enrollment.started_at, enrollment.started_number)
        and (goal.where is None or goal.where.test(context.scope(enrollment, event)))
    )


def known_goal(transition: Transition) -> Instant | None:
    """The moment of a goal that was known before the start though it happened after it."""
    enrollment, goal, facts = transition.enrollment, transition.journey.goal, transition.context.facts
    for name in goal.events:
        seen = facts.event_counters.get(name)
        if seen is None or (seen.last_at, seen.last_number) <= (
            enrollment.started_at,
            enrollment.started_number,
        ):
            continue
        # The history has the first one, the counter only the last: the goal is the first (oldest first).
        for event in facts.history.get(name, ()):
            if fits_goal(transition.context, transition.journey, enrollment, event):
                return event.occurred_at
        # Where no fields are asked its rows need not be loaded.
        if goal.where is None:
            return seen.last_at
    return None


def leave_if_due(
    context: DecisionContext,
    enrollment: Enrollment,
    event: Event | None = None,
    reached_at: Instant | None = None,
    turned_at: Instant | None = None,
) -> None:
    """Something changed that goal or `exit_if` of a run may look at: they are asked at once, whatever it
    does. `reached_at`: a goal that is found in the history; `turned_at`: when time alone changed the
    answer, however late that is noticed."""
    subscription = context.subscription(enrollment)
    if subscription is None:
        return
    journey = subscription.journey
    goal, exit_if = journey.goal, journey.exit_if
    # Asked of the run as it is: it is forked (`Transition.begin`) only where something comes of it.
    scope = context.scope(enrollment)
    if enrollment.goal_at is None and reached_at is None:
        if event is not None and goal.events and fits_goal(context, journey, enrollment, event):
            reached_at = event.occurred_at
        elif goal.when is not None and goal.when.test(scope):
            reached_at = turned_at if turned_at is not None else context.now
    # A run that has ended is only watched: nothing but its goal is noted.
    if enrollment.outcome is not None:
        if reached_at is not None:
            _note_watched(Transition.begin(context, subscription, enrollment), reached_at)
        return
    leaves = exit_if is not None and exit_if.test(scope)
    if reached_at is None and not leaves:
        return
    transition = Transition.begin(context, subscription, enrollment)
    # The goal beats `exit_if` (2.9); both count where the goal does not end the run (`then: stay`).
    if reached_at is not None:
        reach_goal(transition, reached_at)
    if leaves and transition.enrollment.is_open:
        assert exit_if is not None
        transition.trace_question("exit_if", exit_if, "")
        end(transition, "exit_if")
    transition.complete()


def look_ahead(context: DecisionContext) -> None:
    """Finds anew when time alone makes goal or `exit_if` of each run true."""
    if not context.index.turning and not context.turns:
        return
    turns: dict[str, Instant] = {}
    for enrollment in context.enrollments.values():
        known = context.turns.get(enrollment.id)
        # A moment that has come is kept until it is asked about.
        at = known if known is not None and known <= context.now else _next_turn(context, enrollment)
        if at is not None:
            turns[enrollment.id] = at
    context.turns = turns


def _next_turn(context: DecisionContext, enrollment: Enrollment) -> Instant | None:
    subscription = context.subscription(enrollment)
    if subscription is None:
        return None
    goal = subscription.turning_goal if enrollment.goal_at is None else None
    exit_if = subscription.turning_exit if enrollment.is_open else None
    scope, moments = context.scope(enrollment), []
    for question in (goal, exit_if):
        if question is not None:
            # True and not asked yet: by files that were published meanwhile.
            true_now = question.test(scope)
            moments.append(
                context.now if true_now else next_answer_change(question, scope, context.index.rules)
            )
    return min((at for at in moments if at is not None), default=None)


def reach_goal(transition: Transition, at: Instant) -> None:
    """The goal of an open run: it ends or is marked. After `within` it is late: it ends the run but is not
    counted."""
    enrollment, goal = transition.enrollment, transition.journey.goal
    # Before `do`: its steps may make `when` true once more, and the goal is reached once.
    enrollment.goal_at = at
    transition.add_trace(
        "goal (late)" if at > watch_end(transition) else "goal", detail=_standing(enrollment, at)
    )
    # The holdout is measured only; nothing may be done to it that the others get from the journey.
    if not enrollment.holdout:
        transition.emit("goal_reached", at=at)
        for step in goal.do:  # instant steps: they lead nowhere
            EXECUTES[type(step)](transition, step)
    if goal.then == "exit":
        end(transition, "goal")


def _note_watched(transition: Transition, at: Instant) -> None:
    """The goal of a run that has ended: noted beside its outcome if it still counts."""
    enrollment = transition.enrollment
    if at > watch_end(transition):
        enrollment.watch_until = None
        transition.complete()
        return
    enrollment.goal_at, enrollment.watch_until = at, None
    # After any other outcome the goal is counted, but it is no success of the journey: `do` does
    # not run (2.20).
    if enrollment.outcome == "finish":
        transition.add_trace("goal", detail=_standing(enrollment, at))
        transition.emit("goal_reached", at=at)
        for step in transition.journey.goal.do:
            EXECUTES[type(step)](transition, step)
    else:
        transition.add_trace("note", subject="goal", detail=f"after {enrollment.outcome}")
    transition.complete()


def _standing(enrollment: Enrollment, at: Instant) -> str:
    """Whether a message had been handed over when the goal was reached: without one the journey had no
    part in it."""
    first = min(
        (message.handed_at for messages in enrollment.sent.values() for message in messages), default=None
    )
    return "" if first is not None and first <= at else "before the first message"
