"""How a connection to the database is made: the address, the pragmas of SQLite, transactions that begin where
we say so."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool, StaticPool

from engine.errors import UsageError

READING = ("busy_timeout=10000", "mmap_size=8589934592", "cache_size=-131072", "temp_store=MEMORY")
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "wal_autocheckpoint=16000",
    *READING,
)


def sqlite_path(url: str, folder: Path) -> Path | None:
    """The file of an SQLite address; None for another database."""
    try:
        parsed = make_url(url)
    except ArgumentError as wrong:
        raise UsageError(
            f'"{url}" is no address of a database', "write for example  store: sqlite:///data/shop.db"
        ) from wrong
    if parsed.get_backend_name() != "sqlite":
        return None
    if not parsed.database or parsed.database == ":memory:":
        raise UsageError("the store has to be a file", "write for example  store: sqlite:///data/shop.db")
    return (folder / parsed.database).resolve()


def create_store_engine(url: str) -> Engine:
    """An engine whose connections are set up for the house: transactions begin where we say so."""
    if not url.startswith("sqlite"):
        return create_engine(url, hide_parameters=True)
    engine = create_engine(
        url, hide_parameters=True, poolclass=QueuePool, pool_size=5, connect_args={"check_same_thread": False}
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", begin)
    return engine


def read_only_engine(url: str, folder: Path) -> Engine:
    """An engine on a database that is there, whose connections cannot write. Raises `UsageError` for a wrong
    address."""
    path = sqlite_path(url, folder)
    if path is None:
        return create_engine(url, hide_parameters=True, execution_options={"postgresql_readonly": True})
    engine = create_engine(
        f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true", hide_parameters=True, poolclass=StaticPool,
        connect_args={"check_same_thread": False},
    )  # fmt: skip
    event.listen(engine, "connect", _prepare_to_read)
    event.listen(engine, "begin", begin)
    return engine


def _prepare(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # pysqlite begins no transaction of its own
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _prepare_to_read(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None
    for pragma in ("query_only=ON", *READING):
        connection.execute(f"PRAGMA {pragma}")


def begin(conn: Connection) -> None:
    immediate = conn.get_execution_options().get("writes", False)
    conn.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
