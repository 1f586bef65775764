"""The store of the engine without its thread: jobs of the writer wait until virtual time takes them, in
groups as the real writer does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from sqlalchemy import Connection, event

from engine.store.connections import create_store_engine
from engine.store.database import Store
from engine.store.writer import GROUP, Job, Writer
from tools.simulation.faults import CrashedError, FaultPoints

T = TypeVar("T")

SLOWEST_COMMIT = 0.03
"""Virtual seconds until the writer takes a job that was handed in."""


class SteppedWriter(Writer):
    """Runs groups of jobs as its base does, in turns of the event loop instead of a thread."""

    def __init__(self, engine: Any, faults: FaultPoints, dice: Random) -> None:
        self.on_commit = lambda _jobs, _seconds: None
        self._engine = engine
        self._kept = None
        self._faults = faults
        self._dice = dice
        self._waiting_jobs: list[Job] = []
        self._is_turn_planned = False

    def submit(
        self, job: Callable[[Connection], T], *, shared: bool = False, patient: bool = False
    ) -> Future[T]:
        """Hands in a job; its turn comes within `SLOWEST_COMMIT`, together with others that wait by then."""
        if self._faults.is_dead:
            raise CrashedError
        future: Future[T] = _Awaited(self)
        self._waiting_jobs.append(Job(job, future, shared, patient))
        if not self._is_turn_planned:
            self._is_turn_planned = True
            loop = asyncio.get_running_loop()
            loop.call_later(self._dice.random() * SLOWEST_COMMIT, self.run_waiting)
        return future

    def run_waiting(self) -> None:
        """Everything that was handed in, group by group."""
        self._is_turn_planned = False
        while self._waiting_jobs:
            # one that takes long has a transaction of its own
            patient = next((at for at, job in enumerate(self._waiting_jobs) if job.patient), GROUP)
            group = self._waiting_jobs[: min(GROUP, patient) or 1]
            del self._waiting_jobs[: len(group)]
            if self._faults.is_dead:  # nobody is left to be told
                for job in group:
                    job.future.cancel()
                continue
            self._run_group(group)

    def _run_group(self, group: list[Job]) -> None:
        # the answers are given only where the process lives on after the commit
        answers: list[Future[Any]] = [Future() for _ in group]
        self._run([job._replace(future=answer) for job, answer in zip(group, answers, strict=True)])
        lost: CrashedError | None = None
        try:
            self._faults.reach("after commit")
        except CrashedError as crash:
            lost = crash
        for (_, future, *_), answer in zip(group, answers, strict=True):
            if not future.set_running_or_notify_cancel():
                continue
            wrong = lost or answer.exception()
            if wrong is not None:
                future.set_exception(wrong)
            else:
                future.set_result(answer.result())

    def close(self) -> None:
        """Finishes what was handed in."""
        self.run_waiting()
        self._let_go()


class _Awaited(Future[T]):
    """Whoever waits for it without the event loop has the writer work at once."""

    def __init__(self, writer: SteppedWriter) -> None:
        super().__init__()
        self._writer = writer

    def result(self, timeout: float | None = None) -> T:
        if not self.done():
            self._writer.run_waiting()
        return super().result(timeout)


class SteppedStore(Store):
    """A store whose writer is stepped and whose statements may break."""

    def __init__(self, file: Path, faults: FaultPoints, dice: Random) -> None:
        self.engine = create_store_engine(f"sqlite:///{file}")
        event.listen(self.engine, "connect", _hurry)
        self._lock = None
        self.writer = SteppedWriter(self.engine, faults, dice)
        faults.attach(self.engine)


def _hurry(connection: Any, _: Any) -> None:
    """Processes die in a simulation, machines do not: nothing has to reach the disk at a commit."""
    connection.execute("PRAGMA synchronous=OFF")
