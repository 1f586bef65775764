"""W15 and W16: `via: cheapest likely` where there is nothing to choose from, or nothing to compare."""

from __future__ import annotations

from engine.compiler.check_input import JourneyCheckInput
from engine.compiler.walk import every_step
from engine.language import syntax
from engine.language.steps.send import Send
from engine.language.wording import quoted
from engine.problem import Problem


def check(checked: JourneyCheckInput) -> list[Problem]:
    """Every message whose channels are put in order for each customer."""
    return [
        problem
        for step in every_step(checked.file.steps)
        if isinstance(step, Send) and step.likely is not None
        for problem in _look(step, step.likely, checked)
    ]


def _look(step: Send, words: syntax.Text, checked: JourneyCheckInput) -> list[Problem]:
    known = checked.world.config.channels
    written = checked.world.templates.channels(step.template.value)
    named = [channel.value for channel in step.via] or list(written)
    if len(set(named)) == 1:
        return [_alone(step, words, named[0])]
    rows = [row for name, row in known.items() if name in named]
    return [_unpriced(words, row.name, row.currency) for row in rows if not row.priced]


def _alone(step: Send, words: syntax.Text, channel: str) -> Problem:
    template = step.template.value
    other = "sms" if channel != "sms" else "push"
    why, fix = (
        f"{quoted(template)} is written for no other channel",
        f"make  templates/{template}.{other}.txt",
    )
    if step.via:
        why, fix = "an order needs two channels", "name another channel"
    return Problem(
        words.span, "W15", f"there is only one channel to choose from: {channel}",
        why, f"write  via: {channel}  or {fix}", "warning", topic="shop",
    )  # fmt: skip


def _unpriced(words: syntax.Text, channel: str, currency: str) -> Problem:
    return Problem(
        words.span, "W16", f"{channel} has no price in config.yaml",
        "what costs nothing is always tried first",
        f"add  price: 0.06 {currency}  to the channel {channel}, or  price: 0 {currency}  if it is free",
        "warning", topic="shop",
    )  # fmt: skip
