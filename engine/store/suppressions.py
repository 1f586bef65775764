"""Addresses that get nothing more, kept as keyed hashes: they beat every journey and outlive their owner's data."""

from __future__ import annotations

from sqlalchemy import Connection

from engine.store.hot import change, rows
from engine.store.meta import address_hash, secret
from engine.values import Instant


def hash_of(conn: Connection, channel: str, address: str) -> str:
    """The keyed hash of an address of a channel; the address is normalised by the channel first."""
    return address_hash(secret(conn), channel, address)


def suppress(conn: Connection, channel: str, address: str, purpose: str, now: Instant, why: str) -> bool:
    """Closes an address for a purpose, or for `all`. It is never shortened by saying it again. False: it stood already."""
    changed = change(
        conn,
        "INSERT INTO suppression (address_hash, channel, purpose, at, why) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (address_hash, channel, purpose) DO NOTHING",
        (hash_of(conn, channel, address), channel, purpose, now, why[:500]),
    )
    return changed == 1


def standing(conn: Connection, channel: str, address: str) -> dict[str, str]:
    """purpose -> why, for an address."""
    sql = "SELECT purpose, why FROM suppression WHERE address_hash = ? AND channel = ? ORDER BY purpose"
    return dict(rows(conn, sql, (hash_of(conn, channel, address), channel)))


def count(conn: Connection) -> int:
    """How many stand."""
    return int(rows(conn, "SELECT count(*) FROM suppression")[0][0])
