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
from engine.store.counting.trial_log import TrialNote, TrialPhase
from engine.values import Duration, Instant

GLOBAL = "all journeys"
"""What the holdout of the whole shop is an experiment of."""

GLOBAL_WITHIN = Duration(days=90)
"""So long after the first marketing journey that somebody starts their orders count for the holdout of the
whole shop."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One experiment. `split`: "" for a holdout. `arms`: name and share, the control first. `within`: so long
    after they came in people are looked at. `is_of_orders`: the goal is an order. `since`: only who came in
    from here on counts."""

    journey: str
    split: str
    arms: tuple[tuple[str, int], ...]
    within: Duration
    is_of_orders: bool
    decide: DecisionMoment | None
    sources: tuple[tuple[str, str], ...]  # journey, split: the runs that it is made of
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
    def is_global(self) -> bool:
        """Of the whole shop."""
        return self.journey == GLOBAL

    @property
    def planned(self) -> int:
        """People in two arms for whom the open interval is narrowest."""
        if self.decide is None or self.decide.people is None:
            return PLANNED
        return 2 * self.decide.people


def trials(journeys: Journeys, order_event: str) -> list[Trial]:
    """All of them: the whole shop first, then by journey."""
    found = [*_global(journeys)]
    for name in sorted(journeys.by_name):
        found += of_journey(journeys.by_name[name], order_event)
    return found


def of_journey(journey: Journey, order_event: str) -> Iterator[Trial]:
    """The holdout of a journey, then its splits in the order of the file."""
    if journey.state == "draft":
        return
    within, is_of_orders = journey.goal.within, journey.goal.events == (order_event,)
    if journey.holdout:
        arms = ((HELD_OUT, journey.holdout), (TREATED, 100 - journey.holdout))
        yield Trial(
            journey.name, "", arms, within, is_of_orders, journey.decide, ((journey.name, ""),),
            journey.holdout, f"{journey.was or journey.name}: holdout",
        )  # fmt: skip
    for step in journey.steps:
        if isinstance(step, SplitStep):
            names = (step.id, step.was) if step.was else (step.id,)
            yield Trial(
                journey.name, step.id, _control_first(step), within, is_of_orders, step.decide,
                tuple((journey.name, name) for name in names),
                was=f"{journey.was or journey.name}: {step.was or step.id}",
            )  # fmt: skip


def _global(journeys: Journeys) -> Iterator[Trial]:
    share = journeys.global_holdout
    if share:
        marketing = tuple(
            (name, "") for name, journey in journeys.by_name.items() if journey.policy.consent is not None
        )
        arms = ((HELD_OUT, share), (TREATED, 100 - share))
        yield Trial(GLOBAL, "", arms, GLOBAL_WITHIN, True, journeys.global_decide, marketing)


def _control_first(step: SplitStep) -> tuple[tuple[str, int], ...]:
    """The path that is called `holdout` or `control`, else the first one of the file, and the others."""
    paths = [(name, share) for name, share, _ in step.paths]
    control = next((path for path in paths if path[0] in CONTROLS), paths[0])
    return (control, *(path for path in paths if path is not control))


def sources_of(found: list[Trial]) -> list[ArmSource]:
    """What is read for them; the number of an experiment is its place."""
    return [
        ArmSource(place, journey, split)
        for place, trial in enumerate(found)
        for journey, split in trial.sources
    ]


def notes_of(found: Iterable[Trial]) -> list[TrialNote]:
    """What a deployment keeps of them."""
    return [TrialNote(trial.title, trial.arms, trial.decide, trial.was) for trial in found]


def in_phases(trial: Trial, phases: Sequence[TrialPhase]) -> tuple[Trial, list[tuple[Trial, Instant]]]:
    """The experiment as it is published now, and as it was before, until when."""
    if not phases:
        return trial, []
    *earlier, last = phases
    now = replace(trial, since=last.since, declared_at=last.declared_at)
    before = [
        (
            replace(
                trial, arms=phase.arms, decide=phase.decide, since=phase.since, declared_at=phase.declared_at
            ),
            phase.ended_at,
        )
        for phase in earlier
        if phase.ended_at is not None and phase.decide is not None
    ]
    return now, before
