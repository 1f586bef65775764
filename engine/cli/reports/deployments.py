"""What `deployments` tells: every publication with what it changed against the one before."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import Connection

from engine.store.journeys import deployments
from engine.store.journeys.deployments import DeploymentRecord
from engine.values import iso


@dataclass(frozen=True, slots=True)
class DeploymentChange:
    """One publication. `added`, `changed`, `removed`: files of the project by their paths."""

    number: int
    at: str  # ISO 8601 in UTC
    whom: str
    commit: str
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    is_first: bool


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
    )
