"""Messages from the decision to what became of them: the states of design/reliability 2.1 as statements.

The life of a message as the deliverer sees it::

    claim -> (render, note_body) -> hand_over == "handed" -> the channel sends -> settle(...)
                                       |- "later":    the row waits again, nothing was sent
                                       '- "returned": the owner is asked again, nothing was sent
    give_up / defer    before the hand-over, or after an explicit "not now" of the provider
    expire_leases      a dead deliverer: claimed -> planned, handed over -> unknown
"""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Connection

from engine.core.happening import Happening, MessageOutcome, MessageReturned, MessageSent
from engine.store.customers.suppressions import ANY_PURPOSE
from engine.store.inbox.inbox import append_one
from engine.store.messages import daily_limits
from engine.store.messages.daily_limits import Quota
from engine.store.messages.records import COLUMNS, NOT_WANTED, OutboxMessage, read
from engine.store.sql import change, rows
from engine.values import Instant

Handover = Literal["handed", "later", "returned"]
UNWANTED = "its run has ended by a goal or an exit"


def claim(
    conn: Connection, channel: str, owner: str, now: Instant, lease: int, limit: int
) -> list[OutboxMessage]:
    """Takes up to `limit` messages of a channel that are ready, for `lease` ms; the fence of each grows by one.

    Nothing is taken while everything, the channel or the journey is paused, and nothing of a customer of whom something
    is not applied yet: it would come back from the hand-over, again and again while the customer is set aside.
    """
    found = rows(
        conn,
        "UPDATE outbox SET state = 'claimed', fence = fence + 1, owner = ?, lease_until = ?, attempts = attempts + 1"  # noqa: S608
        " WHERE number IN (SELECT o.number FROM outbox o WHERE o.state IN ('planned', 'deferred') AND o.channel = ?"
        " AND o.ready_at <= ? AND NOT EXISTS (SELECT 1 FROM pause p WHERE p.scope = 'all'"
        " OR (p.scope = 'channel' AND p.name = o.channel) OR (p.scope = 'journey' AND p.name = o.journey)"
        " OR (p.scope = 'domain' AND o.channel = 'email' AND lower(o.address) LIKE '%@' || p.name))"
        " AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.bucket = o.bucket AND i.customer = o.customer)"
        f" ORDER BY o.ready_at, o.number LIMIT ?) RETURNING {COLUMNS}",
        (owner, now + lease, channel, now, limit),
    )
    return [read(row) for row in sorted(found)]


def note_body(
    conn: Connection, message: OutboxMessage, body: str, body_hash: str, address: str, ref: str | None = None
) -> bool:
    """Keeps what was rendered, so that another attempt sends the same bytes. `ref`: the token by which a bounce finds it.
    False: the claim was lost."""
    changed = change(
        conn,
        "UPDATE outbox SET body = ?, body_hash = ?, address = ?, ref = ? WHERE number = ? AND fence = ? AND state = 'claimed'",
        (body, body_hash, address, ref, message.number, message.fence),
    )
    return changed == 1


def note_parts(conn: Connection, message: OutboxMessage, parts: int) -> None:
    """How many messages the provider will charge for this one; 1 where nobody says otherwise."""
    change(
        conn,
        "UPDATE outbox SET parts = ? WHERE number = ? AND fence = ? AND state = 'claimed'",
        (parts, message.number, message.fence),
    )


