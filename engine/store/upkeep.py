"""The files of the database: how large they are."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from engine.store.sql import rows


def sizes(conn: Connection) -> dict[str, int]:
    """Bytes: `database`, and of SQLite `free` (pages that hold nothing) and `wal` (the log beside it)."""
    if conn.dialect.name != "sqlite":
        return {"database": int(rows(conn, "SELECT pg_database_size(current_database())")[0][0])}
    page, pages, free = (
        int(rows(conn, f"PRAGMA {name}")[0][0]) for name in ("page_size", "page_count", "freelist_count")
    )
    return {"database": page * pages, "free": page * free, "wal": _wal_bytes(conn)}


def _wal_bytes(conn: Connection) -> int:
    file = rows(conn, "PRAGMA database_list")[0][2]
    try:
        return Path(f"{file}-wal").stat().st_size
    except OSError:  # it comes with the first write, and goes with the last connection
        return 0
