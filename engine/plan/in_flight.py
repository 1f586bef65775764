"""What publishing a folder does to people inside and to segments, counted."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple

from engine.core.migrate import MoveRule


@dataclass(frozen=True, slots=True)
class PlaceInFlight:
    """People who rest at one step; "": between two steps. `to`: where they are afterwards, where that is
    another step; `until`: when the last of them is due by what was promised to them, in UTC; None: nobody of
    them is. `seems`: a new step in the place of theirs, which is gone; whether it is the same under another
    name, somebody has to say."""

    step: str
    people: int
    move: MoveRule
    to: str | None = None
    until: dt.datetime | None = None
    seems: str | None = None


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


class Doubt(NamedTuple):
    """People at a step that is gone, while a similar one came in its place."""

    journey: JourneyPlan
    place: PlaceInFlight

    @property
    def name(self) -> str:
        """What `--gone` takes: `welcome.before_last_call`."""
        return f"{self.journey.journey}.{self.place.step}"


@dataclass(frozen=True, slots=True)
class DeploymentPlan:
    """Whom a deployment meets. Journeys that are refused come first, then those with most people."""

    journeys: tuple[JourneyPlan, ...] = ()
    segments: tuple[SegmentPlan, ...] = ()

    @property
    def gone(self) -> tuple[JourneyPlan, ...]:
        """Journeys without a file, for whose sake the deployment is refused."""
        return tuple(journey for journey in self.journeys if journey.is_gone)

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """What somebody has to answer before."""
        return tuple(
            Doubt(journey, place)
            for journey in self.journeys for place in journey.places if place.seems is not None
        )  # fmt: skip
