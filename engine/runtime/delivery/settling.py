"""Writes down what attempts came to: the message, its journey, the address, and what stands still because of
it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog
from sqlalchemy import Connection

from engine.backoff import Backoff
from engine.channel_kinds import normalised
from engine.channels.base import Delivery, Report
from engine.core.decision.effects import Alert
from engine.runtime.delivery.attempt import NOTHING, Attempt, Notice
from engine.runtime.delivery.unknown_policy import UnknownPolicies
from engine.runtime.feedback import consent
from engine.runtime.feedback.consent import ReportSubject
from engine.runtime.feedback.reports import take_early_reports, take_reports
from engine.store.alerting import alerts
from engine.store.daemon import daemon_state
from engine.store.journeys import pauses
from engine.store.messages import outcomes, queue, records, reports
from engine.store.messages.outcomes import AcceptedMessage
from engine.store.messages.records import OutboxMessage
from engine.store.messages.states import MessageState
from engine.values import HOUR, SECOND, Instant

log = structlog.get_logger("deliverer")

RETRIES = Backoff(5 * SECOND, HOUR, spread=5)
"""After a provider said "not now"."""

GIVE_UP_AFTER, GIVE_UP_TRIES = 72 * HOUR, 12
"""design/reliability 3.3: an e-mail that is refused for now is tried again so long, and at least so often."""

ENOUGH_WHEN_DISABLED = 2
"""On so many days a disabled mailbox may bounce for now before its address is closed."""


def settle(
    conn: Connection,
    attempts: Sequence[Attempt],
    unknown: UnknownPolicies,
    now: Instant,
    speed: float = 1.0,
) -> None:
    """In one transaction of the writer. The answer of a worker that was too slow counts where it is still
    news."""
    usual = [attempt for attempt in attempts if _is_usual(attempt)]
    others = [attempt for attempt in attempts if not _is_usual(attempt)]
    if len(usual) > 1:
        usual = _settle_accepted(conn, usual, now)
    for attempt in (*others, *usual):
        # what stands still comes first: the pause is then durable no later than the answer that gave the
        # reason, and after a crash between the two nobody would give it again
        _apply_notice(conn, attempt.message.channel, attempt.notice, now)
        delivery = attempt.delivery
        assert delivery is not None
        if (
            attempt.message.channel == "email"
            and delivery.kind == "refused for now"
            and delivery.fault in ("provider", "address")
            and now - attempt.message.due_at >= GIVE_UP_AFTER
            and attempt.message.attempts >= GIVE_UP_TRIES
        ):
            delivery = replace(delivery, kind="refused", soft=delivery.soft or "other")
        if delivery.soft:
            # counted before the message is settled, since its report may close the address
            take_reports(conn, attempt.message.channel, [_soft_bounce(attempt.message, delivery, now)], now)
        _settle_message(conn, attempt, delivery, unknown, now, speed)


def _is_usual(attempt: Attempt) -> bool:
    """Its provider has taken it, and that is all there is to say."""
    delivery = attempt.delivery
    assert delivery is not None
    is_plain = delivery.kind == "accepted" and not delivery.soft and not delivery.dead
    return is_plain and attempt.notice == NOTHING


def _settle_accepted(conn: Connection, attempts: Sequence[Attempt], now: Instant) -> list[Attempt]:
    """Those of which that was no news; they are left to do."""
    by_number = {attempt.message.number: attempt for attempt in attempts}
    answers = []
    for attempt in by_number.values():
        delivery = attempt.delivery
        assert delivery is not None
        # without the fence: what a provider has taken is true whoever holds the claim by now
        answers.append(
            AcceptedMessage(attempt.message, delivery.provider_id, delivery.raw or delivery.detail)
        )
    left = {answer.message.number for answer in outcomes.settle_accepted(conn, answers, now)}
    channel = attempts[0].message.channel
    early = reports.with_early(conn, channel, {answer.provider_id for answer in answers})
    for answer in answers:
        if answer.provider_id in early and answer.message.number not in left:
            take_early_reports(conn, answer.message, answer.provider_id, now)
    return [attempt for number, attempt in by_number.items() if number in left]


def _settle_message(
    conn: Connection,
    attempt: Attempt,
    delivery: Delivery,
    unknown: UnknownPolicies,
    now: Instant,
    speed: float,
) -> None:
    message, detail = attempt.message, delivery.raw or delivery.detail
    key, customer, fence = message.send_key, message.customer, message.fence
    if delivery.dead:
        consent.forget(conn, customer, message.channel, delivery.dead, now)
    match delivery.kind:
        case "accepted":
            # without the fence: what a provider has taken is true whoever holds the claim by now
            outcomes.settle(
                conn,
                key,
                customer,
                MessageState.ACCEPTED,
                now,
                provider_id=delivery.provider_id,
                detail=detail,
            )
            take_early_reports(conn, message, delivery.provider_id, now)
        case "bounced" if len(attempt.content.addresses) > 1:
            consent.forget(conn, customer, message.channel, attempt.content.addresses, now)
            outcomes.settle(conn, key, customer, MessageState.BOUNCED, now, detail=detail, fence=fence)
        case "bounced":
            consent.bounce(conn, _subject(conn, attempt), now, detail)
        case "refused":
            # with the fence: another worker may have it under way again, and its answer is the newer one
            outcomes.settle(conn, key, customer, MessageState.FAILED, now, detail=detail, fence=fence)
            if delivery.closed == "unsubscribed":
                consent.unsubscribe(conn, _subject(conn, attempt), "all", now, detail)
        case "refused for now" | "never left":
            queue.defer(conn, message, _next_attempt_at(message, delivery, now, speed), detail)
        case "unknown":
            due = unknown.due(message, now)
            outcomes.settle(
                conn, key, customer, MessageState.UNKNOWN, now, detail=detail, settle_at=due, fence=fence
            )
            log.warning("message_unknown", key=key, channel=message.channel, why=delivery.detail)


def _subject(conn: Connection, attempt: Attempt) -> ReportSubject:
    """The one address that this message went to, which is not that of the row when a guard left some out."""
    message = replace(attempt.message, address=attempt.content.address)
    address = normalised(message.channel, attempt.content.address)
    return ReportSubject(
        message.channel, address, message, {message.customer: reports.reach_of(conn, message.customer)}
    )


def _next_attempt_at(message: OutboxMessage, delivery: Delivery, now: Instant, speed: float) -> Instant:
    """By `RETRIES`, or when the provider asks for it, up to the longest of them."""
    key = f"{message.send_key}{message.attempts}"
    if delivery.retry_after is not None and delivery.retry_after > 0:
        asked = min(int(delivery.retry_after * SECOND * speed), RETRIES.longest)
        return Instant(now + RETRIES.spread_out(asked, key))
    return Instant(now + RETRIES.wait(message.attempts, key))


def _soft_bounce(message: OutboxMessage, delivery: Delivery, now: Instant) -> Report:
    """A bounce that closes its address only when it goes on."""
    return Report(
        "bounced for now",
        f"smtp {message.send_key} {message.attempts}",
        message.send_key,
        at=now,
        detail=delivery.detail,
        raw=delivery.raw,
        fault="address",
        enough=ENOUGH_WHEN_DISABLED if delivery.soft == "disabled" else 0,
    )


def _apply_notice(conn: Connection, channel: str, notice: Notice, now: Instant) -> None:
    """Pauses the channel or a domain, with an alert, once."""
    # of those who refuse us enough must have taken a message before
    believed = (
        records.has_been_taken(conn, witness.customer, channel, witness.address)
        for witness in notice.witnesses
    )
    if notice.channel and sum(believed) >= notice.needed:
        pauses.pause(conn, "channel", channel, now, pauses.AUTOMATIC, notice.channel)
        why = f'the channel "{channel}" was paused, and tries again by itself: {notice.channel}'
        alerts.raise_alerts(conn, [Alert("", "", why)], now)
        log.error("channel_paused", channel=channel, why=notice.channel)
    if notice.failing:
        daemon_state.note_failing(conn, channel, notice.failing, now)
    elif notice.failing == "":
        daemon_state.note_working(conn, channel)
    if notice.alert:
        alerts.raise_alerts(conn, [Alert("", "", notice.alert)], now)
    if notice.domain and notice.domain not in pauses.paused_domains(conn):
        pauses.pause(conn, "domain", notice.domain, now, pauses.AUTOMATIC, notice.why[:500])
        why = f"mail to {notice.domain} was paused, since it refuses us as a sender: {notice.why}"[:400]
        alerts.raise_alerts(conn, [Alert("", "", why)], now)
