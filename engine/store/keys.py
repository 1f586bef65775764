"""API keys: printed once, kept as hashes, each with a scope."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from engine.ids import new_secret
from engine.store.sql import change, rows
from engine.values import Instant

KeyScope = Literal["write", "read", "admin", "browser", "till"]


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
        (name, hash_of(text), scope, now),
    )
    return text if changed == 1 else None


def working_keys(conn: Connection) -> dict[str, ApiKey]:
    """Every key that is not revoked, by the hash of its text."""
    found = rows(
        conn, "SELECT hash, name, scope, created_at, revoked_at FROM api_key WHERE revoked_at IS NULL"
    )
    return {digest: ApiKey(*row) for digest, *row in found}


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


def hash_of(text: str) -> str:
    """What is kept of the text of a key."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
