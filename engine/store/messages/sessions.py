"""When an address last wrote to us on a channel, by keyed hash: the session window of messengers."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from engine.store.customers.suppressions import hash_of
from engine.store.meta import address_hash, secret
from engine.store.sql import change, ids, rows
from engine.values import Instant


def note(conn: Connection, channel: str, address: str, at: Instant) -> None:
    """An address (normalised by its channel) wrote to us; an older moment changes nothing."""
    change(
        conn,
        "INSERT INTO conversation (channel, address_hash, last_at) VALUES (?, ?, ?)"
        " ON CONFLICT (channel, address_hash) DO UPDATE SET last_at = excluded.last_at"
        " WHERE excluded.last_at > conversation.last_at",
        (channel, hash_of(conn, channel, address), at),
    )


def last_of(conn: Connection, channel: str, addresses: Iterable[str]) -> dict[str, Instant]:
    """When each of many addresses wrote last, in one query; those that never did are left out."""
    key = secret(conn)
    hashed = {address_hash(key, channel, address): address for address in addresses}
    if not hashed:
        return {}
    sql = (
        "SELECT c.address_hash, c.last_at FROM {ids} CROSS JOIN conversation c WHERE c.channel = ? "
        "AND c.address_hash = j.value"
    )
    return {hashed[found]: Instant(at) for found, at in rows(conn, sql, (ids(hashed), channel))}


def last_at(conn: Connection, channel: str, address: str) -> Instant | None:
    """When it wrote last; None: never."""
    sql = "SELECT last_at FROM conversation WHERE channel = ? AND address_hash = ?"
    found = rows(conn, sql, (channel, hash_of(conn, channel, address)))
    return Instant(found[0][0]) if found else None
