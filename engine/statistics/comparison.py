"""The arms of an experiment against its control: what may be said of them now.

Until the moment that was fixed beforehand only intervals are given that hold however often somebody looks,
and nothing is called better. At that moment, once, the exact test decides, for several arms together (Holm).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.statistics import sequences
from engine.statistics.bootstrap import bootstrap
from engine.statistics.confidence import ConfidenceInterval
from engine.statistics.holm import holm
from engine.statistics.means import MoneySample, is_carried_by_few, welch
from engine.statistics.proportions import Proportion, fisher, newcombe
from engine.statistics.sample_ratio import ALARM, sample_ratio

DECIDED_BELOW = 0.042
"""The p-value below which an arm is better or worse: a little less than one in twenty, so that of any two
thousand experiments without an effect no more than one in twenty is called, by bad luck neither; and not so
much less that of those with the planned effect fewer than three in four were found."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One of the ways. `share`: of the people who come, in any unit; `started`: who came so far; `goals` and
    `money`: of those whose time is over."""

    name: str
    share: float
    started: int
    goals: Proportion
    money: MoneySample


class ArmVerdict(StrEnum):
    """What is said of an arm against the control."""

    OPEN = "open"  # the moment has not come
    BETTER = "better"
    WORSE = "worse"
    UNCLEAR = "cannot tell"


class MoneyMethod(StrEnum):
    """Where the interval of an amount comes from."""

    SEQUENCE = "sequence"
    WELCH = "welch"
    BOOTSTRAP = "bootstrap"


@dataclass(frozen=True, slots=True)
class ArmEffect:
    """An arm less the control. `p`: of the exact test, adjusted for all arms; None before the moment. An
    interval is None where there are too few people for one."""

    arm: str
    verdict: ArmVerdict
    rate: ConfidenceInterval | None
    money: ConfidenceInterval | None
    money_by: MoneyMethod
    p: float | None = None


@dataclass(frozen=True, slots=True)
class ExperimentResult:
    """`ratio`: the p-value of the sample-ratio check, None where it says nothing. Where `is_alarm`, nothing
    is said of any effect."""

    ratio: float | None
    is_alarm: bool
    effects: tuple[ArmEffect, ...]


def compare(arms: Sequence[Arm], *, is_moment: bool, planned: int, seed: str) -> ExperimentResult:
    """Each arm against the first one, the control. `is_moment`: these are the data of the moment that was
    fixed; `planned`: people in two arms for whom open intervals are narrowest, fixed beforehand too. `seed`:
    of people who are drawn again."""
    # first: where the people were not drawn as they should be, no comparison of them says anything
    ratio = sample_ratio([arm.started for arm in arms], [arm.share for arm in arms])
    if ratio is not None and ratio < ALARM:
        return ExperimentResult(ratio, True, ())
    control, *others = arms
    if not is_moment:
        return ExperimentResult(
            ratio,
            False,
            tuple(
                ArmEffect(
                    arm.name,
                    ArmVerdict.OPEN,
                    sequences.of_shares(arm.goals, control.goals, planned),
                    sequences.of_means(arm.money, control.money, planned),
                    MoneyMethod.SEQUENCE,
                )
                for arm in others
            ),
        )
    # all arms together: of many comparisons one would be called better by chance
    decided = holm([fisher(arm.goals, control.goals) for arm in others])
    by_few = is_carried_by_few(arm.money for arm in arms)
    return ExperimentResult(
        ratio,
        False,
        tuple(_decided(arm, control, p, seed, by_few=by_few) for arm, p in zip(others, decided, strict=True)),
    )


def _decided(arm: Arm, control: Arm, p: float, seed: str, *, by_few: bool) -> ArmEffect:
    # by the rate of goals alone: amounts have an interval and no test
    verdict = ArmVerdict.UNCLEAR
    if p < DECIDED_BELOW:
        verdict = ArmVerdict.BETTER if arm.goals.rate > control.goals.rate else ArmVerdict.WORSE
    has_people = arm.goals.whole > 0 and control.goals.whole > 0
    # a few large orders: the mean is far from normal, so people are drawn again
    if by_few and has_people:
        money: ConfidenceInterval | None = bootstrap(arm.money, control.money, f"{seed}/{arm.name}")
    else:
        money = welch(arm.money, control.money)
    return ArmEffect(
        arm.name,
        verdict,
        newcombe(arm.goals, control.goals) if has_people else None,
        money,
        MoneyMethod.BOOTSTRAP if by_few else MoneyMethod.WELCH,
        p,
    )
