"""What publishing the folder would do to people inside and to segments: counted, and nothing is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.core.decision_context import DecisionContext
from engine.core.definition import definition
from engine.core.facts.customer import CustomerState
from engine.core.goal import leave_if_due
from engine.core.journey import Journey, Step, WaitStep
from engine.core.journeys import Journeys
from engine.core.migrate import Move, migration
from engine.errors import AuthorError
from engine.plan.in_flight import DeploymentPlan, JourneyPlan, PlaceInFlight, PlannedMove, SegmentPlan
from engine.project import Project
from engine.runtime.advance.maintenance import count_wrong_members
from engine.runtime.publish.last_published import deployable, published_journeys
from engine.store.customers import batches, enrollments
from engine.store.journeys import deployments
from engine.values import Instant, to_datetime

CHUNK = 2000
"""Customers who are loaded at once."""


@dataclass(frozen=True, slots=True)
class ComingDeployment:
    """A folder that would be published over deployment `number`, whose files are `published` (0 and none
    before the first). `project`: the folder with the one-off sends that are under way."""

    number: int
    published: Mapping[str, str]
    project: Project
    plan: DeploymentPlan


def plan_deployment(conn: Connection, project: Project, now: Instant) -> ComingDeployment:
    """What publishing a folder would do. Raises `AuthorError` as `deployable`."""
    number, project = deployments.current_number(conn), deployable(conn, project)
    published, old = deployments.files(conn, number), published_journeys(conn)
    plan = _plan(conn, old, project.journeys, now) if old is not None else DeploymentPlan()
    return ComingDeployment(number, published, project, plan)


def _plan(conn: Connection, old: Journeys, new: Journeys, now: Instant) -> DeploymentPlan:
    inside = enrollments.journeys_with_people(conn)
    plans = without_file(inside, new)
    former = _former_names(new)
    for name, people in inside.items():
        before, after = old.by_name.get(name), new.by_name.get(former.get(name, name))
        if (
            before is not None
            and after is not None
            and (before.hash, before.name) != (after.hash, after.name)
        ):
            plans.append(_journey(conn, before, after, new, people, now))
    plans.sort(key=lambda journey: (not journey.is_gone, -journey.people))
    return DeploymentPlan(tuple(plans), tuple(_segments(conn, old, new, now)))


def without_file(inside: Mapping[str, int], new: Journeys) -> list[JourneyPlan]:
    """Journeys with people inside (name -> how many) that nobody would know any more (plan P20)."""
    former = _former_names(new)
    return [
        JourneyPlan(name, people, is_gone=True)
        for name, people in inside.items() if name not in new.by_name and name not in former
    ]  # fmt: skip


def refusal(gone: JourneyPlan) -> AuthorError:
    """Why a journey of `without_file` cannot go, and what to do first."""
    return AuthorError(
        f'journeys/{gone.journey}.yaml is deleted, but {gone.people:,} people are in "{gone.journey}":'
        " their waits and goals would be gone without a trace",
        "first deploy it with  state: closing  (they finish) or  state: stopped  (they leave now), "
        "then delete it",
    )


def _former_names(new: Journeys) -> dict[str, str]:
    """Former name of a journey -> its name; one that another journey has now names that one."""
    return {
        journey.was: journey.name for journey in new.by_name.values()
        if journey.was is not None and journey.was not in new.by_name
    }  # fmt: skip


def _journey(
    conn: Connection, before: Journey, after: Journey, new: Journeys, people: int, now: Instant
) -> JourneyPlan:
    moves, was = migration(before, after), {step.id: step for step in before.steps}
    places = []
    for place in enrollments.resting_places(conn, before.name):
        move = moves.move_of(place.step) if place.step else None
        then = _planned(move, was.get(place.step), after)
        to = move.to if move is not None and move.to != place.step else None
        promised = None if then in (PlannedMove.LEAVES, PlannedMove.NEW_MOMENT) else place.last_due
        until = to_datetime(promised) if promised is not None else None
        places.append(PlaceInFlight(place.step, place.people, then, to, until))
    outcomes: Counter[str | None] = Counter()
    if _asked(before) != _asked(after) and after.state != "stopped":
        outcomes.update(_outcomes(conn, before.name, after.name, new, now))
    return JourneyPlan(after.name, people, tuple(places), outcomes["goal"], outcomes["exit_if"])


def _planned(move: Move | None, was: Step | None, after: Journey) -> PlannedMove:
    """`move`: None for people between two steps; `was`: the step where they rest, as it is published."""
    if after.state == "stopped":
        return PlannedMove.LEAVES
    if move is None:
        return PlannedMove.STAYS
    if move.kind == "gone":
        return PlannedMove.GOES_ON if move.to is not None else PlannedMove.FINISHES
    if move.recomputed:
        return PlannedMove.NEW_MOMENT
    if move.asks_again:
        return PlannedMove.PLANNED_ANEW
    now = next(step for step in after.steps if step.id == move.to)
    is_other = isinstance(was, WaitStep) and isinstance(now, WaitStep) and _moment(was) != _moment(now)
    return PlannedMove.KEEPS_MOMENT if is_other else PlannedMove.STAYS


def _moment(step: WaitStep) -> tuple[object, ...]:
    """What says when a wait ends by itself."""
    return step.length, step.until, step.at, step.weekdays, step.their_hour


def _asked(journey: Journey) -> tuple[object, ...]:
    """What is asked of everybody inside: a changed question may hold for them already."""
    goal = journey.goal
    return goal.events, goal.where, goal.when, goal.within, journey.exit_if


def _outcomes(
    conn: Connection, journey: str, called: str, new: Journeys, now: Instant
) -> Iterator[str | None]:
    """How the runs of a journey would end if the changed questions were asked at this moment."""
    for bucket, chunk in enrollments.chunks_inside(conn, journey, CHUNK):
        for state in batches.load_batch(conn, bucket, chunk, new, now).states.values():
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
