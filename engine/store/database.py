"""Opens the database and holds its one writer: pragmas, transactions, the lock of a data folder."""

from __future__ import annotations

import asyncio
import fcntl
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError, InternalError, OperationalError
from sqlalchemy.pool import StaticPool

from engine.errors import UsageError, WorldError
from engine.private_files import private_folder, private_opener
from engine.store import meta, migrations
from engine.store.connections import SESSION_NAME, begin, create_store_engine, read_only_engine, sqlite_path
from engine.store.postgresql import DaemonLock, check_server, check_sessions
from engine.store.writer import Writer

T = TypeVar("T")

SAFE_SQLITE = (3, 51, 3)
"""From here on the WAL-reset fault of older versions is mended."""


class Store:
    """A database, ready for use: `read()` sees a steady picture, `write()` runs alone.

    With `exclusive` it is a daemon's: a second one on the same SQLite file is refused, and no other version
    changes the tables meanwhile.
    """

    def __init__(self, engine: Engine, lock: IO[bytes] | DaemonLock | None) -> None:
        self.engine = engine
        self._lock = lock
        self.writer = Writer(engine)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one moment of the database and changes nothing."""
        with self.engine.connect() as conn:
            yield conn

    async def aread(self, look: Callable[[Connection], T]) -> T:
        """What `look` sees, for a coroutine: in a thread of its own, so that the event loop goes on."""

        def looked() -> T:
            with self.read() as conn:
                return look(conn)

        return await asyncio.to_thread(looked)

    def write(self, job: Callable[[Connection], T], *, shared: bool = False, patient: bool = False) -> T:
        """Runs `job` in a transaction of the one writer and waits until it is durable. Raises what `job`
        raises. `shared`, `patient`: see `Writer.submit`."""
        return self.writer.submit(job, shared=shared, patient=patient).result()

    async def awrite(self, job: Callable[[Connection], T], *, shared: bool = False) -> T:
        """As `write`, for a coroutine: the event loop goes on until it is durable."""
        return await asyncio.wrap_future(self.writer.submit(job, shared=shared))

    def hold(self) -> None:
        """Takes the lock of a daemon again where its connection was lost. Raises what the database raises."""
        if isinstance(self._lock, DaemonLock):
            self._lock.hold()

    def close(self) -> None:
        """Finishes what was handed in, and lets go of the file."""
        self.writer.close()
        self.engine.dispose()
        if self._lock is not None:
            self._lock.close()


def open_store(url: str, folder: Path, *, exclusive: bool = False, session: str = SESSION_NAME) -> Store:
    """Opens the database of `store:` in config.yaml (a relative SQLite path starts in `folder`) and brings
    its tables up to date. `session`: what its sessions are called on PostgreSQL. Raises `UsageError` for a
    wrong address, `WorldError` for a second daemon on a file, a broken file or disk."""
    path = sqlite_path(url, folder)
    lock: IO[bytes] | DaemonLock | None = None
    if path is not None:
        # Before the file is opened: a second daemon must not begin to bring its tables up to date
        lock = claim(path, exclusive)
        url = f"sqlite:///{path}"
    engine = create_store_engine(url, session)
    try:
        if path is not None:
            _check_file(engine, path)
            if not exclusive and migrations.is_behind(engine):
                _refuse_beside_daemon(path)
        else:
            check_server(engine)
        migrations.upgrade(engine)
        if path is None and exclusive:
            check_sessions(engine)
            lock = DaemonLock(engine)
        with engine.connect() as conn:
            is_new = not meta.instance(conn)
        if is_new:
            with engine.connect().execution_options(writes="alone") as conn, conn.begin():
                meta.settle(conn)
        with engine.connect() as conn:
            engine = engine.execution_options(**meta.kept_buckets(conn))
    except DatabaseError as wrong:
        engine.dispose()
        if lock is not None:
            lock.close()
        raise WorldError(_why(wrong, str(path or url)), permanent=True) from wrong
    except BaseException:
        engine.dispose()
        if lock is not None:
            lock.close()
        raise
    return Store(engine, lock)


@contextmanager
def read_only(url: str, folder: Path, *, needed: bool = False) -> Iterator[Connection]:
    """One moment of the database for a command that only looks: no table is made or brought up to date. A
    database that is not there yet reads as an empty one, unless it is `needed`. Raises `UsageError` for a
    wrong address, for a needed one that is not there and for the tables of another version, `WorldError` for
    a broken file."""
    path = sqlite_path(url, folder)
    is_there = path is None or path.exists()
    engine = read_only_engine(url, folder) if is_there else create_engine("sqlite://", poolclass=StaticPool)
    try:
        if is_there:
            if path is not None:
                _check_file(engine, path)
            with engine.connect() as conn:
                is_there = migrations.is_made(conn)
                if is_there:
                    migrations.check(conn)
        if not is_there and needed:
            # an address of a server may hold a password
            raise UsageError(
                f"there is no store here: nothing is kept in {path or 'the database of config.yaml'} yet.",
                "The first start of the daemon or an import makes it; --project names another folder",
            )
        if not is_there:
            engine.dispose()
            engine = create_engine("sqlite://", poolclass=StaticPool)
            event.listen(engine, "begin", begin)
            migrations.upgrade(engine)
        with engine.connect() as conn:
            yield conn.execution_options(**meta.kept_buckets(conn))
    except DatabaseError as wrong:
        raise WorldError(_why(wrong, str(path or url)), permanent=True) from wrong
    finally:
        engine.dispose()


def is_refusal(wrong: BaseException) -> bool:
    """The database as a whole refuses (locked, full, damaged, gone); anything else is about the rows in
    hand."""
    return isinstance(wrong, OperationalError | InternalError) or type(wrong) is DatabaseError


def sqlite_advice() -> str | None:
    """What to say about an SQLite library with known faults; None when it is sound."""
    if sqlite3.sqlite_version_info >= SAFE_SQLITE:
        return None
    return (
        f"SQLite {sqlite3.sqlite_version} may lose a write when two connections reset the write-ahead log "
        f"at once; "
        "this engine has one writer, which avoids it. SQLite 3.51.3 or later mends it"
    )


def claim(path: Path, exclusive: bool) -> IO[bytes] | None:
    """Makes the folder; with `exclusive` takes the lock beside the file, which the system frees when we
    die."""
    try:
        private_folder(path.parent)
        # SQLite gives its journals the rights of the file they belong to
        open(path, "ab", opener=private_opener).close()
        if not exclusive:
            return None
        lock = open(path.with_name(path.name + ".lock"), "ab", opener=private_opener)  # noqa: SIM115
    except OSError as wrong:
        raise WorldError(f"{path.parent} cannot be written: {wrong.strerror}", permanent=True) from wrong
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as wrong:
        lock.close()
        raise WorldError(
            f"another daemon works on {path}: stop it first, or give this project a store of its own in "
            f"config.yaml",
            permanent=True,
        ) from wrong
    return lock


def _refuse_beside_daemon(path: Path) -> None:
    """A newer program brings the tables up to date only when no daemon of the older one works on them."""
    lock = path.with_name(path.name + ".lock")
    if not lock.exists():
        return
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as wrong:
            raise migrations.older_daemon() from wrong


def _check_file(engine: Engine, path: Path) -> None:
    """Refuses a file that is damaged or cut off, before anything is written to it."""
    size = path.stat().st_size if path.exists() else 0
    with engine.connect() as conn:
        pages = conn.execute(text("PRAGMA page_count")).scalar_one()
        page = conn.execute(text("PRAGMA page_size")).scalar_one()
        wal = path.with_name(path.name + "-wal")
        if size and size < pages * page and not (wal.exists() and wal.stat().st_size):
            raise WorldError(
                f"{path} is cut off: {size} of {pages * page} bytes are left. Restore it from a backup; "
                f"nothing was sent",
                permanent=True,
            )
        found = conn.execute(text("PRAGMA quick_check(1)")).scalar_one() if 0 < size < 64_000_000 else "ok"
        if found != "ok":
            raise WorldError(
                f"{path} is damaged ({found}). Restore it from a backup; nothing was sent", permanent=True
            )


def _why(wrong: DatabaseError, where: str) -> str:
    words = str(wrong.orig).splitlines()[0] if wrong.orig else str(wrong)
    if "malformed" in words or "not a database" in words:
        return f"{where} is damaged ({words}). Restore it from a backup; nothing was sent"
    if "readonly" in words or "unable to open" in words:
        return f"{where} cannot be written ({words}): check the rights of the folder and the file"
    return f"{where} cannot be used: {words}"
