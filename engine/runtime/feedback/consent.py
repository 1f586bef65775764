"""Who may be written to: what people say themselves (they leave, agree, confirm), and what closes their
address (a bounce, a full mailbox that stays full, a complaint, a STOP).

Whatever closes an address closes it by its hash, which the hand-over looks at from this transaction on, so
that no import opens it again. The customers who have it are told (`ProfileChanged`, applied with the
next batch), and the ledger keeps the proof. Nothing here asks whose fault a bounce was: that was asked
before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from engine.channel_kinds import BY_PHONE, kind_of, normalised
from engine.channels.render import OPENS
from engine.core.facts.customer import Reach
from engine.core.happening import MessageOutcome, ProfileChanged
from engine.store.customers import consents, suppressions
from engine.store.customers.suppressions import ANY_PURPOSE, SuppressionReason
from engine.store.inbox import inbox
from engine.store.messages import message_counts, outcomes, records, reports
from engine.store.messages.records import OutboxMessage
from engine.store.messages.states import MessageState
from engine.store.meta import bucket_of
from engine.store.persons import aliases, erasure
from engine.store.sql import rows
from engine.values import Instant

SOFT_DAYS, SOFT_SPAN = 5, 14
"""A mailbox that was full on so many days, the first and the last so many days apart, is dead
(design/reliability 3.3)."""


@dataclass(frozen=True, slots=True)
class ReportSubject:
    """Whom something is about. `address`: as its channel normalises it, "" where nobody knows. `message`: the
    message, if it is about one. `people`: the customers who have the address now, with their reach."""

    channel: str
    address: str
    message: OutboxMessage | None = None
    people: Mapping[str, Mapping[str, Reach]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConsentProof:
    """When and where somebody said something, and the words that they had before their eyes."""

    at: Instant
    where: str
    wording: str


# --- what people say themselves -----------------------------------------------------------------


def withdraw(
    conn: Connection, customer: str, pairs: Iterable[tuple[str, str]], proof: ConsentProof, key: str = ""
) -> None:
    """No more of these (channel, purpose): no message that is handed over after this transaction is of them.

    The address is closed as well, the present one and the one that the message `key` went to. Saying it again
    changes nothing and adds no line.
    """
    customer = aliases.resolve(conn, [customer]).get(customer, customer)
    sql = "SELECT 1 FROM {table} WHERE bucket = ? AND {column} = ? LIMIT 1"
    found = (bucket_of(conn, customer), customer)
    reach, is_known = (
        reports.reach_of(conn, customer),
        any(
            rows(conn, sql.replace("{table}", table).replace("{column}", column), found)
            for table, column in (("customer", "id"), ("inbox", "customer"))
        ),
    )
    left = False
    pairs = list(pairs)
    # an erased customer: the address is closed by its hash, and nobody is made anew by it
    if not is_known:
        erasure.close_former(conn, customer, pairs, proof.at)
    for channel, purpose in pairs:
        addresses = _addresses(conn, reach, channel, key)
        closed = [
            suppressions.suppress(conn, channel, address, purpose, proof.at, SuppressionReason.UNSUBSCRIBED)
            for address in addresses
            if purpose != OPENS
        ]
        if not is_known or (_is_said(conn, customer, channel, purpose, "withdrawn") and not any(closed)):
            continue  # whoever was erased does not come back by leaving
        shut = {} if purpose == OPENS else {channel: purpose}
        _record(conn, customer, {(channel, purpose): "withdrawn"}, proof, shut)
        # counted only where something was open: pressing twice is leaving once
        left = left or any(closed)
    if left and key:
        message_counts.count_leaving(conn, customer, key)


def agree(
    conn: Connection, customer: str, pairs: Iterable[tuple[str, str]], proof: ConsentProof
) -> list[str]:
    """These (channel, purpose) again, by their own word: consent is given, and what they had closed is open.
    The channels that stay closed all the same: a complaint, a dead address, an operator's word."""
    customer = aliases.resolve(conn, [customer]).get(customer, customer)
    reach = reports.reach_of(conn, customer)
    still = []
    for channel, purpose in pairs:
        _record(conn, customer, {(channel, purpose): "given"}, proof)
        if not reopen(conn, customer, channel, purpose, proof.at) or reach.get(channel, Reach()).bounced:
            still.append(channel)
    return still


