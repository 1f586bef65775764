"""Messages on their way out: claimed, prepared, handed over, or put back (`engine.store.messages.states`).

The life of a message as its worker sees it::

    claim -> (render, note_bodies) -> hand_over_each == "handed" -> the channel sends -> outcomes.settle(...)
                                       |- "later":    the row waits again, nothing was sent
                                       '- "returned": the owner is asked again, nothing was sent
    release / defer    before the hand-over, or after an explicit "not now" of the provider
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from engine.core.happening import MessageOutcome, MessageReturned, MessageSent
from engine.core.reasons import ReturnReason
from engine.recipient_domains import recipient_domain
from engine.store.counting import daily_counts
from engine.store.customers.suppressions import ANY_PURPOSE
from engine.store.inbox.inbox import append_each, append_one
from engine.store.messages import daily_limits, destinations
from engine.store.messages.daily_limits import DailyQuota
from engine.store.messages.destinations import NOBODY, Destination
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
from engine.store.serialization import dump
from engine.store.sql import SKIP_LOCKED, change, change_many, rows
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
        f" AND {NOT_PAUSED} AND {_NOTHING_UNAPPLIED} ORDER BY o.ready_at, o.number LIMIT ? {SKIP_LOCKED}"
    )
    claimed = transition(
        conn, Mover.WORKER, MessageState.CLAIMED, Selection(f"o.number IN ({ready})", (channel, now, limit)),
        now,
        "fence = fence + 1, owner = ?, lease_until = ?, attempts = attempts + 1", (owner, now + lease),
        returning=COLUMNS,
    )  # fmt: skip
    return [read(row) for row in sorted(claimed)]


@dataclass(frozen=True, slots=True)
class Body:
    """What is kept of a rendered message, so that another attempt sends the same bytes. `address`: where it
    goes. `ref`: the token by which a bounce finds it. `parts`: how many messages the provider charges for."""

    message: OutboxMessage
    text: str
    text_hash: str
    address: str
    ref: str | None = None
    parts: int = 1


def note_bodies(conn: Connection, bodies: Sequence[Body]) -> set[int]:
    """Keeps what was rendered. The numbers of those whose claim still stands; nothing is kept of others."""
    if not bodies:
        return set()
    selected = Selection.by_claim([body.message for body in bodies])
    sql = f"SELECT o.number FROM outbox o WHERE {selected.clause} AND o.state = '{MessageState.CLAIMED}'"  # noqa: S608
    claimed = {number for (number,) in rows(conn, sql, selected.values)}
    named = daily_counts.shop(conn).domains
    change_many(
        conn,
        "UPDATE outbox SET body = ?, body_hash = ?, address = ?, ref = ?, parts = ?,"  # noqa: S608
        # what has left counts under the domain that it left for
        f" domain = CASE WHEN handed_at IS NULL THEN ? ELSE domain END WHERE {_CLAIMED}",
        [
            (
                body.text,
                body.text_hash,
                body.address,
                body.ref,
                body.parts,
                recipient_domain(body.message.channel, body.address, named),
                body.message.number,
                body.message.fence,
            )
            for body in bodies
            if body.message.number in claimed
        ],
    )
    return claimed


@dataclass(frozen=True, slots=True)
class Departure:
    """A message just before it leaves. `address_hash`: `engine.store.meta.address_hash`. `quota`: of its
    journey; None: it has none."""

    message: OutboxMessage
    address_hash: str
    quota: DailyQuota | None = None
    destination: Destination = NOBODY


_CONSENT = {
    "sqlite": """json_extract(c.reach, '$."' || o.channel || '".consents."' || o.purpose || '"')""",
    "postgresql": "(c.reach #>> CAST(ARRAY[o.channel, 'consents', o.purpose] AS text[]))",
}


def _may_leave(consent: str) -> str:
    """What has to hold of a message `o`. Its line: number, fence, hash of the address, hash and variant of
    the destination, the day of its quota, and how many of its journey are too many."""
    return (
        "o.number = CAST({cell0} AS BIGINT) AND o.fence = CAST({cell1} AS BIGINT)"  # noqa: S608
        f" AND o.lease_until > ? AND o.valid_until > ? AND {_NOTHING_UNAPPLIED}"
        " AND NOT EXISTS (SELECT 1 FROM suppression s WHERE s.address_hash = {cell2}"
        " AND s.channel = o.channel AND (s.purpose IN ('all', o.purpose)"
        f" OR (s.purpose = '{ANY_PURPOSE}' AND o.purpose IS NOT NULL)))"
        f" AND {NOT_PAUSED} AND {destinations.not_used('{cell3}', '{cell4}')}"
        # another try of what has left for its journey was counted on the day of the first one
        " AND (o.handed_at IS NOT NULL OR coalesce((SELECT v.handed FROM volume v WHERE v.journey = o.journey"
        " AND v.day = {cell5}), 0) < CAST({cell6} AS BIGINT))"
        # since the first try, at which it left as far as its run knows, something ended the run
        " AND (o.handed_at IS NULL OR NOT EXISTS (SELECT 1 FROM enrollment e WHERE e.bucket = o.bucket"
        f" AND e.customer = o.customer AND e.id = o.enrollment AND {NOT_WANTED}))"
        # the customer agreed when the message was decided, and has taken it back since
        " AND (o.purpose IS NULL OR NOT EXISTS (SELECT 1 FROM customer c WHERE c.bucket = o.bucket"
        f" AND c.id = o.customer AND {consent} <> 'given'))"
    )


_MAY_LEAVE = {dialect: _may_leave(consent) for dialect, consent in _CONSENT.items()}


def hand_over(
    conn: Connection,
    message: OutboxMessage,
    address_hash: str,
    now: Instant,
    quota: DailyQuota | None = None,
    destination: Destination = NOBODY,
) -> Handover:
    """`hand_over_each` for one."""
    return hand_over_each(conn, [Departure(message, address_hash, quota, destination)], now)[0]


def hand_over_each(conn: Connection, leaving: Sequence[Departure], now: Instant) -> list[Handover]:
    """The last moment at which messages can be stopped (design/reliability 2.1): one fenced statement for
    those that have nothing to do with each other, and `handed` in the inbox beside it. What each came to, in
    their order.

    "handed": it may be sent once this transaction is durable. "later": the claim is gone, or something of
    this customer is not applied yet, or a pause stands, or the ceiling of the quota is reached; the message
    waits again. "returned": too late, the address is suppressed, the consent was withdrawn, another customer
    with the same address got the same message today, or a provider said "not now" and the goal came before
    the next try; the owner asks all rules again.
    """
    daily_limits.hold(conn, ((departure.message.journey, departure.quota) for departure in leaving))
    destinations.hold(conn, (departure.destination for departure in leaving))
    answers: dict[int, Handover] = {}
    left = list(leaving)
    while left:
        together, left = _unrelated(left)
        moved = _depart(conn, together, now)
        for departure in together:
            if departure.message.number not in moved and departure.quota and departure.quota.most is not None:
                # there may be room, since one before it has not left for a reason of its own
                moved |= _depart(conn, [departure], now)
            # Why one did not move is asked only now, since it nearly always moves; a lost claim shows in the
            # fence of what follows.
            number = departure.message.number
            answers[number] = "handed" if number in moved else _held_back(conn, departure, now)
    return [answers[departure.message.number] for departure in leaving]


def _unrelated(leaving: Sequence[Departure]) -> tuple[list[Departure], list[Departure]]:
    """Those that can be asked at once, and the others: what a customer or an address gets depends on what it
    got a moment ago, and one statement does not see what it does itself."""
    seen: set[tuple[str, str]] = set()
    together: list[Departure] = []
    left: list[Departure] = []
    for departure in leaving:
        places = {("customer", departure.message.customer), ("address", departure.destination.address_hash)}
        places.discard(("address", ""))
        (left if places & seen else together).append(departure)
        seen |= places
    return together, left


def _depart(conn: Connection, leaving: Sequence[Departure], now: Instant) -> set[int]:
    """Moves those that may leave, with everything that is told of it. Their numbers.

    All conditions stand in the statement that moves them: between asking and moving there is no moment in
    which a pause, a STOP or an event of the customer could come unseen.
    """
    lines, counted = [], Counter[str]()
    for departure in leaving:
        message, place = departure.message, departure.destination
        day, most = daily_limits.asked(departure.quota)
        # as if those before it in this statement had left already
        room = most - counted[message.journey]
        counted[message.journey] += message.handed_at is None
        cells = (message.number, message.fence, departure.address_hash, place.address_hash, place.variant)
        lines.append((*cells, day, room))
    may_leave = Selection(
        _MAY_LEAVE[conn.dialect.name],
        (now, now, destinations.spared_since(now)),
        dump(lines),
    )
    moved = {
        number
        for (number,) in transition(conn, Mover.WORKER, MessageState.HANDOFF, may_leave, now, "why = ''")
    }
    gone = [departure for departure in leaving if departure.message.number in moved]
    # a second try of what has left for the journey is no second hand-over
    first = [departure for departure in gone if departure.message.handed_at is None]
    daily_limits.count(
        conn, ((departure.message.journey, departure.quota) for departure in first if departure.quota)
    )
    told = (
        (each.message.customer, MessageSent(0, now, each.message.send_key, each.message.enrollment))
        for each in first
    )
    append_each(conn, told, now)
    destinations.note(conn, ((departure.message, departure.destination) for departure in gone), now)
    return moved


def _held_back(conn: Connection, departure: Departure, now: Instant) -> Handover:
    """Puts a message that did not move where it belongs: first what ends it for good, since a claim that is
    released comes back."""
    message, quota = departure.message, departure.quota
    reason = _why_stopped(conn, departure, now)
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
    sql = (
        "SELECT 1 FROM outbox o JOIN enrollment e ON e.bucket = o.bucket AND e.customer = o.customer"  # noqa: S608
        f" AND e.id = o.enrollment WHERE o.number = ? AND {NOT_WANTED}"
    )
    return bool(rows(conn, sql, (message.number,)))


def _is_withdrawn(conn: Connection, message: OutboxMessage) -> bool:
    sql = (
        "SELECT 1 FROM outbox o JOIN customer c ON c.bucket = o.bucket AND c.id = o.customer"  # noqa: S608
        f" WHERE o.number = ? AND {_CONSENT[conn.dialect.name]} <> 'given'"
    )
    return bool(rows(conn, sql, (message.number,)))


def _why_stopped(conn: Connection, departure: Departure, now: Instant) -> ReturnReason | None:
    message = departure.message
    if message.purpose is not None and _is_withdrawn(conn, message):
        return ReturnReason.SUPPRESSED
    if message.handed_at is not None and _is_unwanted(conn, message):
        return ReturnReason.UNWANTED
    purposes = ("all", "all") if message.purpose is None else (message.purpose, ANY_PURPOSE)
    suppressed = rows(
        conn,
        "SELECT 1 FROM suppression WHERE address_hash = ? AND channel = ? AND purpose IN ('all', ?, ?)",
        (departure.address_hash, message.channel, *purposes),
    )
    if suppressed:
        return ReturnReason.SUPPRESSED
    if destinations.is_used(conn, message, departure.destination, now):
        return ReturnReason.SAME_ADDRESS
    return ReturnReason.EXPIRED if message.valid_until <= now else None
