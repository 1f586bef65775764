"""Clicks, openings and replies, as they came in: what counts for decisions is the happening in the inbox."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Connection

from engine.store.hot import change
from engine.store.meta import bucket_of
from engine.values import Instant

ReactionKind = Literal["clicked", "opened", "replied"]
Who = Literal["human", "machine", "unknown"]
"""machine: a scanner. unknown: a mail proxy that opens everything; nobody can tell (RELIABILITY.md 3.4)."""


def record(
    conn: Connection,
    customer: str,
    send_key: str,
    kind: ReactionKind,
    at: Instant,
    target: str,
    *,
    who: Who = "human",
) -> None:
    """Keeps one; `target` is where a click led."""
    change(
        conn,
        "INSERT INTO reaction (bucket, customer, send_key, kind, at, target, who) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (bucket_of(conn, customer), customer, send_key, kind, at, target[:2000], who),
    )
