"""The experiments of a shop: its holdouts and its splits, each with a control and what it is measured by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from engine.core.journey import DecisionMoment, Journey
from engine.core.journeys import Journeys
from engine.core.steps.split import SplitStep
from engine.language.steps.split import CONTROLS
from engine.statistics.sequences import PLANNED
from engine.store.counting.arms import HELD_OUT, TREATED, ArmSource
from engine.store.counting.experiment_log import ArmShare, ExperimentNote, ExperimentPhase
from engine.values import DAY, Duration, Instant

GLOBAL = "all journeys"
"""What the holdout of the whole shop is an experiment of."""

GLOBAL_WITHIN = Duration(days=90)
"""So long after the first marketing journey that somebody starts their orders count for the holdout of the
whole shop."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment. `split`: "" for a holdout. `arms`: name and share, the control first. `within`: so long
    after they came in people are looked at. `is_of_orders`: the goal is an order. `since`: only who came in
    from here on counts."""

    journey: str
    split: str
    arms: tuple[ArmShare, ...]
    within: Duration
    is_of_orders: bool
    decide: DecisionMoment | None
    sources: tuple[ArmSource, ...]  # the runs that it is made of
    own_share: int = 0  # percent of the journey's own holdout
    was: str = ""  # title under its former name
    since: Instant = Instant(0)
    declared_at: Instant = Instant(0)  # since when `decide` is published
    is_part: bool = False  # only those who came in on some days

    @property
    def title(self) -> str:
        """`abandoned_cart: holdout`."""
        return f"{self.journey}: {self.split or 'holdout'}"

    @property
    def names(self) -> list[str]:
        """Of its arms, the control first."""
        return [arm.name for arm in self.arms]

    @property
    def control(self) -> str:
        """What the others are compared with."""
        return self.arms[0].name

    @property
    def is_global(self) -> bool:
        """Of the whole shop."""
        return self.journey == GLOBAL

    @property
    def planned(self) -> int:
        """People in two arms for whom the open interval is narrowest."""
        if self.decide is None or self.decide.people is None:
            return PLANNED
        return 2 * self.decide.people


def experiments_of(journeys: Journeys, order_event: str) -> list[Experiment]:
    """All of them: the whole shop first, then by journey."""
    found = [*_global(journeys)]
    for name in sorted(journeys.by_name):
        found += of_journey(journeys.by_name[name], order_event)
    return found


def of_journey(journey: Journey, order_event: str) -> Iterator[Experiment]:
    """The holdout of a journey, then its splits in the order of the file."""
    if journey.state == "draft":
        return
    within, is_of_orders = journey.goal.within, journey.goal.events == (order_event,)
    if journey.holdout:
        arms = _holdout(journey.holdout)
        yield Experiment(
            journey.name, "", arms, within, is_of_orders, journey.decide,
            (ArmSource(0, journey.name, ""),),
            journey.holdout, f"{journey.was or journey.name}: holdout",
        )  # fmt: skip
    for step in journey.steps:
        if isinstance(step, SplitStep):
            names = (step.id, step.was) if step.was else (step.id,)
            yield Experiment(
                journey.name, step.id, _control_first(step), within, is_of_orders, step.decide,
                tuple(ArmSource(0, journey.name, name) for name in names),
                was=f"{journey.was or journey.name}: {step.was or step.id}",
            )  # fmt: skip


def _global(journeys: Journeys) -> Iterator[Experiment]:
    share = journeys.global_holdout
    if share:
        marketing = tuple(
            ArmSource(0, name, "")
            for name, journey in journeys.by_name.items()
            if journey.policy.consent is not None
        )
        yield Experiment(GLOBAL, "", _holdout(share), GLOBAL_WITHIN, True, journeys.global_decide, marketing)


def _holdout(share: int) -> tuple[ArmShare, ...]:
    return (ArmShare(HELD_OUT, share), ArmShare(TREATED, 100 - share))


def _control_first(step: SplitStep) -> tuple[ArmShare, ...]:
    """The path that is called `holdout` or `control`, else the first one of the file, and the others."""
    paths = [ArmShare(name, share) for name, share, _ in step.paths]
    control = next((path for path in paths if path.name in CONTROLS), paths[0])
    return (control, *(path for path in paths if path is not control))


def sources_of(found: Sequence[Experiment]) -> list[ArmSource]:
    """What is read for them; the number of an experiment is its place."""
    return [
        source._replace(experiment=place, longest=_longest(experiment.within))
        for place, experiment in enumerate(found)
        for source in experiment.sources
    ]


def _longest(length: Duration) -> int:
    """No fewer milliseconds than the length has in any zone: a month has at most 31 days, and a clock that is
    changed, even across the date line, adds less than two days."""
    return (length.months * 31 + length.days + 2) * DAY + length.elapsed


def notes_of(found: Iterable[Experiment]) -> list[ExperimentNote]:
    """What a deployment keeps of them."""
    return [
        ExperimentNote(experiment.title, experiment.arms, experiment.decide, experiment.was)
        for experiment in found
    ]


def in_phases(
    experiment: Experiment, phases: Sequence[ExperimentPhase]
) -> tuple[Experiment, list[tuple[Experiment, Instant]]]:
    """The experiment as it is published now, and as it was before, until when."""
    if not phases:
        return experiment, []
    *earlier, last = phases
    now = replace(experiment, since=last.since, declared_at=last.declared_at)
    before = [
        (
            replace(
                experiment,
                arms=phase.arms,
                decide=phase.decide,
                since=phase.since,
                declared_at=phase.declared_at,
            ),
            phase.ended_at,
        )
        for phase in earlier
        if phase.ended_at is not None and phase.decide is not None
    ]
    return now, before
