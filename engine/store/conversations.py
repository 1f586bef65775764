"""When an address last wrote to us on a channel, by keyed hash: the session window of messengers."""

from __future__ import annotations

from sqlalchemy import Connection

from engine.store.hot import change, rows
from engine.store.suppressions import hash_of
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


def last_at(conn: Connection, channel: str, address: str) -> Instant | None:
    """When it wrote last; None: never."""
    sql = "SELECT last_at FROM conversation WHERE channel = ? AND address_hash = ?"
    found = rows(conn, sql, (channel, hash_of(conn, channel, address)))
    return Instant(found[0][0]) if found else None
