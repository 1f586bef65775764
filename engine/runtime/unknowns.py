"""What is done with messages of which nobody knows whether they left: the default policies of RELIABILITY 2.4."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Connection

from engine.store import outcomes
from engine.store.messages import Claimed
from engine.values import MINUTE, Instant

Verdict = Literal["wait", "treated_as_sent", "resend", "hold"]

PATIENCE = 15 * MINUTE
"""So long a marketing e-mail may be settled by a report before it counts as sent."""

MOST_PUSHES = 5
"""A copy of a push replaces the one before it, so it is sent again; but not for ever."""


def verdict(message: Claimed, now: Instant) -> Verdict:
    """E-mail of marketing counts as sent after a while (most were delivered, and a missed offer costs less than two);
    one that a person waits for is sent once more; a push is sent again; everything else waits for a human."""
    if message.state == "held":
        return "wait"
    if message.channel == "email":
        if message.purpose is not None:
            return "treated_as_sent" if now - (message.handed_at or now) >= PATIENCE else "wait"
        return "resend" if message.resent == 0 else "hold"
    if message.channel == "push":
        return "resend" if message.resent < MOST_PUSHES else "hold"
    return "hold"


def settle_at(message: Claimed, now: Instant) -> Instant:
    """When the policy on an unknown message is to be asked."""
    is_patient = message.channel == "email" and message.purpose is not None
    return Instant(now + PATIENCE) if is_patient else now


def settle_due(conn: Connection, now: Instant) -> int:
    """Applies the policies to what is due. How many messages were settled or sent again."""
    moved = 0
    for message in outcomes.unsettled(conn, now):
        match verdict(message, now):
            case "treated_as_sent":
                moved += outcomes.settle(conn, message.send_key, message.customer, "treated_as_sent", now)
            case "resend":
                moved += outcomes.plan_again(conn, message.send_key, message.customer, now, resend=True)
            case "hold":
                moved += outcomes.settle(conn, message.send_key, message.customer, "held", now)
            case "wait":
                pass
    return moved
