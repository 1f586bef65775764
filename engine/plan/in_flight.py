"""What publishing a folder does to people inside and to segments, counted."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


class PlannedMove(StrEnum):
    """What becomes of the people at one place (design/language 2.15)."""

    STAYS = "stays"
    KEEPS_MOMENT = "keeps_moment"  # stays, and is due when it was promised, whatever the file says now
    NEW_MOMENT = "new_moment"  # stays, and is due as the file says now
    PLANNED_ANEW = "planned_anew"  # stays; a message that is not handed over is planned anew
    GOES_ON = "goes_on"  # to the first later step that is still there
    FINISHES = "finishes"  # no later step is there any more
    LEAVES = "leaves"  # at once, since the journey is stopped


@dataclass(frozen=True, slots=True)
class PlaceInFlight:
    """People who rest at one step; "": between two steps. `to`: where they are afterwards, where that is
    another step; `until`: when the last of them is due by what was promised to them, in UTC; None: nobody of
    them is."""

    step: str
    people: int
    move: PlannedMove
    to: str | None = None
    until: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class JourneyPlan:
    """One journey that changes while people are inside. `leaves`: who leaves at once since a changed goal or
    `exit_if` holds for them already, by which of the two. `is_gone`: it is refused, since its file is gone
    and people would be inside without waits and goals."""

    journey: str
    people: int
    places: tuple[PlaceInFlight, ...] = ()
    reaches_goal: int = 0
    leaves_early: int = 0
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class SegmentPlan:
    """A segment whose definition changes: who becomes a member and who no longer is one."""

    segment: str
    enters: int
    leaves: int


@dataclass(frozen=True, slots=True)
class DeploymentPlan:
    """Whom a deployment meets. Journeys that are refused come first, then those with most people."""

    journeys: tuple[JourneyPlan, ...] = ()
    segments: tuple[SegmentPlan, ...] = ()

    @property
    def gone(self) -> tuple[JourneyPlan, ...]:
        """Journeys for whose sake the deployment is refused."""
        return tuple(journey for journey in self.journeys if journey.is_gone)
