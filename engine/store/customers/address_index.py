"""Whose an address is: (channel, keyed hash) -> customers. Kept beside the rows of the customers, in the same
transaction, so that nobody who looks for an address has to search in text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import Connection

from engine.channel_kinds import address_space, normalised
from engine.core.facts.customer import Reach
from engine.store.customers.customer_codec import load_reach
from engine.store.meta import address_hash, secret
from engine.store.sql import change_many, ids, rows
from engine.values import Value

Addresses = frozenset[tuple[str, str]]
"""(channel, normalised address) of one customer; `phone` is the attribute where no channel has its number."""

NONE: Addresses = frozenset()

HASH_LENGTH = 32
"""Hex digits that are kept of a hash: two addresses that share them are told apart by the reach of their
customers, which whoever asks reads anyway."""


def addresses_of(reach: Mapping[str, Reach], values: Mapping[str, Value]) -> Addresses:
    """Everything that a customer is reached at now, as it is found again."""
    held = {
        (channel, normalised(channel, line))
        for channel, known in reach.items()
        for line in (known.address or "").split("\n")
        if line
    }
    # A shop without text messages knows numbers as well; with them the row of the channel is enough.
    phone = values.get("phone")
    if isinstance(phone, str) and phone:
        number = normalised("phone", phone)
        if not any(address == number and address_space(channel) == "phone" for channel, address in held):
            held.add(("phone", number))
    return frozenset(held)


def index_hash(key: str, channel: str, address: str) -> str:
    """Under which an address stands: one for all channels that ring the same phone. `key`: the secret of the
    store; `address`: normalised."""
    return address_hash(key, address_space(channel), address)[:HASH_LENGTH]


def write(conn: Connection, bucket: int, changes: Iterable[tuple[str, Addresses, Addresses]]) -> None:
    """Follows customers of a bucket: (id, addresses before, addresses now). Equal ones cost nothing."""
    gone, new = [], []
    for customer, before, now in changes:
        if before != now:
            gone += [(customer, *address) for address in before - now]
            new += [(customer, *address) for address in now - before]
    if not gone and not new:
        return
    key = secret(conn)
    change_many(
        conn,
        "DELETE FROM address WHERE address_hash = ? AND channel = ? AND bucket = ? AND customer = ?",
        [(index_hash(key, channel, text), channel, bucket, customer) for customer, channel, text in gone],
    )
    change_many(
        conn,
        "INSERT INTO address (address_hash, channel, bucket, customer) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (address_hash, channel, bucket, customer) DO NOTHING",
        [(index_hash(key, channel, text), channel, bucket, customer) for customer, channel, text in new],
    )


def holders(conn: Connection, channel: str, address: str) -> list[tuple[str, Mapping[str, Reach]]]:
    """Customers who have an address on this very channel now, with their reach, in the order of their ids;
    all of them, however many share it."""
    wanted = normalised(channel, address)
    sql = (
        "SELECT c.id, CAST(c.reach AS TEXT) FROM address a JOIN customer c ON c.bucket = a.bucket"
        " AND c.id = a.customer WHERE a.address_hash = ? AND a.channel = ? ORDER BY c.id"
    )
    people = [
        (customer, load_reach(document))
        for customer, document in rows(conn, sql, (index_hash(secret(conn), channel, wanted), channel))
    ]
    return [(customer, reach) for customer, reach in people if _holds(reach, channel, wanted)]


def customers_of(
    conn: Connection, addresses: Collection[tuple[str, str]]
) -> dict[tuple[str, str], list[str]]:
    """For each (channel, address): the customers who have it, by id, on any channel that goes to the same
    place; nobody is left out. One query for all."""
    key = secret(conn)
    wanted: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for channel, address in addresses:
        wanted[index_hash(key, channel, normalised(channel, address))].append((channel, address))
    people: dict[tuple[str, str], list[str]] = {}
    # The hash alone: a number may be known by any of the channels that ring it.
    sql = (
        "SELECT DISTINCT a.address_hash, a.customer FROM {ids} CROSS JOIN address a"
        " WHERE a.address_hash = j.value ORDER BY a.customer"
    )
    for hash_, customer in rows(conn, sql, (ids(wanted),)) if wanted else ():
        for asked in wanted[hash_]:
            people.setdefault(asked, []).append(customer)
    return people


def count_shared(conn: Connection) -> int:
    """How many addresses more than one customer has."""
    sql = (
        "SELECT count(*) FROM (SELECT 1 FROM address GROUP BY address_hash"
        " HAVING min(customer) <> max(customer)) AS shared"
    )
    return int(rows(conn, sql)[0][0])


def _holds(reach: Mapping[str, Reach], channel: str, address: str) -> bool:
    known = reach.get(channel)
    lines = (known.address or "").split("\n") if known is not None else ()
    return any(normalised(channel, line) == address for line in lines if line)
