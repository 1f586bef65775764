"""`next_after`: how long a cascade listens after one part before the next channel, as written or as it was learned."""

from __future__ import annotations

from engine.core.due import due_after
from engine.core.enrollment import Due, Listening
from engine.core.journey import SendStep
from engine.core.learned import LEAST, Learned
from engine.core.run import Run
from engine.values import MINUTE, Duration


def listen_until(run: Run, step: SendStep, rest: Listening) -> Due:
    """When the next channel is due, counted from the hand-over. A learned interval is what is known now: it stays."""
    length = step.next_after or Duration()
    if step.learns:
        length, why = learned_interval(step, rest.channel, run.turn.journeys.learned)
        if run.turn.journeys.explain:
            run.say("learned", step, f"next_after: auto: {in_words(length)}", why)
    return due_after(rest.handed_at, length, run.turn.facts.zone)


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
    parts = (
        (length.months, "month"),
        (length.days + days, "day"),
        (minutes // 60, "hour"),
        (minutes % 60, "minute"),
    )
    return " ".join(f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count)
