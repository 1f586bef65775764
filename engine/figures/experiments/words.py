"""What is said of an experiment, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.figures.experiments.experiment import Experiment
from engine.statistics.comparison import Arm, ArmEffect, ArmVerdict, ExperimentResult, MoneyMethod
from engine.statistics.confidence import ConfidenceInterval
from engine.statistics.sequences import FEWEST

MONTH = 30
"""Days of a month in sentences."""

_SHORTEST = 7
"""Days that people must have come in for before a month is spoken of."""

TOO_LATE = (
    "The moment of `decide:` had passed when it was published, so that it was known what it would show: it "
    "decides nothing. Fix one that is still to come."
)


@dataclass(frozen=True, slots=True)
class Audience:
    """Of how many people a sentence speaks: those who came in, over so many days."""

    people: int
    days: float

    @property
    def is_by_month(self) -> bool:
        """Whether they came long enough to say what a month brings."""
        return self.days >= _SHORTEST

    @property
    def scale(self) -> float:
        """People in a month, or those who came."""
        return self.people / self.days * MONTH if self.is_by_month else self.people

    @property
    def words(self) -> str:
        """Behind a number."""
        return "a month" if self.is_by_month else f"among these {self.people:,} people"


@dataclass(frozen=True, slots=True)
class SentenceContext:
    """What a sentence needs beside the numbers. `waits`: why nothing is decided; "" where it is."""

    experiment: Experiment
    currency: str
    audience: Audience
    waits: str = ""


def effect_words(effect: ArmEffect, context: SentenceContext) -> str:
    """`between 12 fewer and 230 more orders a month, between 310 less and 4,200 more EUR a month`."""
    audience, parts = context.audience, []
    if effect.rate is not None:
        noun = "orders" if context.experiment.is_of_orders else "goals"
        parts.append(_between(effect.rate, audience, "fewer", noun))
    if effect.money is not None:
        parts.append(_between(effect.money, audience, "less", context.currency))
    return ", ".join(parts)


def _between(interval: ConfidenceInterval, audience: Audience, less: str, noun: str) -> str:
    low, high = (round(audience.scale * bound) for bound in (interval.low, interval.high))
    behind = f"{noun} {audience.words}"
    if low < 0 < high:
        return f"between {-low:,} {less} and {high:,} more {behind}"
    if low < 0:
        return f"between {-high:,} and {-low:,} {less} {behind}"
    return f"between {low:,} and {high:,} more {behind}"


def verdicts(result: ExperimentResult, arms: Sequence[Arm], context: SentenceContext) -> tuple[str, ...]:
    """What it shows: a sentence for each arm against the control, or why nothing may be said."""
    if result.is_alarm:
        return (_alarm(result, arms),)
    return tuple(_sentence(effect, arms[0].name, context) for effect in result.effects)


def caveats(result: ExperimentResult, context: SentenceContext) -> tuple[str, ...]:
    """What whoever reads it has to know beside that."""
    if result.is_alarm:
        return ()
    said = [context.waits] if context.waits else []
    if result.ratio is None:
        said.append("Too few people to check whether they fell into the arms as their shares say.")
    return tuple(said)


def waiting(arms: Sequence[Arm], experiment: Experiment) -> str:
    """Why nothing is decided yet."""
    decide = experiment.decide
    if experiment.is_part:
        return "Only who came in on these days: of a part of the people nothing is decided."
    if decide is None:
        return "No moment of decision is fixed (`decide:`), so no arm is ever called better."
    if decide.on is not None:
        return f"It is decided at the end of {decide.on.isoformat()}."
    missing = ", ".join(f"{arm.name} has {arm.goals.whole:,}" for arm in arms)
    return f"It is decided after {decide.people:,} people each whose time is over: {missing}."


def _alarm(result: ExperimentResult, arms: Sequence[Arm]) -> str:
    seen = ", ".join(f"{arm.name} {arm.started:,}" for arm in arms)
    whole = sum(arm.share for arm in arms)
    wanted = ", ".join(f"{arm.name} {100 * arm.share / whole:.0f}%" for arm in arms)
    rare = f"once in {1 / result.ratio:,.0f} times" if result.ratio else "never"
    return (
        f"ALARM: people did not fall into the arms as their shares say ({seen}; the shares are {wanted}; "
        f"chance does this {rare}). Something else has divided them, so no effect is shown: look for what "
        "treats the arms differently before people are counted."
    )


def _sentence(effect: ArmEffect, control: str, context: SentenceContext) -> str:
    name, words = effect.arm, effect_words(effect, context)
    match effect.verdict:
        case ArmVerdict.OPEN if not words:
            return (
                f"{name} against {control}: an arm has fewer than {FEWEST} people whose time is over; "
                "nothing can be said yet."
            )
        case ArmVerdict.OPEN:
            return (
                f"{name} against {control}, so far: {words}. This holds whenever it is looked at, and calls "
                "nothing better."
            )
        case ArmVerdict.UNCLEAR:
            most_likely = f"the effect is most likely {words}" if words else "too few people"
            return f"{name} against {control}: cannot tell; {most_likely}.{_by(effect)}"
        case ArmVerdict.BETTER | ArmVerdict.WORSE:
            return f"{name} is {effect.verdict.value} than {control}: {words}.{_by(effect)}"


def _by(effect: ArmEffect) -> str:
    if effect.money_by is MoneyMethod.BOOTSTRAP:
        return " One person in a hundred carries more than half of the money: its interval is by bootstrap."
    return ""
