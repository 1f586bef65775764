"""Addresses that get nothing more, kept as keyed hashes: they beat every journey and outlive their owner's data."""

from __future__ import annotations

from sqlalchemy import Connection

from engine.store.hot import change, rows
from engine.store.meta import address_hash, secret
from engine.values import Instant

ANY_PURPOSE = "any purpose"
"""Suppressed for everything that needs a consent: what a complaint closes. `all` closes service messages as well."""


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


def lift(conn: Connection, channel: str, address: str, because: str) -> bool:
    """Opens an address again where it was closed for this very reason (`why` begins with it), and only there. True:
    nothing else closes it."""
    hashed = hash_of(conn, channel, address)
    change(conn, "DELETE FROM suppression WHERE address_hash = ? AND channel = ? AND substr(why, 1, ?) = ?",
           (hashed, channel, len(because), because))  # fmt: skip
    return not rows(
        conn,
        "SELECT 1 FROM suppression WHERE address_hash = ? AND channel = ? AND purpose = 'all'",
        (hashed, channel),
    )


def lift_purpose(conn: Connection, channel: str, address: str, purpose: str, because: str) -> None:
    """Opens an address for one purpose again where it was closed for this very reason (`why` begins with it)."""
    change(
        conn,
        "DELETE FROM suppression WHERE address_hash = ? AND channel = ? AND purpose = ? AND substr(why, 1, ?) = ?",
        (hash_of(conn, channel, address), channel, purpose, len(because), because),
    )


def standing(conn: Connection, channel: str, address: str) -> dict[str, str]:
    """purpose -> why, for an address."""
    sql = "SELECT purpose, why FROM suppression WHERE address_hash = ? AND channel = ? ORDER BY purpose"
    return dict(rows(conn, sql, (hash_of(conn, channel, address), channel)))


def count(conn: Connection) -> int:
    """How many stand."""
    return int(rows(conn, "SELECT count(*) FROM suppression")[0][0])