def hand_over(
    conn: Connection, message: OutboxMessage, address_hash: str, now: Instant, quota: Quota | None = None
) -> Handover:
    """The last honest moment (design/reliability 2.1): one fenced statement, and `handed` in the inbox beside
    it.

    "handed": it may be sent once this transaction is durable. "later": the claim is gone, or something of this
    customer is not applied yet, or a pause stands, or the ceiling of `quota` is reached; the message waits again. "returned": too late, the address is
    suppressed, the consent was withdrawn, or a provider said "not now" and the goal came before the next try; the owner
    asks all rules again. `address_hash`: `engine.store.meta.address_hash`.
    """
    if message.purpose is not None and _is_withdrawn(conn, message):
        why = "suppressed"
        if return_to_journey(conn, message, why, now) or _end_late(conn, message, why, now):
            return "returned"
    if (
        message.handed_at is not None
        and _is_unwanted(conn, message)
        and _end_late(conn, message, UNWANTED, now)
    ):
        return "returned"
    changed = change(
        conn,
        "UPDATE outbox SET state = 'handoff', why = '', handed_at = coalesce(handed_at, ?) WHERE number = ? AND fence = ? AND state = 'claimed'"
        " AND lease_until > ? AND valid_until > ?"
        " AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.bucket = outbox.bucket AND i.customer = outbox.customer)"
        " AND NOT EXISTS (SELECT 1 FROM suppression s WHERE s.address_hash = ? AND s.channel = outbox.channel"
        " AND (s.purpose IN ('all', outbox.purpose) OR (s.purpose = 'any purpose' AND outbox.purpose IS NOT NULL)))"
        " AND NOT EXISTS (SELECT 1 FROM pause p WHERE p.scope = 'all' OR (p.scope = 'channel' AND p.name = outbox.channel)"
        " OR (p.scope = 'journey' AND p.name = outbox.journey)"
        " OR (p.scope = 'domain' AND outbox.channel = 'email' AND lower(outbox.address) LIKE '%@' || p.name))"
        " AND (outbox.handed_at IS NOT NULL OR coalesce((SELECT v.handed FROM volume v WHERE v.journey = outbox.journey"
        " AND v.day = ?), 0) < ?)",
        (now, message.number, message.fence, now, now, address_hash, *daily_limits.asked(quota)),
    )
    if changed == 1:
        if message.handed_at is None:  # a second try of what has left for the journey is no second hand-over
            if quota is not None:
                daily_limits.count(conn, message.journey, quota)
            append_one(conn, message.customer, MessageSent(0, now, message.send_key, message.enrollment), now)
        return "handed"
    why = _why_returned(conn, message, address_hash, now)
    if why and (return_to_journey(conn, message, why, now) or _end_late(conn, message, why, now)):
        return "returned"
    if (
        quota is not None
        and message.handed_at is None
        and daily_limits.is_reached(conn, message.journey, quota)
    ):
        release(conn, message, Instant(min(quota.midnight, message.valid_until)), daily_limits.WHY)
        daily_limits.postpone(conn, message.journey, quota, now)
    else:
        release(conn, message, now)
    return "later"


def release(conn: Connection, message: OutboxMessage, ready_at: Instant, why: str = "") -> bool:
    """Puts a claimed message back before its hand-over, ready again at `ready_at`; it was no attempt. False: the claim
    was lost."""
    changed = change(
        conn,
        "UPDATE outbox SET state = 'planned', owner = NULL, lease_until = NULL, ready_at = ?, why = ?, attempts = attempts - 1"
        " WHERE number = ? AND fence = ? AND state = 'claimed'",
        (ready_at, why, message.number, message.fence),
    )
    return changed == 1


def defer(conn: Connection, message: OutboxMessage, ready_at: Instant, detail: str = "") -> bool:
    """The provider said "not now" (before or after the hand-over; explicitly, so that nothing was sent): again at
    `ready_at`. The moment of the first hand-over stays: for the journey the message has left. The answer of a slow worker
    may come when its lease has ended: then the message was unknown meanwhile."""
    changed = change(
        conn,
        "UPDATE outbox SET state = 'deferred', owner = NULL, lease_until = NULL, settle_at = NULL, ready_at = ?, detail = ?"
        " WHERE number = ? AND fence = ? AND state IN ('claimed', 'handoff', 'unknown')",
        (ready_at, detail[:500], message.number, message.fence),
    )
    return changed == 1


def suppress(conn: Connection, message: OutboxMessage, why: str, now: Instant) -> None:
    """A guard lets nobody at this address have it: the journey passes the channel over (`why` in core.delivery.REFUSED)."""
    if message.handed_at is not None:
        _end_late(conn, message, why, now)
        return
    changed = change(
        conn,
        "UPDATE outbox SET state = 'suppressed', why = ?, owner = NULL, lease_until = NULL, body = NULL, settled_at = ?"
        " WHERE number = ? AND fence = ? AND state = 'claimed'",
        (why, now, message.number, message.fence),
    )
    if changed == 1:
        append_one(
            conn, message.customer, MessageReturned(0, now, message.send_key, message.enrollment, why), now
        )


def hold(conn: Connection, message: OutboxMessage, why: str, now: Instant) -> None:
    """It may have left in a time that nobody remembers (a restored backup): held for a person, as an unknown one is."""
    changed = change(
        conn,
        "UPDATE outbox SET state = 'held', why = ?, detail = ?, owner = NULL, lease_until = NULL, settle_at = NULL,"
        " handed_at = coalesce(handed_at, ?) WHERE number = ? AND fence = ? AND state = 'claimed'",
        (why, why, now, message.number, message.fence),
    )
    if changed == 1:
        told = MessageOutcome(0, now, message.send_key, message.enrollment, "unknown", why, message.channel)
        append_one(conn, message.customer, told, now)


