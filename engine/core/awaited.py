"""What a `wait ... for` waits for, and the window in which it counts (design/language 2.10, 2.13)."""

from __future__ import annotations

from engine.core.enrollment import Enrollment, SentMessage, Waiting
from engine.core.happening import Event
from engine.core.journey import Awaited
from engine.core.transition import Transition
from engine.values import Instant


def fits(transition: Transition, awaited: Awaited, rest: Waiting, event: Event) -> bool:
    """Whether an event ends the wait: inside its window, not after its end, with fitting fields.

    The window opens after the moment that it is counted from: the event that made that moment is not inside. An event
    at exactly the due moment beats the timer.
    """
    due = transition.enrollment.due
    return (
        event.name in awaited.events
        and (event.occurred_at, event.number) > (rest.opened_at, rest.opened_number)
        and (due is None or event.occurred_at <= due.at)
        and (awaited.where is None or awaited.where.test(transition.scope(event)))
    )


def already_there(transition: Transition, awaited: Awaited, rest: Waiting) -> tuple[Instant, int, str] | None:
    """What came inside the window before anybody looked: moment, number and name of the first; None: nothing did."""
    found: list[tuple[Instant, int, str]] = []
    for name in awaited.events:
        at = _first_of(transition, awaited, rest, name)
        if at is not None:
            found.append((*at, name))
    if awaited.reaction is not None and awaited.template is not None:
        found.extend(_reactions(transition.enrollment, awaited, rest))
    return min(found, default=None)


def _first_of(
    transition: Transition, awaited: Awaited, rest: Waiting, name: str
) -> tuple[Instant, int] | None:
    """The first event of a name inside the window. Where no fields are asked its rows need not be loaded: then the last
    one that was seen answers."""
    facts = transition.context.facts
    for event in facts.history.get(name, ()):
        if fits(transition, awaited, rest, event):
            return event.occurred_at, event.number
    seen, due = facts.event_counters.get(name), transition.enrollment.due
    if awaited.where is not None or seen is None:
        return None
    last = (seen.last_at, seen.last_number)
    inside = last > (rest.opened_at, rest.opened_number) and (due is None or seen.last_at <= due.at)
    return last if inside else None


def reacted_at(part: SentMessage, how: str) -> Instant | None:
    """When a message was clicked or opened; a click counts as an open."""
    if how == "clicked" or part.opened_at is None:
        return part.clicked_at
    return part.opened_at


def _reactions(enrollment: Enrollment, awaited: Awaited, rest: Waiting) -> list[tuple[Instant, int, str]]:
    found = []
    for parts in enrollment.sent.values():
        for part in parts:
            at = (
                reacted_at(part, awaited.reaction or "clicked") if part.template == awaited.template else None
            )
            if at is None or (enrollment.due is not None and at > enrollment.due.at):
                continue
            if at > rest.opened_at or at == rest.opened_at == part.handed_at:
                found.append((at, rest.opened_number, f"{awaited.reaction} {awaited.template}"))
    return found
