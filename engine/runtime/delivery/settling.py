"""Writes down what one attempt came to: the state of the message, the journey, and the address where that is closed."""

from __future__ import annotations

from dataclasses import replace

import structlog
from sqlalchemy import Connection

from engine.channels.addresses import normalised
from engine.channels.base import Delivery
from engine.runtime.delivery.rendering import Rendered
from engine.runtime.delivery.send_rate import next_attempt_at
from engine.runtime.delivery.unknown_policy import UnknownPolicies
from engine.runtime.feedback import suppression_rules
from engine.runtime.feedback.reports import take_early_reports
from engine.runtime.feedback.suppression_rules import ReportSubject
from engine.store.messages import outcomes, queue, reports
from engine.values import Instant

log = structlog.get_logger("deliverer")


def settle(
    conn: Connection,
    rendered: Rendered,
    delivery: Delivery,
    unknown: UnknownPolicies,
    now: Instant,
    speed: float = 1.0,
) -> None:
    """In one transaction of the writer. The answer of a worker that was too slow counts where it is still news."""
    message, detail = rendered.source, delivery.raw or delivery.detail
    key, customer, fence = message.send_key, message.customer, message.fence
    if delivery.dead:
        suppression_rules.forget(conn, customer, message.channel, delivery.dead, now)
    match delivery.kind:
        case "accepted":
            outcomes.settle(
                conn, key, customer, "accepted", now, provider_id=delivery.provider_id, detail=detail
            )
            take_early_reports(conn, message, delivery.provider_id, now)
        case "bounced" if len(rendered.message.addresses) > 1:
            suppression_rules.forget(conn, customer, message.channel, rendered.message.addresses, now)
            outcomes.settle(conn, key, customer, "bounced", now, detail=detail, fence=fence)
        case "bounced":
            suppression_rules.bounce(conn, _about(conn, rendered), now, detail)
        case "refused":
            outcomes.settle(conn, key, customer, "failed", now, detail=detail, fence=fence)
            if delivery.closed == "unsubscribed":
                suppression_rules.unsubscribe(conn, _about(conn, rendered), "all", now, detail)
        case "refused for now" | "never left":
            queue.defer(conn, message, next_attempt_at(message, delivery, now, speed), detail)
        case "unknown":
            due = unknown.due(message, now)
            outcomes.settle(conn, key, customer, "unknown", now, detail=detail, settle_at=due, fence=fence)
            log.warning("message_unknown", key=key, channel=message.channel, why=delivery.detail)


def _about(conn: Connection, rendered: Rendered) -> ReportSubject:
    """The one address that this message went to."""
    message = replace(rendered.source, address=rendered.message.address)
    address = normalised(message.channel, rendered.message.address)
    return ReportSubject(
        message.channel, address, message, {message.customer: reports.reach_of(conn, message.customer)}
    )
