"""What became of messages after their hand-over: reports in any order, lost answers, unknowns and their settling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from sqlalchemy import Connection

from engine.core.happening import MessageOutcome
from engine.store.inbox.inbox import append_one
from engine.store.messages.records import COLUMNS, NOT_WANTED, OutboxMessage, read
from engine.store.meta import bucket_of
from engine.store.sql import change, rows
from engine.values import Instant

Settled = Literal[
    "accepted", "delivered", "bounced", "complained", "failed", "unknown", "treated_as_sent", "held"
]
Told = Literal["bounced", "refused", "not_sent"]

_AGAIN = "'planned', 'deferred', 'claimed'"
"""On its way a second time: a late proof that the first try arrived stops the second one."""

_BEFORE: Mapping[str, str] = {
    "accepted": f"{_AGAIN}, 'handoff', 'unknown', 'held', 'treated_as_sent'",
    "delivered": f"{_AGAIN}, 'handoff', 'accepted', 'unknown', 'held', 'treated_as_sent'",
    "bounced": "'claimed', 'handoff', 'accepted', 'delivered', 'unknown', 'held', 'treated_as_sent'",
    "complained": "'handoff', 'accepted', 'delivered', 'unknown', 'held', 'treated_as_sent'",
    "failed": "'claimed', 'handoff', 'accepted', 'unknown', 'held', 'treated_as_sent'",
    "unknown": "'handoff'",
    "treated_as_sent": "'unknown', 'held'",
    "held": "'unknown'",
}
"""From where an outcome leads on; anything else is a repetition or comes too late, and changes nothing."""

_TOLD: Mapping[str, str] = {
    "accepted": "accepted", "delivered": "delivered", "bounced": "bounced", "complained": "complained",
    "failed": "refused", "unknown": "unknown", "treated_as_sent": "settled",
}  # fmt: skip


def settle(
    conn: Connection,
    send_key: str,
    customer: str,
    state: Settled,
    now: Instant,
    *,
    provider_id: str = "",
    detail: str = "",
    settle_at: Instant | None = None,
    fence: int | None = None,
    told: Told | None = None,
) -> bool:
    """Writes what became of a message and tells the journey (`outcome` in the inbox). False: nothing new was said.

    Outcomes only go forward (`accepted` after `delivered` changes nothing), so reports may come in any order and any
    number of times. A late "accepted" also settles an `unknown`. For `unknown`, `settle_at` is when its policy is due.
    `fence`: the answer to this very claim; anything but a success counts only if nobody has claimed it since. `told`: what
    the journey hears, where that is not the same (a bounce of an address that the customer has left).
    """
    settled = state not in ("unknown", "held")
    forget = "body = NULL, " if settled else ""
    own = "" if fence is None or state in ("accepted", "delivered") else f" AND fence = {int(fence)}"
    sent = " AND handed_at IS NOT NULL" if state in ("accepted", "delivered") else ""
    found = rows(
        conn,
        f"UPDATE outbox SET state = ?, {forget}owner = NULL, lease_until = NULL, settle_at = ?, settled_at = ?,"  # noqa: S608
        " provider_id = CASE WHEN ? = '' THEN provider_id ELSE ? END, detail = CASE WHEN ? = '' THEN detail ELSE ? END"
        " WHERE bucket = ? AND send_key = ?"
        f" AND state IN ({_BEFORE[state]}){own}{sent} RETURNING enrollment, channel, customer",
        (state, settle_at, now if settled else None, provider_id, provider_id, detail[:500], detail[:500],
         bucket_of(conn, customer), send_key),
    )  # fmt: skip
    if not found:
        if provider_id and settled:  # a report was faster than the answer to our own call
            _name(conn, send_key, customer, provider_id)
        return False
    if state in _TOLD:
        kind = cast("Any", told or _TOLD[state])
        enrollment, channel, owner = found[0]  # who may have another id since the message was claimed
        append_one(
            conn, owner, MessageOutcome(0, now, send_key, enrollment, kind, detail[:500], channel), now
        )
    return True


def _name(conn: Connection, send_key: str, customer: str, provider_id: str) -> None:
    change(
        conn,
        "UPDATE outbox SET provider_id = ? WHERE bucket = ? AND send_key = ? AND provider_id IS NULL",
        (provider_id, bucket_of(conn, customer), send_key),
    )


def requeue(conn: Connection, send_key: str, customer: str, now: Instant, *, resend: bool) -> bool:
    """An unknown message is to be sent again. `resend` counts it as the one more copy that a policy allows; without it
    the provider has said that it never came. The journey is not told: for it the message is still on its way. False: it
    is settled, or its run has ended by a goal or an exit meanwhile, and nobody wants it any more."""
    changed = change(
        conn,
        "UPDATE outbox AS o SET state = 'planned', ready_at = ?, settle_at = NULL, resent = resent + ?"  # noqa: S608
        " WHERE bucket = ? AND send_key = ? AND state IN ('unknown', 'held') AND NOT EXISTS (SELECT 1 FROM enrollment e"
        f" WHERE e.bucket = o.bucket AND e.customer = o.customer AND e.id = o.enrollment AND {NOT_WANTED})",
        (now, int(resend), bucket_of(conn, customer), send_key),
    )
    return changed == 1


def expire_leases(conn: Connection, now: Instant, settle_at: Instant | None = None) -> tuple[int, int]:
    """Deliverers that died: what they had claimed is planned again; what they had handed over is `unknown`, and only
    that (never sent again by itself). `settle_at`: when the policy on unknowns is due; None: to be said (`schedule`).
    (planned again, unknown)."""
    freed = change(
        conn,
        "UPDATE outbox SET state = 'planned', owner = NULL, lease_until = NULL, ready_at = ?, attempts = attempts - 1"
        " WHERE state = 'claimed' AND lease_until <= ?",
        (now, now),
    )
    lost = rows(
        conn,
        "UPDATE outbox SET state = 'unknown', owner = NULL, lease_until = NULL, settle_at = ?,"
        " detail = 'the process ended between the hand-over and the answer'"
        " WHERE state = 'handoff' AND lease_until <= ? RETURNING customer, send_key, enrollment, channel",
        (settle_at, now),
    )
    for customer, send_key, enrollment, channel in sorted(lost):
        append_one(
            conn, customer, MessageOutcome(0, now, send_key, enrollment, "unknown", channel=channel), now
        )
    return freed, len(lost)


def expire_all(conn: Connection, now: Instant) -> None:
    """Ends every lease: the start of the only daemon of an SQLite file."""
    change(
        conn,
        "UPDATE outbox SET lease_until = ? WHERE state IN ('claimed', 'handoff') AND lease_until > ?",
        (now, now),
    )


def due(conn: Connection, now: Instant, limit: int = 1000) -> list[OutboxMessage]:
    """Unknown messages whose policy is to be applied now."""
    sql = f"SELECT {COLUMNS} FROM outbox WHERE state IN ('unknown', 'held') AND settle_at <= ? ORDER BY settle_at LIMIT ?"  # noqa: S608
    return [message for row in rows(conn, sql, (now, limit)) if (message := read(row)).state == "unknown"]


def unscheduled(conn: Connection, limit: int = 1000) -> list[OutboxMessage]:
    """Unknown messages of which nobody has said when their policy is due."""
    sql = f"SELECT {COLUMNS} FROM outbox WHERE state IN ('unknown', 'held') AND settle_at IS NULL AND state = 'unknown' LIMIT ?"  # noqa: S608
    return [read(row) for row in rows(conn, sql, (limit,))]


def schedule(conn: Connection, message: OutboxMessage, at: Instant) -> None:
    """Says when the policy on an unknown message is due."""
    change(
        conn, "UPDATE outbox SET settle_at = ? WHERE number = ? AND state = 'unknown'", (at, message.number)
    )


@dataclass(frozen=True, slots=True)
class Open:
    """An unknown or held message as it stands. `settle_at`: when its policy is due, if it has one; `detail`: what is known
    of the attempt."""

    message: OutboxMessage
    settle_at: Instant | None
    detail: str


def list_open(conn: Connection, customer: str | None = None) -> list[Open]:
    """Every unknown and held message (of a customer), the oldest first. Nothing is left out: these are listed."""
    sql = f"SELECT {COLUMNS}, settle_at, detail FROM outbox WHERE state IN ('unknown', 'held')"  # noqa: S608
    mine: tuple[Any, ...] = ()
    if customer is not None:
        sql, mine = f"{sql} AND bucket = ? AND customer = ?", (bucket_of(conn, customer), customer)
    return [Open(read(row[:-2]), *row[-2:]) for row in rows(conn, f"{sql} ORDER BY handed_at, number", mine)]
