"""What publishing the folder would do to people inside and to segments: counted, and nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from sqlalchemy import Connection

from engine.core.decision_context import DecisionContext
from engine.core.definition import definition
from engine.core.facts.customer import CustomerState
from engine.core.goal import leave_if_due
from engine.core.journey import Journey, WaitStep
from engine.core.journeys import Journeys
from engine.core.migrate import Move, migration
from engine.runtime.advance.maintenance import count_wrong_members
from engine.store.customers import batches, enrollments
from engine.store.customers.enrollments import RestingPlace
from engine.values import Instant

CHUNK = 2000
"""Customers who are loaded at once."""


class Fate(StrEnum):
    """What becomes of the people at one place (design/language 2.15)."""

    STAYS = "stay"
    KEEPS_MOMENT = "stay and keep the moment they were promised"
    NEW_MOMENT = "stay and get the new moment"
    PLANNED_ANEW = "stay; what is not handed over is planned anew"
    GOES_ON = "go on"
    FINISHES = "have come to the end"
    LEAVES = "leave now"


@dataclass(frozen=True, slots=True)
class PlaceInFlight:
    """People who rest at one step. `to`: where they are afterwards, where that is another step; `until`: when
    the last of them is due by what was promised to them; None: nobody of them is."""

    step: str
    people: int
    fate: Fate
    to: str | None = None
    until: Instant | None = None


@dataclass(frozen=True, slots=True)
class JourneyPlan:
    """One journey that changes while people are inside. `leaves`: who leaves at once since a changed goal or
    `exit_if` holds for them already, by which of the two. `is_gone`: it would be refused, since people are
    inside a journey without a file."""

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
    """Whom a deployment meets."""

    journeys: tuple[JourneyPlan, ...] = ()
    segments: tuple[SegmentPlan, ...] = ()

    @property
    def is_refused(self) -> bool:
        """Whether `deploy` would refuse it."""
        return any(journey.is_gone for journey in self.journeys)


def plan(conn: Connection, old: Journeys, new: Journeys, now: Instant) -> DeploymentPlan:
    """`old`: what is published, `new`: what would be."""
    inside = enrollments.journeys_with_people(conn)
    renamed = {journey.was: journey for journey in new.by_name.values() if journey.was is not None}
    plans: list[JourneyPlan] = []
    for name, people in inside.items():
        before, after = old.by_name.get(name), new.by_name.get(name) or renamed.get(name)
        if after is None:
            plans.append(JourneyPlan(name, people, is_gone=True))
        elif before is not None and (before.hash, before.name) != (after.hash, after.name):
            plans.append(_journey(conn, before, after, new, people, now))
    plans.sort(key=lambda journey: (not journey.is_gone, -journey.people))
    return DeploymentPlan(tuple(plans), tuple(_segments(conn, old, new, now)))


def _journey(
    conn: Connection, before: Journey, after: Journey, new: Journeys, people: int, now: Instant
) -> JourneyPlan:
    moves = migration(before, after).moves
    waits = {step.id: step for step in (*before.steps, *after.steps) if isinstance(step, WaitStep)}
    changed = {
        step.id
        for step in before.steps
        if isinstance(step, WaitStep)
        and moves[step.id].to in waits
        and _moment(step) != _moment(waits[str(moves[step.id].to)])
    }
    places = tuple(
        _place(place, moves.get(place.step), after, place.step in changed)
        for place in enrollments.resting_places(conn, before.name)
    )
    reached = left = 0
    asks_anew = (before.goal, before.exit_if) != (after.goal, after.exit_if)
    if asks_anew and after.state != "stopped":
        for outcome in _outcomes(conn, before.name, after.name, new, now):
            reached += outcome == "goal"
            left += outcome == "exit_if"
    return JourneyPlan(after.name, people, places, reached, left)


def _moment(step: WaitStep) -> tuple[object, ...]:
    """What says when a wait ends by itself."""
    return step.length, step.until, step.at, step.weekdays, step.their_hour


def _place(place: RestingPlace, move: Move | None, after: Journey, is_changed: bool) -> PlaceInFlight:
    until = place.last_due
    if after.state == "stopped":
        return PlaceInFlight(place.step, place.people, Fate.LEAVES)
    if move is None:
        return PlaceInFlight(place.step, place.people, Fate.STAYS, None, until)
    to = move.to if move.to != place.step else None
    if move.kind == "gone":
        fate = Fate.GOES_ON if move.to is not None else Fate.FINISHES
        return PlaceInFlight(place.step, place.people, fate, move.to, until)
    if move.recomputed:
        return PlaceInFlight(place.step, place.people, Fate.NEW_MOMENT, to, None)
    fate = Fate.PLANNED_ANEW if move.asks_again else Fate.KEEPS_MOMENT if is_changed else Fate.STAYS
    return PlaceInFlight(place.step, place.people, fate, to, until)


def _outcomes(
    conn: Connection, journey: str, called: str, new: Journeys, now: Instant
) -> Iterator[str | None]:
    """How the runs of a journey would end if the changed questions were asked at this moment."""
    everybody = list(enrollments.customers_inside(conn, journey))
    for bucket, group in groupby(everybody, key=lambda person: person[0]):
        customers = [customer for _, customer in group]
        for start in range(0, len(customers), CHUNK):
            batch = batches.load_batch(conn, bucket, customers[start : start + CHUNK], new, now)
            for state in batch.states.values():
                for run in state.enrollments.values():
                    if run.journey != journey or not run.is_open or run.holdout:
                        continue
                    asked = run.fork()
                    asked.journey = called
                    context = DecisionContext.of(CustomerState(state.facts, {asked.id: asked}), new, now)
                    leave_if_due(context, asked)
                    ended = (decision.enrollment for decision in context.decisions)
                    yield next((run.outcome for run in ended if run is not None), None)


def _segments(conn: Connection, old: Journeys, new: Journeys, now: Instant) -> Iterator[SegmentPlan]:
    for name, rule in new.segments.items():
        before = old.segments.get(name)
        if before is None or definition(before.question.condition) != definition(rule.question.condition):
            enters, leaves = count_wrong_members(conn, rule, new, now)
            yield SegmentPlan(name, enters, leaves)
