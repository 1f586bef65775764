"""The history of decisions: what was asked, what was true, what was decided. It only grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from engine.core.decision.effects import Decision, Trace
from engine.store.meta import bucket_of
from engine.store.serialization import dump, load
from engine.store.sql import change_many, rows
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """A line of the trace, with the version of the files that it was decided by."""

    commit: str
    line: Trace


def append(
    conn: Connection,
    bucket: int,
    decided: Sequence[tuple[str, Sequence[Decision]]],
    now: Instant,
    commit: str,
) -> None:
    """Appends the lines of decisions: (customer, decisions); one row per customer."""
    found = []
    for customer, decisions in decided:
        lines = [line for decision in decisions for line in decision.trace]
        if lines:
            found.append((bucket, customer, now, commit, dump(lines)))
    change_many(
        conn, 'INSERT INTO trace (bucket, customer, at, "commit", lines) VALUES (?, ?, ?, ?, ?)', found
    )


def of_customer(conn: Connection, customer: str) -> list[TraceRecord]:
    """Everything that was decided about a customer, oldest first."""
    sql = 'SELECT "commit", lines FROM trace WHERE bucket = ? AND customer = ? ORDER BY number'
    found = rows(conn, sql, (bucket_of(conn, customer), customer))
    return [TraceRecord(commit, _line(row)) for commit, lines in found for row in load(lines)]


def _line(row: list[Any]) -> Trace:
    at, kind, journey, enrollment, step, line, subject, detail, read = row
    return Trace(
        at,
        kind,
        journey,
        enrollment,
        step,
        line,
        subject,
        detail,
        tuple((name, value) for name, value in read),
    )
