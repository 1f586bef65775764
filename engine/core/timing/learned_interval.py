"""`next_after`: how long a cascade listens after one part before the next channel, as written or as it was learned."""

from __future__ import annotations

from engine.core.enrollment import AwaitingReaction, Due
from engine.core.facts.learned import LEAST, Learned
from engine.core.journey import SendStep
from engine.core.timing.due import due_after
from engine.core.transition import Transition
from engine.values import MINUTE, Duration


def listen_until(transition: Transition, step: SendStep, state: AwaitingReaction) -> Due:
    """When the next channel is due, counted from the hand-over. A learned interval is what is known now: it stays."""
    length = step.next_after or Duration()
    if step.learns:
        length, why = learned_interval(step, state.channel, transition.context.journeys.learned)
        if transition.context.journeys.explain:
            transition.add_trace("learned", step, f"next_after: auto: {in_words(length)}", why)
    return due_after(state.handed_at, length, transition.context.facts.zone)


def learned_interval(step: SendStep, channel: str, learned: Learned) -> tuple[Duration, str]:
    """How long `next_after: auto` listens after this channel, and why, in words."""
    what = {"opened": "opens", "clicked": "clicks"}.get(step.until, step.until)
    where = f"{what} to {step.template} via {channel}"
    found = learned.interval(step.template, channel, step.until)
    if found is None:
        return step.next_after or Duration(), f"fewer than {LEAST} {where} are known yet"
    return found.length, f"90 % of {found.seen} {where}"


def in_words(length: Duration) -> str:
    """`6 hours 20 minutes`."""
    days, minutes = divmod(length.elapsed // MINUTE, 24 * 60)
    phrases = (
        (length.months, "month"),
        (length.days + days, "day"),
        (minutes // 60, "hour"),
        (minutes % 60, "minute"),
    )
    return " ".join(f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in phrases if count)
