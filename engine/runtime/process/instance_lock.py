"""One daemon on one store: recognises the store at the start, keeps its heartbeat, notes an end in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog
from sqlalchemy.exc import DatabaseError

from engine.clock import Clock
from engine.command_hints import command
from engine.errors import WorldError
from engine.store.connections import sqlite_path
from engine.store.copies.database_owner import DatabaseOwner
from engine.store.copies.identity import LostHistoryError, StoreOwner
from engine.store.database import Store
from engine.store.messages import dry_run

log = structlog.get_logger("daemon")


class InstanceLock:
    """Of one daemon on one store. A dry run neither recognises nor has a heartbeat: it hands nothing over, so
    a copy may have one. `on_loss` is called when the database is not any more what it was: the daemon has to
    end."""

    def __init__(
        self, store: Store, url: str, folder: Path, clock: Clock, on_loss: Callable[[WorldError], None]
    ) -> None:
        self._store, self._clock, self._on_loss = store, clock, on_loss
        path = sqlite_path(url, folder)
        self._owner = StoreOwner(path) if path is not None else DatabaseOwner(url, folder)
        self._dry = False

    def begin(self, *, dry: bool, adopt: bool) -> None:
        """Before anything else is done with the store. Raises WorldError for a copy or a restored backup,
        unless it is to be adopted."""
        self._dry = dry
        owner = self._owner
        if not dry:
            if adopt:
                held = self._store.write(lambda conn: owner.adopt(conn, self._clock.now()))
                log.warning("adopted", held=held, look=command("status"))
            else:
                with self._store.read() as conn:
                    owner.recognise(conn)
            try:
                # before anything is claimed: from now on a copy of this file is older than what it says
                self._beat(stopped=False)
            except OSError as wrong:
                raise WorldError(
                    f"{owner.file} cannot be written: {wrong.strerror}", permanent=True
                ) from wrong
        now = self._clock.now()
        if dry:
            self._store.write(lambda conn: dry_run.begin(conn, now))
            log.warning("dry", what="nothing is handed over; every message ends as expired: dry run")
        elif ended := self._store.write(lambda conn: dry_run.end(conn, now)):
            # a dry run that was killed has left messages that only it would have skipped
            log.warning("dry_run_ended", messages=ended)

    async def heartbeat(self) -> None:
        """Every minute."""
        if self._dry:
            return
        try:
            await asyncio.to_thread(self._beat, stopped=False)
        except LostHistoryError as lost:
            self._on_loss(lost)
            raise

    async def skip(self, wake: Callable[[], None]) -> float:
        """One tick of a dry run: what was planned ends there, and the journeys go on. Seconds to rest."""
        now = self._clock.now()
        if not await self._store.awrite(lambda conn: dry_run.skip(conn, now)):
            return 0.2
        wake()
        return 0.0

    def end(self) -> None:
        """In order: nothing is under way any more. What cannot be written down now only makes the next start
        careful."""
        try:
            if self._dry:
                self._store.write(lambda conn: dry_run.end(conn, self._clock.now()))
            else:
                self._beat(stopped=True)
        except (DatabaseError, OSError, LostHistoryError) as wrong:
            log.error("end_not_noted", why=str(wrong))

    def _beat(self, *, stopped: bool) -> None:
        now = self._clock.now()
        place = self._store.write(lambda conn: self._owner.heartbeat(conn, now, stopped=stopped))
        try:
            self._owner.note(place)
        except OSError:
            if self._owner.is_beside_needed:
                raise
