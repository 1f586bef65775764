"""Addresses that get nothing more, kept as keyed hashes: they beat every journey and outlive their owner's
data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from enum import StrEnum

from sqlalchemy import Connection

from engine.core.facts.customer import ANY_PURPOSE
from engine.store.meta import address_hash, secret
from engine.store.sql import change, ids, rows
from engine.values import Instant

__all__ = [
    "ANY_PURPOSE",
    "closing",
    "count",
    "SuppressionReason",
    "hash_of",
    "lift",
    "reasons",
    "lift_purpose",
    "active",
    "suppress",
]


class SuppressionReason(StrEnum):
    """What closed an address, as it is stored."""

    UNSUBSCRIBED = "unsubscribed"  # its owner, who may open it again
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    OTHER = ""  # of an earlier version, in words of its own


def hash_of(conn: Connection, channel: str, address: str) -> str:
    """The keyed hash of an address of a channel; the address is normalised by the channel first."""
    return address_hash(secret(conn), channel, address)


def suppress(
    conn: Connection,
    channel: str,
    address: str,
    purpose: str,
    now: Instant,
    reason: SuppressionReason,
    detail: str | None = None,
) -> bool:
    """Closes an address for a purpose, or for `all`. It is never shortened by saying it again. False: it
    stood already. `detail`: in the words of who said so."""
    why = reason.value if detail is None else f"{reason}: {detail}"
    changed = change(
        conn,
        "INSERT INTO suppression (address_hash, channel, purpose, at, reason, why) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (address_hash, channel, purpose) DO NOTHING",
        (hash_of(conn, channel, address), channel, purpose, now, reason.value, why[:500]),
    )
    return changed == 1


def lift(conn: Connection, channel: str, address: str, reason: SuppressionReason) -> bool:
    """Opens an address again where it was closed for this very reason, and only there. True:
    nothing else closes it."""
    hashed = hash_of(conn, channel, address)
    change(conn, "DELETE FROM suppression WHERE address_hash = ? AND channel = ? AND reason = ?",
           (hashed, channel, reason.value))  # fmt: skip
    return not rows(
        conn,
        "SELECT 1 FROM suppression WHERE address_hash = ? AND channel = ? AND purpose = 'all'",
        (hashed, channel),
    )


def lift_purpose(
    conn: Connection, channel: str, address: str, purpose: str, reason: SuppressionReason
) -> None:
    """Opens an address for one purpose again where it was closed for this very reason."""
    change(
        conn,
        "DELETE FROM suppression WHERE address_hash = ? AND channel = ? AND purpose = ? AND reason = ?",
        (hash_of(conn, channel, address), channel, purpose, reason.value),
    )


def active(conn: Connection, channel: str, address: str) -> dict[str, str]:
    """purpose -> why, for an address."""
    sql = "SELECT purpose, why FROM suppression WHERE address_hash = ? AND channel = ? ORDER BY purpose"
    return dict(rows(conn, sql, (hash_of(conn, channel, address), channel)))


def reasons(conn: Connection, channel: str, address: str) -> dict[str, SuppressionReason]:
    """purpose -> what closed an address for it."""
    sql = "SELECT purpose, reason FROM suppression WHERE address_hash = ? AND channel = ? ORDER BY purpose"
    closed = rows(conn, sql, (hash_of(conn, channel, address), channel))
    return {purpose: SuppressionReason(reason) for purpose, reason in closed}


def closing(conn: Connection, addresses: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """For each (channel, normalised address) that is closed, for what: a purpose, `any purpose` or `all`. One
    query."""
    key = secret(conn)
    hashed = {
        (address_hash(key, channel, address), channel): (channel, address) for channel, address in addresses
    }
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    sql = (
        "SELECT s.address_hash, s.channel, s.purpose FROM {ids} CROSS JOIN suppression s WHERE "
        "s.address_hash = j.value"
    )
    for hash_, channel, purpose in rows(conn, sql, (ids({hash_ for hash_, _ in hashed}),)):
        if (hash_, channel) in hashed:
            found[hashed[hash_, channel]].add(purpose)
    return {one: _widest(purposes) for one, purposes in found.items()}


def _widest(purposes: Collection[str]) -> str:
    if "all" in purposes:
        return "all"
    return next(iter(purposes)) if len(purposes) == 1 else ANY_PURPOSE


def count(conn: Connection) -> int:
    """How many stand."""
    return int(rows(conn, "SELECT count(*) FROM suppression")[0][0])
