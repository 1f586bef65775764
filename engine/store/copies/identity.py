"""Which database file this is: a copy or a restored backup is recognised before it sends anything
(design/reliability 2.6).

An SQLite file does not know where it lies, and a copy of it believes that it is the original. So the daemon
keeps its place in the database and, beside it, in a small file `<store>.owner`:

    token   drawn anew at every adoption: this file belongs to that database
    place   the hash of the resolved path; the inode and the device of the database file
    beat    grows at the start, every minute and at the stop, first in the database, then in the file

The same inode at the same path, or on the same device, is the same file: containers, other machine names and
moved folders change nothing. Another file with the same content is a copy. A database whose beat lies behind
that of the file has lost what came after it: a backup was put back, or its -wal file was deleted. What cannot
be seen: a copy of a whole disk below the file system, and a backup younger than the last beat.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from engine.command_hints import command
from engine.core.happening import MessageOutcome
from engine.errors import WorldError
from engine.ids import new_secret
from engine.private_files import private_opener
from engine.store import meta
from engine.store.copies import moving
from engine.store.inbox.inbox import append_one
from engine.store.messages.states import WAITING, MessageState, Mover, Selection, among, transition
from engine.values import MINUTE, Instant, iso

BEAT = MINUTE
"""A place is noted so often."""

RESTORED = "restored backup: it may have been sent after the backup was made"
_ROW = "place"
_FORGOTTEN = "forgotten_until"
_RESTORED = "restored_at"


@dataclass(frozen=True, slots=True)
class OwnerRecord:
    """What the database and the file beside it hold. `at`: when; `stopped`: the daemon ended in order."""

    token: str
    path: str
    inode: int
    device: int
    beat: int
    at: int
    stopped: bool = False


class LostHistoryError(WorldError):
    """The database does not hold any more what this very process has committed to it."""


class StoreOwner:
    """The one daemon that works on an SQLite file. `recognise` comes before anything is done with the
    database."""

    is_beside_needed = True
    """Whether the file beside the database has to be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path.with_name(path.name + ".owner")

    def recognise(self, conn: Connection) -> None:
        """Raises WorldError for a copy and for a restored backup; one line that says what to do."""
        strange = self._strange(conn)
        if strange is not None:
            raise WorldError(
                f"{strange}. Nothing was sent. Stop the other daemon for good if there is one, bring in what "
                f"is missing, then take this store over with  {command('run --adopt')}: what may have been "
                "sent already is held, and status lists it",
                permanent=True,
            )

    def adopt(self, conn: Connection, now: Instant) -> int:
        """Takes the database as the only one from now on. What was due until the last moment in which another
        daemon may have worked is held. How many messages were held; 0 when there was nothing to take over."""
        if self._strange(conn) is None:
            return 0
        if moving.filling(conn) is not None:
            raise WorldError(
                f"{self.path} is filled only in part from another store: nobody can go on from there. Finish "
                f"it with  {command('migrate')}  in the project of that store",
                permanent=True,
            )
        moving.stay(conn)
        until = self._last_known(conn, now)
        held = _hold_all(conn, until, now) if until else 0
        meta.remove(conn, _RESTORED)
        meta.put(conn, _FORGOTTEN, str(max(until, forgotten_until(conn))))
        own, beside = kept(conn), self._beside()
        beat = max(own.beat if own else 0, beside.beat if beside else 0)
        meta.put(conn, _ROW, _text(self._here(conn, new_secret(), beat, now)))
        return held

    def heartbeat(self, conn: Connection, now: Instant, *, stopped: bool = False) -> OwnerRecord:
        """The next beat, in the transaction of `conn`; when that is durable, `note` writes it beside the
        database."""
        before = kept(conn)
        token, beat = (before.token, before.beat) if before else (new_secret(), 0)
        place = self._here(conn, token, beat + 1, now, stopped=stopped)
        meta.put(conn, _ROW, _text(place))
        return place

    def note(self, place: OwnerRecord) -> None:
        """Writes the file, as a whole. Raises OSError."""
        fresh = self.file.with_name(self.file.name + ".new")
        with open(fresh, "w", encoding="utf-8", opener=private_opener) as opened:
            opened.write(_text(place) + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        fresh.replace(self.file)

    # --- what is strange --------------------------------------------------------------------------

    def _strange(self, conn: Connection) -> str | None:
        own, beside = kept(conn), self._beside()
        name = self.path
        moved = moving.why_not_here(conn, str(name))
        if moved is not None:
            return moved
        restored = why_restored(conn, str(name))
        if restored is not None:
            return restored
        if own is None and beside is None:
            return None  # a new store, or one from before places were kept
        if own is None or (beside is not None and own.token == beside.token and own.beat < beside.beat):
            assert beside is not None
            seen = iso(Instant(beside.at))
            return (
                f"{name} is older than the last daemon here, which worked until {seen}: a backup was put "
                f"back, or its -wal"
                " file or the database itself was deleted"
            )
        if beside is None:
            return (
                f"{name} was used by a daemon, but {self.file.name} is missing beside it: it is a "
                f"copy or a restored backup"
            )
        if beside.token != own.token:
            return (
                f"{name} and {self.file.name} beside it belong to different databases: a copy or a "
                f"backup was put here"
            )
        return (
            None
            if self._is_here(conn, own)
            else f"{name} is a copy of a database that another daemon worked on"
        )

    def _is_here(self, conn: Connection, place: OwnerRecord) -> bool:
        here = self._here(conn, "", 0, Instant(0))
        return here.inode == place.inode and (here.path == place.path or here.device == place.device)

    def _last_known(self, conn: Connection, now: Instant) -> Instant:
        """Until when another daemon may have sent from this store. 0: not after what is known here."""
        own, beside = kept(conn), self._beside()
        if beside is not None and (own is None or own.token == beside.token):
            if own is not None and own.beat >= beside.beat:
                return Instant(0) if own.stopped else now
            return Instant(beside.at if beside.stopped else beside.at + BEAT)
        return now

    def _here(
        self, _conn: Connection, token: str, beat: int, now: Instant, *, stopped: bool = False
    ) -> OwnerRecord:
        found = self.path.stat()
        hashed = hashlib.sha256(str(self.path).encode("utf-8", "surrogateescape")).hexdigest()[:32]
        return OwnerRecord(token, hashed, found.st_ino, found.st_dev, beat, now, stopped)

    def _beside(self) -> OwnerRecord | None:
        """The file; an unreadable one counts as missing."""
        try:
            return _read(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError, KeyError):
            return None


def forgotten_until(conn: Connection) -> Instant:
    """What was due until then may have been sent by a daemon that this store does not remember; 0:
    nothing."""
    return Instant(int(meta.get(conn, _FORGOTTEN) or 0))


def why_restored(conn: Connection, name: str) -> str | None:
    """Why nothing may be sent from a database that somebody put there; None: nobody did."""
    restored = meta.get(conn, _RESTORED)
    return None if restored is None else f"{name} was put back from a backup at {iso(Instant(int(restored)))}"


def mark_restored(conn: Connection, now: Instant) -> None:
    """This database is a backup that was put back: nothing is sent from it before it is adopted, also where
    its file and its beats look like those of the last daemon."""
    meta.put(conn, _RESTORED, str(now))


def _hold_all(conn: Connection, until: Instant, now: Instant) -> int:
    """Messages that were on their way when the backup was made: they may have left since."""
    hold = partial(transition, conn, Mover.RESTORE, MessageState.HELD, now=now)
    on_the_way = Selection(
        f"o.state <> 'unknown' AND (NOT ({among(WAITING, 'o.')}) OR o.ready_at <= ?)", (until,)
    )
    held = hold(
        messages=on_the_way, sets="why = ?, detail = ?", values=(RESTORED, RESTORED),
        returning="customer, send_key, enrollment, channel",
    )  # fmt: skip
    for customer, send_key, enrollment, channel in sorted(held):
        append_one(
            conn, customer, MessageOutcome(0, now, send_key, enrollment, "unknown", RESTORED, channel), now
        )
    hold(
        messages=Selection("o.state = 'unknown'")
    )  # their journeys know, and no policy may settle them any more
    return len(held)


def kept(conn: Connection) -> OwnerRecord | None:
    """What the database holds of its place."""
    text = meta.get(conn, _ROW)
    return _read(text) if text else None


def _read(text: str) -> OwnerRecord:
    document = json.loads(text)
    return OwnerRecord(
        document["token"], document["path"], document["inode"], document["device"], document["beat"],
        document["at"], document.get("stopped", False),
    )  # fmt: skip


def _text(place: OwnerRecord) -> str:
    return json.dumps({
        "token": place.token, "path": place.path, "inode": place.inode, "device": place.device,
        "beat": place.beat, "at": place.at, "stopped": place.stopped,
    })  # fmt: skip
