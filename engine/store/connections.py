"""How a connection to the database is made: the address, the pragmas of SQLite, transactions that begin where
we say so, and what keeps the transactions of several processes apart
(docs/decisions/0011-locks-on-postgresql.md).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, CursorResult, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import QueuePool, StaticPool

from engine.errors import UsageError

READING = ("busy_timeout=10000", "mmap_size=8589934592", "cache_size=-131072", "temp_store=MEMORY")
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    # what is deleted or written over is written over with zeros in the file as well, for whoever was erased
    "secure_delete=ON",
    "wal_autocheckpoint=16000",
    # what a long reader has made it grow to is given back to the disk when the log begins anew
    "journal_size_limit=67108864",
    *READING,
)


LOCK_SPACE = 0x50455245
"""The first half of the keys of our advisory locks: those of other programs in the same database are other
ones."""

BUCKET_SPACE = LOCK_SPACE + 1
"""The first half of the keys of locks of buckets; the second is the bucket."""

WRITES = 1
"""The second half of the key that every writing transaction holds: shared, or alone."""

READING_IDLE = "10min"
"""So long may a transaction that only reads wait for its next statement: a report of a large shop computes
for minutes between two of them, and holds back vacuum alone, nobody who writes."""

SESSION = (
    "idle_in_transaction_session_timeout = '60s'",  # who hangs in a transaction holds back all others
    "lock_timeout = '60s'",
    "jit = off",  # our statements are short, and their plans would be compiled longer than they run
)
"""Settings of every connection to PostgreSQL."""

CONNECT_SECONDS = 10

SESSION_NAME = "perennial"
"""What sessions are called where nothing else is said."""


def sqlite_path(url: str, folder: Path) -> Path | None:
    """The file of an SQLite address; None for another database."""
    parsed = _parse(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    if not parsed.database or parsed.database == ":memory:":
        raise UsageError("the store has to be a file", "write for example  store: sqlite:///data/shop.db")
    return (folder / parsed.database).resolve()


def create_store_engine(url: str, session: str = SESSION_NAME) -> Engine:
    """An engine whose connections are set up for the house: transactions begin where we say so. `session`:
    what its sessions are called on PostgreSQL. Raises `UsageError` when its driver is not installed."""
    if not url.startswith("sqlite"):
        return _postgresql_engine(url, begin_on_postgresql, session)
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
        return _postgresql_engine(url, begin_to_read)
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
    """Begins a transaction on SQLite: `writes` of the execution options takes the one place of a writer."""
    immediate = conn.get_execution_options().get("writes", False)
    run_on_driver(conn, "BEGIN IMMEDIATE" if immediate else "BEGIN", ())


def run_on_driver(
    conn: Connection, statement: str, parameters: tuple[Any, ...] | list[tuple[Any, ...]]
) -> DBAPICursor | CursorResult[Any]:
    """The driver's own cursor, after the statement: SQLAlchemy's way there and its result cost ten times what
    a small statement does. Transactions and errors are SQLAlchemy's all the same."""
    if conn.dispatch.before_cursor_execute or conn._echo:  # noqa: SLF001 - statements are asked to be shown
        # Somebody watches every statement, as the tests that make the n-th one fail do.
        return conn.exec_driver_sql(statement, parameters)
    driver = conn.connection
    cursor = driver.cursor()
    try:
        if isinstance(parameters, list):
            cursor.executemany(statement, parameters)
        else:
            cursor.execute(statement, parameters)
    except conn.dialect.loaded_dbapi.Error as wrong:
        # Else the pool would give a dead connection to the next one.
        if conn.dialect.is_disconnect(wrong, driver, cursor):
            conn.invalidate(wrong)
        raise DBAPIError.instance(
            statement, None, wrong, conn.dialect.loaded_dbapi.Error,
            hide_parameters=True, dialect=conn.dialect,
        ) from wrong  # fmt: skip
    return cursor


def begin_on_postgresql(conn: Connection) -> None:
    """Begins a transaction on PostgreSQL: `writes` of the execution options is "alone" (True is the same) or
    "shared". Anything else sees one moment of the database and changes nothing."""
    writes = conn.get_execution_options().get("writes", False)
    if not writes:
        begin_to_read(conn)
        return
    lock = "pg_advisory_xact_lock_shared" if writes == "shared" else "pg_advisory_xact_lock"
    # One trip for both. The lock comes before the first statement, so that this sees what was committed while
    # it was waited for
    conn.exec_driver_sql(
        f"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT {lock}({LOCK_SPACE}, {WRITES})"
    )


def begin_to_read(conn: Connection) -> None:
    """Begins a transaction on PostgreSQL that sees one moment of the database and cannot write."""
    conn.exec_driver_sql(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
        f" SET LOCAL idle_in_transaction_session_timeout = '{READING_IDLE}'"
    )


def _postgresql_engine(
    url: str, begin_transaction: Callable[[Connection], None], session: str = SESSION_NAME
) -> Engine:
    try:
        engine = create_engine(
            _parse(url).set(drivername="postgresql+psycopg"),
            hide_parameters=True,
            isolation_level="AUTOCOMMIT",  # the driver begins no transaction of its own
            pool_size=5,
            pool_pre_ping=True,  # a connection that was cut while it rested is no error of who takes it
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "application_name": session,
            },
        )
    except ModuleNotFoundError as missing:
        raise UsageError(
            "the store is a PostgreSQL database, and its driver is not installed",
            'install it with  pip install "psycopg[binary]>=3.3"  or  uv sync --extra postgres',
        ) from missing
    event.listen(engine, "connect", _settle_session)
    event.listen(engine, "begin", begin_transaction)
    return engine


def _settle_session(connection: Any, _: Any) -> None:
    # By statements: a pooler takes no settings at the start of a connection
    connection.execute("; ".join(f"SET {setting}" for setting in SESSION))
    connection.commit()


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError as wrong:
        raise UsageError(
            f'"{url}" is no address of a database', "write for example  store: sqlite:///data/shop.db"
        ) from wrong
