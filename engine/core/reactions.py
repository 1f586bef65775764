"""What a person did with a message of a run: clicks, opens, and the event a cascade listens for."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.awaited import fits, reacted_at
from engine.core.ending import cancel_planned
from engine.core.enrollment import AwaitingReaction, AwaitingSend, Deferred, Enrollment, SentMessage, Waiting
from engine.core.happening import Event, Reaction
from engine.core.journey import SendStep, WaitStep
from engine.core.steps.wait import end_by
from engine.core.transition import Transition
from engine.values import Instant, wall_clock


def part_of(enrollment: Enrollment, key: str) -> tuple[str, SentMessage] | None:
    """The step and the message of a key; None if this run did not hand it over."""
    for step, parts in enrollment.sent.items():
        for part in parts:
            if part.key == key:
                return step, part
    return None


def change_part(enrollment: Enrollment, step: str, old: SentMessage, new: SentMessage) -> None:
    """Puts what is now known of a message in its place."""
    enrollment.sent[step] = tuple(new if part is old else part for part in enrollment.sent[step])


def note_reaction(transition: Transition, reaction: Reaction) -> None:
    """Keeps the moment of a reaction: the latest one of each kind. A reply has been read, so it counts as an open."""
    found = part_of(transition.enrollment, reaction.key)
    if found is None:
        return
    step, part = found
    _note_habit(transition, reaction, part)
    if reaction.kind == "clicked":
        new = replace(part, clicked_at=max(reaction.at, part.clicked_at or reaction.at))
        transition.emit("message_clicked", step, part.template, part.channel, reaction.at)
    else:
        new = replace(part, opened_at=max(reaction.at, part.opened_at or reaction.at))
    change_part(transition.enrollment, step, part, new)
    transition.add_trace(
        "reaction",
        transition.subscription.steps_by_id.get(step),
        part.template,
        f"{reaction.kind} {part.channel}",
    )


def _note_habit(transition: Transition, reaction: Reaction, part: SentMessage) -> None:
    """What this customer does with messages: a click or a reply counts once for its channel, and the first reaction to a
    message for the hour of their day."""
    first = part.clicked_at is None and part.opened_at is None
    counts = part.clicked_at is None if reaction.kind == "clicked" else reaction.kind == "replied" and first
    if not (first or counts):
        return
    facts = transition.context.facts
    hour = wall_clock(reaction.at, facts.zone).hour if first else None
    facts.engagement = facts.engagement.with_reaction(part.channel if counts else None, hour)


def follow_reaction(transition: Transition, reaction: Reaction) -> int | None:
    """Where a run goes on because of a reaction; None if it stays where it is."""
    rest = transition.enrollment.state
    step = (
        transition.subscription.steps_by_id.get(rest.step)
        if rest is not None and rest.step is not None
        else None
    )
    if isinstance(rest, Waiting) and isinstance(step, WaitStep):
        awaited, due = step.awaited, transition.enrollment.due
        if awaited is None or awaited.reaction is None or (due is not None and reaction.at > due.at):
            return None
        found = part_of(transition.enrollment, reaction.key)
        fitting = awaited.reaction == "opened" or reaction.kind == "clicked"
        if (
            found is None
            or found[1].template != awaited.template
            or not fitting
            or reaction.at < rest.opened_at
        ):
            return None
        return end_by(
            transition, step, reaction.at, reaction.number, f"{awaited.reaction} {awaited.template}"
        )
    if isinstance(rest, AwaitingReaction | Deferred | AwaitingSend) and isinstance(step, SendStep):
        reacted = reaction_there(transition, step)
        return end_by_reaction(transition, step, reacted) if reacted is not None else None
    return None


def follow_event(transition: Transition, event: Event) -> int | None:
    """Where a run goes on because of an event that its wait or cascade was waiting for; None if it stays."""
    rest = transition.enrollment.state
    step = (
        transition.subscription.steps_by_id.get(rest.step)
        if rest is not None and rest.step is not None
        else None
    )
    if isinstance(rest, Waiting) and isinstance(step, WaitStep):
        if step.awaited is not None and fits(transition, step.awaited, rest, event):
            return end_by(transition, step, event.occurred_at, event.number, event.name)
        return None
    if isinstance(rest, AwaitingReaction | Deferred | AwaitingSend) and isinstance(step, SendStep):
        first = transition.enrollment.sent.get(step.id)
        if (
            step.is_cascade
            and first
            and step.until == event.name
            and (event.occurred_at, event.number)
            > (
                first[0].handed_at,
                first[0].number,
            )
        ):
            return end_by_reaction(transition, step, event.occurred_at)
    return None


def reaction_there(transition: Transition, step: SendStep) -> Instant | None:
    """The moment of the reaction that a cascade listens for, to any of its parts."""
    parts = transition.enrollment.sent.get(step.id)
    if not step.is_cascade or not parts:
        return None
    if step.until in ("clicked", "opened"):
        return min((at for part in parts if (at := reacted_at(part, step.until)) is not None), default=None)
    first = (parts[0].handed_at, parts[0].number)
    seen = transition.context.facts.event_counters.get(step.until)
    return seen.last_at if seen is not None and (seen.last_at, seen.last_number) > first else None


def end_by_reaction(transition: Transition, step: SendStep, at: Instant) -> int:
    """A reaction to any part ends the cascade; a part that is planned is taken back."""
    it = transition.enrollment
    cancel_planned(transition, "reaction")
    it.state = it.due = None
    it.clock = max(it.clock, at)
    return step.next
