"""`wait`: an enrollment rests until a moment, or until what it waits for comes (design/language 2.10,
2.13)."""

from __future__ import annotations

from engine.core.decision.transition import Transition
from engine.core.enrollment import Enrollment, Waiting
from engine.core.happening import Event
from engine.core.journey import Awaited, WaitStep
from engine.core.steps.exit import leave_for
from engine.core.timing.due import MissingDate, hour_of, wait_due
from engine.values import Instant, iso


def fits(transition: Transition, awaited: Awaited, waiting: Waiting, event: Event) -> bool:
    """Whether an event ends the wait: inside its window, not after its end, with fitting fields."""
    due = transition.enrollment.due
    return (
        event.name in awaited.events
        # The event that made the moment at which the window opens is not inside (2.10) ...
        and (event.occurred_at, event.number) > (waiting.opened_at, waiting.opened_number)
        # ... and one at exactly the due moment beats the timer (2.9).
        and (due is None or event.occurred_at <= due.at)
        and (awaited.where is None or awaited.where.test(transition.scope(event)))
    )


def already_there(
    transition: Transition, awaited: Awaited, waiting: Waiting
) -> tuple[Instant, int, str] | None:
    """What came inside the window before anybody looked: moment, number and name of the first; None:
    nothing did."""
    candidates: list[tuple[Instant, int, str]] = []
    for name in awaited.events:
        at = _first_of(transition, awaited, waiting, name)
        if at is not None:
            candidates.append((*at, name))
    if awaited.reaction is not None and awaited.template is not None:
        candidates.extend(_reactions(transition.enrollment, awaited, waiting))
    return min(candidates, default=None)


def _first_of(
    transition: Transition, awaited: Awaited, waiting: Waiting, name: str
) -> tuple[Instant, int] | None:
    """The moment and number of the first event of a name inside the window."""
    facts = transition.context.facts
    for event in facts.history.get(name, ()):
        if fits(transition, awaited, waiting, event):
            return event.occurred_at, event.number
    # Where no fields are asked its rows need not be loaded: then the last one that was seen answers.
    counter, due = facts.event_counters.get(name), transition.enrollment.due
    if awaited.where is not None or counter is None:
        return None
    last = (counter.last_at, counter.last_number)
    inside = last > (waiting.opened_at, waiting.opened_number) and (due is None or counter.last_at <= due.at)
    return last if inside else None


def _reactions(enrollment: Enrollment, awaited: Awaited, waiting: Waiting) -> list[tuple[Instant, int, str]]:
    candidates = []
    for messages in enrollment.sent.values():
        for message in messages:
            if message.template != awaited.template:
                continue
            at = message.reacted_at(awaited.reaction or "clicked")
            if at is None or (enrollment.due is not None and at > enrollment.due.at):
                continue
            # A click in the millisecond of the hand-over that opened the window came after it: it is inside.
            if at > waiting.opened_at or at == waiting.opened_at == message.handed_at:
                candidates.append((at, waiting.opened_number, f"{awaited.reaction} {awaited.template}"))
    return candidates


def wait(transition: Transition, step: WaitStep) -> int | None:
    """Rests until the due moment."""
    due = wait_due(transition, step)
    # A wrong message is worse than none (2.10).
    if isinstance(due, MissingDate):
        leave_for(transition, step, f"missing {due.name}")
        return None
    enrollment = transition.enrollment
    enrollment.due, enrollment.state = due, Waiting(step.id, enrollment.window_at, enrollment.window_number)
    # What was awaited and is already there ends it at once: a click between message and wait is not lost.
    following = end_if_there(transition, step)
    if following is not None:
        return following
    # Against the clock and not against now: whoever is late goes on through all that is overdue, in order.
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
    # The window of the next `for` opens at the end of this wait; what ended it is not inside (2.10).
    enrollment.window_at, enrollment.window_number = enrollment.clock, number
    enrollment.state = enrollment.due = None
    return following


EXECUTES = {WaitStep: wait}
