"""How often something may be asked for in a stretch of time: counted durably, by keyed hash, and forgotten
when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.store.meta import address_hash, secret
from engine.store.sql import change, rows
from engine.values import Instant

_SLOTS = 12
"""A stretch is counted in so many slots; a use counts for the whole of its slot, so never for too short a
time."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """At most `most` uses by `who` (hashed before it is kept) in any `window` ms."""

    kind: str
    who: str
    most: int
    window: int


def is_left(conn: Connection, wanted: Sequence[Allowance], now: Instant) -> bool:
    """Whether one more use is allowed by all of them."""
    return all(_used(conn, one, now) < one.most for one in wanted)


def use(conn: Connection, wanted: Sequence[Allowance], now: Instant) -> bool:
    """Takes one use from all of them, or from none when one is used up. For the one writer: nobody comes
    between."""
    if not is_left(conn, wanted, now):
        return False
    for one in wanted:
        change(
            conn,
            "INSERT INTO allowance (kind, who, since, used) VALUES (?, ?, ?, 1)"
            " ON CONFLICT (kind, who, since) DO UPDATE SET used = allowance.used + 1",
            (one.kind, _hash(conn, one), now - now % _slot(one)),
        )
    return True


def forget(conn: Connection, before: Instant) -> int:
    """Drops what nobody asks for any more."""
    return change(conn, "DELETE FROM allowance WHERE since < ?", (before,))


def _used(conn: Connection, one: Allowance, now: Instant) -> int:
    found = rows(
        conn,
        "SELECT coalesce(sum(used), 0) FROM allowance WHERE kind = ? AND who = ? AND since > ?",
        (one.kind, _hash(conn, one), now - one.window - _slot(one)),
    )
    return int(found[0][0])


def _slot(one: Allowance) -> int:
    return max(1, one.window // _SLOTS)


def _hash(conn: Connection, one: Allowance) -> str:
    return address_hash(secret(conn), one.kind, one.who)
