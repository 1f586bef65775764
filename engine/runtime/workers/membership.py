"""One process among those that work on a PostgreSQL database: says each second that it lives, sees who else
does, buries the dead and leads when nobody does."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from engine.clock import Clock
from engine.runtime.workers.cluster_view import ClusterView, Role, uptime
from engine.store.daemon import workers
from engine.store.daemon.workers import WorkerRecord
from engine.store.database import Store
from engine.store.messages import outcomes
from engine.values import SECOND

log = structlog.get_logger("workers")

BEAT_SECONDS = 1.0
LEASE = 10 * SECOND
"""A worker that is silent for longer is taken for dead."""

MARGIN_SECONDS = 1.5
"""So long before the end of its lease a worker begins to send nothing more: the byte takes its time, too."""

PATIENCE = 1 / 3
"""Of its lease: who has no session in the database either is dead after that already. The system closes the
sessions of a process that ends; the beats of one that lives keep one open."""

GAP_SECONDS = 3.0
"""Between two beats of our own: after a longer one nobody knows whose fault the silence of the others is."""


class Membership:
    """`standing` is what this process may do; it is replaced at every beat. `changed` is called when
    somebody came or went."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        worker: str,
        role: Role,
        version: str,
        lease: int = LEASE,
        changed: Callable[[], None] = lambda: None,
        uptime: Callable[[], float] = uptime,
    ) -> None:
        self._store, self._clock, self._changed = store, clock, changed
        self._role, self._uptime = role, uptime
        self._record = WorkerRecord(worker, role, socket.gethostname(), os.getpid(), version, lease)
        self._engine = workers.beats_engine(store.engine, worker)
        # a thread of its own: a beat waits for nobody who waits for the database
        self._thread = ThreadPoolExecutor(1, "beats")
        self._watching_since = self._beaten_at = uptime()
        self.standing = ClusterView(worker, (), term=0, fresh_until=0.0)

    def begin(self) -> None:
        """Registers; before anything is claimed. Those of this machine that ended without leaving are buried
        at once. Raises what the database raises."""
        with self._engine.connect() as conn:
            workers.register(conn, self._record)
            gone = {
                other.id: other for other in workers.everybody(conn)
                if other.host == self._record.host and not _is_there(other.pid)
            }  # fmt: skip
            # both have to say so: in a container the same number may be another process
            closed = workers.without_session(conn, gone, 0) if gone else set()
        for worker in sorted(closed):
            self._store.write(self._burial(gone[worker], 0))
        self._beat()

    async def tick(self) -> float:
        """One beat, and a look at the others; seconds to rest."""
        began = self._uptime()
        before = self.standing.workers
        loop = asyncio.get_running_loop()
        for dead in await loop.run_in_executor(self._thread, self._beat):
            sessions = await loop.run_in_executor(self._thread, self._end_sessions, dead.id)
            if await self._store.awrite(self._burial(dead, dead.silent)):
                log.info("sessions_ended", worker=dead.id, sessions=sessions)
                self._changed()
        if before != self.standing.workers:
            log.info("workers", now=len(self.standing.workers))
            self._changed()
        return max(0.0, BEAT_SECONDS - (self._uptime() - began))

    def end(self) -> None:
        """Leaves, when nothing of this process is under way any more."""
        try:
            with self._engine.connect() as conn:
                workers.leave(conn, self._record.id)
        except DatabaseError as wrong:  # the others see by its silence that it is gone
            log.warning("leave_not_noted", why=str(wrong.orig))
        self._thread.shutdown()
        self._engine.dispose()

    def reserve(self, name: str, count: int, interval: int, burst: int) -> int:
        """The next places of a rate that all workers share (`engine.store.daemon.workers.reserve`)."""
        with self._engine.connect() as conn:
            return workers.reserve(conn, name, count, interval, burst)

    def check_lead(self, conn: Connection) -> bool:
        """Inside a transaction of what only the leader may do: whether this process still is."""
        standing = self.standing
        return standing.is_leader and workers.still_leads(conn, standing.own, standing.term)

    def _beat(self) -> list[WorkerRecord]:
        """Those that are to be buried."""
        own, burials = self._record.id, self.standing.burials
        # before the statement: the database may have written it at any moment since
        began = self._uptime()
        with self._engine.connect() as conn:
            if not workers.beat(conn, own):
                burials += 1
                log.error("taken_for_dead", silent=f"longer than {self._record.lease / 1000:g} s")
                workers.register(conn, self._record)
            everybody = workers.everybody(conn)
            # for how many milliseconds this process has beaten without a gap: so long it would have heard
            # the others
            if began - self._beaten_at > GAP_SECONDS:
                self._watching_since = began
            self._beaten_at = began
            dead = self._dead(conn, everybody, (began - self._watching_since) * SECOND)
            term = workers.lead(conn, own) if self._role is not Role.HTTP else 0
        gone = {worker.id for worker in dead}
        self.standing = ClusterView(
            own,
            tuple(other.id for other in everybody if other.role != Role.HTTP and other.id not in gone),
            term,
            burials,
            began + self._record.lease / SECOND - MARGIN_SECONDS,
        )
        return dead

    def _dead(
        self, conn: Connection, everybody: Sequence[WorkerRecord], watched: float
    ) -> list[WorkerRecord]:
        others = [other for other in everybody if other.id != self._record.id]
        dead = [other for other in others if other.lease < min(other.silent, watched)]
        quiet = {
            other.id: other
            for other in others
            if other.lease * PATIENCE < min(other.silent, watched) and other not in dead
        }
        if quiet:
            longest = max(other.lease for other in quiet.values())
            closed = workers.without_session(conn, quiet, longest)
            dead += [quiet[worker] for worker in sorted(closed)]
        return dead

    def _burial(self, dead: WorkerRecord, silent: int) -> Callable[[Connection], bool]:
        now = self._clock.now()

        def bury(conn: Connection) -> bool:
            # The row first: a beat that comes now waits for this transaction, and finds itself buried
            if not workers.bury(conn, dead.id, silent):
                return False
            planned, unknown = outcomes.expire_claims_of(conn, dead.id, now)
            log.warning(
                "worker_buried", worker=dead.id, host=dead.host, pid=dead.pid, silent=dead.silent,
                planned_again=planned, unknown=unknown,
            )  # fmt: skip
            return True

        return bury

    def _end_sessions(self, worker: str) -> int:
        with self._engine.connect() as conn:
            return workers.end_sessions(conn, worker)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
