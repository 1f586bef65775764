"""A person settles messages of which nobody knows whether they left: once, and never what is settled
already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from engine.store.messages import outcomes, records
from engine.store.messages.records import OutboxMessage
from engine.store.messages.states import MessageState
from engine.values import Instant

Way = Literal["sent", "resend", "failed"]

_STATES = {
    "planned": "it waits to be handed over",
    "claimed": "it is being prepared",
    "deferred": "its provider asked to try later",
    "handoff": "it is being handed over at this moment",
    "accepted": "its provider has it",
    "delivered": "it was delivered",
    "bounced": "it bounced",
    "complained": "it arrived and was called spam",
    "treated_as_sent": "it counts as sent already",
    "suppressed": "it never left: it was stopped",
    "cancelled": "it never left: its run took it back",
    "expired": "it never left: its time was over, or it was a dry run",
    "failed": "it failed",
}


@dataclass(frozen=True, slots=True)
class Resolution:
    """What became of one wish; `why` where nothing was changed."""

    key: str
    settled: bool
    why: str = ""
    customer: str = ""
    template: str = ""
    channel: str = ""


def resolve(conn: Connection, key: str, way: Way, now: Instant) -> Resolution:
    """Settles one message by its send key."""
    message = records.find(conn, key)
    return (
        Resolution(key, False, "there is no message with this key")
        if message is None
        else _one(conn, message, way, now)
    )


def resolve_channel(
    conn: Connection, channel: str, before: Instant, way: Way, now: Instant
) -> list[Resolution]:
    """Settles everything of a channel that is open and was handed over before a moment."""
    return [
        _one(conn, each.message, way, now)
        for each in outcomes.list_open(conn)
        if each.message.channel == channel and (each.message.handed_at or now) < before
    ]


def _one(conn: Connection, message: OutboxMessage, way: Way, now: Instant) -> Resolution:
    key, customer = message.send_key, message.customer
    if message.state not in ("unknown", "held"):
        why = f"it is settled: {_STATES.get(message.state, message.state)}"
        return Resolution(key, False, why, customer, message.template, message.channel)
    why = ""
    match way:
        case "sent":
            outcomes.settle(
                conn, key, customer, MessageState.TREATED_AS_SENT, now, detail="an operator said so"
            )
        case "failed":
            outcomes.settle(
                conn, key, customer, MessageState.FAILED, now, detail="an operator said so", told="not_sent"
            )
        case "resend" if message.body is None:
            why = "what was sent is not kept any more, so it cannot be sent again to the letter"
        case "resend" if now >= message.valid_until:
            why = "its time is over: it would come too late"
        case "resend":
            if not outcomes.requeue(conn, key, customer, now, resend=True):
                why = "its run has ended by a goal or an exit, so nobody wants it any more"
    return Resolution(key, not why, why, customer, message.template, message.channel)
