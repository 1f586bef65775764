"""What happened to a customer and what was decided, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection

from engine.cli.reports import consent_ledger
from engine.cli.reports.trace_lines import sentence, shown
from engine.runtime.known_customer import KnownCustomer
from engine.store.customers import events, history
from engine.store.customers.consents import Agreement
from engine.store.journeys import traces
from engine.store.messages import records
from engine.store.meta import bucket_of
from engine.store.serialization import load, unpack
from engine.values import Instant, Value, iso

_STATES = {
    "planned": "waits to be handed over", "claimed": "is being prepared", "deferred": "is tried again",
    "handoff": "is being handed over", "accepted": "was accepted", "delivered": "was delivered",
    "bounced": "bounced",
    "complained": "was called spam", "unknown": "may have left or not",
    "held": "is held, it may have left or not",
    "treated_as_sent": "counts as sent", "suppressed": "was stopped", "cancelled": "was taken back",
    "expired": "was not sent", "failed": "was refused",
}  # fmt: skip
_NOT_SENT = {
    "suppressed": "the address is closed or the consent was withdrawn",
    "expired": "its time was over",
}
NOT_YET = ("planned", "claimed", "deferred")
_LEFT = ("handoff", "accepted", "delivered", "bounced", "complained", "unknown", "held")

_BY = {
    "machine": " (a machine did it: it counts for nothing)",
    "unknown": " (a mail proxy may have done it: it counts for no decision)",
}


@dataclass(frozen=True, slots=True)
class ChangeEntry:
    """What was learned of the customer from outside, or a segment that they entered or left."""

    at: str  # ISO 8601 in UTC, as in every entry
    kind: Literal["change"]
    text: str


@dataclass(frozen=True, slots=True)
class ConsentEntry:
    """A line of the ledger of consent."""

    at: str
    kind: Literal["consent"]
    text: str
    channel: str
    purpose: str
    state: str
    source: str
    wording: str


@dataclass(frozen=True, slots=True)
class EventEntry:
    """Something that the customer did."""

    at: str
    kind: Literal["event"]
    text: str
    event: str
    id: str


@dataclass(frozen=True, slots=True)
class ReactionEntry:
    """A click, an opening or a reply."""

    at: str
    kind: Literal["reaction"]
    text: str


@dataclass(frozen=True, slots=True)
class DecisionEntry:
    """One line of a trace."""

    at: str
    kind: Literal["decision"]
    what: str
    text: str
    journey: str
    run: str
    step: str
    place: str  # file and line of the step, as it was then
    commit: str
    asked: str  # the condition, where the line is about one
    read: Mapping[str, str]  # the values that it was decided by


@dataclass(frozen=True, slots=True)
class SentEntry:
    """A row of the outbox, at the latest moment that is known of it."""

    at: str
    kind: Literal["message"]
    text: str
    journey: str
    step: str
    template: str
    channel: str
    state: str
    detail: str


Entry = ChangeEntry | ConsentEntry | EventEntry | ReactionEntry | DecisionEntry | SentEntry


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """An entry, with what only its text for people needs."""

    at: Instant
    entry: Entry
    names_step: bool = False  # the text of a decision says its step already


def moments(conn: Connection, person: KnownCustomer) -> list[HistoryEntry]:
    """Everything that happened to a customer and was decided, oldest first. Of one moment: causes before
    effects."""
    ledger = consent_ledger.ledger(conn, person.id)
    proven = {(line.at, f"{line.channel}.{line.purpose}", line.state) for line in ledger}
    # The sort is stable, so entries of one moment stay in the order of these sources
    return sorted(
        (
            *(_agreed(line) for line in ledger), *_happened(conn, person, proven), *_reacted(conn, person),
            *_decided(conn, person), *_sent(conn, person),
        ),
        key=lambda moment: moment.at,
    )  # fmt: skip


def _agreed(line: Agreement) -> HistoryEntry:
    entry = ConsentEntry(
        iso(line.at), "consent", consent_ledger.sentence(line),
        line.channel, line.purpose, line.state, line.source, line.wording,
    )  # fmt: skip
    return HistoryEntry(line.at, entry)


def _happened(
    conn: Connection, person: KnownCustomer, proven: set[tuple[Instant, str, str]]
) -> Iterator[HistoryEntry]:
    """`proven`: the consents (moment, channel and purpose, state) that the ledger tells already, with their
    proof."""
    for event in events.of_customer(conn, bucket_of(conn, person.id), person.id):
        at = event.occurred_at
        if event.name.startswith("$"):
            known = {(what, state) for moment, what, state in proven if moment == at}
            text = _changed(event.name, load(str(event.fields["document"])), known)
            if text:
                yield HistoryEntry(at, ChangeEntry(iso(at), "change", text))
            continue
        fields = shown(dict(event.fields))
        history_only = "" if event.starts else " (history: starts nothing)"
        text = f"{event.name}{f'  {fields}' if fields else ''}{history_only}"
        yield HistoryEntry(at, EventEntry(iso(at), "event", text, event.name, event.id))


def _changed(name: str, document: dict[str, Any], known: set[tuple[str, str]]) -> str:
    """In words; "": nothing beyond the consents of `known`, which stand elsewhere."""
    match name:
        case "$entered":
            return f"enters the segment {document['segment']}"
        case "$left":
            return f"leaves the segment {document['segment']}"
        case "$product":
            return f"the product {document['product_id']} changed"
        case _:
            pass
    values, addresses, consents, suppressed = document["changed"]
    read: dict[str, Value] = unpack(values)
    read |= {f"address {channel}": address for channel, address in addresses.items()}
    news = {what: state for what, state in consents.items() if (what, state) not in known}
    read |= {f"consent {what.replace('.', ' ')}": state for what, state in news.items()}
    changes = [shown(read)] if read else []
    changes += [
        f"{channel} closed for {purpose}" if purpose else f"{channel} open again"
        for channel, purpose in suppressed.items()
    ]
    return ", ".join(changes) or ("" if consents else "nothing new")


def _reacted(conn: Connection, person: KnownCustomer) -> Iterator[HistoryEntry]:
    for reaction in history.reactions(conn, person.id):
        machine = _BY.get(reaction.who, "")
        target = f" -> {reaction.target}" if reaction.target else ""
        text = f"{reaction.kind} {reaction.template} ({reaction.channel}){target}{machine}"
        yield HistoryEntry(reaction.at, ReactionEntry(iso(reaction.at), "reaction", text))


def _decided(conn: Connection, person: KnownCustomer) -> Iterator[HistoryEntry]:
    for noted in traces.of_customer(conn, person.id):
        line = noted.line
        # A journey that is gone since then was in the file of its name
        journey = person.journeys.by_name.get(line.journey)
        file = journey.file if journey is not None else f"journeys/{line.journey}.yaml"
        entry = DecisionEntry(
            at=iso(line.at),
            kind="decision",
            what=line.kind,
            text=sentence(line, person.zone),
            journey=line.journey,
            run=line.enrollment,
            step=line.step,
            place=f"{file}:{line.line}" if line.journey and line.line else "",
            commit=noted.commit,
            asked=line.subject if line.kind in ("asked", "exit_if") else "",
            read=dict(line.read),
        )
        yield HistoryEntry(line.at, entry, names_step=line.subject == line.step)


def _sent(conn: Connection, person: KnownCustomer) -> Iterator[HistoryEntry]:
    for message in history.messages(conn, person.id):
        at = message.settled_at or message.handed_at or message.planned_at
        text = f"{message.template} via {message.channel} {became(message)}{again(conn, message)}"
        entry = SentEntry(
            iso(at), "message", text, message.journey, message.step, message.template, message.channel,
            message.state, message.detail,
        )  # fmt: skip
        yield HistoryEntry(at, entry)


def became(message: history.MessageRecord) -> str:
    """What became of a message, in words."""
    why = (
        _NOT_SENT.get(message.why or message.state, message.why)
        if message.state in ("suppressed", "expired")
        else message.why
    )
    aside = ": ".join(part for part in (why, message.detail) if part)
    return f"{_STATES[message.state]}{f' ({aside})' if aside else ''}"


def again(conn: Connection, message: history.MessageRecord) -> str:
    """That somebody ordered a further copy of a message of which nobody knew whether it left; the row does
    not say who."""
    known = records.find(conn, message.send_key) if message.handed_at is not None else None
    if known is None or not known.resent:
        return ""
    how = {1: "once more"}.get(known.resent, f"{known.resent} times more")
    if message.state in NOT_YET:
        return f"; it is to be sent {how}, by an operator or the policy on unknown messages"
    ordered = "was sent" if message.state in _LEFT else "was to be sent"  # the copy itself may have failed
    return f"; it {ordered} {how}, by an operator or the policy on unknown messages"
