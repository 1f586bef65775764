"""The store as a stream of what happened, in the order in which it was heard of, in the form that `replay`
reads (docs/replay.md).

Addresses are no part of it: only that somebody has one on a channel.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from typing import Any

import msgspec
from sqlalchemy import Connection

from engine.compiler.catalogue.catalogue import CUSTOMER_CHANGED, HISTORY_MARK, PRODUCT_CHANGED, REPEATED
from engine.store.amounts import amount_of
from engine.store.customers.events import stored_change
from engine.store.serialization import load_values
from engine.store.sql import IDS, ids, rows, stream
from engine.values import DAY, SECOND, Birthday, Instant, Money, iso


class RecordedLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the stream. `at`: ISO 8601, UTC; `customer_id`: empty for what belongs to nobody."""

    event: str
    at: str
    customer_id: str = ""
    properties: Mapping[str, Any] = {}

    def written(self) -> RecordedLine:
        """The line as JSON has it: an amount with its currency as text, a birthday as ISO 8601."""
        return RecordedLine(self.event, self.at, self.customer_id, _plain(self.properties))


_SLICE = 10_000
"""Lines that are written at once."""

_ADDRESSES = frozenset(("email", "phone"))
"""Attributes that are addresses."""

_Timed = tuple[Instant, int, RecordedLine]
"""With its moment, and the rank among lines of one moment: what somebody is comes before what they did."""


@dataclass(frozen=True, slots=True)
class StreamBounds:
    """From `since` until before `until`; None: from the beginning, to the end. `customers`: these alone, by
    bucket, and what belongs to nobody; None: everybody."""

    since: Instant | None = None
    until: Instant | None = None
    customers: Mapping[int, Collection[str]] | None = None

    def clause(self, column: str, table: str = "") -> tuple[str, tuple[Any, ...]]:
        """As SQL and its parameters, of a table whose columns are called with a name before them."""
        parts = [(f"{column} >= ?", self.since), (f"{column} < ?", self.until)]
        given = [(words, at) for words, at in parts if at is not None]
        words, people = self.whose(table)
        return " AND ".join([words, *(words for words, _ in given)]), (*people, *(at for _, at in given))

    def whose(self, table: str = "") -> tuple[str, tuple[str, ...]]:
        """The customers alone, as `clause`."""
        if self.customers is None:
            return "1 = 1", ()
        if not self.customers:
            return "1 = 0", ()
        # with their buckets, which the keys of the tables begin with: nothing else is read
        buckets = ", ".join(map(str, sorted(self.customers)))
        people = ids(customer for some in self.customers.values() for customer in some)
        clause = f"{table}bucket IN ({buckets}) AND {table}customer IN (SELECT j.value FROM {IDS})"  # noqa: S608
        return clause, (people,)


def in_chunks(lines: Iterable[RecordedLine]) -> Iterator[bytes]:
    """JSON Lines, many at once."""
    encoder = msgspec.json.Encoder(decimal_format="number")
    waiting: list[bytes] = []
    for line in lines:
        waiting.append(encoder.encode(line.written()) + b"\n")
        if len(waiting) == _SLICE:
            yield b"".join(waiting)
            waiting.clear()
    yield b"".join(waiting)


def recorded_stream(conn: Connection, bounds: StreamBounds) -> Iterator[RecordedLine]:
    """Every line of the stretch, in the order in which the engine heard of it, but for events that follow
    from others. What customers and products were before `since` stands at `since`."""
    parts = [
        _products(conn, bounds), _customers_before(conn, bounds), _events(conn, bounds),
        _messages(conn, bounds), _reactions(conn, bounds),
    ]  # fmt: skip
    for _, _, line in merge(*parts, key=lambda timed: timed[:2]):
        yield line


_HEARD = (
    f"CASE WHEN starts AND received_at > occurred_at + {5 * SECOND} THEN received_at ELSE occurred_at END"
)
"""When the engine heard of an event: what arrived late stands behind what was decided before it. Imported
history stands where it happened."""


def _events(conn: Connection, bounds: StreamBounds) -> Iterator[_Timed]:
    within, given = bounds.clause(_HEARD)
    found = stream(
        conn,
        f"SELECT {_HEARD}, occurred_at, name, customer, CAST(fields AS TEXT), starts FROM event"  # noqa: S608
        f" WHERE {within} ORDER BY 1, number",
        given,
    )
    for heard, at, name, customer, fields, starts in found:
        if name == "$changed":
            properties = _change(fields)
            if properties:
                yield heard, 1, RecordedLine(CUSTOMER_CHANGED, iso(at), customer, properties)
        elif name not in REPEATED and not name.startswith("$"):
            properties = dict(load_values(fields))
            if not starts:
                properties[HISTORY_MARK] = True
            yield heard, 2, RecordedLine(name, iso(at), customer, properties)


_DONE = "substr(name, 1, 1) <> '$'"
"""Rows that are events of customers, not what somebody is."""


def has_events(conn: Connection, bounds: StreamBounds) -> bool:
    """Whether customers did anything in the stretch."""
    within, given = bounds.clause(_HEARD)
    return bool(rows(conn, f"SELECT 1 FROM event WHERE {_DONE} AND {within} LIMIT 1", given))  # noqa: S608


def last_event_at(conn: Connection) -> Instant | None:
    """When a customer did something last, of all that is recorded."""
    ((at,),) = rows(conn, f"SELECT MAX({_HEARD}) FROM event WHERE {_DONE}")  # noqa: S608
    return Instant(at) if at is not None else None


