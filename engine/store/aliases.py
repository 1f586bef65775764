"""Two ids of one person: what an anonymous visitor did becomes the history of the customer they turn out to
be."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Connection

from engine.core.facts.customer import Reach
from engine.core.happening import Event, ProfileChanged
from engine.store import merge
from engine.store.customers import address_index, events
from engine.store.customers.customer_codec import (
    dump_customer_state,
    load_attributes,
    load_customer_state,
    load_reach,
)
from engine.store.inbox import due_queue
from engine.store.inbox.inbox import append_one
from engine.store.meta import bucket_of
from engine.store.sql import change, ids, rows
from engine.values import Instant, Value


def resolve(conn: Connection, customers: Iterable[str]) -> dict[str, str]:
    """The customer of each id that is only another name of one."""
    sql = "SELECT a.alias, a.customer FROM {ids} CROSS JOIN alias a WHERE a.alias = j.value"
    return dict(rows(conn, sql, (ids(customers),)))


def join(conn: Connection, previous: str, customer: str, computed: Collection[str], now: Instant) -> str:
    """Makes `previous` another name of `customer` and moves what it did. The reason when it cannot be, else
    "".

    A customer who is not known yet simply takes over the other id; else what `previous` did is received again
    as history, so facts (their names are `computed`) and segments learn of it and nothing starts. Where both
    are inside a journey one run goes on (`engine.core.enrollment`).
    """
    customer = resolve(conn, [customer]).get(customer, customer)
    known = resolve(conn, [previous]).get(previous)
    if customer in (previous, known):
        return ""
    if known is not None:
        return "this id belongs to another customer already"
    old = bucket_of(conn, previous)
    if rows(conn, "SELECT 1 FROM alias WHERE customer = ?", (previous,)):
        change(conn, "UPDATE alias SET customer = ? WHERE customer = ?", (customer, previous))
    change(conn, "INSERT INTO alias (alias, customer, at) VALUES (?, ?, ?)", (previous, customer, now))
    new = bucket_of(conn, customer)
    ours, theirs = _row(conn, new, customer), _row(conn, old, previous)
    if theirs is not None:
        address_index.write(conn, old, [(previous, _addresses(theirs), address_index.NONE)])
    if theirs is not None and ours is None:
        address_index.write(conn, new, [(customer, address_index.NONE, _addresses(theirs))])
        change(
            conn,
            "UPDATE customer SET bucket = ?, id = ? WHERE bucket = ? AND id = ?",
            (new, customer, old, previous),
        )
        change(
            conn,
            "UPDATE event SET bucket = ?, customer = ? WHERE bucket = ? AND customer = ?",
            (new, customer, old, previous),
        )
    elif theirs is not None and ours is not None:
        _receive_missing(conn, ours, theirs, customer, computed, now)
        _receive_events(conn, old, previous, customer, now)
        _unite_marks(conn, new, customer, ours, theirs)
    merge.move(conn, old, previous, new, customer, now)
    change(
        conn,
        "UPDATE inbox SET bucket = ?, customer = ? WHERE bucket = ? AND customer = ?",
        (new, customer, old, previous),
    )
    for statement in _FORGET:
        change(conn, statement, (old, previous))
    due_queue.put(conn, new, [(now, customer)])
    return ""


_Row = tuple[dict[str, Value], dict[str, Reach], str]


def _row(conn: Connection, bucket: int, customer: str) -> _Row | None:
    sql = (
        "SELECT CAST(attributes AS TEXT), CAST(reach AS TEXT), CAST(marks AS TEXT) FROM customer "
        "WHERE bucket = ? AND id = ?"
    )
    found = rows(conn, sql, (bucket, customer))
    return (load_attributes(found[0][0]), load_reach(found[0][1]), found[0][2]) if found else None


def _addresses(row: _Row) -> address_index.Addresses:
    values, reach, _ = row
    return address_index.addresses_of(reach, values)


def _receive_events(conn: Connection, old: int, previous: str, customer: str, now: Instant) -> None:
    for event in events.of_customer(conn, old, previous):
        if not event.name.startswith("$"):
            again = Event(
                0, event.id, event.name, event.occurred_at, event.received_at, event.fields, starts=False
            )
            append_one(conn, customer, again, now)


def _unite_marks(conn: Connection, bucket: int, customer: str, ours: _Row, theirs: _Row) -> None:
    """Last starts, fired dates, places and habits of both: who was welcomed under the other id is not
    welcomed again."""
    starts, occurred, crossings, places, habits = load_customer_state(ours[2])
    their_starts, their_occurred, _, their_places, their_habits = load_customer_state(theirs[2])
    for key, start in their_starts.items():
        if key not in starts or starts[key].at < start.at:
            starts[key] = start
    united = habits.united(their_habits)
    marks = dump_customer_state(
        starts, occurred | their_occurred, crossings, [*places, *their_places], "", united
    )
    change(conn, "UPDATE customer SET marks = ? WHERE bucket = ? AND id = ?", (marks, bucket, customer))


def _receive_missing(
    conn: Connection, ours: _Row, theirs: _Row, customer: str, computed: Collection[str], now: Instant
) -> None:
    """Values, addresses and consents, where the customer has none; a withdrawn consent always."""
    values, reach, _ = theirs
    known_values, known_reach, _ = ours
    missing = {
        name: value for name, value in values.items() if name not in known_values and name not in computed
    }
    addresses = {
        name: found.address
        for name, found in reach.items()
        if found.address and not (known_reach[name].address if name in known_reach else None)
    }
    consents = {
        (name, purpose): state
        for name, found in reach.items()
        for purpose, state in found.consents.items()
        if purpose not in (known_reach[name].consents if name in known_reach else {}) or state == "withdrawn"
    }
    if missing or addresses or consents:
        append_one(
            conn, customer, ProfileChanged(0, now, missing, addresses, consents, {}, starts=False), now
        )


_FORGET = (
    "DELETE FROM event WHERE bucket = ? AND customer = ?",
    "DELETE FROM due WHERE bucket = ? AND customer = ?",
    "DELETE FROM stuck WHERE bucket = ? AND customer = ?",
    "DELETE FROM customer WHERE bucket = ? AND id = ?",
)
