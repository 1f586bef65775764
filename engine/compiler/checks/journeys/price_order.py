"""W05: a cascade goes from the cheapest channel to the dearest."""

from __future__ import annotations

from engine.compiler.check_input import JourneyCheckInput
from engine.compiler.walk import every_step
from engine.language.steps.send import Send
from engine.problem import Problem


def check(checked: JourneyCheckInput) -> list[Problem]:
    """`via` lists in another order than that of the prices."""
    return [
        problem
        for step in every_step(checked.file.steps)
        if isinstance(step, Send) and (problem := _out_of_order(step, checked))
    ]


def _out_of_order(step: Send, checked: JourneyCheckInput) -> Problem | None:
    if step.likely is not None:
        return None
    known = checked.world.config.channels
    rows = [known[channel.value] for channel in step.via if channel.value in known]
    for number, channel in enumerate(rows[1:], 1):
        before = rows[number - 1]
        if channel.price < before.price:
            cheapest_first = ", ".join(row.name for row in sorted(rows, key=lambda row: row.price))
            span = next(text.span for text in step.via if text.value == channel.name)
            return Problem(
                span, "W05",
                f"{channel.name} ({channel.price.normalize():f} {channel.currency}) is cheaper than "
                f"{before.name} "
                f"({before.price.normalize():f} {before.currency}) and comes after it",
                "whoever reacts to the first channel does not cost the price of the next",
                f"write  via: [{cheapest_first}]", "warning", topic="shop",
            )  # fmt: skip
    return None