def reopen(conn: Connection, customer: str, channel: str, purpose: str, now: Instant) -> bool:
    """Takes back what closed the addresses of a customer for a purpose because they had left. False:
    something else closes one of them."""
    reach = reports.reach_of(conn, customer)
    closed: dict[str, set[SuppressionReason]] = {}
    for address in _addresses(conn, reach, channel, ""):
        for lifted in (purpose, ANY_PURPOSE):  # what other purposes had is withdrawn all the same
            suppressions.lift_purpose(conn, channel, address, lifted, SuppressionReason.UNSUBSCRIBED)
        for closed_for, reason in suppressions.reasons(conn, channel, address).items():
            closed.setdefault(closed_for, set()).add(reason)
    # First everything is open again for decisions, then what they had left before is closed anew.
    left = sorted(name for name, reasons in closed.items() if SuppressionReason.UNSUBSCRIBED in reasons)
    for shut in [None, *left]:
        inbox.append_one(conn, customer, ProfileChanged(0, now, suppressed={channel: shut}), now)
    return not closed.keys() & {purpose, "all", ANY_PURPOSE}


def is_meant(conn: Connection, customer: str, channel: str, key: str) -> bool:
    """Whether the message `key` went to an address that the customer still has: only its owner can have
    confirmed it."""
    message = records.find(conn, key) if key else None
    known = _addresses(conn, reports.reach_of(conn, customer), channel, "")
    sent = (message.address or "").split("\n") if message is not None else []
    return any(normalised(channel, each) in known for each in sent if each)


def note_asked(conn: Connection, customer: str, channel: str, purpose: str, proof: ConsentProof) -> None:
    """Somebody asked to be on a list and has to confirm it; what was given before stays given."""
    _record(conn, customer, {(channel, purpose): "asked"}, proof)


# --- what reports say ---------------------------------------------------------------------------


def bounce(
    conn: Connection, about: ReportSubject, now: Instant, detail: str = "", provider_id: str = ""
) -> None:
    """The address is dead. One of several (the tokens of a person's devices) goes alone, and the others are
    still used."""
    message = about.message
    # one device of several is gone, not the person
    if message is not None and len(_lines(message.address)) > 1:
        forget(conn, message.customer, about.channel, [about.address], now)
        return
    if about.address:
        suppressions.suppress(
            conn, about.channel, about.address, "all", now, SuppressionReason.BOUNCED, detail
        )
    for customer in about.people:
        # theirs is closed by the outcome of the message, below
        if message is not None and customer == message.customer:
            continue
        _close(conn, customer, about, now, detail)
    if message is None:
        return
    has_it = about.address in _held(about.people.get(message.customer, {}), about.channel)
    moved = outcomes.settle(
        conn, message.send_key, message.customer, MessageState.BOUNCED, now, provider_id=provider_id,
        detail=detail,
        told=None if has_it else "refused",
    )  # fmt: skip
    # the message was settled before and tells nobody any more
    if has_it and not moved:
        _close(conn, message.customer, about, now, detail)


def bounce_for_now(conn: Connection, about: ReportSubject, at: Instant, enough: int = 0) -> str:
    """The address could take nothing today. Why it counts as dead from now on, "" when it does not: after 5
    days over two weeks, or after `enough` days."""
    if not about.address:
        return ""
    days = reports.note_soft_bounce(conn, about.channel, about.address, at)
    is_dead = len(days) >= enough if enough else len(days) >= SOFT_DAYS and days[-1] - days[0] >= SOFT_SPAN
    return f"it could take nothing on {len(days)} days since the first" if is_dead else ""


def forget(conn: Connection, customer: str, channel: str, addresses: Iterable[str], now: Instant) -> None:
    """Takes some of several addresses away from a customer."""
    left = tuple((channel, address) for address in addresses if address)
    if left:
        inbox.append_one(conn, customer, ProfileChanged(0, now, left=left), now)


def complain(conn: Connection, about: ReportSubject, now: Instant, detail: str = "") -> None:
    """Somebody called it spam: everything that needs a consent is over for this person, on every channel, at
    once; and the address is closed for it, whoever has it. What they ordered and what protects their account
    still comes."""
    # Every channel that goes to the same address: by phone all of them, and where one of the customers has
    # it again.
    found = dict.fromkeys((about.channel, *(BY_PHONE if kind_of(about.channel).by_phone else ())))
    for reach in about.people.values():
        found |= dict.fromkeys(channel for channel in reach if about.address in _held(reach, channel))
    for channel in found:
        if about.address:
            suppressions.suppress(
                conn, channel, about.address, ANY_PURPOSE, now, SuppressionReason.COMPLAINED, detail
            )
    for customer, reach in about.people.items():
        withdrawn = {
            (channel, purpose): "withdrawn"
            for channel in dict.fromkeys((about.channel, *reach))
            for purpose in _purposes(reach, channel, about.message)
        }
        _record(conn, customer, withdrawn, ConsentProof(now, f"complaint on {about.channel}", detail[:500]))


