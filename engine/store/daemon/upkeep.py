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


def shrink_log(conn: Connection) -> bool:
    """Writes SQLite's log back and cuts it off, if nobody reads what only it holds; else it is left as it is.
    Whether it holds nothing now.

    On a connection without a transaction. Nobody waits for it: a log that is in use is cut off the next time.
    """
    if conn.dialect.name != "sqlite":
        return True
    raw = conn.connection.driver_connection
    assert raw is not None
    timeout = raw.execute("PRAGMA busy_timeout").fetchone()[0]
    raw.execute("PRAGMA busy_timeout=0")
    try:
        (is_busy, _, _) = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        raw.execute(f"PRAGMA busy_timeout={timeout}")
    return not is_busy


def give_back(conn: Connection, pages: int) -> int:
    """Gives free pages of an SQLite file back to the disk, where its owner has set  auto_vacuum  to
    `INCREMENTAL`. How many are free still and could go."""
    if conn.dialect.name != "sqlite" or rows(conn, "PRAGMA auto_vacuum")[0][0] != _INCREMENTAL:
        return 0
    rows(conn, f"PRAGMA incremental_vacuum({pages})")
    return int(rows(conn, "PRAGMA freelist_count")[0][0])


_INCREMENTAL = 2
