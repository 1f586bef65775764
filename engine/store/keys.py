"""API keys: printed once, kept as hashes, each with a scope."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from engine.ids import new_secret
from engine.store.sql import change, rows
from engine.values import Instant

KeyScope = Literal["write", "read", "admin"]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key without its secret."""

    name: str
    scope: KeyScope
    created_at: Instant
    revoked_at: Instant | None


def new_key(conn: Connection, name: str, scope: KeyScope, now: Instant) -> str | None:
    """Makes a key and gives its text, which nobody can see again. None: the name is taken."""
    text = f"pk_{new_secret()}"
    changed = change(
        conn,
        "INSERT INTO api_key (name, hash, scope, created_at) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO "
        "NOTHING",
        (name, _hash(text), scope, now),
    )
    return text if changed == 1 else None


def check_key(conn: Connection, text: str) -> ApiKey | None:
    """The key that a text is; None for an unknown or revoked one."""
    found = rows(
        conn,
        "SELECT name, scope, created_at, revoked_at FROM api_key WHERE hash = ? AND revoked_at IS NULL",
        (_hash(text),),
    )
    return ApiKey(*found[0]) if found else None


def revoke(conn: Connection, name: str, now: Instant) -> bool:
    """Ends a key. False: there is no such key, or it ended before."""
    return (
        change(conn, "UPDATE api_key SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL", (now, name))
        == 1
    )


def every_key(conn: Connection) -> list[ApiKey]:
    """All keys, oldest first."""
    return [
        ApiKey(*row)
        for row in rows(
            conn, "SELECT name, scope, created_at, revoked_at FROM api_key ORDER BY created_at, name"
        )
    ]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
