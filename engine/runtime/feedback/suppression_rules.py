"""What closes the address of a customer: a bounce, a full mailbox that stays full, a complaint, a STOP.

The address is closed by its hash, which the hand-over looks at, and the customers who have it are told, so that their
journeys go on by another channel. Nothing here asks whose fault it was: that was asked before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from engine.channel_kinds import BY_PHONE, kind_of, normalised
from engine.core.facts.customer import Reach
from engine.core.happening import MessageOutcome, ProfileChanged
from engine.store.customers import consents, suppressions
from engine.store.customers.consents import Agreement
from engine.store.customers.suppressions import ANY_PURPOSE
from engine.store.inbox import inbox
from engine.store.messages import outcomes, reports
from engine.store.messages.records import OutboxMessage
from engine.store.messages.states import MessageState
from engine.values import Instant

SOFT_DAYS, SOFT_SPAN = 5, 14
"""A mailbox that was full on so many days, the first and the last so many days apart, is dead
(design/reliability 3.3)."""

STOPPED = "unsubscribed"
"""Begins the reason of what a person closed, and may open again."""


@dataclass(frozen=True, slots=True)
class ReportSubject:
    """Whom something is about. `address`: as its channel normalises it, "" where nobody knows. `message`: the message, if
    it is about one. `people`: the customers who have the address now, with their reach."""

    channel: str
    address: str
    message: OutboxMessage | None = None
    people: Mapping[str, Mapping[str, Reach]] = field(default_factory=dict)


def bounce(
    conn: Connection, about: ReportSubject, now: Instant, detail: str = "", provider_id: str = ""
) -> None:
    """The address is dead. One of several (the tokens of a person's devices) goes alone, and the others are still used."""
    message = about.message
    if message is not None and len(_lines(message.address)) > 1:
        forget(conn, message.customer, about.channel, [about.address], now)
        return
    if about.address:
        suppressions.suppress(conn, about.channel, about.address, "all", now, f"bounced: {detail}")
    for customer in about.people:
        if message is not None and customer == message.customer:
            continue
        _close(conn, customer, about, now, detail)
    if message is None:
        return
    has_it = about.address in _held(about.people.get(message.customer, {}), about.channel)
    moved = outcomes.settle(
        conn, message.send_key, message.customer, MessageState.BOUNCED, now, provider_id=provider_id, detail=detail,
        told=None if has_it else "refused",
    )  # fmt: skip
    if has_it and not moved:
        _close(conn, message.customer, about, now, detail)


def bounce_for_now(conn: Connection, about: ReportSubject, at: Instant, enough: int = 0) -> str:
    """The address could take nothing today. Why it counts as dead from now on, "" when it does not: after 5 days over two
    weeks, or after `enough` days."""
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
    """Somebody called it spam: everything that needs a consent is over for this person, on every channel, at once; and
    the address is closed for it, whoever has it. What they ordered and what protects their account still comes."""
    for channel in _same_address(about):
        if about.address:
            suppressions.suppress(conn, channel, about.address, ANY_PURPOSE, now, f"complained: {detail}")
    for customer, reach in about.people.items():
        withdrawn = {
            (channel, purpose): "withdrawn"
            for channel in dict.fromkeys((about.channel, *reach))
            for purpose in _purposes(reach, channel, about.message)
        }
        _write(conn, customer, withdrawn, f"complaint on {about.channel}", detail, now)


def unsubscribe(conn: Connection, about: ReportSubject, purpose: str, now: Instant, detail: str = "") -> None:
    """They want no more: the consents are withdrawn. A STOP on a phone closes the number for everything, as carriers do;
    an e-mail address, and one that nobody has, is closed for what needs a consent, so that no import opens it again."""
    channel, is_stop = about.channel, purpose == "all" and kind_of(about.channel).by_phone
    if about.address and (is_stop or channel == "email" or not about.people):
        closed = "all" if is_stop else ANY_PURPOSE if purpose == "all" else purpose
        suppressions.suppress(conn, channel, about.address, closed, now, f"{STOPPED}: {detail}")
    for customer, reach in about.people.items():
        purposes = _purposes(reach, channel, about.message) if purpose == "all" else {purpose}
        withdrawn = {(channel, each): "withdrawn" for each in purposes}
        suppressed = {channel: "all"} if is_stop else {}
        _write(conn, customer, withdrawn, f"{STOPPED} on {channel}", detail, now, suppressed)


def subscribe(conn: Connection, about: ReportSubject, now: Instant, detail: str = "") -> None:
    """START after a STOP: it lifts what the STOP closed and gives back what it took; a bounce or a complaint stays."""
    channel = about.channel
    is_open = bool(about.address) and suppressions.lift(conn, channel, about.address, STOPPED)
    for customer in about.people:
        last = {
            line.purpose: line for line in consents.of_customer(conn, customer) if line.channel == channel
        }
        given = {
            (channel, purpose): "given"
            for purpose, line in last.items()
            if line.state == "withdrawn" and line.source == f"{STOPPED} on {channel}"
        }
        lifted: dict[str, str | None] = {channel: None} if is_open else {}
        _write(conn, customer, given, f"subscribed on {channel}", detail, now, lifted)


def _write(
    conn: Connection,
    customer: str,
    chosen: Mapping[tuple[str, str], str],
    where: str,
    words: str,
    now: Instant,
    suppressed: Mapping[str, str | None] | None = None,
) -> None:
    """What decisions see, and the proof beside it."""
    if not chosen and not suppressed:
        return
    inbox.append_one(
        conn, customer, ProfileChanged(0, now, consents=chosen, suppressed=suppressed or {}), now
    )
    consents.record(conn, [
        Agreement(customer, channel, purpose, state, now, where, words[:500])
        for (channel, purpose), state in chosen.items()
    ])  # fmt: skip


def _close(conn: Connection, customer: str, about: ReportSubject, now: Instant, detail: str) -> None:
    """A bounce that is about no message of theirs closes their channel all the same, once."""
    reach = about.people[customer].get(about.channel)
    if reach is None or reach.bounced:
        return
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


def _same_address(about: ReportSubject) -> list[str]:
    """Channels that go to the same address: by phone all of them, and where one of the customers has it again."""
    found = dict.fromkeys((about.channel, *(BY_PHONE if kind_of(about.channel).by_phone else ())))
    for reach in about.people.values():
        found |= dict.fromkeys(channel for channel in reach if about.address in _held(reach, channel))
    return list(found)


def _held(reach: Mapping[str, Reach], channel: str) -> set[str]:
    known = reach.get(channel)
    return {normalised(channel, each) for each in _lines(known.address)} if known is not None else set()


def _lines(address: str | None) -> list[str]:
    return [each for each in (address or "").split("\n") if each]
