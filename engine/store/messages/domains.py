"""Messages by the domain of their recipient: put off while it stands still, ready when it moves again."""

from __future__ import annotations

from sqlalchemy import Connection

from engine.store.messages.records import OutboxMessage
from engine.store.sql import change, rows
from engine.values import Instant


def paused(conn: Connection) -> frozenset[str]:
    """Recipient domains that stand still."""
    return frozenset(name for (name,) in rows(conn, "SELECT name FROM pause WHERE scope = 'domain'"))


def defer(conn: Connection, message: OutboxMessage, ready_at: Instant, why: str, address: str) -> bool:
    """Puts a claimed message back that was not tried, because of its domain: this counts as no attempt. The address is
    kept, so that it is not claimed again while the domain is paused. False: the claim was lost."""
    changed = change(
        conn,
        "UPDATE outbox SET state = 'planned', owner = NULL, lease_until = NULL, ready_at = ?, why = ?,"
        " attempts = attempts - 1, address = coalesce(address, ?)"
        " WHERE number = ? AND fence = ? AND state = 'claimed'",
        (ready_at, why, address, message.number, message.fence),
    )
    return changed == 1


def release(conn: Connection, domain: str) -> int:
    """What waits for a domain is ready now. How many messages."""
    return change(
        conn,
        "UPDATE outbox SET ready_at = due_at WHERE state IN ('planned', 'deferred') AND channel = 'email'"
        " AND ready_at > due_at AND lower(address) LIKE '%@' || ?",
        (domain,),
    )