def _customers_before(conn: Connection, bounds: StreamBounds) -> Iterator[_Timed]:
    """What was said of each customer until the stretch begins, as one line."""
    since = bounds.since
    if since is None:
        return
    whose_clause, people = bounds.whose()
    found = stream(
        conn,
        "SELECT customer, CAST(fields AS TEXT) FROM event"  # noqa: S608
        f" WHERE name = '$changed' AND {whose_clause} AND occurred_at < ?"
        " ORDER BY customer, occurred_at, number",
        (*people, since),
    )
    whose, known = "", dict[str, Any]()
    for customer, fields in found:
        if customer != whose and known:
            yield since, 0, RecordedLine(CUSTOMER_CHANGED, iso(since), whose, known)
        if customer != whose:
            whose, known = customer, {}
        for part, values in _change(fields).items():
            known[part] = {**known.get(part, {}), **values}
    if known:
        yield since, 0, RecordedLine(CUSTOMER_CHANGED, iso(since), whose, known)


def _change(document: str) -> dict[str, Any]:
    """What a change said, but for addresses themselves."""
    change = stored_change(document)
    parts = {
        "attributes": {name: value for name, value in change.attributes.items() if name not in _ADDRESSES},
        "consents": change.consents,
        "addresses": {channel: address is not None for channel, address in change.addresses.items()},
    }
    return {name: values for name, values in parts.items() if values}


def _messages(conn: Connection, bounds: StreamBounds) -> Iterator[_Timed]:
    within, given = bounds.clause("handed_at")
    found = stream(
        conn,
        "SELECT handed_at, customer, journey, step, template, channel FROM outbox"  # noqa: S608
        f" WHERE handed_at IS NOT NULL AND {within} ORDER BY handed_at, number",
        given,
    )
    for at, customer, journey, step, template, channel in found:
        about = {"journey": journey, "step": step, "template": template, "channel": channel}
        yield at, 3, RecordedLine("message_handed", iso(at), customer, about)


def _reactions(conn: Connection, bounds: StreamBounds) -> Iterator[_Timed]:
    """Those of people to messages of the stretch: a message before it is not in the stream."""
    within, given = bounds.clause("o.handed_at", "o.")
    also, more = StreamBounds(bounds.since, bounds.until).clause("r.at")
    found = stream(
        conn,
        "SELECT r.at, r.customer, r.kind, o.template, o.channel, o.handed_at FROM reaction r"  # noqa: S608
        " JOIN outbox o ON o.bucket = r.bucket AND o.send_key = r.send_key"
        f" WHERE r.who = 'human' AND o.handed_at IS NOT NULL AND r.at >= o.handed_at AND {within} AND {also}"
        " ORDER BY r.at, r.number",
        (*given, *more),
    )
    for at, customer, kind, template, channel, sent in found:
        about = {"template": template, "channel": channel, "sent_at": iso(sent)}
        yield at, 4, RecordedLine(f"message_{kind}", iso(at), customer, about)


def _products(conn: Connection, bounds: StreamBounds) -> Iterator[_Timed]:
    """Every product as it is now, at the beginning, with the price of then; then each price and what was left
    at the end of a day."""
    start = bounds.since if bounds.since is not None else Instant(0)
    end = bounds.until
    prices: dict[str, list[tuple[Instant, Any]]] = {}
    for product, at, amount, currency in rows(
        conn, "SELECT product, at, amount, currency FROM product_price ORDER BY product, at"
    ):
        text = f"{amount_of(amount)} {currency}".strip() if amount is not None else None
        prices.setdefault(product, []).append((at, text))
    stocks: dict[str, list[tuple[Instant, dict[str, Any]]]] = {}
    for product, day, stock, in_stock in rows(
        conn, "SELECT product, day, stock, in_stock FROM product_stock ORDER BY product, day"
    ):
        left = {
            "stock": amount_of(stock) if stock is not None else None,
            "in_stock": in_stock if in_stock is None else bool(in_stock),
        }
        known = {name: value for name, value in left.items() if value is not None}
        # What is kept is what was left at the end of the day
        stocks.setdefault(product, []).append((Instant(day + DAY - 1), known))
    moved: list[_Timed] = []
    for product, added_at, document in rows(
        conn, "SELECT id, added_at, CAST(fields AS TEXT) FROM product ORDER BY id"
    ):
        began = max(Instant(added_at), start)
        if end is not None and began >= end:
            continue
        values: dict[str, Any] = dict(load_values(document))
        changes = [
            *((at, {"price": text}) for at, text in prices.get(product, ())),
            *stocks.get(product, ()),
        ]
        # What has a past is not known by its present value
        for _, change in changes:
            for name in change:
                values.pop(name, None)
        for at, change in sorted(changes, key=lambda change: change[0]):
            if at <= began:
                values |= change
        changes = [(at, change) for at, change in changes if at > began and (end is None or at < end)]
        for at, change in ((began, values), *changes):
            known = {name: value for name, value in change.items() if value is not None}
            moved.append(
                (at, 0, RecordedLine(PRODUCT_CHANGED, iso(at), "", {"product_id": product, **known}))
            )
    yield from sorted(moved, key=lambda timed: timed[:2])


def _plain(value: Any) -> Any:
    match value:
        case Money():
            return f"{value.amount} {value.currency}"
        case Birthday():
            day = f"{value.month:02}-{value.day:02}"
            return day if value.year is None else f"{value.year:04}-{day}"
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            return value
