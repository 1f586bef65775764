"""What publishing a folder does to people inside and to segments, counted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from engine.core.handlers.migrate import MoveRule


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
    """One journey that changes while people are inside. `reaches_goal`, `leaves_early`: for whom a changed
    goal or `exit_if` holds already, so that they leave; 0 from a snapshot, which cannot know. `is_gone`: it
    is refused, since its file is gone and people would be inside without waits and goals."""

    journey: str
    people: int
    places: tuple[PlaceInFlight, ...] = ()
    reaches_goal: int = 0
    leaves_early: int = 0
    is_gone: bool = False

    @property
    def held_out(self) -> int:
        """How many of `people` are its holdout, who rest nowhere. Where it is gone that is not counted."""
        return 0 if self.is_gone else max(0, self.people - sum(place.people for place in self.places))


@dataclass(frozen=True, slots=True)
class SegmentPlan:
    """A segment whose definition changes: who becomes a member and who no longer is one. `members`: now."""

    segment: str
    enters: int
    leaves: int
    members: int = 0


@dataclass(frozen=True, slots=True)
class FactPlan:
    """A fact that is counted anew from the recorded events, with what asks for it; whoever has another value
    is told when all are counted. `is_new`: until then nobody has a value, else the one of before. `people`
    are inside of these journeys."""

    fact: str
    is_new: bool
    segments: tuple[str, ...]
    journeys: tuple[str, ...]
    people: int


@dataclass(frozen=True, slots=True)
class RecountPlan:
    """What facts that are counted anew do to `people` inside of a journey that asks for them, also through a
    segment, as soon as everybody is counted: told by the events until now. `other_value`: of whom any of the
    facts is another one; of these reach the goal, leave early, wait until another moment, and to the others
    a condition still before them, or a moment that they will wait for, answers otherwise (`other_answer`)."""

    journey: str
    facts: tuple[str, ...]
    people: int
    other_value: int
    reaches_goal: int = 0
    leaves_early: int = 0
    other_moment: int = 0
    other_answer: int = 0


@dataclass(frozen=True, slots=True)
class PolicyPlan:
    """A policy that changes, with the journeys that send by it, and how many `people` are inside of these."""

    policy: str
    journeys: tuple[str, ...]
    people: int


@dataclass(frozen=True, slots=True)
class AdmissionPlan:
    """A journey that goes live with `members: all` for the first time: so many customers are in the segment
    by the coming definition, and come in over a day. None: only the store could tell."""

    journey: str
    segment: str
    members: int | None


class UncertainMatch(NamedTuple):
    """People at a step that is gone, while a similar one came in its place."""

    journey: JourneyPlan
    place: PlaceInFlight

    @property
    def name(self) -> str:
        """What `--gone` takes: `welcome.before_last_call`."""
        return f"{self.journey.journey}.{self.place.step}"


class Risk(StrEnum):
    """What people lose, what is refused first."""

    WITHOUT_FILE = "without_file"  # refused: nobody would know their waits and goals
    UNSURE = "unsure"  # refused until somebody says which step theirs is
    LEAVES = "leaves"
    REACHES_GOAL = "reaches_goal"
    LEAVES_EARLY = "leaves_early"
    RECOUNTED_GOAL = "recounted_goal"
    RECOUNTED_EXIT = "recounted_exit"
    FINISHES = "finishes"
    GOES_ON = "goes_on"


@dataclass(frozen=True, slots=True)
class RiskyChange:
    """So many people of a journey lose something. `step`: where they rest, "" for all of its places; `to`:
    where they go on, what their step may be, or the facts that are counted anew."""

    risk: Risk
    people: int
    journey: str
    step: str = ""
    to: str | None = None


@dataclass(frozen=True, slots=True)
class DeploymentPlan:
    """Whom a deployment meets. Journeys that are refused come first, then those with most people."""

    journeys: tuple[JourneyPlan, ...] = ()
    segments: tuple[SegmentPlan, ...] = ()
    facts: tuple[FactPlan, ...] = ()
    policies: tuple[PolicyPlan, ...] = ()
    recounts: tuple[RecountPlan, ...] = ()
    admissions: tuple[AdmissionPlan, ...] = ()

    @property
    def gone(self) -> tuple[JourneyPlan, ...]:
        """Journeys without a file, for whose sake the deployment is refused."""
        return tuple(journey for journey in self.journeys if journey.is_gone)

    @property
    def doubts(self) -> tuple[UncertainMatch, ...]:
        """What somebody has to answer before."""
        return tuple(
            UncertainMatch(journey, place)
            for journey in self.journeys for place in journey.places if place.seems is not None
        )  # fmt: skip

    @property
    def risks(self) -> tuple[RiskyChange, ...]:
        """What a reviewer looks at first: what is refused, then whatever meets most people."""
        found = [risk for journey in self.journeys for risk in _risks(journey)]
        found += [risk for recount in self.recounts for risk in _risks_of_recount(recount)]
        refused = (Risk.WITHOUT_FILE, Risk.UNSURE)
        return tuple(sorted(found, key=lambda risky: (risky.risk not in refused, -risky.people)))


def _risks(journey: JourneyPlan) -> Iterator[RiskyChange]:
    name = journey.journey
    if journey.is_gone:
        yield RiskyChange(Risk.WITHOUT_FILE, journey.people, name)
    for place in journey.places:
        if place.seems is not None:
            yield RiskyChange(Risk.UNSURE, place.people, name, place.step, place.seems)
        elif place.move in (MoveRule.LEAVES, MoveRule.FINISHES, MoveRule.GOES_ON):
            yield RiskyChange(Risk(place.move.value), place.people, name, place.step, place.to)
    if journey.reaches_goal:
        yield RiskyChange(Risk.REACHES_GOAL, journey.reaches_goal, name)
    if journey.leaves_early:
        yield RiskyChange(Risk.LEAVES_EARLY, journey.leaves_early, name)


def _risks_of_recount(recount: RecountPlan) -> Iterator[RiskyChange]:
    facts = ", ".join(recount.facts)
    if recount.reaches_goal:
        yield RiskyChange(Risk.RECOUNTED_GOAL, recount.reaches_goal, recount.journey, to=facts)
    if recount.leaves_early:
        yield RiskyChange(Risk.RECOUNTED_EXIT, recount.leaves_early, recount.journey, to=facts)
