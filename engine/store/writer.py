"""The one writer of a store: a thread that takes jobs in order and commits those that wait together at
once."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from engine.store.counting import daily_counts
from engine.store.sql import change

T = TypeVar("T")

GROUP = 64
"""At most so many waiting jobs share a commit."""


class Job(NamedTuple):
    """What is to be done, who waits for it, and how (`Writer.submit`)."""

    run: Callable[[Connection], Any]
    future: Future[Any]
    shared: bool
    patient: bool


class Writer:
    """Runs jobs one after the other, each in a savepoint; jobs that were waiting share one transaction.

    A future is settled after the commit, never before: who waits for it knows that the work is durable. A job
    that raises is rolled back alone. When the commit itself fails, all of the group fail.
    """

    def __init__(self, engine: Engine) -> None:
        self.on_commit: Callable[[int, float], None] = lambda _jobs, _seconds: None
        """Told of every transaction by the writer's thread: how many jobs shared it, and its seconds."""
        self._engine = engine
        self._kept: Connection | None = None
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closed = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    def submit(
        self, job: Callable[[Connection], T], *, shared: bool = False, patient: bool = False
    ) -> Future[T]:
        """Hands in a job; the future is settled when it is durable. Raises `RuntimeError` after `close`.

        `shared`: writers of other processes may work at the same time, where the database lets them
        (PostgreSQL). `patient`: it takes long, so it has a transaction of its own, and whoever waits when the
        one before it ends goes first.
        """
        future: Future[T] = Future()
        with self._closed:
            if self._is_closed:
                raise RuntimeError("the store is closed")
            self._jobs.put(Job(job, future, shared, patient))
        return future

    def close(self) -> None:
        """Finishes what was handed in and ends the thread."""
        with self._closed:
            if not self._is_closed:
                self._is_closed = True
                self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        quick: deque[Job] = deque()
        patient: deque[Job] = deque()
        is_open, was_quick = True, False
        while is_open or quick or patient:
            is_open = is_open and self._collect(quick, patient)
            # In turns where both wait: a request waits for one batch of decisions at most, and requests
            # without end keep no decision waiting for longer than one commit.
            if patient and (was_quick or not quick):
                self._run([patient.popleft()])
                was_quick = False
            elif quick:
                self._run([quick.popleft() for _ in range(min(GROUP, len(quick)))])
                was_quick = True
        self._let_go()

    def _collect(self, quick: deque[Job], patient: deque[Job]) -> bool:
        """Takes over what was handed in; waits only where there is nothing else to do. False: no more will
        come."""
        try:
            job = self._jobs.get(block=not (quick or patient))
            while job is not None:
                (patient if job.patient else quick).append(job)
                job = self._jobs.get_nowait()
        except queue.Empty:
            return True
        return False

    def _run(self, group: list[Job]) -> None:
        group = [job for job in group if job.future.set_running_or_notify_cancel()]
        if not group:
            return
        # one that wants to be alone may share its commit: all of the group are of this process
        shared = all(job.shared for job in group)
        collided = self._commit(group, "shared" if shared else "alone")
        if collided:  # nothing of them is written; alone, nobody can come in between
            self._commit(collided, "alone")

    def _commit(self, group: list[Job], writes: Literal["shared", "alone"]) -> list[Job]:
        """One transaction. Those of its jobs that have to be done again, since writers of other processes got
        in between; everybody else has an answer then."""
        settled: list[tuple[Job, Any, BaseException | None]] = []
        began = time.perf_counter()
        try:
            with self._transaction(writes) as conn:
                daily_counts.begin(conn)
                for job in group:  # one by one: those before one that raises are known then
                    settled.append((job, *_attempt(conn, job.run, alone=len(group) == 1)))  # noqa: PERF401
                daily_counts.flush(conn)
        except BaseException as wrong:  # noqa: BLE001 - the thread must live on, and those who wait must hear of it
            if writes == "shared" and _is_collision(wrong):
                return group
            own_mistakes = {id(job): own for job, _, own in settled}
            for job in group:
                job.future.set_exception(own_mistakes.get(id(job)) or wrong)
            return []
        self.on_commit(len(settled), time.perf_counter() - began)
        collided = []
        for job, result, own in settled:
            if own is None:
                job.future.set_result(result)
            elif writes == "shared" and _is_collision(own):
                collided.append(job)
            else:
                job.future.set_exception(own)
        return collided

    @contextmanager
    def _transaction(self, writes: Literal["shared", "alone"]) -> Iterator[Connection]:
        """One transaction. A file's connection is kept for the next one: to take it from the pool and give it
        back costs more than a small job. One to a server may be cut while it rests, which the pool finds
        out."""
        if self._engine.dialect.name != "sqlite":
            with self._engine.connect().execution_options(writes=writes) as conn, conn.begin():
                yield conn
            return
        if self._kept is None:
            self._kept = self._engine.connect().execution_options(writes="alone")
        try:
            with self._kept.begin():
                yield self._kept
        except BaseException:
            # Whatever state it is in, the pool sets it right
            self._let_go()
            raise

    def _let_go(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()


_COLLISIONS = frozenset({"40P01", "40001", "23505"})
"""SQLSTATE of what two transactions at the same time may meet: a deadlock, one that cannot be put into an
order, a key that the other one has just inserted."""


def _is_collision(wrong: BaseException) -> bool:
    return isinstance(wrong, DBAPIError) and getattr(wrong.orig, "sqlstate", None) in _COLLISIONS


def _attempt(
    conn: Connection, job: Callable[[Connection], T], *, alone: bool
) -> tuple[T | None, BaseException | None]:
    """Runs a job in a savepoint. Alone in its transaction it needs none: what it raises rolls everything
    back."""
    if alone:
        return job(conn), None
    counted = daily_counts.mark(conn)
    # By hand: SQLAlchemy compiles its two statements anew each time, which takes as long as a small job.
    change(conn, "SAVEPOINT job")
    try:
        result = job(conn)
        change(conn, "RELEASE SAVEPOINT job")
    except (
        OperationalError
    ):  # disk full, I/O error: SQLite may have rolled back all of us, so nobody may go on
        raise
    except Exception as wrong:  # noqa: BLE001 - it is told to the one who waits
        change(conn, "ROLLBACK TO SAVEPOINT job")
        change(conn, "RELEASE SAVEPOINT job")
        daily_counts.back_to(conn, counted)
        return None, wrong
    return result, None
