"""What a `wait ... for` waits for, and the window in which it counts (design/language 2.10, 2.13)."""

from __future__ import annotations

from engine.core.enrollment import Enrollment, SentMessage, Waiting
from engine.core.happening import Event
from engine.core.journey import Awaited
from engine.core.transition import Transition
from engine.values import Instant


def fits(transition: Transition, awaited: Awaited, waiting: Waiting, event: Event) -> bool:
    """Whether an event ends the wait: inside its window, not after its end, with fitting fields.

    The window opens after the moment that it is counted from: the event that made that moment is not inside. An event
    at exactly the due moment beats the timer.
    """
    due = transition.enrollment.due
    return (
        event.name in awaited.events
        and (event.occurred_at, event.number) > (waiting.opened_at, waiting.opened_number)
        and (due is None or event.occurred_at <= due.at)
        and (awaited.where is None or awaited.where.test(transition.scope(event)))
    )


def already_there(
    transition: Transition, awaited: Awaited, waiting: Waiting
) -> tuple[Instant, int, str] | None:
    """What came inside the window before anybody looked: moment, number and name of the first; None: nothing did."""
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
    """The first event of a name inside the window. Where no fields are asked its rows need not be loaded: then the last
    one that was seen answers."""
    facts = transition.context.facts
    for event in facts.history.get(name, ()):
        if fits(transition, awaited, waiting, event):
            return event.occurred_at, event.number
    counter, due = facts.event_counters.get(name), transition.enrollment.due
    if awaited.where is not None or counter is None:
        return None
    last = (counter.last_at, counter.last_number)
    inside = last > (waiting.opened_at, waiting.opened_number) and (due is None or counter.last_at <= due.at)
    return last if inside else None


def reacted_at(message: SentMessage, how: str) -> Instant | None:
    """When a message was clicked or opened; a click counts as an open."""
    if how == "clicked" or message.opened_at is None:
        return message.clicked_at
    return message.opened_at


def _reactions(enrollment: Enrollment, awaited: Awaited, waiting: Waiting) -> list[tuple[Instant, int, str]]:
    candidates = []
    for messages in enrollment.sent.values():
        for message in messages:
            at = (
                reacted_at(message, awaited.reaction or "clicked")
                if message.template == awaited.template
                else None
            )
            if at is None or (enrollment.due is not None and at > enrollment.due.at):
                continue
            if at > waiting.opened_at or at == waiting.opened_at == message.handed_at:
                candidates.append((at, waiting.opened_number, f"{awaited.reaction} {awaited.template}"))
    return candidates
