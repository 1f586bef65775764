"""A plan that somebody reviewed, as a file, and how far the people may have moved on since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from engine.errors import UsageError
from engine.plan.in_flight import DeploymentPlan

MOST = 8_000_000
"""Bytes of such a file."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A number of the plan may be another one by so many people, or by so many percent of the greater one of
    the two; beyond both, it has moved away."""

    people: int = 100
    percent: int = 10


@dataclass(frozen=True, slots=True)
class ReviewedPlan:
    """`hash`: of all files that would be published, over deployment `against`. `gone`: steps whose people go
    on, as somebody said. `at` in UTC."""

    at: dt.datetime
    against: int
    hash: str
    plan: DeploymentPlan
    gone: tuple[str, ...] = ()
    tolerance: Tolerance = field(default_factory=Tolerance)


class PeopleMoved(NamedTuple):
    """A number that is another one than it was reviewed. `where`: in words."""

    where: str
    reviewed: int
    now: int


def written(reviewed: ReviewedPlan) -> bytes:
    """The file."""
    return msgspec.json.format(msgspec.json.encode(reviewed), indent=2) + b"\n"


def read(content: bytes, file: str) -> ReviewedPlan:
    """The plan of a file. Raises `UsageError` when it is none."""
    try:
        if len(content) > MOST:
            raise msgspec.ValidationError(f"it is larger than {MOST:,} bytes")
        return msgspec.json.decode(content, type=ReviewedPlan)
    except msgspec.MsgspecError as wrong:
        raise UsageError(f"{file} is no plan: {wrong}.", "`plan --out FILE` writes one") from wrong


def moved_away(reviewed: ReviewedPlan, now: DeploymentPlan) -> list[PeopleMoved]:
    """The numbers that are other ones by more than the tolerance."""
    before, after = dict(_numbers(reviewed.plan)), dict(_numbers(now))
    allowed = reviewed.tolerance
    found = []
    for where in (*before, *(where for where in after if where not in before)):
        was, people = before.get(where, 0), after.get(where, 0)
        apart = abs(people - was)
        if apart > allowed.people and apart * 100 > allowed.percent * max(was, people):
            found.append(PeopleMoved(where, was, people))
    return found


def _numbers(plan: DeploymentPlan) -> Iterator[tuple[str, int]]:
    for journey in plan.journeys:
        name = journey.journey
        for place in journey.places:
            yield f"journey {name}, at {place.step or 'no step'}", place.people
        yield f"journey {name}, leave by the changed goal", journey.reaches_goal
        yield f"journey {name}, leave by the changed exit_if", journey.leaves_early
    for segment in plan.segments:
        yield f"segment {segment.segment}, more", segment.enters
        yield f"segment {segment.segment}, fewer", segment.leaves
    for recount in plan.recounts:
        yield f"journey {recount.journey}, reach the goal by facts counted anew", recount.reaches_goal
        yield f"journey {recount.journey}, leave by facts counted anew", recount.leaves_early
    for admission in plan.admissions:
        if admission.members is not None:
            yield f"journey {admission.journey}, members of {admission.segment}", admission.members
