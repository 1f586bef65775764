"""Calls that journeys asked for: planned with the decision, made at least once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.core.decision.effects import Call
from engine.store.serialization import load_values
from engine.store.sql import SKIP_LOCKED, change, insert_many, rows
from engine.values import Instant, Value


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A call to make; `key` is its idempotency key."""

    number: int
    bucket: int
    customer: str
    key: str
    enrollment: str
    webhook: str
    values: dict[str, Value]
    planned_at: Instant
    attempts: int


def plan(conn: Connection, bucket: int, calls: Sequence[tuple[str, Call, str]], now: Instant) -> None:
    """Plans calls: (customer, call, body). The same key is planned once."""
    insert_many(
        conn,
        "webhook_call",
        [
            {
                "bucket": bucket,
                "customer": customer,
                "call_key": call.key,
                "enrollment": call.enrollment,
                "webhook": call.webhook,
                "body": body,
                "state": "planned",
                "planned_at": now,
                "ready_at": now,
                "attempts": 0,
                "detail": "",
            }
            for customer, call, body in calls
        ],
        "ON CONFLICT (bucket, call_key) DO NOTHING",
    )


_MOVES = (
    " AND NOT EXISTS (SELECT 1 FROM pause p JOIN enrollment e ON e.journey = p.name WHERE p.scope = 'journey'"
    " AND e.bucket = c.bucket AND e.customer = c.customer AND e.id = c.enrollment)"
)
"""The journey that asked for it does not stand still by order of an operator."""


def due(conn: Connection, now: Instant) -> dict[str, int]:
    """How many calls of each webhook are to be made now."""
    sql = f"SELECT webhook, count(*) FROM webhook_call c WHERE state = 'planned' AND ready_at <= ?{_MOVES} GROUP BY webhook"  # noqa: E501, S608
    return dict(rows(conn, sql, (now,)))


def take(conn: Connection, webhook: str, now: Instant, lease: int, limit: int) -> list[PlannedCall]:
    """Calls of one webhook that are to be made now, the oldest first. Nobody else gets them for `lease` ms:
    when a process dies over a call, it is made again after that, with the same key."""
    found = rows(
        conn,
        "UPDATE webhook_call SET ready_at = ? WHERE state = 'planned' AND ready_at <= ? AND number IN"  # noqa: S608
        f" (SELECT number FROM webhook_call c WHERE state = 'planned' AND webhook = ? AND ready_at <= "
        f"?{_MOVES}"
        f" ORDER BY ready_at, number LIMIT ? {SKIP_LOCKED})"
        " RETURNING number, bucket, customer, call_key, enrollment, webhook, body, planned_at, attempts",
        (now + lease, now, webhook, now, limit),
    )
    return [
        PlannedCall(number, bucket, customer, key, enrollment, name, load_values(body), planned_at, attempts)
        for number, bucket, customer, key, enrollment, name, body, planned_at, attempts in sorted(found)
    ]


def release(conn: Connection, call: PlannedCall, now: Instant) -> None:
    """It was not made: a pause began."""
    change(
        conn,
        "UPDATE webhook_call SET ready_at = ? WHERE number = ? AND state = 'planned'",
        (now, call.number),
    )


def note_done(conn: Connection, call: PlannedCall, detail: str = "") -> None:
    """The receiver has taken it."""
    change(conn, "UPDATE webhook_call SET state = 'done', attempts = attempts + 1, detail = ?"
           " WHERE number = ?",
           (detail[:500], call.number))  # fmt: skip


def note_failure(conn: Connection, call: PlannedCall, detail: str, retry_at: Instant | None) -> None:
    """It was not taken: again at `retry_at`; None gives it up."""
    change(
        conn,
        "UPDATE webhook_call SET state = CASE WHEN ? THEN 'planned' ELSE 'failed' END, ready_at = ?,"
        " attempts = attempts + 1, detail = ? WHERE number = ?",
        (retry_at is not None, retry_at or 0, detail[:500], call.number),
    )


def journey_of(conn: Connection, call: PlannedCall) -> str:
    """The journey that asked for a call; "" when its run is not kept any more."""
    found = rows(
        conn,
        "SELECT journey FROM enrollment WHERE bucket = ? AND customer = ? AND id = ?",
        (call.bucket, call.customer, call.enrollment),
    )
    return str(found[0][0]) if found else ""


@dataclass(frozen=True, slots=True)
class FailingCalls:
    """A webhook that has not taken calls: how many wait for another try, since when the oldest, and the last
    answer."""

    webhook: str
    waiting: int
    since: Instant
    next_at: Instant
    detail: str


def failing(conn: Connection) -> list[FailingCalls]:
    """Webhooks with calls that failed and are tried again, the oldest first."""
    found = rows(
        conn,
        "SELECT w.webhook, count(*), min(w.planned_at), min(w.ready_at), (SELECT l.detail FROM "
        "webhook_call l WHERE"
        " l.webhook = w.webhook AND l.state = 'planned' AND l.attempts > 0 ORDER BY l.ready_at DESC, "
        "l.number DESC LIMIT 1)"
        " FROM webhook_call w WHERE w.state = 'planned' AND w.attempts > 0 GROUP BY w.webhook ORDER BY 3, 1",
    )
    return [FailingCalls(*row) for row in found]


def counts(conn: Connection) -> dict[str, int]:
    """How many calls are in each state."""
    return dict(rows(conn, "SELECT state, count(*) FROM webhook_call GROUP BY state ORDER BY state"))
