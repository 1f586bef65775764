"""Which address got what within a day: of two customers with one mailbox, or one telephone, only one gets the
same template of the same journey (design/language 2.21).

The key is the address and not the customer, by its keyed hash. What is sent with a consent is the same
whatever started it; of what people wait for (without a purpose: an order, a new password) only the same words
are the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.ids import derive
from engine.store.messages.records import OutboxMessage, names_text
from engine.store.sql import change, change_many, ids, rows
from engine.values import DAY, Instant

KEPT = DAY
"""For so long an address is spared the same message under another name."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Whom a message reaches, whatever they are called. `address_hash`: as in
    `engine.store.customers.address_index`; "" for one that is not known, who shares it with nobody."""

    address_hash: str = ""
    variant: str = ""

    @classmethod
    def of(cls, message: OutboxMessage, address_hash: str) -> Destination:
        """The destination of a message at this address."""
        words = "" if message.purpose is not None else derive("words", names_text(message.names))[:16]
        return cls(address_hash, words)


NOBODY = Destination()

_USED = (
    "FROM destination r WHERE r.address_hash = {address_hash} AND r.variant = {variant} AND r.at > ?"
    " AND r.journey = {journey}"
    " AND r.template = {template} AND r.customer <> {customer}"
    # what was another customer may be the same one since
    " AND NOT EXISTS (SELECT 1 FROM alias a WHERE a.alias = r.customer AND a.customer = {customer})"
)


def not_used(address_hash: str, variant: str) -> str:
    """The clause that nobody else got a message `o` at its address within a day; the expressions say where it
    goes. Its value: `spared_since`."""
    used = _USED.format(
        address_hash=address_hash, variant=variant, journey="o.journey", template="o.template",
        customer="o.customer",
    )  # fmt: skip
    return f"NOT EXISTS (SELECT 1 {used})"


def spared_since(now: Instant) -> Instant:
    """What an address got before this moment does not count any more."""
    return Instant(now - KEPT)


def is_used(conn: Connection, message: OutboxMessage, destination: Destination, now: Instant) -> bool:
    """Whether somebody else got the message at its address within a day."""
    used = _USED.format(address_hash="?", variant="?", journey="?", template="?", customer="?")
    place = (destination.address_hash, destination.variant, spared_since(now))
    names = (message.journey, message.template, message.customer, message.customer)
    return bool(rows(conn, f"SELECT 1 {used}", (*place, *names)))


def hold(conn: Connection, destinations: Iterable[Destination]) -> None:
    """Lets no other hand-over to these addresses ask before the present one has ended. SQLite has one writer
    anyway."""
    if conn.dialect.name != "postgresql":
        return
    hashes = {destination.address_hash for destination in destinations} - {""}
    if hashes:  # in their order, so that two groups do not wait for each other
        rows(conn, "SELECT pg_advisory_xact_lock(hashtextextended(j.value, 0)) FROM {ids}", (ids(hashes),))


def note(conn: Connection, handed: Iterable[tuple[OutboxMessage, Destination]], now: Instant) -> None:
    """These messages were handed over, in the transaction of the hand-over."""
    change_many(
        conn,
        "INSERT INTO destination (address_hash, journey, template, variant, customer, at)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (address_hash, journey, template, variant)"
        " DO UPDATE SET customer = excluded.customer, at = excluded.at",
        sorted(
            (place.address_hash, message.journey, message.template, place.variant, message.customer, now)
            for message, place in handed
            if place.address_hash
        ),
    )


def forget(conn: Connection, now: Instant) -> int:
    """Drops what nobody asks for any more. How many."""
    return change(conn, "DELETE FROM destination WHERE at <= ?", (Instant(now - KEPT),))
