"""What is known of a change that is reviewed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from engine.plan.traffic import traffic
from engine.problem import in_order

if TYPE_CHECKING:
    from engine.cli.changes.pictures.folder import ChangePictures
    from engine.language.acceptance import AcceptedWarning
    from engine.plan.difference import ProjectDiff
    from engine.plan.in_flight import DeploymentPlan
    from engine.plan.traffic import Traffic
    from engine.problem import Problem
    from engine.simulate.replay.comparison import ReplayComparison
    from engine.simulate.stories.story_report import StoriesReport


class ReviewLabel(StrEnum):
    """What a forge says of a change as a whole, beside its title."""

    IN_FLIGHT = "journeys: people in flight"
    MESSAGES = "journeys: messages change"
    POLICY = "journeys: policy"
    NEWCOMERS = "journeys: only newcomers"
    NOTHING = "journeys: nothing changes"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedChange:
    """All that is known of a change. `plan`, `comparison`: None without a snapshot, and where files have
    mistakes. `stories`: of the journeys that changed, and of those where one fails; `problems`: of the files
    that changed; `accepted`: warnings that the change accepts; `refusals`: why `deploy` would refuse, where
    that is to be mended; `pictures`: Mermaid by journey; `patch`: the files as git compares them. `against`:
    the commit it is compared with. `within`: where the project stands in its repository, "" or ending in `/`.
    `made`: the folder with pictures before and after, if one was wanted. `snapshot`: as it was named, "":
    none; `not_played`: why its events are not; `members`: how many were in each segment; `next_messages`: by
    journey and id of a step the templates that whoever leaves it may get next."""

    differences: ProjectDiff
    plan: DeploymentPlan | None
    comparison: ReplayComparison | None
    stories: StoriesReport
    problems: Sequence[Problem]
    accepted: Sequence[AcceptedWarning]
    pictures: Mapping[str, str]
    patch: str
    zone: ZoneInfo
    currency: str
    against: str
    snapshot: str = ""
    within: str = ""
    made: ChangePictures | None = None
    refusals: Sequence[Problem] = ()
    not_played: str = ""
    members: Mapping[str, int] = field(default_factory=dict[str, int])
    next_messages: Mapping[str, Mapping[str, Sequence[str]]] = field(
        default_factory=dict[str, Mapping[str, Sequence[str]]]
    )

    @property
    def errors(self) -> int:
        """How many mistakes the changed files have."""
        return sum(problem.is_error for problem in self.problems)

    @property
    def warnings(self) -> int:
        """How many warnings stand against the changed files."""
        return len(self.problems) - self.errors

    @property
    def daily(self) -> Traffic | None:
        """What is sent a day; None where nothing was played."""
        if self.comparison is None:
            return None
        return traffic(self.comparison, self.differences.changed_journeys)

    @property
    def is_refused(self) -> bool:
        """It must not be merged as it is: a story fails, a file has mistakes, or `deploy` would refuse."""
        return self.stories.failed > 0 or self.errors > 0 or bool(self.refusals)

    @property
    def annotations(self) -> list[Problem]:
        """Why `deploy` would refuse, the mistakes, and the failing stories, at their places. Refusals come
        first: of a long list a forge shows the beginning."""
        from engine.simulate.checking import failures

        return [*self.refusals, *in_order([*self.problems, *failures(self.stories)])]

    @property
    def labels(self) -> tuple[ReviewLabel, ...]:
        """Whom it affects. Newcomers are named only where nobody else is affected."""
        from engine.plan.difference import Affected

        affected = self.differences.affects
        weighty = {
            Affected.IN_FLIGHT: ReviewLabel.IN_FLIGHT,
            Affected.MESSAGES: ReviewLabel.MESSAGES,
            Affected.POLICY: ReviewLabel.POLICY,
        }
        if found := tuple(weighty[who] for who in affected if who in weighty):
            return found
        if Affected.NEWCOMERS in affected:
            return (ReviewLabel.NEWCOMERS,)
        # what cannot be read may change anything
        return () if self.differences.unread else (ReviewLabel.NOTHING,)
