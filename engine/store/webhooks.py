"""Calls that journeys asked for: planned with the decision, made at least once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.core.effects import Call
from engine.store.codec import load_values
from engine.store.hot import change, change_many, rows
from engine.values import Instant, Value


@dataclass(frozen=True, slots=True)
class Planned:
    """A call to make; `key` is its idempotency key."""

    number: int
    customer: str
    key: str
    enrollment: str
    webhook: str
    values: dict[str, Value]
    planned_at: Instant
    attempts: int


def plan(conn: Connection, bucket: int, calls: Sequence[tuple[str, Call, str]], now: Instant) -> None:
    """Plans calls: (customer, call, body). The same key is planned once."""
    change_many(
        conn,
        "INSERT INTO webhook_call (bucket, customer, call_key, enrollment, webhook, body, state, planned_at, ready_at,"
        " attempts, detail) VALUES (?, ?, ?, ?, ?, ?, 'planned', ?, ?, 0, '') ON CONFLICT (bucket, call_key) DO NOTHING",
        [(bucket, customer, c.key, c.enrollment, c.webhook, body, now, now) for customer, c, body in calls],
    )


def ready(conn: Connection, now: Instant, limit: int) -> list[Planned]:
    """Calls that are to be made now, the oldest first. One caller at a time asks for them."""
    sql = (
        "SELECT number, customer, call_key, enrollment, webhook, body, planned_at, attempts FROM webhook_call"
        " WHERE state = 'planned' AND ready_at <= ? ORDER BY ready_at, number LIMIT ?"
    )
    return [
        Planned(number, customer, key, enrollment, webhook, load_values(body), planned_at, attempts)
        for number, customer, key, enrollment, webhook, body, planned_at, attempts in rows(
            conn, sql, (now, limit)
        )
    ]


def note_done(conn: Connection, call: Planned, detail: str = "") -> None:
    """The receiver has taken it."""
    change(conn, "UPDATE webhook_call SET state = 'done', attempts = attempts + 1, detail = ? WHERE number = ?",
           (detail[:500], call.number))  # fmt: skip


def note_failure(conn: Connection, call: Planned, detail: str, retry_at: Instant | None) -> None:
    """It was not taken: again at `retry_at`; None gives it up."""
    change(
        conn,
        "UPDATE webhook_call SET state = CASE WHEN ? THEN 'planned' ELSE 'failed' END, ready_at = ?,"
        " attempts = attempts + 1, detail = ? WHERE number = ?",
        (retry_at is not None, retry_at or 0, detail[:500], call.number),
    )


def counts(conn: Connection) -> dict[str, int]:
    """How many calls are in each state."""
    return dict(rows(conn, "SELECT state, count(*) FROM webhook_call GROUP BY state ORDER BY state"))
