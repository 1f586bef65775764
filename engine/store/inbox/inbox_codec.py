"""Happenings as rows of the inbox, and back. The number is the row's own, so it is not in the body."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from engine.core.happening import (
    CodeTaken,
    Event,
    FactsRedefined,
    Happening,
    HistoryHalf,
    InsideChanged,
    Joined,
    MemberAdmitted,
    MessageOutcome,
    MessageReturned,
    MessageSent,
    Occurrence,
    PointsSpent,
    ProductChanged,
    ProfileChanged,
    Reaction,
    SegmentChanged,
    Wake,
)
from engine.core.reasons import ReturnReason
from engine.store.serialization import dump, dump_values, load, pack, unpack
from engine.values import Instant, Money


def to_row(what: Happening) -> tuple[str, str]:
    """(kind, body)."""
    match what:
        case Event():
            return "event", event_row(what)[0]
        case ProfileChanged():
            consents = [[channel, purpose, state] for (channel, purpose), state in what.consents.items()]
            values = [pack(what.values), dict(what.addresses), consents, dict(what.suppressed), what.starts]
            # What later versions add stands at the end, where rows of earlier ones simply stop
            if what.joined or what.left:
                values += [what.joined, what.left]
            return "changed", dump([what.at, *values])
        case ProductChanged():
            document: list[Any] = [what.at, what.product_id, pack(what.fields)]
            if what.before or what.touches:
                document += [pack(what.before), dict(what.touches)]
            if what.seen is not None:
                document.append(pack({"seen": what.seen}))
            return "product", dump(document)
        case SegmentChanged():
            return "segment", dump([what.at, what.segment, what.member, what.starts])
        case MemberAdmitted():
            return "admitted", dump([what.at, what.journey, what.segment])
        case FactsRedefined():
            return "redefined", dump([what.at, what.names])
        case Occurrence():
            return "occurrence", dump([what.journey, what.at, what.day.isoformat()])
        case MessageSent():
            return "handed", dump([what.at, what.key, what.enrollment])
        case MessageReturned():
            return "returned", dump([what.at, what.key, what.enrollment, what.reason.value])
        case MessageOutcome():
            return "outcome", dump([what.at, what.key, what.enrollment, what.kind, what.detail, what.channel])
        case Reaction():
            return "reaction", dump([what.at, what.key, what.enrollment, what.kind])
        case CodeTaken():
            return "code", dump([what.at, what.enrollment, what.pool, what.value])
        case PointsSpent():
            return "points", dump([what.at, what.id, what.points, what.about, what.starts])
        case Joined():
            halves = [[half.events, half.attributes, half.is_reached] for half in (what.theirs, what.ours)]
            return "joined", dump([what.at, what.runs, *halves])
        case Wake() | InsideChanged():
            raise TypeError(f"a {type(what).__name__} is never stored")


def event_row(event: Event) -> tuple[str, str]:
    """The body of an event, and its content: the body of the same event without what the act of receiving
    adds to it (the id and two moments) and without its causes. Two texts of one encoding."""
    name, fields = _quoted(event.name), dump_values(event.fields)
    starts = "true" if event.starts else "false"
    causes = f",{dump(dict(event.causes))}" if event.causes else ""
    moments = f"{event.occurred_at},{event.received_at}"
    body = f"[{dump(event.id)},{name},{moments},{fields},{starts}{causes}]"
    return body, f'["",{name},0,0,{fields},{starts}]'


_quoted = lru_cache(maxsize=1_000)(dump)
"""Names of events as JSON: there are few."""


def from_row(number: int, kind: str, body: str) -> Happening:
    """The happening of a row. Raises `KeyError` for a kind that this version does not know."""
    return _READERS[kind](number, load(body))


def moment(what: Happening) -> Instant:
    """When it happened."""
    return what.occurred_at if isinstance(what, Event) else what.at


def _event(number: int, body: list[Any]) -> Event:
    id_, name, occurred_at, received_at, fields, starts, *causes = body
    return Event(number, id_, name, occurred_at, received_at, unpack(fields), starts, *causes)


def _changed(number: int, body: list[Any]) -> ProfileChanged:
    at, values, addresses, consents, suppressed, starts, *devices = body
    joined, left = devices or ((), ())
    agreed: Mapping[tuple[str, str], str] = {
        (channel, purpose): state for channel, purpose, state in consents
    }
    return ProfileChanged(
        number, at, unpack(values), addresses, agreed, suppressed, starts, _pairs(joined), _pairs(left)
    )


def _pairs(found: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((channel, address) for channel, address in found)


def _product(number: int, body: list[Any]) -> ProductChanged:
    at, product_id, fields, *watched = body
    before, touches, *seen = watched or ({}, {})
    price = unpack(seen[0])["seen"] if seen else None
    known = price if isinstance(price, Money) else None
    return ProductChanged(number, at, product_id, unpack(fields), unpack(before), touches, known)


def _occurrence(number: int, body: list[Any]) -> Occurrence:
    journey, at, day = body
    return Occurrence(number, journey, at, dt.date.fromisoformat(day))


def _returned(number: int, body: list[Any]) -> MessageReturned:
    at, key, enrollment, reason = body
    return MessageReturned(number, at, key, enrollment, ReturnReason(reason))


def _joined(number: int, body: list[Any]) -> Joined:
    at, runs, *halves = body
    theirs, ours = (
        HistoryHalf(tuple(events), tuple(attributes), reached) for events, attributes, reached in halves
    )
    return Joined(number, at, tuple(runs), theirs, ours)


_READERS: Mapping[str, Callable[[int, list[Any]], Happening]] = {
    "event": _event,
    "changed": _changed,
    "product": _product,
    "segment": lambda number, body: SegmentChanged(number, *body),
    "admitted": lambda number, body: MemberAdmitted(number, *body),
    "redefined": lambda number, body: FactsRedefined(number, body[0], tuple(body[1])),
    "occurrence": _occurrence,
    "handed": lambda number, body: MessageSent(number, *body),
    "returned": _returned,
    "outcome": lambda number, body: MessageOutcome(number, *body),
    "reaction": lambda number, body: Reaction(number, *body),
    "joined": _joined,
    "code": lambda number, body: CodeTaken(number, *body),
    "points": lambda number, body: PointsSpent(number, *body),
}
