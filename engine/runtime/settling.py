"""Writes down what one attempt came to: the state of the message, the journey, and the address where that is closed."""

from __future__ import annotations

from dataclasses import replace

import structlog
from sqlalchemy import Connection

from engine.channels.addresses import normalised
from engine.channels.base import Delivery
from engine.runtime import closing
from engine.runtime.closing import About
from engine.runtime.pace import again_at
from engine.runtime.press import Written
from engine.runtime.reports import take_early_reports
from engine.runtime.unknowns import Unknowns
from engine.store import outbox, outcomes, reports
from engine.values import Instant

log = structlog.get_logger("deliverer")


def settle(
    conn: Connection, one: Written, delivery: Delivery, unknown: Unknowns, now: Instant, speed: float = 1.0
) -> None:
    """In one transaction of the writer. The answer of a worker that was too slow counts where it is still news."""
    message, detail = one.claimed, delivery.raw or delivery.detail
    key, customer, fence = message.send_key, message.customer, message.fence
    if delivery.dead:
        closing.forget(conn, customer, message.channel, delivery.dead, now)
    match delivery.kind:
        case "accepted":
            outcomes.settle(
                conn, key, customer, "accepted", now, provider_id=delivery.provider_id, detail=detail
            )
            take_early_reports(conn, message, delivery.provider_id, now)
        case "bounced" if len(one.message.addresses) > 1:
            closing.forget(conn, customer, message.channel, one.message.addresses, now)
            outcomes.settle(conn, key, customer, "bounced", now, detail=detail, fence=fence)
        case "bounced":
            closing.bounce(conn, _about(conn, one), now, detail)
        case "refused":
            outcomes.settle(conn, key, customer, "failed", now, detail=detail, fence=fence)
            if delivery.closed == "unsubscribed":
                closing.unsubscribe(conn, _about(conn, one), "all", now, detail)
        case "refused for now" | "never left":
            outbox.defer(conn, message, again_at(message, delivery, now, speed), detail)
        case "unknown":
            due = unknown.due(message, now)
            outcomes.settle(conn, key, customer, "unknown", now, detail=detail, settle_at=due, fence=fence)
            log.warning("message_unknown", key=key, channel=message.channel, why=delivery.detail)


def _about(conn: Connection, one: Written) -> About:
    """The one address that this message went to."""
    message = replace(one.claimed, address=one.message.address)
    address = normalised(message.channel, one.message.address)
    return About(
        message.channel, address, message, {message.customer: reports.reach_of(conn, message.customer)}
    )
