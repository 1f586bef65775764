"""Messages on their way out: claimed, prepared, handed over, or put back (`engine.store.messages.states`).

The life of a message as its worker sees it::

    claim -> (render, note_body) -> hand_over == "handed" -> the channel sends -> outcomes.settle(...)
                                       |- "later":    the row waits again, nothing was sent
                                       '- "returned": the owner is asked again, nothing was sent
    release / defer    before the hand-over, or after an explicit "not now" of the provider
"""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Connection

from engine.core.happening import MessageOutcome, MessageReturned, MessageSent
from engine.core.reasons import ReturnReason
from engine.store.customers.suppressions import ANY_PURPOSE
from engine.store.inbox.inbox import append_one
from engine.store.messages import daily_limits, destinations
from engine.store.messages.daily_limits import Quota
from engine.store.messages.destinations import NOBODY, NOT_USED, Destination
from engine.store.messages.records import COLUMNS, OutboxMessage, read
from engine.store.messages.states import (
    NOT_PAUSED,
    NOT_WANTED,
    WAITING,
    MessageState,
    Mover,
    Selection,
    among,
    transition,
)
from engine.store.sql import change, rows
from engine.values import Instant

Handover = Literal["handed", "later", "returned"]
NO_CHANNEL = "its channel is gone"

_CLOSED = (ReturnReason.SUPPRESSED, ReturnReason.NOT_LISTED)

_NOTHING_UNAPPLIED = (
    "NOT EXISTS (SELECT 1 FROM inbox i WHERE i.bucket = o.bucket AND i.customer = o.customer)"
)
"""What a customer just did may end what a message was decided by."""

_CLAIMED = f"number = ? AND fence = ? AND state = '{MessageState.CLAIMED}'"


def claim(
    conn: Connection, channel: str, owner: str, now: Instant, lease: int, limit: int
) -> list[OutboxMessage]:
    """Takes up to `limit` messages of a channel that are ready, for `lease` ms; the fence of each grows by
    one.

    Nothing is taken while everything, the channel or the journey is paused, and nothing of a customer of whom
    something is not applied yet: it would come back from the hand-over, again and again while the customer is
    set aside.
    """
    ready = (
        f"SELECT o.number FROM outbox o WHERE {among(WAITING, 'o.')} AND o.channel = ? AND o.ready_at <= ?"  # noqa: S608
        f" AND {NOT_PAUSED} AND {_NOTHING_UNAPPLIED} ORDER BY o.ready_at, o.number LIMIT ?"
    )
    claimed = transition(
        conn, Mover.WORKER, MessageState.CLAIMED, Selection(f"o.number IN ({ready})", (channel, now, limit)),
        now,
        "fence = fence + 1, owner = ?, lease_until = ?, attempts = attempts + 1", (owner, now + lease),
        returning=COLUMNS,
    )  # fmt: skip
    return [read(row) for row in sorted(claimed)]


def note_body(
    conn: Connection, message: OutboxMessage, body: str, body_hash: str, address: str, ref: str | None = None
) -> bool:
    """Keeps what was rendered, so that another attempt sends the same bytes. `ref`: the token by which a
    bounce finds it. False: the claim was lost."""
    changed = change(
        conn,
        f"UPDATE outbox SET body = ?, body_hash = ?, address = ?, ref = ? WHERE {_CLAIMED}",  # noqa: S608
        (body, body_hash, address, ref, message.number, message.fence),
    )
    return changed == 1


def note_parts(conn: Connection, message: OutboxMessage, parts: int) -> None:
    """How many messages the provider will charge for this one; 1 where nobody says otherwise."""
    change(
        conn,
        f"UPDATE outbox SET parts = ? WHERE {_CLAIMED}",  # noqa: S608
        (parts, message.number, message.fence),
    )


_MAY_LEAVE = (
    f"o.lease_until > ? AND o.valid_until > ? AND {_NOTHING_UNAPPLIED}"  # noqa: S608
    " AND NOT EXISTS (SELECT 1 FROM suppression s WHERE s.address_hash = ? AND s.channel = o.channel"
    f" AND (s.purpose IN ('all', o.purpose) OR (s.purpose = '{ANY_PURPOSE}' AND o.purpose IS NOT NULL)))"
    f" AND {NOT_PAUSED} AND {NOT_USED}"
    # another try of what has left for its journey was counted on the day of the first one
    " AND (o.handed_at IS NOT NULL OR coalesce((SELECT v.handed FROM volume v WHERE v.journey = o.journey"
    " AND v.day = ?), 0) < ?)"
)


