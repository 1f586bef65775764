"""Copies an SQLite store while the daemon works on it, and puts a copy back so that nothing is sent twice.

A backup is one moment of the database: the copying connection holds one read transaction from the first page
to the last, so writers neither wait for it nor make it begin again. The write-ahead log cannot shrink
meanwhile.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from engine.errors import UsageError, WorldError
from engine.private_files import private_folder, private_opener
from engine.store import migrations
from engine.store.connections import read_only_engine
from engine.store.copies import identity
from engine.store.database import Store, claim, open_store
from engine.store.persons import erasure
from engine.values import Instant

PAGES = 1000
"""Copied in one step: 4 MB, some milliseconds."""

PAUSE = 0.002
"""Seconds between two steps, in which the disk is the daemon's."""

_SPARE = 50_000_000
"""Bytes that stay free on the disk of the copy."""

Progress = Callable[[int, int], None]
"""Told of every step: pages that are copied, and how many there are."""


@dataclass(frozen=True, slots=True)
class BackupFile:
    """A file that holds a whole store. `customers`: how many are in it."""

    path: Path
    size: int
    customers: int


def back_up(store: Path, target: Path, progress: Progress = lambda _done, _all: None) -> BackupFile:
    """Writes one moment of the store to a new file, checks it, and makes it durable. Raises UsageError for a
    file that is there already, WorldError where it cannot be written or is not sound."""
    if target.exists():
        raise UsageError(f"{target} is there already", "Name a file that is not there yet")
    if not store.exists():
        raise UsageError(f"there is no store at {store} yet", "The first start of the daemon makes it")
    partial = target.with_name(target.name + ".part")
    try:
        size = store.stat().st_size
        private_folder(target.parent)
        free = shutil.disk_usage(target.parent).free
        if free < size + _SPARE:
            raise WorldError(
                f"{target.parent} has room for {free:,} bytes, and the store has {size:,}", permanent=True
            )
        # made by us, so that nobody else may ever read it
        with open(partial, "wb", opener=private_opener):
            pass
        _copy(store, partial, progress)
        customers = _checked(partial)
        _sync(partial)
        # link and not rename: a file that came meanwhile is not written over
        os.link(partial, target)
        _sync(target.parent)
    except FileExistsError as wrong:
        raise UsageError(f"{target} is there already", "Name a file that is not there yet") from wrong
    except (OSError, sqlite3.Error) as wrong:
        raise WorldError(f"the backup could not be written: {wrong}", permanent=True) from wrong
    finally:
        partial.unlink(missing_ok=True)
    return BackupFile(target, target.stat().st_size, customers)


def restore(
    backup: Path, store: Path, now: Instant, erased: Collection[tuple[str, Instant, str]] = ()
) -> tuple[BackupFile, Path | None]:
    """Puts a backup in the place of the store and marks it: no daemon sends from it before it is adopted. Who
    was erased since it was made is erased in it again, by the log of the store that was there and by `erased`
    (a log that was kept elsewhere). What was there is kept beside; where, None: nothing was there. Raises
    UsageError for a file that is no backup, WorldError while a daemon works there and where it cannot be
    written."""
    if not backup.is_file():
        raise UsageError(f"there is no file {backup}", "Name a file that  backup  has written")
    lock = claim(store, exclusive=True)
    partial = store.with_name(store.name + ".restored")
    try:
        _understood(backup)
        with open(partial, "wb", opener=private_opener) as opened, backup.open("rb") as source:
            shutil.copyfileobj(source, opened, 4_000_000)
        customers = _checked(partial)
        with closing(open_store(f"sqlite:///{partial}", partial.parent)) as copied:
            copied.write(lambda conn: identity.mark_restored(conn, now))
            _erase_again(copied, store, erased)
        with closing(sqlite3.connect(partial)) as conn:
            conn.execute("PRAGMA journal_mode=DELETE")
        _sync(partial)
        kept = _move_aside(store, now)
        partial.replace(store)
        _sync(store.parent)
    except (OSError, sqlite3.Error, DatabaseError) as wrong:
        raise WorldError(f"the backup could not be put back: {wrong}", permanent=True) from wrong
    finally:
        for name in ("", "-wal", "-shm", ".lock"):
            partial.with_name(partial.name + name).unlink(missing_ok=True)
        if lock is not None:
            lock.close()
    return BackupFile(store, store.stat().st_size, customers), kept


def _erase_again(copied: Store, store: Path, erased: Collection[tuple[str, Instant, str]]) -> None:
    lines = list(erased)
    if store.exists() and store.stat().st_size:
        former = read_only_engine(f"sqlite:///{store.resolve()}", store.parent)
        try:
            with former.connect() as conn:
                lines += erasure.log_of(conn)
        except DatabaseError:
            pass  # of an earlier version, or damaged, which may be why a backup is put back
        finally:
            former.dispose()
    copied.write(lambda conn: erasure.note_log(conn, lines))

    def forget(conn: Connection) -> int:
        back = next(erasure.come_back(conn), [])
        latest = max((at for _, at, _ in erasure.log_of(conn)), default=Instant(0))
        return len(erasure.erase(conn, back, latest)) if back else 0

    while copied.write(forget):
        pass


def _copy(store: Path, partial: Path, progress: Progress) -> None:
    rest = threading.Event()

    def step(_status: int, remaining: int, total: int) -> None:
        progress(total - remaining, total)
        rest.wait(PAUSE)

    with (
        closing(
            sqlite3.connect(f"file:{quote(str(store))}?mode=ro", uri=True, isolation_level=None)
        ) as source,
        closing(sqlite3.connect(partial, isolation_level=None)) as copy,
    ):
        source.execute("PRAGMA busy_timeout=10000")
        # one read transaction over all steps: otherwise every write of another connection begins it anew
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        source.backup(copy, pages=PAGES, progress=step)
        # one file that can be carried anywhere, without a log beside it
        copy.execute("PRAGMA journal_mode=DELETE")


def _checked(file: Path) -> int:
    """How many customers are in it. Raises WorldError when it is not sound."""
    with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as conn:
        said = conn.execute("PRAGMA quick_check(1)").fetchone()[0]
        if said != "ok":
            raise WorldError(f"the copy is damaged ({said})", permanent=True)
        return int(conn.execute("SELECT count(*) FROM customer").fetchone()[0])


def _understood(backup: Path) -> None:
    """Raises UsageError unless it holds the tables of this version or of an earlier one."""
    engine = read_only_engine(f"sqlite:///{backup.resolve()}", backup.parent)
    try:
        with engine.connect() as conn:
            if not migrations.is_made(conn):
                raise UsageError(f"{backup} is no backup of a store", "Name a file that  backup  has written")
            migrations.check(conn)
    except migrations.EarlierTablesError:
        pass  # brought up to date in its copy, as a start of the daemon would
    except DatabaseError as wrong:
        raise UsageError(
            f"{backup} is no backup of a store ({wrong.orig})", "Name a file that  backup  has written"
        ) from wrong
    finally:
        engine.dispose()


def _move_aside(store: Path, now: Instant) -> Path | None:
    """The store and its log under another name, where they are found when the backup was the wrong one."""
    if not store.exists() or not store.stat().st_size:
        return None
    kept = store.with_name(f"{store.name}.before-{now}")
    for name in ("-wal", "-shm", ""):
        beside = store.with_name(store.name + name)
        if beside.exists():
            beside.replace(kept.with_name(kept.name + name))
    return kept


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
