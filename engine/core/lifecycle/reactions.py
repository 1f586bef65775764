"""What a person did with a message of a run: clicks, opens, and the event a cascade listens for."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.decision.ending import cancel_planned
from engine.core.decision.transition import Transition
from engine.core.enrollment import AwaitingReaction, AwaitingSend, Deferred, Enrollment, SentMessage, Waiting
from engine.core.happening import Event, Reaction
from engine.core.journey import SendStep, WaitStep
from engine.core.steps.wait import end_by, fits
from engine.values import Instant, wall_clock


def sent_message_of(enrollment: Enrollment, key: str) -> tuple[str, SentMessage] | None:
    """The step and the message of a key; None if this run did not hand it over."""
    for step, messages in enrollment.sent.items():
        for message in messages:
            if message.key == key:
                return step, message
    return None


def replace_message(enrollment: Enrollment, step: str, old: SentMessage, new: SentMessage) -> None:
    """Puts what is now known of a message in its place."""
    enrollment.sent[step] = tuple(new if message is old else message for message in enrollment.sent[step])


def note_reaction(transition: Transition, reaction: Reaction) -> None:
    """Keeps the moment of a reaction: the latest one of each kind. A reply has been read, so it counts as
    an open."""
    sent = sent_message_of(transition.enrollment, reaction.key)
    if sent is None:
        return
    step, message = sent
    # A click or a reply counts once for its channel, and the first reaction to a message for its hour of
    # their day. Before the moments below are written: they tell whether this is the first.
    is_first = message.clicked_at is None and message.opened_at is None
    for_channel = (
        message.clicked_at is None if reaction.kind == "clicked" else reaction.kind == "replied" and is_first
    )
    if is_first or for_channel:
        facts = transition.context.own_facts()
        hour = wall_clock(reaction.at, facts.zone).hour if is_first else None
        facts.engagement = facts.engagement.with_reaction(message.channel if for_channel else None, hour)
    if reaction.kind == "clicked":
        updated = replace(message, clicked_at=max(reaction.at, message.clicked_at or reaction.at))
        transition.emit("message_clicked", step, message.template, message.channel, reaction.at)
    else:
        updated = replace(message, opened_at=max(reaction.at, message.opened_at or reaction.at))
    replace_message(transition.enrollment, step, message, updated)
    transition.add_trace(
        "reaction",
        transition.subscription.steps_by_id.get(step),
        message.template,
        f"{reaction.kind} {message.channel}",
    )


def follow_reaction(transition: Transition, reaction: Reaction) -> int | None:
    """Where a run goes on because of a reaction; None if it stays where it is."""
    state = transition.enrollment.state
    step = (
        transition.subscription.steps_by_id.get(state.step)
        if state is not None and state.step is not None
        else None
    )
    if isinstance(state, Waiting) and isinstance(step, WaitStep):
        awaited, due = step.awaited, transition.enrollment.due
        if awaited is None or awaited.reaction is None or (due is not None and reaction.at > due.at):
            return None
        sent = sent_message_of(transition.enrollment, reaction.key)
        # A click counts as an open (2.20), and so does a reply.
        fitting = awaited.reaction == "opened" or reaction.kind == "clicked"
        if (
            sent is None
            or sent[1].template != awaited.template
            or not fitting
            or reaction.at < state.opened_at
        ):
            return None
        return end_by(
            transition, step, reaction.at, reaction.number, f"{awaited.reaction} {awaited.template}"
        )
    if isinstance(state, AwaitingReaction | Deferred | AwaitingSend) and isinstance(step, SendStep):
        reacted = reaction_there(transition, step)
        return end_by_reaction(transition, step, reacted) if reacted is not None else None
    return None


def follow_event(transition: Transition, event: Event) -> int | None:
    """Where a run goes on because of an event that its wait or cascade was waiting for; None if it stays."""
    state = transition.enrollment.state
    step = (
        transition.subscription.steps_by_id.get(state.step)
        if state is not None and state.step is not None
        else None
    )
    if isinstance(state, Waiting) and isinstance(step, WaitStep):
        if step.awaited is not None and fits(transition, step.awaited, state, event):
            return end_by(transition, step, event.occurred_at, event.number, event.name)
        return None
    if isinstance(state, AwaitingReaction | Deferred | AwaitingSend) and isinstance(step, SendStep):
        first = transition.enrollment.sent.get(step.id)
        if (
            step.is_cascade
            and first
            and step.until == event.name
            and (event.occurred_at, event.number) > (first[0].handed_at, first[0].number)
        ):
            return end_by_reaction(transition, step, event.occurred_at)
    return None


def reaction_there(transition: Transition, step: SendStep) -> Instant | None:
    """The moment of the reaction that a cascade listens for, to any of its parts."""
    messages = transition.enrollment.sent.get(step.id)
    if not step.is_cascade or not messages:
        return None
    # Clicks and opens belong to a message and are kept with it; an event has only its counter to be found by.
    if step.until in ("clicked", "opened"):
        return min(
            (at for message in messages if (at := message.reacted_at(step.until)) is not None), default=None
        )
    first = (messages[0].handed_at, messages[0].number)
    seen = transition.context.facts.event_counters.get(step.until)
    return seen.last_at if seen is not None and (seen.last_at, seen.last_number) > first else None


def end_by_reaction(transition: Transition, step: SendStep, at: Instant) -> int:
    """A reaction to any part ends the cascade; a part that is planned is taken back."""
    enrollment = transition.enrollment
    cancel_planned(transition, "reaction")
    enrollment.state = enrollment.due = None
    # Never back: a reaction that is told late must not put the clock before the last hand-over.
    enrollment.clock = max(enrollment.clock, at)
    return step.next
