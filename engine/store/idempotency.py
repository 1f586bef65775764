"""Answers under the key of their request (the header `Idempotency-Key`): who asks again hears the same, and
nothing is done twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.store.sql import change, rows
from engine.values import Instant

LONGEST = 200
"""Characters of a key."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it was given. `is_other`: the key belongs to another request, and nothing was done."""

    status: int
    body: str
    is_other: bool = False


def once(
    conn: Connection, key: str, asked: bytes, now: Instant, answer: Callable[[], tuple[int, str]]
) -> KeptAnswer:
    """The answer that was given under this key, else the one that is made and kept now, in one transaction
    with what it does. `key` holds who asks and for what; `asked`: the request, by which another one is told
    apart. Of two at once the second waits for the first."""
    digest = hashlib.sha256(asked).hexdigest()
    is_new = change(
        conn,
        "INSERT INTO idempotent (request_key, request, status, body, at) VALUES (?, ?, 0, '', ?)"
        " ON CONFLICT (request_key) DO NOTHING",
        (key, digest, now),
    )
    if not is_new:
        request, status, body = rows(
            conn, "SELECT request, status, body FROM idempotent WHERE request_key = ?", (key,)
        )[0]
        return KeptAnswer(status, body, is_other=request != digest)
    status, body = answer()
    change(conn, "UPDATE idempotent SET status = ?, body = ? WHERE request_key = ?", (status, body, key))
    return KeptAnswer(status, body)


def forget(conn: Connection, before: Instant) -> int:
    """Drops answers from before a moment; how many."""
    return change(conn, "DELETE FROM idempotent WHERE at < ?", (before,))