def unsubscribe(conn: Connection, about: ReportSubject, purpose: str, now: Instant, detail: str = "") -> None:
    """They want no more: the consents are withdrawn. A STOP on a phone closes the number for everything, as
    carriers do; an e-mail address, and one that nobody has, is closed for what needs a consent, so that no
    import opens it again."""
    channel, is_stop = about.channel, purpose == "all" and kind_of(about.channel).by_phone
    # by the address too, where it may come back with another customer or an import
    if about.address and (is_stop or channel == "email" or not about.people):
        closed = "all" if is_stop else ANY_PURPOSE if purpose == "all" else purpose
        suppressions.suppress(
            conn, channel, about.address, closed, now, SuppressionReason.UNSUBSCRIBED, detail
        )
    for customer, reach in about.people.items():
        purposes = _purposes(reach, channel, about.message) if purpose == "all" else {purpose}
        withdrawn = {(channel, each): "withdrawn" for each in purposes}
        suppressed = {channel: "all"} if is_stop else {}
        _record(conn, customer, withdrawn, ConsentProof(now, _stop_on(channel), detail[:500]), suppressed)
    if about.message is not None:
        message_counts.count_leaving(conn, about.message.customer, about.message.send_key)


def subscribe(conn: Connection, about: ReportSubject, now: Instant, detail: str = "") -> None:
    """START after a STOP: it lifts what the STOP closed and gives back what it took; a bounce or a complaint
    stays."""
    channel = about.channel
    is_open = bool(about.address) and suppressions.lift(
        conn, channel, about.address, SuppressionReason.UNSUBSCRIBED
    )
    for customer in about.people:
        last = {
            line.purpose: line for line in consents.of_customer(conn, customer) if line.channel == channel
        }
        given = {
            (channel, purpose): "given"
            for purpose, line in last.items()
            # what they withdrew elsewhere, on a page, is not given back by a word on the phone
            if line.state == "withdrawn" and line.source == _stop_on(channel)
        }
        lifted: dict[str, str | None] = {channel: None} if is_open else {}
        _record(conn, customer, given, ConsentProof(now, f"subscribed on {channel}", detail[:500]), lifted)


def _record(
    conn: Connection,
    customer: str,
    states: Mapping[tuple[str, str], str],
    proof: ConsentProof,
    suppressed: Mapping[str, str | None] | None = None,
) -> None:
    """What decisions see, (channel, purpose) -> consent, and the proof of it in the ledger."""
    if not states and not suppressed:
        return
    changed = ProfileChanged(0, proof.at, consents=states, suppressed=suppressed or {})
    inbox.append_one(conn, customer, changed, proof.at)
    consents.record(
        conn,
        [
            consents.Agreement(customer, channel, purpose, state, proof.at, proof.where, proof.wording)
            for (channel, purpose), state in states.items()
        ],
    )


def _stop_on(channel: str) -> str:
    """The source in the ledger of what a STOP took: START gives back just that."""
    return f"{SuppressionReason.UNSUBSCRIBED} on {channel}"


def _addresses(conn: Connection, reach: Mapping[str, Reach], channel: str, key: str) -> list[str]:
    known = (reach.get(channel, Reach()).address or "").split("\n")
    message = records.find(conn, key) if key else None
    sent = (message.address or "").split("\n") if message is not None and message.channel == channel else []
    return list(dict.fromkeys(normalised(channel, each) for each in (*known, *sent) if each))


def _is_said(conn: Connection, customer: str, channel: str, purpose: str, state: str) -> bool:
    """Is it the last thing they said? The ledger knows before the decisions do."""
    said = [
        each
        for each in consents.of_customer(conn, customer)
        if (each.channel, each.purpose) == (channel, purpose)
    ]
    return (
        bool(said)
        and said[-1].state == state
        and consents.current(conn, customer).get((channel, purpose)) == state
    )


def _close(conn: Connection, customer: str, about: ReportSubject, now: Instant, detail: str) -> None:
    """A bounce that is about no message of theirs closes their channel all the same, once."""
    reach = about.people[customer].get(about.channel)
    if reach is None or reach.bounced:
        return
    # the other devices still take messages
    if len(_lines(reach.address)) > 1:
        forget(conn, customer, about.channel, [about.address], now)
    else:
        inbox.append_one(
            conn, customer, MessageOutcome(0, now, "", "", "bounced", detail[:500], about.channel), now
        )


def _purposes(reach: Mapping[str, Reach], channel: str, message: OutboxMessage | None) -> set[str]:
    """Everything that a customer may have agreed to on a channel."""
    known = reach.get(channel)
    agreed = set(known.consents) if known is not None else set()
    if message is not None and message.purpose is not None and message.channel == channel:
        agreed.add(message.purpose)
    return agreed | {"marketing"}


def _held(reach: Mapping[str, Reach], channel: str) -> set[str]:
    known = reach.get(channel)
    return {normalised(channel, each) for each in _lines(known.address)} if known is not None else set()


def _lines(address: str | None) -> list[str]:
    return [each for each in (address or "").split("\n") if each]
