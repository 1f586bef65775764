"""`next_after`: how long a cascade listens after one part before the next channel, as written or as it was learned."""

from __future__ import annotations

from engine.core.due import due_after
from engine.core.enrollment import Due, Listening
from engine.core.journey import SendStep
from engine.core.learned import LEAST, Interval
from engine.core.run import Run
from engine.values import MINUTE, Duration


def listen_until(run: Run, step: SendStep, rest: Listening) -> Due:
    """When the next channel is due, counted from the hand-over. A learned interval is what is known now: it stays."""
    length = step.next_after or Duration()
    if step.learns:
        found = run.turn.journeys.learned.interval(step.template, rest.channel, step.until)
        length = found.length if found is not None else length
        if run.turn.journeys.explain:
            run.say("learned", step, f"next_after: auto: {_words(length)}", _why(step, rest.channel, found))
    return due_after(rest.handed_at, length, run.turn.facts.zone)


def _why(step: SendStep, channel: str, found: Interval | None) -> str:
    what = "opens" if step.until == "opened" else "clicks" if step.until == "clicked" else step.until
    where = f"to {step.template} via {channel}"
    if found is None:
        return f"fewer than {LEAST} {what} {where} are known yet"
    return f"90 % of {found.seen} {what} {where}"


def _words(length: Duration) -> str:
    """`6 hours 20 minutes`."""
    minutes = length.elapsed // MINUTE
    parts = (
        (length.months, "month"),
        (length.days + minutes // 1440, "day"),
        (minutes % 1440 // 60, "hour"),
        (minutes % 60, "minute"),
    )
    return " ".join(f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count)
