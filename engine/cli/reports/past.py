"""What happened to a customer and what was decided, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from engine.cli.reports import agreed
from engine.cli.reports.lines import sentence, shown
from engine.cli.reports.person import Person
from engine.store.customers import events, history
from engine.store.journeys import traces
from engine.store.messages import records
from engine.store.meta import bucket_of
from engine.store.serialization import load, unpack
from engine.values import Instant, Value, iso

Entry = dict[str, Any]
_STATES = {
    "planned": "waits to be handed over", "claimed": "is being prepared", "deferred": "is tried again",
    "handoff": "is being handed over", "accepted": "was accepted", "delivered": "was delivered", "bounced": "bounced",
    "complained": "was called spam", "unknown": "may have left or not", "held": "is held, it may have left or not",
    "treated_as_sent": "counts as sent", "suppressed": "was stopped", "cancelled": "was taken back",
    "expired": "was not sent", "failed": "was refused",
}  # fmt: skip
_NOT_SENT = {
    "suppressed": "the address is closed or the consent was withdrawn",
    "expired": "its time was over",
}
_NOT_YET = ("planned", "claimed", "deferred")
_LEFT = ("handoff", "accepted", "delivered", "bounced", "complained", "unknown", "held")

_BY = {
    "machine": " (a machine did it: it counts for nothing)",
    "unknown": " (a mail proxy may have done it: it counts for no decision)",
}


def entries(conn: Connection, person: Person) -> list[Entry]:
    """Everything, oldest first: `at` (ISO, UTC), `kind`, `text`, and for decisions journey, step, commit and place."""
    found: list[tuple[Instant, int, int, Entry]] = []
    ledger = agreed.ledger(conn, person.id)
    proven = {(each.at, f"{each.channel}.{each.purpose}", each.state) for each in ledger}
    for rank, source in enumerate((
        agreed.entries(ledger), _happened(conn, person, proven), _reacted(conn, person), _decided(conn, person),
        _sent(conn, person),
    )):  # fmt: skip
        found += [(at, rank, number, entry) for number, (at, entry) in enumerate(source)]
    found.sort(key=lambda each: each[:3])
    return [{"at": iso(at), "local_at": at, **entry} for at, _, _, entry in found]


def _happened(
    conn: Connection, person: Person, proven: set[tuple[Instant, str, str]]
) -> Iterator[tuple[Instant, Entry]]:
    """`proven`: the consents (moment, channel and purpose, state) that the ledger tells already, with their proof."""
    for event in events.of_customer(conn, bucket_of(conn, person.id), person.id):
        at = event.occurred_at
        if event.name.startswith("$"):
            told = {(what, state) for moment, what, state in proven if moment == at}
            text = _changed(event.name, load(str(event.fields["document"])), told)
            if text:
                yield at, {"kind": "change", "text": text}
            continue
        said = shown(dict(event.fields))
        history_only = "" if event.starts else " (history: starts nothing)"
        yield (
            at,
            {
                "kind": "event",
                "text": f"{event.name}{f'  {said}' if said else ''}{history_only}",
                "event": event.name,
                "id": event.id,
            },
        )


def _changed(name: str, document: dict[str, Any], told: set[tuple[str, str]]) -> str:
    """In words; "": nothing beyond the consents of `told`, which stand elsewhere."""
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
    left = {what: state for what, state in consents.items() if (what, state) not in told}
    read |= {f"consent {what}": state for what, state in left.items()}
    said = [shown(read)] if read else []
    said += [
        f"{channel} closed for {purpose}" if purpose else f"{channel} open again"
        for channel, purpose in suppressed.items()
    ]
    return ", ".join(said) or ("" if consents else "nothing new")


def _reacted(conn: Connection, person: Person) -> Iterator[tuple[Instant, Entry]]:
    for each in history.reactions(conn, person.id):
        machine = _BY.get(each.who, "")
        target = f" -> {each.target}" if each.target else ""
        yield (
            each.at,
            {"kind": "reaction", "text": f"{each.kind} {each.template} ({each.channel}){target}{machine}"},
        )


def _decided(conn: Connection, person: Person) -> Iterator[tuple[Instant, Entry]]:
    for noted in traces.of_customer(conn, person.id):
        line = noted.line
        journey = person.journeys.by_name.get(line.journey)
        file = journey.file if journey is not None else f"journeys/{line.journey}.yaml"
        yield (
            line.at,
            {
                "kind": "decision",
                "names_step": line.subject == line.step,
                "what": line.kind,
                "text": sentence(line, person.zone),
                "journey": line.journey,
                "run": line.enrollment,
                "step": line.step,
                "place": f"{file}:{line.line}" if line.journey and line.line else "",
                "commit": noted.commit,
                "asked": line.subject if line.kind in ("asked", "exit_if") else "",
                "read": dict(line.read),
            },
        )


def _sent(conn: Connection, person: Person) -> Iterator[tuple[Instant, Entry]]:
    for each in history.messages(conn, person.id):
        at = each.settled_at or each.handed_at or each.planned_at
        yield (
            at,
            {
                "kind": "message",
                "text": f"{each.template} via {each.channel} {became(each)}{again(conn, each)}",
                "journey": each.journey,
                "step": each.step,
                "template": each.template,
                "channel": each.channel,
                "state": each.state,
                "detail": each.detail,
            },
        )


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
    """That somebody ordered a further copy of a message of which nobody knew whether it left; the row does not say who."""
    known = records.find(conn, message.send_key) if message.handed_at is not None else None
    if known is None or not known.resent:
        return ""
    how = {1: "once more"}.get(known.resent, f"{known.resent} times more")
    if message.state in _NOT_YET:
        return f"; it is to be sent {how}, by an operator or the policy on unknown messages"
    ordered = "was sent" if message.state in _LEFT else "was to be sent"  # the copy itself may have failed
    return f"; it {ordered} {how}, by an operator or the policy on unknown messages"
