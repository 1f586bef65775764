"""The processes that work on one PostgreSQL database: who lives, who is dead, who leads, and how fast all of
them send.

Every process says each second that it lives (`beat`), by the clock of the database, so that those of the
hosts need not agree. One that is silent for longer than its lease is buried by whoever sees it first
(`bury`): its sessions are ended, so that nothing it had begun is committed; what it had claimed is planned
again, and what it had handed over is unknown. All statements here are transactions of their own, and those of
`beat`, `lead` and `reserve` need not be durable.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, create_engine

from engine.store.sql import change, rows
from engine.values import Instant

_NOW = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
_MICROSECONDS = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
_LEADER = "leader"

_SETTINGS = ("synchronous_commit=off", "statement_timeout=5s", "lock_timeout=5s")
"""Of the connection for beats: one that is lost is followed by the next, and none may be waited for."""


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A process as it is registered. `lease`, `silent`: milliseconds; `silent`: since its last beat."""

    id: str
    role: str
    host: str
    pid: int
    version: str
    lease: int
    started_at: Instant = Instant(0)
    silent: int = 0


def session_name(worker: str) -> str:
    """What the sessions of a worker are called in `pg_stat_activity`."""
    return f"perennial {worker}"


def beats_engine(engine: Engine, worker: str) -> Engine:
    """A connection beside those of the store, on which every statement is a transaction of its own: a beat
    waits neither for the writer nor for a place in its pool."""
    return create_engine(
        engine.url, hide_parameters=True, isolation_level="AUTOCOMMIT", pool_size=1, pool_pre_ping=True,
        connect_args={
            "connect_timeout": 5,
            "application_name": session_name(worker),
            "options": " ".join(f"-c {setting}" for setting in _SETTINGS),
        },
    )  # fmt: skip


def register(conn: Connection, worker: WorkerRecord) -> None:
    """From now on it counts among the living."""
    change(
        conn,
        "INSERT INTO worker (id, role, host, pid, version, lease, started_at, beat_at)"  # noqa: S608
        f" VALUES (?, ?, ?, ?, ?, ?, {_NOW}, {_NOW})"
        " ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at",
        (worker.id, worker.role, worker.host, worker.pid, worker.version, worker.lease),
    )


def beat(conn: Connection, worker: str) -> bool:
    """It lives. False: it was buried meanwhile."""
    return change(conn, f"UPDATE worker SET beat_at = {_NOW} WHERE id = ?", (worker,)) == 1  # noqa: S608


def leave(conn: Connection, worker: str) -> None:
    """It ends in order: nothing of it is under way."""
    change(conn, "DELETE FROM worker WHERE id = ?", (worker,))


def everybody(conn: Connection) -> list[WorkerRecord]:
    """All that are registered, by id; nobody on SQLite."""
    if conn.dialect.name == "sqlite":
        return []
    sql = f"SELECT id, role, host, pid, version, lease, started_at, {_NOW} - beat_at FROM worker ORDER BY id"  # noqa: S608
    return [WorkerRecord(*row) for row in rows(conn, sql)]


def without_session(conn: Connection, workers: Collection[str], uptime: int) -> set[str]:
    """Those of these workers that have no session at all, in a server that runs for `uptime` ms at least:
    after its own restart nobody has one, and that says nothing."""
    names = {session_name(worker): worker for worker in workers}
    found = rows(
        conn,
        "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
        " UNION ALL SELECT NULL WHERE pg_postmaster_start_time() > now() - make_interval(secs => ?)",
        (uptime / 1000,),
    )
    return set() if (None,) in found else set(names.values()) - {names.get(name, "") for (name,) in found}


def end_sessions(conn: Connection, worker: str) -> int:
    """Ends what a worker may have open in the database: what is not committed never will be. How many
    sessions."""
    ended = rows(
        conn,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = ? AND pid <> pg_backend_pid()",
        (session_name(worker),),
    )
    return len(ended)


def bury(conn: Connection, worker: str, silent: int) -> bool:
    """Takes a worker out that has been silent for so many ms, in the transaction that takes over what it had
    in its hands. False: it lives, or somebody else was faster."""
    sql = f"DELETE FROM worker WHERE id = ? AND beat_at <= {_NOW} - ?"  # noqa: S608
    return change(conn, sql, (worker, silent)) == 1


def lead(conn: Connection, worker: str) -> int:
    """Takes the lead if nobody who is registered has it. The term in which this worker leads; 0: another one
    does."""
    change(
        conn,
        "INSERT INTO leadership AS l (name, worker, term) VALUES (?, ?, 1) ON CONFLICT (name) DO UPDATE"
        " SET worker = excluded.worker, term = l.term + 1"
        " WHERE NOT EXISTS (SELECT 1 FROM worker w WHERE w.id = l.worker)",
        (_LEADER, worker),
    )
    found = rows(conn, "SELECT term FROM leadership WHERE name = ? AND worker = ?", (_LEADER, worker))
    return int(found[0][0]) if found else 0


def still_leads(conn: Connection, worker: str, term: int) -> bool:
    """Asked inside a transaction: until its end nobody else takes the lead."""
    sql = "SELECT 1 FROM leadership WHERE name = ? AND worker = ? AND term = ? FOR SHARE"
    return bool(rows(conn, sql, (_LEADER, worker, term)))


def leader(conn: Connection) -> str:
    """The worker that leads; "" before the first."""
    found = rows(conn, "SELECT worker FROM leadership WHERE name = ?", (_LEADER,))
    return str(found[0][0]) if found else ""


def reserve(conn: Connection, name: str, count: int, interval: int, burst: int) -> int:
    """Takes the next `count` places, `interval` microseconds apart, of all workers together; places of the
    last `burst` microseconds that nobody took are still there. How many microseconds from now the first one
    lies, negative for one in the past."""
    length = count * interval
    found = rows(
        conn,
        f"INSERT INTO rate AS r (name, free_at) VALUES (?, {_MICROSECONDS} - ? + ?) ON CONFLICT (name)"  # noqa: S608
        f" DO UPDATE SET free_at = greatest(r.free_at, {_MICROSECONDS} - ?) + ?"
        f" RETURNING free_at - ? - {_MICROSECONDS}",
        (name, burst, length, burst, length, length),
    )
    return int(found[0][0])
