"""Which PostgreSQL database this is: a copy, a restored backup and a server that was set back are recognised
before anything is sent (design/reliability 2.6).

The database keeps where it lies, as an SQLite file does (`engine.store.copies.identity`): of the place

    path    is the hash of the identifier that a server draws when it is made
    inode   the number of the database on its server
    device  the timeline: it grows when a server was set back to an earlier moment, or a replica took over

A dump lies in another database, or on another server. A file beside the project remembers the beat too, where
one can be written: whoever puts the whole data folder of a server back is seen by it. What cannot be seen: a
copy of a data folder that runs elsewhere, with a project that has no such file.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from engine.private_files import private_folder
from engine.store.copies import moving
from engine.store.copies.identity import LostHistoryError, OwnerRecord, StoreOwner, kept, why_restored
from engine.store.sql import rows
from engine.values import Instant, iso


class DatabaseOwner(StoreOwner):
    """Of the daemons that work on a PostgreSQL database."""

    is_beside_needed = False

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(folder / "data" / (make_url(url).database or "postgresql"))
        self._last_beat = 0

    def heartbeat(self, conn: Connection, now: Instant, *, stopped: bool = False) -> OwnerRecord:
        """As on SQLite. A replica that took over without a loss is the same database from now on. Raises
        `LostHistoryError` when the last beat of this process is not there any more."""
        before = kept(conn)
        if self._last_beat > (before.beat if before is not None else 0):
            raise LostHistoryError(
                "the database has lost what was committed to it: its server was set back, or a replica took "
                "over that was behind. Messages may have left of which it knows nothing",
                permanent=True,
            )
        return super().heartbeat(conn, now, stopped=stopped)

    def note(self, place: OwnerRecord) -> None:
        """Remembers the beat, in this process and, where that can be, in the file. Raises OSError."""
        self._last_beat = place.beat
        private_folder(self.file.parent)
        super().note(place)

    def _strange(self, conn: Connection) -> str | None:
        own, beside, name = kept(conn), self._beside(), f"the database {self.path.name}"
        moved = moving.why_not_here(conn, name) or why_restored(conn, name)
        if moved is not None or own is None:
            return moved
        here = self._here(conn, "", 0, Instant(0))
        if own.path != here.path:
            return f"{name} was used on another server: it is a copy or a restored backup"
        if own.inode != here.inode:
            return f"{name} is a copy or a restored backup of one that a daemon worked on"
        if own.device != here.device:
            return (
                f"the server of {name} was set back to an earlier moment, or a replica took over"
                f" (timeline {here.device}, before {own.device})"
            )
        if beside is not None and beside.token == own.token and own.beat < beside.beat:
            return (
                f"{name} is older than the last daemon here, which worked until {iso(Instant(beside.at))}: a "
                "backup was put back"
            )
        return None

    def _last_known(self, conn: Connection, now: Instant) -> Instant:
        own, beside = kept(conn), self._beside()
        is_known = own is not None and beside is not None and beside.token == own.token
        return super()._last_known(conn, now) if is_known else now

    def _here(
        self, _conn: Connection, token: str, beat: int, now: Instant, *, stopped: bool = False
    ) -> OwnerRecord:
        may_ask = "SELECT has_function_privilege('pg_control_system()', 'execute')"
        server = "0"  # where the provider lets nobody ask, the number of the database has to do
        if rows(_conn, may_ask)[0][0]:
            server = str(rows(_conn, "SELECT system_identifier FROM pg_control_system()")[0][0])
        hashed = hashlib.sha256(server.encode()).hexdigest()[:32]
        database, segment = rows(
            _conn,
            "SELECT oid::bigint, pg_walfile_name(pg_current_wal_lsn()) FROM pg_database"
            " WHERE datname = current_database()",
        )[0]
        # the first eight hex digits of a segment of the log are its timeline
        return OwnerRecord(token, hashed, database, int(segment[:8], 16), beat, now, stopped)
