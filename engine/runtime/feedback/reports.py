"""What providers say later, from wherever it came: callbacks, mailboxes, lists, an operator. Each thing
counts once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from sqlalchemy import Connection

from engine.channel_kinds import normalised
from engine.channels.base import Report, ReportKind
from engine.core.decision.effects import Alert
from engine.core.happening import Reaction
from engine.ids import derive
from engine.runtime.feedback import consent
from engine.runtime.feedback.consent import ReportSubject
from engine.store.alerting import alerts
from engine.store.customers import address_index
from engine.store.inbox import inbox
from engine.store.messages import outcomes, reactions, records, sessions
from engine.store.messages import reports as kept
from engine.store.messages.reactions import Who
from engine.store.messages.records import OutboxMessage
from engine.store.messages.states import MessageState
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class ReportCounts:
    """What became of some reports."""

    new: int = 0
    known: int = 0  # had been taken before
    lost: int = 0  # about no message and no customer that we know; kept beside all the same
    kinds: Mapping[str, int] = field(default_factory=dict)  # kind -> how many were not known before


def take_reports(conn: Connection, channel: str, reports: Sequence[Report], now: Instant) -> ReportCounts:
    """Takes reports in a transaction of the writer: settles messages, tells journeys, closes addresses."""
    became: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for report in reports:
        what = _take(conn, channel, report, now)
        became[what] += 1
        kinds[report.kind] += what != "known"
    return ReportCounts(became["new"], became["known"], became["lost"], +kinds)


def take_early_reports(conn: Connection, message: OutboxMessage, provider_id: str, now: Instant) -> None:
    """The provider's own id of a message is known now: what it said before counts. Call it when an answer
    brought it."""
    for early in kept.take_early(conn, message, provider_id) if provider_id else ():
        kind, fault = cast("ReportKind", early.kind), cast("Any", early.fault)
        report = Report(
            kind,
            early.event_id,
            message.send_key,
            provider_id,
            at=early.at,
            detail=early.detail,
            raw=early.raw,
            fault=fault,
        )
        _apply(conn, report, _about(conn, message.channel, report, message), now)


def _take(conn: Connection, channel: str, report: Report, now: Instant) -> str:
    if not report.event_id:
        # a provider without ids of its own: the same words are the same event
        words = (report.kind, report.key, report.provider_id, report.address, report.at or "", report.raw)
        report = replace(report, event_id="~" + derive(*words))
    if kept.is_known(conn, channel, report.event_id):
        return "known"
    message = records.find(conn, report.key) if report.key else None
    if message is None and report.provider_id:
        message = kept.by_provider_id(conn, channel, report.provider_id)
    if message is not None and message.channel != channel:
        message = None  # whoever may speak for one channel says nothing about another
    about = _about(conn, channel, report, message)
    customer = message.customer if message is not None else next(iter(about.people), "")
    key, at = message.send_key if message is not None else "", _moment(report, now)
    stored = kept.StoredReport(
        channel,
        report.event_id,
        report.provider_id,
        report.kind,
        report.fault,
        at,
        report.detail,
        report.raw,
        customer,
        key,
    )
    # kept before it is applied and in the same transaction: whoever comes second finds it and changes nothing
    if not kept.keep(conn, stored, now):
        return "known"
    _apply(conn, report, about, now)
    return "new" if message is not None or about.people else "lost"


def _about(conn: Connection, channel: str, report: Report, message: OutboxMessage | None) -> ReportSubject:
    address = normalised(channel, report.address) if report.address else ""
    if message is None:
        if not address:
            return ReportSubject(channel, "")
        return ReportSubject(channel, address, None, dict(address_index.holders(conn, channel, address)))
    sent_to = [normalised(channel, line) for line in (message.address or "").split("\n") if line]
    if address not in sent_to:  # a forwarded mail bounces elsewhere; of several devices nobody knows which
        address = sent_to[0] if len(sent_to) == 1 else ""
    return ReportSubject(channel, address, message, {message.customer: kept.reach_of(conn, message.customer)})


def _apply(conn: Connection, report: Report, about: ReportSubject, now: Instant) -> None:
    at, detail = _moment(report, now), report.detail
    match report.kind:
        case "accepted" | "delivered":
            _settle(conn, report, about, now)
            if report.kind == "delivered" and about.address:
                kept.forget_soft_bounces(conn, about.channel, about.address)
        case "refused":
            _refuse(conn, report, about, now)
        case "bounced" if report.fault in ("sender", "template"):
            _refuse(conn, report, about, now)
        case "bounced":
            consent.bounce(conn, about, now, detail, report.provider_id)
        case "bounced for now" if report.fault == "provider":
            pass  # it is only late: nothing is known of the address, and the message may still arrive
        case "bounced for now":
            why = consent.bounce_for_now(conn, about, at, report.enough)
            if why:
                consent.bounce(conn, about, now, f"{why}: {detail}", report.provider_id)
        case "complained":
            _prove(conn, report, about, now)
            if about.message is not None:
                outcomes.settle(
                    conn,
                    about.message.send_key,
                    about.message.customer,
                    MessageState.COMPLAINED,
                    now,
                    detail=detail,
                )
            consent.complain(conn, about, now, detail)
        case "unsubscribed":
            consent.unsubscribe(conn, about, report.purpose, now, detail)
        case "subscribed":
            consent.subscribe(conn, about, now, detail)
        case "opened" | "clicked" | "replied":
            _prove(conn, report, about, now)
            _react(conn, report, about, at, now)


def _settle(conn: Connection, report: Report, about: ReportSubject, now: Instant) -> None:
    message = about.message
    if message is not None and report.kind in ("accepted", "delivered"):
        outcomes.settle(
            conn,
            message.send_key,
            message.customer,
            MessageState(report.kind),
            now,
            provider_id=report.provider_id,
            detail=report.detail,
        )


def _prove(conn: Connection, report: Report, about: ReportSubject, now: Instant) -> None:
    """Whoever opens a message or complains about it has got it."""
    _settle(conn, replace(report, kind="accepted", detail=""), about, now)


def _refuse(conn: Connection, report: Report, about: ReportSubject, now: Instant) -> None:
    """This message was not taken; nobody's address is closed. What the sender did wrong concerns every
    message."""
    message = about.message
    if message is not None:
        outcomes.settle(
            conn,
            message.send_key,
            message.customer,
            MessageState.FAILED,
            now,
            provider_id=report.provider_id,
            detail=report.detail,
        )
    if report.fault == "sender":
        why = f'messages by "{about.channel}" are refused: {report.detail}'[:300]
        alerts.raise_alerts(conn, [Alert("", "", why)], now)


def _react(conn: Connection, report: Report, about: ReportSubject, at: Instant, now: Instant) -> None:
    """A click, an opening, a reply. A reply names no message: it answers the last one that went to the
    address."""
    message, kind = about.message, report.kind
    assert kind in ("opened", "clicked", "replied")
    if kind == "replied" and about.address:
        sessions.note(conn, about.channel, about.address, at)
    if message is None:
        answered = (
            kept.last_to(
                conn, customer, about.channel, lambda each: normalised(about.channel, each) == about.address
            )
            for customer in about.people
        )
        message = next((last for last in answered if last is not None), None)
    if message is None or message.handed_at is None:
        return
    who: Who = "unknown" if kind == "opened" and about.channel == "email" else "human"
    target = report.detail if kind == "clicked" else ""
    reactions.record(conn, message.customer, message.send_key, kind, at, target, who=who)
    if who != "human":  # mail proxies open everything, and a provider that counts them does not tell
        return
    what = Reaction(0, at, message.send_key, message.enrollment, kind)
    inbox.append_one(conn, message.customer, what, now)


def _moment(report: Report, now: Instant) -> Instant:
    """When it happened, by the provider's clock, and never in the future."""
    return now if report.at is None else Instant(min(report.at, now))