def return_to_journey(conn: Connection, message: OutboxMessage, why: str, now: Instant) -> bool:
    """Gives a message back before its hand-over: the journey asks all rules again (`returned` in the inbox)."""
    state = "suppressed" if why == "suppressed" else "expired"
    changed = change(
        conn,
        "UPDATE outbox SET state = ?, why = ?, owner = NULL, lease_until = NULL, body = NULL, settled_at = ?"
        " WHERE number = ? AND fence = ? AND state = 'claimed' AND handed_at IS NULL",
        (state, why, now, message.number, message.fence),
    )
    if changed == 1:
        append_one(
            conn, message.customer, MessageReturned(0, now, message.send_key, message.enrollment, why), now
        )
    return changed == 1


def waiting_channels(conn: Connection) -> list[str]:
    """Every channel that messages wait for; one step in the index for each, however many messages there are."""
    found: list[str] = []
    sql = "SELECT min(channel) FROM outbox WHERE state IN ('planned', 'deferred') AND channel > ?"
    while (channel := rows(conn, sql, (found[-1] if found else "",))[0][0]) is not None:
        found.append(channel)
    return found


def return_channel_to_journeys(conn: Connection, channel: str, now: Instant, limit: int = 500) -> int:
    """Gives back what waits for a channel that is no longer there: its journeys pass the channel over. How many."""
    found = rows(
        conn,
        f"SELECT {COLUMNS} FROM outbox WHERE state IN ('planned', 'deferred') AND channel = ?"  # noqa: S608
        " ORDER BY ready_at, number LIMIT ?",
        (channel, limit),
    )
    for message in map(read, found):
        was_handed = message.handed_at is not None
        state = "expired" if not was_handed else "treated_as_sent" if message.resent else "failed"
        change(
            conn,
            "UPDATE outbox SET state = ?, why = ?, body = NULL, settled_at = ? WHERE number = ?",
            (state, "its channel is gone", now, message.number),
        )
        key, run = message.send_key, message.enrollment
        told: Happening = MessageReturned(0, now, key, run, "refused")
        if was_handed:
            told = MessageOutcome(0, now, key, run, "settled" if message.resent else "refused", "", channel)
        append_one(conn, message.customer, told, now)
    return len(found)


def _end_late(conn: Connection, message: OutboxMessage, why: str, now: Instant) -> bool:
    """A further try of a message that had been handed over comes too late: a copy that may be there counts as sent,
    one that the provider did not take has failed."""
    if message.handed_at is None:
        return False
    state = "treated_as_sent" if message.resent else "failed"
    changed = change(
        conn,
        "UPDATE outbox SET state = ?, why = ?, owner = NULL, lease_until = NULL, body = NULL, settled_at = ?"
        " WHERE number = ? AND fence = ? AND state = 'claimed'",
        (state, why, now, message.number, message.fence),
    )
    if changed == 1:
        told = MessageOutcome(
            0,
            now,
            message.send_key,
            message.enrollment,
            "settled" if message.resent else "refused",
            why,
            message.channel,
        )
        append_one(conn, message.customer, told, now)
    return changed == 1


def _is_unwanted(conn: Connection, message: OutboxMessage) -> bool:
    """Since the first try, at which it left as far as its run knows, the goal came or something else ended the run."""
    sql = (
        "SELECT 1 FROM outbox o JOIN enrollment e ON e.bucket = o.bucket AND e.customer = o.customer AND e.id = o.enrollment"  # noqa: S608
        f" WHERE o.number = ? AND {NOT_WANTED}"
    )
    return bool(rows(conn, sql, (message.number,)))


def _is_withdrawn(conn: Connection, message: OutboxMessage) -> bool:
    """The customer agreed when the message was decided, and has taken it back since."""
    if conn.dialect.name == "sqlite":
        state, path = "json_extract(reach, ?)", f'$."{message.channel}".consents."{message.purpose}"'
    else:
        state, path = "reach #>> CAST(? AS text[])", f"{{{message.channel},consents,{message.purpose}}}"
    sql = f"SELECT 1 FROM customer WHERE bucket = ? AND id = ? AND {state} <> 'given'"  # noqa: S608
    return bool(rows(conn, sql, (message.bucket, message.customer, path)))


def _why_returned(conn: Connection, message: OutboxMessage, address_hash: str, now: Instant) -> str:
    purposes = ("all", "all") if message.purpose is None else (message.purpose, ANY_PURPOSE)
    suppressed = rows(
        conn,
        "SELECT 1 FROM suppression WHERE address_hash = ? AND channel = ? AND purpose IN ('all', ?, ?)",
        (address_hash, message.channel, *purposes),
    )
    if suppressed:
        return "suppressed"
    return "expired" if message.valid_until <= now else ""
