"""The history of customers: events as they happened, and other things under names with a leading `$`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.core.happening import Event, Happening, ProductChanged, ProfileChanged, SegmentChanged
from engine.store import serialization
from engine.store.counting import attribution
from engine.store.serialization import dump, dump_values, load_values, pack, unpack
from engine.store.sql import change_many, ids, rows
from engine.values import Instant, Value

_INSERT = (
    "INSERT INTO event (bucket, customer, name, occurred_at, number, received_at, id, starts, fields)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_COLUMNS = (
    "e.customer, e.number, e.id, e.name, e.occurred_at, e.received_at, CAST(e.fields AS TEXT), e.starts"
)


def append(conn: Connection, bucket: int, applied: Iterable[tuple[str, Happening]]) -> None:
    """Keeps what was applied: (customer, happening). Messages have their own history."""
    found, orders = [], []
    for customer, what in applied:
        match what:
            case Event():
                row = (what.name, what.occurred_at, what.number, what.received_at, what.id, what.starts)
                found.append((bucket, customer, *row, dump_values(what.fields)))
                orders.append((customer, what))
            case ProfileChanged():
                consents = {
                    f"{channel}.{purpose}": state for (channel, purpose), state in what.consents.items()
                }
                addresses = {**what.addresses, **{f"{channel}{_ONE_MORE}": to for channel, to in what.joined}}
                addresses |= {f"{channel}{_ONE_LESS}": to for channel, to in what.left}
                said = [pack(what.values), addresses, consents, dict(what.suppressed)]
                row = ("$changed", what.at, what.number, what.at, "", what.starts)
                found.append((bucket, customer, *row, dump({"changed": said})))
            case SegmentChanged():
                row = ("$entered" if what.member else "$left", what.at, what.number, what.at, "", what.starts)
                found.append((bucket, customer, *row, dump({"segment": what.segment})))
            case ProductChanged():
                row = ("$product", what.at, what.number, what.at, "", False)
                found.append((bucket, customer, *row, dump({"product_id": what.product_id})))
            case _:
                pass
    found.sort()
    change_many(conn, _INSERT, found)
    attribution.note_orders(conn, bucket, orders)


_ONE_MORE, _ONE_LESS = " (one more)", " (one less)"
"""Behind the channel, where one of several addresses came or went."""


@dataclass(frozen=True, slots=True)
class StoredChange:
    """What was written of a customer from outside, as their history keeps it. `addresses`: by channel; None:
    it went away, which is not said where another one may be left. `consents`: to marketing, by channel."""

    attributes: Mapping[str, Value]
    addresses: Mapping[str, str | None]
    consents: Mapping[str, str]


def stored_change(document: str) -> StoredChange:
    """What `append` kept of a `ProfileChanged` under `$changed`."""
    packed, addresses, consents, _ = serialization.load(document)["changed"]
    purposes = {tuple(name.rpartition(".")[::2]): state for name, state in consents.items()}
    return StoredChange(
        unpack(packed),
        {
            name.removesuffix(_ONE_MORE): address
            for name, address in addresses.items()
            if not name.endswith(_ONE_LESS)
        },
        {channel: state for (channel, purpose), state in purposes.items() if purpose == "marketing"},
    )


def load(
    conn: Connection, bucket: int, customers: Iterable[str], start: Mapping[str, Instant | None]
) -> Iterator[tuple[str, Event]]:
    """Events of customers by name, each name from its moment on, oldest first: (customer, event)."""
    wanted = dump({name: at for name, at in start.items() if at is not None})
    sql = (
        f"SELECT {_COLUMNS} FROM {{ids}} CROSS JOIN {{names}} CROSS JOIN event e WHERE e.bucket = ? AND e.customer = j.value"  # noqa: E501, S608
        " AND e.name = n.key AND e.occurred_at >= CAST(n.value AS BIGINT) ORDER BY e.customer, "
        "e.occurred_at, e.number"
    )
    for row in rows(conn, sql, (ids(customers), wanted, bucket)):
        yield row[0], _event(row)


def of_customer(conn: Connection, bucket: int, customer: str) -> list[Event]:
    """Everything that happened to a customer, in order of moment and receipt; `$...` names are no events of
    the shop."""
    sql = f"SELECT {_COLUMNS} FROM event e WHERE e.bucket = ? AND e.customer = ? ORDER BY e.occurred_at, e.number"  # noqa: E501, S608
    return [_event(row, plain=True) for row in rows(conn, sql, (bucket, customer))]


def moments(conn: Connection, bucket: int, customer: str) -> set[Instant]:
    """When something happened to a customer; `$...` names are no events of the shop."""
    sql = "SELECT DISTINCT occurred_at FROM event WHERE bucket = ? AND customer = ? AND name NOT LIKE '$%'"
    return {at for (at,) in rows(conn, sql, (bucket, customer))}


def count(conn: Connection) -> dict[str, int]:
    """How many there are, by name."""
    return dict(rows(conn, "SELECT name, count(*) FROM event GROUP BY name ORDER BY name"))


def _event(row: tuple[str, int, str, str, Instant, Instant, str, bool], *, plain: bool = False) -> Event:
    _, number, id_, name, occurred_at, received_at, fields, starts = row
    values = {"document": fields} if plain and name.startswith("$") else load_values(fields)
    return Event(number, id_, name, occurred_at, received_at, values, bool(starts))
