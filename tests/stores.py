"""New stores for tests: the tables are made once by the migrations, and every further store begins as a copy
of them."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from engine.store import migrations
from engine.store.connections import create_store_engine
from engine.store.database import Store, open_store


def new_store(folder: Path, name: str = "shop.db", *, exclusive: bool = False) -> Store:
    """An empty store `folder/name`, opened as a daemon opens it; the migrations have nothing left to do."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    assert not file.exists(), f"{file} is there already"
    file.write_bytes(_empty_database())
    return open_store(f"sqlite:///{name}", folder, exclusive=exclusive)


@cache
def _empty_database() -> bytes:
    """What the migrations make of nothing: tables, and not yet the secrets of a store."""
    with tempfile.TemporaryDirectory(prefix="perennial-tables-") as folder:
        file = Path(folder) / "shop.db"
        engine = create_store_engine(f"sqlite:///{file}")
        migrations.upgrade(engine)
        engine.dispose()  # the last connection moves the write-ahead log into the file
        return file.read_bytes()
