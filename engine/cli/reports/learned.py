"""What the steps of a project that learn would do now: intervals, orders of channels, hours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.core.facts.learned import NO_ENGAGEMENT, channel_order, explanation, their_hour
from engine.core.journey import Journey, SendStep, WaitStep
from engine.core.journeys import Journeys
from engine.core.timing.due import in_words, learned_interval


@dataclass(frozen=True, slots=True)
class LearnedValue:
    """One line about one step. `found`: what would happen for somebody of whom nothing is known; `why`: the
    reason."""

    file: str
    line: int
    found: str
    why: str


def findings(chosen: Iterable[Journey], journeys: Journeys) -> list[LearnedValue]:
    """One line for every step of these journeys that learns; `journeys` holds what was learned."""
    return [
        LearnedValue(journey.file, step.line, decision, why)
        for journey in chosen
        for step in journey.steps
        for decision, why in (
            _of_message(step, journeys)
            if isinstance(step, SendStep)
            else _of_wait(step, journey, journeys)
            if isinstance(step, WaitStep)
            else ()
        )
    ]


def _of_message(step: SendStep, journeys: Journeys) -> Iterator[tuple[str, str]]:
    ordered, learned = step.channels, journeys.learned
    if step.likely:
        ordered = channel_order(step.channels, step.template, journeys.prices, learned, NO_ENGAGEMENT)
        why = explanation(ordered, step.template, journeys.prices, learned, NO_ENGAGEMENT, journeys.currency)
        yield f"via: cheapest likely: {', '.join(ordered)}", why
    if step.learns:
        for channel in ordered if step.likely else ordered[:-1]:
            length, why = learned_interval(step, channel, learned)
            yield f"next_after: auto: {in_words(length)} after {channel}", why


def _of_wait(step: WaitStep, journey: Journey, journeys: Journeys) -> Iterator[tuple[str, str]]:
    if step.their_hour:
        hour = their_hour(NO_ENGAGEMENT, journeys.learned, journey.policy.quiet)
        yield f"their hour: {hour.time:%H:%M}", hour.why
