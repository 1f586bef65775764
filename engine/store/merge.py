"""The rows of two customers who are one person: whose runs go on, and everything that carries the other id."""

from __future__ import annotations

from sqlalchemy import Connection

from engine.core.merge_enrollments import merge_enrollments
from engine.store.customers import enrollments
from engine.store.inbox import due_queue
from engine.store.messages import records
from engine.store.sql import change, rows
from engine.values import Instant

_RENAMED = ("enrollment", "outbox", "trace", "consent", "reaction", "webhook_call", "report", "code")


def move(conn: Connection, old: int, previous: str, new: int, customer: str, now: Instant) -> None:
    """Moves everything of `previous` but facts and history to `customer`. A message that was claimed is planned again,
    so that nobody hands it over under an id that is no more."""
    theirs = enrollments.of_customer(conn, old, previous)
    if theirs:
        ours = enrollments.of_customer(conn, new, customer)
        sql = "SELECT send_key FROM outbox WHERE bucket = ? AND customer = ? AND state IN ('handoff', 'unknown', 'held')"
        found = [*rows(conn, sql, (old, previous)), *rows(conn, sql, (new, customer))]
        united, cancelled = merge_enrollments([*ours, *theirs], {key for (key,) in found}, now)
        for bucket in {old, new}:
            records.cancel(conn, bucket, [(key, "joined") for key in cancelled], now)
        change(
            conn,
            "UPDATE outbox SET state = 'planned', fence = fence + 1, owner = NULL, lease_until = NULL"
            " WHERE bucket = ? AND customer = ? AND state = 'claimed'",
            (old, previous),
        )
        change(conn, "DELETE FROM enrollment WHERE bucket = ? AND customer = ?", (old, previous))
        enrollments.save(conn, new, [(customer, run, False) for run in united])
        due_queue.put(
            conn, new, [(run.due.at, customer) for run in united if run.is_open and run.due is not None]
        )
    for table in _RENAMED:
        sql = f"UPDATE {table} SET bucket = ?, customer = ? WHERE bucket = ? AND customer = ?"  # noqa: S608
        change(conn, sql, (new, customer, old, previous))
