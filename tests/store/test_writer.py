"""The one writer: durable before it is told, alone in its failures, in the order of arrival."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.pool import QueuePool

from engine.store import meta
from engine.store.database import Store, open_store
from engine.store.journeys import pauses
from engine.store.sql import change
from engine.values import Instant

Job = Callable[[Connection], None]


def note(name: str) -> Job:
    return lambda conn: meta.put(conn, name, "x")


def written(store: Store) -> set[str]:
    with store.read() as conn:
        return {row[0] for row in conn.exec_driver_sql("SELECT name FROM meta").fetchall()} - {
            "instance",
            "secret",
            "buckets",
        }


def commits(store: Store) -> list[int]:
    seen: list[int] = []
    event.listen(store.engine, "commit", lambda conn: seen.append(1))
    return seen


def while_busy(store: Store, *jobs: Job, patient: Sequence[Job] = ()) -> list[Future[None]]:
    """Hands jobs in while the writer is held up, so that they wait together; the patient ones first."""
    busy, go = threading.Event(), threading.Event()

    def hold_up(conn: Connection) -> None:
        busy.set()
        go.wait(10)

    held = store.writer.submit(hold_up)
    busy.wait(10)
    long = [store.writer.submit(job, patient=True) for job in patient]
    futures = [*long, *(store.writer.submit(job) for job in jobs)]
    go.set()
    held.result(10)
    return futures


def test_jobs_that_wait_together_share_one_commit(sqlite_store: Store) -> None:
    seen = commits(sqlite_store)
    for future in while_busy(sqlite_store, *(note(f"n{n}") for n in range(20))):
        future.result(10)
    assert written(sqlite_store) == {f"n{n}" for n in range(20)}
    assert len(seen) == 2


def test_a_job_that_fails_is_rolled_back_alone(store: Store) -> None:
    def half(conn: Connection) -> None:
        meta.put(conn, "half", "x")
        raise ValueError("no")

    first, wrong, last = while_busy(store, note("first"), half, note("last"))
    first.result(10)
    last.result(10)
    with pytest.raises(ValueError, match="no"):
        wrong.result(10)
    assert written(store) == {"first", "last"}


def test_what_the_database_refuses_is_rolled_back_alone(store: Store) -> None:
    """On PostgreSQL nothing else is answered until the savepoint is gone back to."""

    def twice(conn: Connection) -> None:
        meta.put(conn, "half", "x")
        for _ in range(2):
            change(conn, "INSERT INTO meta (name, value) VALUES ('twice', 'x')")

    first, wrong, last = while_busy(store, note("first"), twice, note("last"))
    first.result(10)
    last.result(10)
    with pytest.raises(IntegrityError):
        wrong.result(10)
    assert written(store) == {"first", "last"}


def test_who_listens_later_hears_of_the_connection_that_is_kept(sqlite_store: Store) -> None:
    sqlite_store.write(note("before"))
    seen = commits(sqlite_store)
    said: list[str] = []
    event.listen(sqlite_store.engine, "before_cursor_execute", lambda *told: said.append(told[2]))
    sqlite_store.write(note("after"))
    assert len(seen) == 1
    assert said[0] == "BEGIN IMMEDIATE"
    assert any("meta" in statement for statement in said)


def test_the_connection_that_is_kept_is_given_back(tmp_path: Path) -> None:
    store = open_store("sqlite:///kept.db", tmp_path, exclusive=True)

    def fail(conn: Connection) -> None:
        meta.put(conn, "half", "x")
        raise ValueError("no")

    store.write(note("one"))
    pool = store.engine.pool
    with pytest.raises(ValueError, match="no"):
        store.write(fail)
    store.write(note("two"))
    assert written(store) == {"one", "two"}
    store.close()
    assert isinstance(pool, QueuePool)
    assert pool.checkedout() == 0


def test_whoever_waits_goes_before_a_long_job_and_after_it(sqlite_store: Store) -> None:
    order: list[str] = []

    def say(name: str) -> Job:
        return lambda _conn: order.append(name)

    with_more: list[Future[None]] = []

    def long(_conn: Connection) -> None:
        order.append("long")
        with_more.append(sqlite_store.writer.submit(say("late")))

    futures = while_busy(sqlite_store, say("one"), say("two"), patient=[long, say("longer")])
    for future in (*futures, *with_more):
        future.result(10)
    # Between two long ones whoever came during the first.
    assert order in (["one", "two", "long", "late", "longer"], ["long", "one", "two", "late", "longer"])


def test_a_long_job_waits_for_one_group_only(sqlite_store: Store) -> None:
    order: list[str] = []
    again = threading.Semaphore(20)

    def quick(_conn: Connection) -> None:
        order.append("quick")
        if again.acquire(blocking=False):
            sqlite_store.writer.submit(quick)

    long = while_busy(sqlite_store, quick, patient=[lambda _conn: order.append("long")])[0]
    long.result(10)
    assert order.index("long") <= 1


def test_a_disk_that_fails_fails_everybody_who_shared_the_transaction(sqlite_store: Store) -> None:
    def full(conn: Connection) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    futures = while_busy(sqlite_store, note("first"), full, note("last"))
    for future in futures:
        with pytest.raises(OperationalError):
            future.result(10)
    assert written(sqlite_store) == set()
    sqlite_store.write(lambda conn: meta.put(conn, "after", "x"))
    assert written(sqlite_store) == {"after"}


def test_nobody_is_told_before_the_commit(sqlite_store: Store) -> None:
    def refuse(conn: Connection) -> None:
        raise OperationalError("COMMIT", {}, Exception("disk I/O error"))

    event.listen(sqlite_store.engine, "commit", refuse)
    with pytest.raises(OperationalError):
        sqlite_store.write(lambda conn: meta.put(conn, "lost", "x"))
    event.remove(sqlite_store.engine, "commit", refuse)
    assert written(sqlite_store) == set()


def test_closing_finishes_what_was_handed_in(tmp_path: Path) -> None:
    store = open_store("sqlite:///shop.db", tmp_path)
    futures = [store.writer.submit(note(f"n{n}")) for n in range(50)]
    store.close()
    assert all(future.done() for future in futures)
    with pytest.raises(RuntimeError, match="closed"):
        store.writer.submit(lambda conn: None)
    again = open_store("sqlite:///shop.db", tmp_path)
    assert len(written(again)) == 50
    again.close()


def test_a_pause_survives_a_restart(tmp_path: Path) -> None:
    store = open_store("sqlite:///shop.db", tmp_path)
    store.write(lambda conn: pauses.pause(conn, "all", "", Instant(5), "anna", "too many"))
    store.close()
    again = open_store("sqlite:///shop.db", tmp_path)
    with again.read() as conn:
        assert [(paused.scope, paused.whom) for paused in pauses.list_active(conn)] == [("all", "anna")]
    again.close()
