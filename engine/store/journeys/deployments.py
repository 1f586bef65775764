"""What was published: when, by whom, and the files themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from engine.store.serialization import dump, load
from engine.store.sql import change, rows
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class DeploymentRecord:
    """A publication. `journeys`: the hash of each; `hash`: of all files. `plan`: what was planned for the
    people inside, as `plan.in_flight.DeploymentPlan`; `happened`: what became of them, journey -> rule ->
    people. Both are empty of publications before version 0026."""

    number: int
    at: Instant
    whom: str
    commit: str
    hash: str
    journeys: Mapping[str, str]
    plan: Mapping[str, Any]
    happened: Mapping[str, Mapping[str, int]]


def current_number(conn: Connection) -> int:
    """The number of the last publication; 0 before the first."""
    return int(rows(conn, "SELECT coalesce(max(number), 0) FROM deployment")[0][0])


def current(conn: Connection) -> DeploymentRecord | None:
    """The last publication."""
    found = latest(conn, 1)
    return found[0] if found else None


def latest(conn: Connection, limit: int) -> list[DeploymentRecord]:
    """The newest publications, the newest first."""
    sql = (
        'SELECT number, at, whom, "commit", hash, CAST(journeys AS TEXT), CAST(plan AS TEXT), '
        "CAST(happened AS TEXT) FROM deployment ORDER BY number DESC LIMIT ?"
    )
    return [
        DeploymentRecord(number, at, whom, commit, hash_, load(journeys), load(plan), load(happened))
        for number, at, whom, commit, hash_, journeys, plan, happened in rows(conn, sql, (limit,))
    ]


def between(conn: Connection, first: Instant, last: Instant) -> list[tuple[int, Mapping[str, str]]]:
    """The publications that held at some moment of a stretch of time, the oldest first: number, and the hash
    of each journey."""
    sql = (
        "SELECT number, CAST(journeys AS TEXT) FROM deployment WHERE at <= ? AND number >="
        " coalesce((SELECT max(number) FROM deployment WHERE at <= ?), 0) ORDER BY number"
    )
    return [(number, load(journeys)) for number, journeys in rows(conn, sql, (last, first))]


def files(conn: Connection, number: int) -> dict[str, str]:
    """The files of a publication: path in the project -> text."""
    found = rows(conn, "SELECT CAST(files AS TEXT) FROM deployment WHERE number = ?", (number,))
    return dict(load(found[0][0])) if found else {}


def record(
    conn: Connection,
    *,
    at: Instant,
    whom: str,
    commit: str,
    hash_: str,
    journeys: Mapping[str, str],
    sources: Mapping[str, str],
    plan: Mapping[str, Any],
    happened: Mapping[str, Mapping[str, int]],
) -> int:
    """Records a publication; from then on it is the one that counts. Its number."""
    change(
        conn,
        'INSERT INTO deployment (at, whom, "commit", hash, journeys, files, plan, happened) '
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (at, whom, commit, hash_, dump(journeys), dump(sources), dump(plan), dump(happened)),
    )
    return current_number(conn)
