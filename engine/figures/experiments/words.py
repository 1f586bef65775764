"""What is said of an experiment, in sentences."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from engine.figures.experiments.trial import Trial
from engine.statistics.comparison import Arm, Comparison, Difference, MoneyMethod, Standing
from engine.statistics.interval import Interval
from engine.statistics.sequences import FEWEST


@dataclass(frozen=True, slots=True)
class Scene:
    """What a sentence needs beside the numbers. `people_a_month`: who come into the arms that it speaks of in
    30 days; `moment`: the day of the decision, None before it."""

    trial: Trial
    currency: str
    people_a_month: float
    moment: dt.date | None


def effect_words(difference: Difference, scene: Scene) -> str:
    """`between 12 fewer and 230 more orders a month, between 310.00 less and 4,200.00 more EUR a month`."""
    parts = []
    if difference.rate is not None:
        noun = "orders" if scene.trial.is_of_orders else "goals"
        low, high = (round(scene.people_a_month * bound) for bound in _bounds(difference.rate))
        parts.append(_between(f"{abs(low):,}", f"{abs(high):,}", low, high, "fewer", noun))
    if difference.money is not None:
        low_money, high_money = (scene.people_a_month * bound for bound in _bounds(difference.money))
        texts = (f"{abs(low_money):,.0f}", f"{abs(high_money):,.0f}")
        parts.append(_between(*texts, low_money, high_money, "less", scene.currency))
    return ", ".join(parts)


def _bounds(interval: Interval) -> tuple[float, float]:
    return interval.low, interval.high


def _between(low: str, high: str, at: float, to: float, less: str, noun: str) -> str:
    if at < 0 < to:
        return f"between {low} {less} and {high} more {noun} a month"
    if to <= 0 and at < 0:
        return f"between {high} and {low} {less} {noun} a month"
    return f"between {low} and {high} more {noun} a month"


def sentences(comparison: Comparison, arms: Sequence[Arm], scene: Scene) -> tuple[str, ...]:
    """What whoever reads the table has to know."""
    control = arms[0].name
    if comparison.is_alarm:
        seen = ", ".join(f"{arm.name} {arm.started:,}" for arm in arms)
        wanted = ", ".join(f"{arm.name} {arm.share:.0f}%" for arm in arms)
        return (
            f"ALARM: people did not fall into the arms as their shares say ({seen}; the shares are {wanted}; "
            f"chance does this once in {_once(comparison.ratio)}). Something else has divided them, so no "
            "effect is shown: look for what treats the arms differently before people are counted.",
        )
    if not any(arm.started for arm in arms):
        return ("Nobody has started yet.",)
    said = [_sentence(difference, control, scene) for difference in comparison.differences]
    if scene.moment is None:
        said.append(_waiting(arms, scene.trial))
    if comparison.ratio is None:
        said.append("Too few people to check whether they fell into the arms as their shares say.")
    return tuple(said)


def _sentence(difference: Difference, control: str, scene: Scene) -> str:
    name, effect = difference.arm, effect_words(difference, scene)
    match difference.standing:
        case Standing.OPEN if not effect:
            return (
                f"{name} against {control}: an arm has fewer than {FEWEST} people whose time is over; nothing "
                "can be said yet."
            )
        case Standing.OPEN:
            return (
                f"{name} against {control}, so far: {effect}. This holds whenever it is looked at, and calls "
                "nothing better."
            )
        case Standing.UNCLEAR:
            return f"{name} against {control}: cannot tell; the effect is most likely {effect}.{_by(difference)}"
        case better_or_worse:
            return f"{name} is {better_or_worse.value} than {control}: {effect}.{_by(difference)}"


def _by(difference: Difference) -> str:
    if difference.money_by is MoneyMethod.BOOTSTRAP:
        return " One person in a hundred carries more than half of the money: its interval is by bootstrap."
    return ""


def _waiting(arms: Sequence[Arm], trial: Trial) -> str:
    decide = trial.decide
    if decide is None:
        return "No moment of decision is fixed (`decide:`), so no arm is ever called better."
    if decide.on is not None:
        return f"Decided at the end of {decide.on.isoformat()}."
    missing = ", ".join(f"{arm.name} has {arm.goals.whole:,}" for arm in arms)
    return f"Decided after {decide.people:,} people each whose time is over: {missing}."


def _once(p: float | None) -> str:
    return f"{1 / p:,.0f}" if p else "more than anybody can count"
