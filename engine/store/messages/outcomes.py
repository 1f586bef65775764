"""What became of messages after their hand-over: reports in any order, lost answers, unknowns and their
settling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection

from engine.core.happening import MessageOutcome
from engine.store.inbox.inbox import append_each, append_one
from engine.store.messages.records import COLUMNS, OutboxMessage, read
from engine.store.messages.states import (
    LEASED,
    NOT_WANTED,
    UNSETTLED,
    MessageState,
    Mover,
    Selection,
    among,
    transition,
)
from engine.store.meta import bucket_of
from engine.store.serialization import dump
from engine.store.sql import change, rows
from engine.values import Instant

Told = Literal["bounced", "refused", "not_sent"]

_TOLD: Mapping[MessageState, Any] = {
    MessageState.ACCEPTED: "accepted",
    MessageState.DELIVERED: "delivered",
    MessageState.BOUNCED: "bounced",
    MessageState.COMPLAINED: "complained",
    MessageState.FAILED: "refused",
    MessageState.UNKNOWN: "unknown",
    MessageState.TREATED_AS_SENT: "settled",
}
"""What the journey hears; of a message that is held it has heard already that it is unknown."""


def settle(
    conn: Connection,
    send_key: str,
    customer: str,
    state: MessageState,
    now: Instant,
    *,
    provider_id: str = "",
    detail: str = "",
    settle_at: Instant | None = None,
    fence: int | None = None,
    told: Told | None = None,
) -> bool:
    """Writes what became of a message and tells the journey (`outcome` in the inbox). False: nothing new was
    said.

    Outcomes only go forward (`accepted` after `delivered` changes nothing), so reports may come in any order
    and any number of times. A late "accepted" also settles an `unknown`. For `unknown`, `settle_at` is when
    its policy is due. `fence`: the answer to this very claim; anything but a success counts only if nobody
    has claimed it since. `told`: what the journey hears, where that is not the same (a bounce of an address
    that the customer has left).
    """
    bucket, detail = bucket_of(conn, customer), detail[:500]
    selected = Selection.by_key(bucket, send_key)
    if state in (MessageState.ACCEPTED, MessageState.DELIVERED):
        # Good news counts from whoever brings it, but a message that never left cannot have arrived.
        selected = selected.also("o.handed_at IS NOT NULL")
    elif fence is not None:
        selected = selected.also("o.fence = ?", fence)
    moved = transition(
        conn, Mover.ANSWER, state, selected, now,
        "provider_id = CASE WHEN ? = '' THEN provider_id ELSE ? END, detail = CASE WHEN ? = '' THEN detail "
        "ELSE ? END",
        (provider_id, provider_id, detail, detail), settle_at=settle_at,
        returning="enrollment, channel, customer",
    )  # fmt: skip
    if not moved:
        # The message was on its way when its customer turned out to be another one, who may be in another
        # bucket.
        own = rows(conn, "SELECT customer FROM alias WHERE alias = ?", (customer,))
        if own and bucket_of(conn, own[0][0]) != bucket:
            return settle(
                conn, send_key, own[0][0], state, now, provider_id=provider_id, detail=detail,
                settle_at=settle_at, fence=fence, told=told,
            )  # fmt: skip
        if provider_id and state not in UNSETTLED:  # a report was faster than the answer to our own call
            change(
                conn,
                "UPDATE outbox SET provider_id = ? WHERE bucket = ? AND send_key = ? AND provider_id IS NULL",
                (provider_id, bucket, send_key),
            )
        return False
    if state in _TOLD:
        enrollment, channel, owner = moved[0]  # who may have another id since the message was claimed
        outcome = MessageOutcome(0, now, send_key, enrollment, told or _TOLD[state], detail, channel)
        append_one(conn, owner, outcome, now)
    return True


@dataclass(frozen=True, slots=True)
class AcceptedMessage:
    """A message that its provider has taken, and what it said."""

    message: OutboxMessage
    provider_id: str = ""
    detail: str = ""


def settle_accepted(
    conn: Connection, answers: Sequence[AcceptedMessage], now: Instant
) -> list[AcceptedMessage]:
    """As `settle` with ACCEPTED, for several messages in one statement. Those of which it says nothing new:
    to be settled one by one, which finds out why."""
    lines = [(answer.message.number, answer.provider_id, answer.detail[:500]) for answer in answers]
    # by the number, which is the key of the table; a message keeps its number for its whole life
    selected = Selection("o.number = CAST({cell0} AS BIGINT) AND o.handed_at IS NOT NULL", lines=dump(lines))
    moved = transition(
        conn, Mover.ANSWER, MessageState.ACCEPTED, selected, now,
        "provider_id = CASE WHEN {cell1} = '' THEN provider_id ELSE {cell1} END,"
        " detail = CASE WHEN {cell2} = '' THEN detail ELSE {cell2} END",
        returning="number, send_key, enrollment, channel, customer",
    )  # fmt: skip
    details = {number: detail for number, _, detail in lines}
    told = (
        (customer, MessageOutcome(0, now, key, enrollment, "accepted", details[number], channel))
        for number, key, enrollment, channel, customer in sorted(moved)
    )
    append_each(conn, told, now)
    settled = {number for number, *_ in moved}
    return [answer for answer in answers if answer.message.number not in settled]


def requeue(conn: Connection, send_key: str, customer: str, now: Instant, *, resend: bool) -> bool:
    """An unknown message is to be sent again. `resend` counts it as the one more copy that a policy allows;
    without it the provider has said that it never came. The journey is not told: for it the message is still
    on its way. False: it is settled, or its run has ended by a goal or an exit meanwhile, and nobody wants it
    any more."""
    wanted = Selection.by_key(bucket_of(conn, customer), send_key).also(
        "NOT EXISTS (SELECT 1 FROM enrollment e WHERE e.bucket = o.bucket AND e.customer = o.customer"  # noqa: S608
        f" AND e.id = o.enrollment AND {NOT_WANTED})"
    )
    sets = "ready_at = ?, resent = resent + ?"
    return bool(transition(conn, Mover.RETRY, MessageState.PLANNED, wanted, now, sets, (now, int(resend))))


def expire_leases(conn: Connection, now: Instant, settle_at: Instant | None = None) -> tuple[int, int]:
    """Deliverers that died: what they had claimed is planned again; what they had handed over is `unknown`,
    and only that (never sent again by itself). `settle_at`: when the policy on unknowns is due; None: to be
    said (`schedule`). (planned again, unknown)."""
    # both states of the partial index are named, else every message there ever was would be looked at
    ended = Selection(f"{among(LEASED, 'o.')} AND o.lease_until <= ?", (now,))
    return _end_claims(conn, ended, now, settle_at)


def expire_claims_of(conn: Connection, owner: str, now: Instant) -> tuple[int, int]:
    """As `expire_leases`, for everything in the hands of one deliverer, which is known to be dead."""
    return _end_claims(conn, Selection(f"{among(LEASED, 'o.')} AND o.owner = ?", (owner,)), now)


def _end_claims(
    conn: Connection, ended: Selection, now: Instant, settle_at: Instant | None = None
) -> tuple[int, int]:
    # The claim is given back as an attempt that was none; its fence stays, so that a worker that was only
    # slow can still hand it over, unless somebody has claimed it since.
    freed = transition(
        conn,
        Mover.CLAIM_END,
        MessageState.PLANNED,
        ended,
        now,
        "ready_at = ?, attempts = attempts - 1",
        (now,),
    )
    lost = transition(
        conn, Mover.CLAIM_END, MessageState.UNKNOWN, ended, now,
        "detail = 'the process ended between the hand-over and the answer'", settle_at=settle_at,
        returning="customer, send_key, enrollment, channel",
    )  # fmt: skip
    for customer, send_key, enrollment, channel in sorted(lost):
        append_one(
            conn, customer, MessageOutcome(0, now, send_key, enrollment, "unknown", channel=channel), now
        )
    return len(freed), len(lost)


def expire_all(conn: Connection, now: Instant) -> None:
    """Ends every lease: the start of the only daemon of an SQLite file."""
    change(
        conn,
        f"UPDATE outbox SET lease_until = ? WHERE {among(LEASED)} AND lease_until > ?",  # noqa: S608
        (now, now),
    )


def due(conn: Connection, now: Instant, limit: int = 1000) -> list[OutboxMessage]:
    """Unknown messages whose policy is to be applied now."""
    # asked by both states, which is what the partial index holds; held ones have no `settle_at`
    sql = (
        f"SELECT {COLUMNS} FROM outbox WHERE {among(UNSETTLED)} AND settle_at <= ? ORDER BY settle_at LIMIT ?"  # noqa: S608
    )
    return [
        message
        for row in rows(conn, sql, (now, limit))
        if (message := read(row)).state is MessageState.UNKNOWN
    ]


def unscheduled(conn: Connection, limit: int = 1000) -> list[OutboxMessage]:
    """Unknown messages of which nobody has said when their policy is due."""
    sql = f"SELECT {COLUMNS} FROM outbox WHERE {among(UNSETTLED)} AND settle_at IS NULL AND state = 'unknown' LIMIT ?"  # noqa: E501, S608
    return [read(row) for row in rows(conn, sql, (limit,))]


def schedule(conn: Connection, message: OutboxMessage, at: Instant) -> None:
    """Says when the policy on an unknown message is due."""
    change(
        conn, "UPDATE outbox SET settle_at = ? WHERE number = ? AND state = 'unknown'", (at, message.number)
    )


@dataclass(frozen=True, slots=True)
class OpenMessage:
    """An unknown or held message as it stands."""

    message: OutboxMessage
    settle_at: Instant | None  # when its policy is due, if it has one
    detail: str  # what is known of the attempt


def list_open(conn: Connection, customer: str | None = None) -> list[OpenMessage]:
    """Every unknown and held message (of a customer), the oldest first. Nothing is left out: these are
    listed."""
    sql = f"SELECT {COLUMNS}, settle_at, detail FROM outbox WHERE {among(UNSETTLED)}"  # noqa: S608
    parameters: tuple[Any, ...] = ()
    if customer is not None:
        sql, parameters = f"{sql} AND bucket = ? AND customer = ?", (bucket_of(conn, customer), customer)
    return [
        OpenMessage(read(message), settle_at, detail)
        for *message, settle_at, detail in rows(conn, f"{sql} ORDER BY handed_at, number", parameters)
    ]
