"""What `deployments` tells: every publication with what it changed against the one before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from msgspec import convert
from sqlalchemy import Connection

from engine.core.handlers.migrate import MoveRule
from engine.plan.in_flight import DeploymentPlan
from engine.store.journeys import deployments
from engine.store.journeys.deployments import DeploymentRecord
from engine.values import iso


@dataclass(frozen=True, slots=True)
class MovedPeople:
    """People inside a journey that a deployment changed, by the rule that moved them (design/language 2.15):
    how many were planned, and how many it was."""

    journey: str
    rule: MoveRule
    planned: int
    happened: int


@dataclass(frozen=True, slots=True)
class DeploymentChange:
    """One publication. `added`, `changed`, `removed`: files of the project by their paths. `people`: who was
    inside a changed journey."""

    number: int
    at: str  # ISO 8601 in UTC
    whom: str
    commit: str
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    is_first: bool
    people: tuple[MovedPeople, ...]


def changes(conn: Connection, most: int) -> list[DeploymentChange]:
    """The newest publications, the newest first."""
    # one more: the oldest that is shown is compared as well
    records: list[DeploymentRecord | None] = [*deployments.latest(conn, most + 1)]
    if len(records) <= most:
        records.append(None)
    return [_change(conn, record, before) for record, before in pairwise(records) if record is not None]


def _change(conn: Connection, record: DeploymentRecord, before: DeploymentRecord | None) -> DeploymentChange:
    files = deployments.files(conn, record.number)
    former = deployments.files(conn, before.number) if before is not None else {}
    return DeploymentChange(
        number=record.number,
        at=iso(record.at),
        whom=record.whom,
        commit=record.commit,
        added=tuple(sorted(files.keys() - former.keys())),
        changed=tuple(sorted(name for name in files.keys() & former.keys() if files[name] != former[name])),
        removed=tuple(sorted(former.keys() - files.keys())),
        is_first=before is None,
        people=tuple(_moved(record)),
    )


def _moved(record: DeploymentRecord) -> Iterator[MovedPeople]:
    for journey in convert(record.plan, DeploymentPlan, strict=False).journeys:
        planned: Counter[str] = Counter()
        for place in journey.places:
            planned[place.move] += place.people
        # of a journey that moves nobody no trace is written
        happened: Mapping[str, int] = record.happened.get(journey.journey) or planned
        for rule in MoveRule:
            if planned[rule] or happened.get(rule):
                yield MovedPeople(journey.journey, rule, planned[rule], happened.get(rule, 0))
