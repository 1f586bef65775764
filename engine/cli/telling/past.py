"""What happened to a customer and what was decided, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from engine.cli.telling.lines import sentence, shown
from engine.cli.telling.person import Person
from engine.store import events, history, traces
from engine.store.codec import load, unpack
from engine.store.meta import bucket_of
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

_BY = {
    "machine": " (a machine did it: it counts for nothing)",
    "unknown": " (a mail proxy may have done it: it counts for no decision)",
}


def entries(conn: Connection, person: Person) -> list[Entry]:
    """Everything, oldest first: `at` (ISO, UTC), `kind`, `text`, and for decisions journey, step, commit and place."""
    found: list[tuple[Instant, int, int, Entry]] = []
    for rank, source in enumerate(
        (_happened(conn, person), _reacted(conn, person), _decided(conn, person), _sent(conn, person))
    ):
        found += [(at, rank, number, entry) for number, (at, entry) in enumerate(source)]
    found.sort(key=lambda each: each[:3])
    return [{"at": iso(at), "local_at": at, **entry} for at, _, _, entry in found]


def _happened(conn: Connection, person: Person) -> Iterator[tuple[Instant, Entry]]:
    for event in events.of_customer(conn, bucket_of(conn, person.id), person.id):
        if event.name.startswith("$"):
            yield (
                event.occurred_at,
                {"kind": "change", "text": _changed(event.name, load(str(event.fields["document"])))},
            )
            continue
        said = shown(dict(event.fields))
        history_only = "" if event.starts else " (history: starts nothing)"
        yield (
            event.occurred_at,
            {
                "kind": "event",
                "text": f"{event.name}{f'  {said}' if said else ''}{history_only}",
                "event": event.name,
                "id": event.id,
            },
        )


def _changed(name: str, document: dict[str, Any]) -> str:
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
    read |= {f"consent {what}": state for what, state in consents.items()}
    said = [shown(read)] if read else []
    said += [
        f"{channel} closed for {purpose}" if purpose else f"{channel} open again"
        for channel, purpose in suppressed.items()
    ]
    return ", ".join(said) or "nothing new"


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
                "text": f"{each.template} via {each.channel} {became(each)}",
                "journey": each.journey,
                "step": each.step,
                "template": each.template,
                "channel": each.channel,
                "state": each.state,
                "detail": each.detail,
            },
        )


def became(message: history.Written) -> str:
    """What became of a message, in words."""
    why = (
        _NOT_SENT.get(message.why or message.state, message.why)
        if message.state in ("suppressed", "expired")
        else message.why
    )
    aside = ": ".join(part for part in (why, message.detail) if part)
    return f"{_STATES[message.state]}{f' ({aside})' if aside else ''}"