def hand_over(
    conn: Connection,
    message: OutboxMessage,
    address_hash: str,
    now: Instant,
    quota: Quota | None = None,
    destination: Destination = NOBODY,
) -> Handover:
    """The last moment at which a message can be stopped (design/reliability 2.1): one fenced statement, and
    `handed` in the inbox beside it.

    "handed": it may be sent once this transaction is durable. "later": the claim is gone, or something of
    this customer is not applied yet, or a pause stands, or the ceiling of `quota` is reached; the message
    waits again. "returned": too late, the address is suppressed, the consent was withdrawn, another customer
    with the same address got the same message today, or a provider said "not now" and the goal came before
    the next try; the owner asks all rules again. `address_hash`: `engine.store.meta.address_hash`.
    """
    # First what ends it for good: a claim that is released below comes back, this must not.
    if (
        message.purpose is not None
        and _is_withdrawn(conn, message)
        and stop(conn, message, ReturnReason.SUPPRESSED, now)
    ):
        return "returned"
    if (
        message.handed_at is not None
        and _is_unwanted(conn, message)
        and stop(conn, message, ReturnReason.UNWANTED, now)
    ):
        return "returned"
    # All conditions stand in the statement that moves it: between asking and moving there is no moment in
    # which a pause, a STOP or an event of the customer could come unseen.
    destinations.hold(conn, destination)
    may_leave = Selection.by_claim([message]).also(
        _MAY_LEAVE, now, now, address_hash, *destinations.asked(destination, now), *daily_limits.asked(quota)
    )
    if transition(conn, Mover.WORKER, MessageState.HANDOFF, may_leave, now, "why = ''"):
        if message.handed_at is None:  # a second try of what has left for the journey is no second hand-over
            if quota is not None:
                daily_limits.count(conn, message.journey, quota)
            append_one(conn, message.customer, MessageSent(0, now, message.send_key, message.enrollment), now)
        destinations.note(conn, message, destination, now)
        return "handed"
    # It did not move. Why is asked only now, since it nearly always moves; a lost claim shows in the fence
    # of what follows.
    reason = _why_stopped(conn, message, address_hash, destination, now)
    if reason is not None and stop(conn, message, reason, now):
        return "returned"
    if (
        quota is not None
        and message.handed_at is None
        and daily_limits.is_reached(conn, message.journey, quota)
    ):
        # The ready ones of this journey are put off with it, else each of them would be claimed and
        # released in turn.
        release(conn, message, Instant(min(quota.midnight, message.valid_until)), daily_limits.WHY)
        daily_limits.postpone(conn, message.journey, quota, now)
    else:
        release(conn, message, now)
    return "later"


def release(
    conn: Connection, message: OutboxMessage, ready_at: Instant, why: str = "", address: str | None = None
) -> bool:
    """Puts a claimed message back before its hand-over, ready again at `ready_at`; it was no attempt.
    `address`: kept when it is not known yet, so that it is not claimed again while its domain is paused.
    False: the claim was lost."""
    return bool(
        transition(
            conn, Mover.WORKER, MessageState.PLANNED, Selection.by_claim([message]), ready_at,
            "ready_at = ?, why = ?, attempts = attempts - 1, address = coalesce(address, ?)", (ready_at, why,
            address),
        )
    )  # fmt: skip


def defer(conn: Connection, message: OutboxMessage, ready_at: Instant, detail: str = "") -> bool:
    """The provider said "not now" (before or after the hand-over; explicitly, so that nothing was sent):
    again at `ready_at`. The moment of the first hand-over stays: for the journey the message has left. The
    answer of a slow worker may come when its lease has ended: then the message was unknown meanwhile."""
    selected = Selection.by_claim([message])
    sets = "ready_at = ?, detail = ?"
    return bool(
        transition(
            conn, Mover.WORKER, MessageState.DEFERRED, selected, ready_at, sets, (ready_at, detail[:500])
        )
    )


