"""Runs the scripts of `versions/`: on the connection that `upgrade` hands over, or, for a developer at
`./run alembic`, on the store of the project."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import context
from sqlalchemy import Connection
from sqlmodel import SQLModel

from engine.config.file import read_config
from engine.store.connections import create_store_engine, sqlite_path
from engine.store.schema import tables

assert tables.MetaRow.metadata is SQLModel.metadata


@contextmanager
def _project_store() -> Iterator[Connection]:
    """That of the project which PERENNIAL_PROJECT names, else of this folder; `-x store=ADDRESS` names
    another."""
    folder = Path(os.environ.get("PERENNIAL_PROJECT") or ".").resolve()
    file = folder / "config.yaml"
    address = context.get_x_argument(as_dictionary=True).get("store") or (
        read_config(file.read_bytes())[0].store if file.exists() else "sqlite:///data/shop.db"
    )
    path = sqlite_path(address, folder)
    engine = create_store_engine(f"sqlite:///{path}" if path is not None else address)
    with engine.connect().execution_options(writes=True) as conn, conn.begin():
        yield conn
    engine.dispose()


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True)
    context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    with _project_store() as own:
        _run(own)
