"""How far the recurring looks at the whole base have come."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from engine.store.sql import change, rows
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class Watermark:
    """Looked at up to `until`; `hash` of the definition that it was looked at with."""

    until: Instant
    hash: str


def get(conn: Connection, kind: str, name: str) -> Watermark | None:
    """How far a look has come; None: it was never made."""
    found = rows(conn, "SELECT until, hash FROM sweep WHERE kind = ? AND name = ?", (kind, name))
    return Watermark(*found[0]) if found else None


def put(conn: Connection, kind: str, name: str, until: Instant, hash_: str = "") -> None:
    """Notes how far a look has come."""
    change(
        conn,
        "INSERT INTO sweep (kind, name, until, hash) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (kind, name) DO UPDATE SET until = excluded.until, hash = excluded.hash",
        (kind, name, until, hash_),
    )