def stop(conn: Connection, message: OutboxMessage, reason: ReturnReason, now: Instant) -> bool:
    """Ends a claimed message without (another) hand-over. False: the claim was lost.

    Before the first hand-over its journey asks all rules again (`returned` in the inbox). After it, a further
    try is too late: a copy that may be there counts as sent, one that the provider did not take has failed.
    """
    state, told = _ending(message, reason, reason.value, now)
    selected = Selection.by_claim([message])
    moved = transition(conn, Mover.WORKER, state, selected, now, "why = ?", (reason.value,))
    if moved:
        append_one(conn, message.customer, told, now)
    return bool(moved)


def _ending(
    message: OutboxMessage, reason: ReturnReason, detail: str, now: Instant
) -> tuple[MessageState, MessageReturned | MessageOutcome]:
    """How a message ends that nobody hands over (again), and what its journey hears of it."""
    key, enrollment = message.send_key, message.enrollment
    if message.handed_at is None:
        state = MessageState.SUPPRESSED if reason in _CLOSED else MessageState.EXPIRED
        return state, MessageReturned(0, now, key, enrollment, reason)
    if message.resent:
        outcome = MessageOutcome(0, now, key, enrollment, "settled", detail, message.channel)
        return MessageState.TREATED_AS_SENT, outcome
    return MessageState.FAILED, MessageOutcome(0, now, key, enrollment, "refused", detail, message.channel)


def hold(conn: Connection, message: OutboxMessage, why: str, now: Instant) -> None:
    """It may have left in a time that nobody remembers (a restored backup): held for a person, as an unknown
    one is."""
    selected = Selection.by_claim([message])
    if transition(conn, Mover.WORKER, MessageState.HELD, selected, now, "why = ?, detail = ?", (why, why)):
        told = MessageOutcome(0, now, message.send_key, message.enrollment, "unknown", why, message.channel)
        append_one(conn, message.customer, told, now)


def waiting_channels(conn: Connection) -> list[str]:
    """Every channel that messages wait for; one step in the index for each, however many messages there
    are."""
    channels: list[str] = []
    sql = f"SELECT min(channel) FROM outbox WHERE {among(WAITING)} AND channel > ?"  # noqa: S608
    while (channel := rows(conn, sql, (channels[-1] if channels else "",))[0][0]) is not None:
        channels.append(channel)
    return channels


def return_channel_to_journeys(conn: Connection, channel: str, now: Instant, limit: int = 500) -> int:
    """Gives back what waits for a channel that is no longer there: its journeys pass the channel over. How
    many."""
    waiting = rows(
        conn,
        f"SELECT {COLUMNS} FROM outbox WHERE {among(WAITING)} AND channel = ?"  # noqa: S608
        " ORDER BY ready_at, number LIMIT ?",
        (channel, limit),
    )
    for message in map(read, waiting):
        state, told = _ending(message, ReturnReason.REFUSED, "", now)
        selected = Selection("o.number = ?", (message.number,))
        transition(conn, Mover.CHANNEL_GONE, state, selected, now, "why = ?", (NO_CHANNEL,))
        append_one(conn, message.customer, told, now)
    return len(waiting)


def make_ready(conn: Connection, domain: str) -> int:
    """What waits for a domain of recipients is ready now. How many messages."""
    return change(
        conn,
        f"UPDATE outbox SET ready_at = due_at WHERE {among(WAITING)} AND channel = 'email'"  # noqa: S608
        " AND ready_at > due_at AND lower(address) LIKE '%@' || ?",
        (domain,),
    )


def _is_unwanted(conn: Connection, message: OutboxMessage) -> bool:
    """Since the first try, at which it left as far as its run knows, the goal came or something else ended
    the run."""
    sql = (
        "SELECT 1 FROM outbox o JOIN enrollment e ON e.bucket = o.bucket AND e.customer = o.customer AND e.id = o.enrollment"  # noqa: E501, S608
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


def _why_stopped(
    conn: Connection, message: OutboxMessage, address_hash: str, destination: Destination, now: Instant
) -> ReturnReason | None:
    purposes = ("all", "all") if message.purpose is None else (message.purpose, ANY_PURPOSE)
    suppressed = rows(
        conn,
        "SELECT 1 FROM suppression WHERE address_hash = ? AND channel = ? AND purpose IN ('all', ?, ?)",
        (address_hash, message.channel, *purposes),
    )
    if suppressed:
        return ReturnReason.SUPPRESSED
    if destinations.is_used(conn, message, destination, now):
        return ReturnReason.SAME_ADDRESS
    return ReturnReason.EXPIRED if message.valid_until <= now else None
