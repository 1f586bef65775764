"""What a person did with a message of a run: clicks, opens, and the event a cascade listens for."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.awaited import fits, reacted_at
from engine.core.ending import cancel_planned
from engine.core.enrollment import Enrollment, Handing, Held, Listening, Part, Waiting
from engine.core.happening import Event, Reaction
from engine.core.journey import SendStep, WaitStep
from engine.core.run import Run
from engine.core.steps.wait import end_by
from engine.values import Instant, wall_clock


def part_of(run: Enrollment, key: str) -> tuple[str, Part] | None:
    """The step and the message of a key; None if this run did not hand it over."""
    for step, parts in run.sent.items():
        for part in parts:
            if part.key == key:
                return step, part
    return None


def change_part(run: Enrollment, step: str, old: Part, new: Part) -> None:
    """Puts what is now known of a message in its place."""
    run.sent[step] = tuple(new if part is old else part for part in run.sent[step])


def note_reaction(run: Run, reaction: Reaction) -> None:
    """Keeps the moment of a reaction: the latest one of each kind. A reply has been read, so it counts as an open."""
    found = part_of(run.it, reaction.key)
    if found is None:
        return
    step, part = found
    _note_habit(run, reaction, part)
    if reaction.kind == "clicked":
        new = replace(part, clicked_at=max(reaction.at, part.clicked_at or reaction.at))
        run.emit("message_clicked", step, part.template, part.channel, reaction.at)
    else:
        new = replace(part, opened_at=max(reaction.at, part.opened_at or reaction.at))
    change_part(run.it, step, part, new)
    run.say("reaction", run.interest.places.get(step), part.template, f"{reaction.kind} {part.channel}")


def _note_habit(run: Run, reaction: Reaction, part: Part) -> None:
    """What this customer does with messages: a click or a reply counts once for its channel, and the first reaction to a
    message for the hour of their day."""
    first = part.clicked_at is None and part.opened_at is None
    counts = part.clicked_at is None if reaction.kind == "clicked" else reaction.kind == "replied" and first
    if not (first or counts):
        return
    facts = run.turn.facts
    hour = wall_clock(reaction.at, facts.zone).hour if first else None
    facts.habits = facts.habits.with_reaction(part.channel if counts else None, hour)


def follow_reaction(run: Run, reaction: Reaction) -> int | None:
    """Where a run goes on because of a reaction; None if it stays where it is."""
    rest = run.it.rest
    step = run.interest.places.get(rest.step) if rest is not None and rest.step is not None else None
    if isinstance(rest, Waiting) and isinstance(step, WaitStep):
        awaited, due = step.awaited, run.it.due
        if awaited is None or awaited.reaction is None or (due is not None and reaction.at > due.at):
            return None
        found = part_of(run.it, reaction.key)
        fitting = awaited.reaction == "opened" or reaction.kind == "clicked"
        if (
            found is None
            or found[1].template != awaited.template
            or not fitting
            or reaction.at < rest.opened_at
        ):
            return None
        return end_by(run, step, reaction.at, reaction.number, f"{awaited.reaction} {awaited.template}")
    if isinstance(rest, Listening | Held | Handing) and isinstance(step, SendStep):
        reacted = reaction_there(run, step)
        return end_by_reaction(run, step, reacted) if reacted is not None else None
    return None


def follow_event(run: Run, event: Event) -> int | None:
    """Where a run goes on because of an event that its wait or cascade was waiting for; None if it stays."""
    rest = run.it.rest
    step = run.interest.places.get(rest.step) if rest is not None and rest.step is not None else None
    if isinstance(rest, Waiting) and isinstance(step, WaitStep):
        if step.awaited is not None and fits(run, step.awaited, rest, event):
            return end_by(run, step, event.occurred_at, event.number, event.name)
        return None
    if isinstance(rest, Listening | Held | Handing) and isinstance(step, SendStep):
        first = run.it.sent.get(step.id)
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
            return end_by_reaction(run, step, event.occurred_at)
    return None


def reaction_there(run: Run, step: SendStep) -> Instant | None:
    """The moment of the reaction that a cascade listens for, to any of its parts."""
    parts = run.it.sent.get(step.id)
    if not step.is_cascade or not parts:
        return None
    if step.until in ("clicked", "opened"):
        return min((at for part in parts if (at := reacted_at(part, step.until)) is not None), default=None)
    first = (parts[0].handed_at, parts[0].number)
    seen = run.turn.facts.seen.get(step.until)
    return seen.last_at if seen is not None and (seen.last_at, seen.last_number) > first else None


def end_by_reaction(run: Run, step: SendStep, at: Instant) -> int:
    """A reaction to any part ends the cascade; a part that is planned is taken back."""
    it = run.it
    cancel_planned(run, "reaction")
    it.rest = it.due = None
    it.clock = max(it.clock, at)
    return step.next
