"""What publishing a folder would do, told from a snapshot: where people are is known, not who they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.core.coming_questions import AskedOutcomes, ComingQuestions
from engine.core.journey import SegmentRule
from engine.core.journeys import Journeys
from engine.plan.in_flight import DeploymentPlan, SegmentPlan
from engine.project import Project, load_published_journeys
from engine.runtime.publish.planning import ComingDeployment, planned
from engine.runtime.publish.segment_meaning import SegmentMeaning
from engine.store.customers.enrollments import RestingPlace
from engine.store.streams.snapshot import Snapshot
from engine.values import parse_instant


def plan_from_snapshot(
    snapshot: Snapshot, files: Mapping[str, str], project: Project, gone: Collection[str]
) -> ComingDeployment:
    """As `plan_deployment`, but for who would leave at once by a changed goal or `exit_if` and how segments
    change: that asks each person. `files`: those that were published."""
    before = load_published_journeys(files)
    coming = ComingDeployment(snapshot.deployment, files, before, project, DeploymentPlan())
    return planned(coming, _PeopleInSnapshot(snapshot, before), gone)


@dataclass(frozen=True, slots=True)
class _PeopleInSnapshot:
    snapshot: Snapshot
    before: Journeys

    def inside(self) -> Mapping[str, int]:
        return {name: journey.people for name, journey in self.snapshot.journeys.items()}

    def resting_places(self, journey: str) -> Sequence[RestingPlace]:
        return [
            RestingPlace(place.step, place.people, parse_instant(place.last_due) if place.last_due else None)
            for place in self.snapshot.journeys[journey].places
        ]

    def outcomes(self, _asked: ComingQuestions, /) -> AskedOutcomes:
        return Counter()

    def segments(self, _old: Journeys, _new: Journeys, /) -> Iterator[SegmentPlan]:
        return iter(())

    def members(self, segment: SegmentRule, new: Journeys, /) -> int | None:
        former = self.before.segments.get(segment.name)
        is_same = former is not None and SegmentMeaning.of(former, self.before) == SegmentMeaning.of(
            segment, new
        )
        return self.snapshot.segments.get(segment.name, 0) if is_same else None

    def took_members(self) -> Collection[str]:
        return self.snapshot.took_members
