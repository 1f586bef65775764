"""A PostgreSQL server: whether it can hold a store, and the lock of the daemons that work on a database."""

from __future__ import annotations

import threading
import time

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DatabaseError

from engine.errors import WorldError
from engine.ids import new_id
from engine.store.connections import LOCK_SPACE

OLDEST = 15
"""The first major version that is tried with every change."""

DAEMON = 2
"""The second half of the key that a daemon holds as long as its connection lives."""

PATIENCE = 5.0
"""Seconds in which whoever asks for a daemon, or changes the tables, is done."""


def check_server(engine: Engine) -> None:
    """Raises `WorldError` for a server or a database that cannot hold a store."""
    with engine.connect() as conn:
        version, encoding, is_replica = conn.execute(
            text(
                "SELECT current_setting('server_version_num')::int / 10000, getdatabaseencoding(),"
                " pg_is_in_recovery()"
            )
        ).one()
    if version < OLDEST:
        raise WorldError(
            f"the store needs PostgreSQL {OLDEST} or later; the server has {version}", permanent=True
        )
    if encoding != "UTF8":
        raise WorldError(
            f"the database keeps its texts as {encoding}: make it with  CREATE DATABASE ... ENCODING 'UTF8' "
            "TEMPLATE template0",
            permanent=True,
        )
    if is_replica:
        raise WorldError(
            "the server is a replica that takes no writes: name the primary in store: of config.yaml",
            permanent=True,
        )


def check_sessions(engine: Engine) -> None:
    """Raises `WorldError` where a pooler gives each transaction another session of the server: a lock that a
    daemon holds would be anybody's, and so would its settings."""
    for _ in range(3):  # other clients of a pooler may come in between
        mark = new_id()
        with engine.connect() as ours, engine.connect() as other:
            _session_value(ours, mark)
            ours.commit()
            seen = _session_value(other)  # in a transaction that goes on: a pooler has to give it a session
            kept = _session_value(ours)
            ours.rollback()
            other.rollback()
            _session_value(ours, "")
            ours.commit()
        if seen == mark or kept != mark:
            raise WorldError(
                "between the daemon and the database stands a pooler that hands out a session for one "
                "transaction only (pgbouncer: pool_mode = transaction or statement). Name the server itself "
                "in store: of config.yaml, or a pool with  pool_mode = session",
                permanent=True,
            )


def _session_value(conn: Connection, value: str | None = None) -> str:
    """What this session keeps under our name; with `value` it is kept from now on."""
    if value is None:
        found = conn.exec_driver_sql("SELECT current_setting('perennial.mark', true)")
    else:
        found = conn.exec_driver_sql("SELECT set_config('perennial.mark', %s, false)", (value,))
    return str(found.scalar_one() or "")


class DaemonLock:
    """Held by a connection of its own as long as a daemon works on the database, beside those of others: when
    the daemon or its connection dies, the server frees it. It keeps another version's tables away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._conn = self._take()

    def hold(self) -> None:
        """Makes a connection that was lost anew. Raises `WorldError` while another version changes the
        tables, and what the database raises."""
        try:
            self._conn.exec_driver_sql("SELECT 1")
            self._conn.rollback()
        except DatabaseError:
            self._conn.close()
            self._conn = self._take()

    def close(self) -> None:
        """Frees it."""
        self._conn.invalidate()  # the session ends, and its locks with it
        self._conn.close()

    def _take(self) -> Connection:
        conn = self._engine.connect()
        until = time.monotonic() + PATIENCE
        try:
            while not _try(conn, "pg_try_advisory_lock_shared"):
                if time.monotonic() > until:
                    raise WorldError(
                        "another version brings the tables of this database up to date: start again when it "
                        "is done",
                        permanent=False,
                    )
                threading.Event().wait(0.1)
        except BaseException:
            conn.close()
            raise
        return conn


def is_daemon_there(conn: Connection) -> bool:
    """Whether a daemon works on this database now. Who asks keeps daemons from starting until the transaction
    of `conn` ends."""
    return not _try(conn, "pg_try_advisory_xact_lock")


def _try(conn: Connection, function: str) -> bool:
    taken = bool(conn.exec_driver_sql(f"SELECT {function}({LOCK_SPACE}, {DAEMON})").scalar_one())
    if "xact" not in function:
        conn.rollback()  # ends the transaction; a lock of the session stays
    return taken
