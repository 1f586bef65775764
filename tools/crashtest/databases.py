"""A database of its own for each instance, on a PostgreSQL server; or the address of a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import NullPool, create_engine
from sqlalchemy.engine import make_url

from engine.ids import new_id
from tools.crashtest.shop import SQLITE


@contextmanager
def databases(server: str, count: int) -> Iterator[list[str]]:
    """The addresses of so many stores; databases on `server` are dropped at the end. Raises what the server
    raises: its user must be allowed to make databases."""
    if not server:
        yield [SQLITE] * count
        return
    names = [f"perennial_crash_{new_id()}" for _ in range(count)]
    url = make_url(server).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    try:
        with engine.connect() as conn:
            for name in names:
                conn.exec_driver_sql(f'CREATE DATABASE "{name}"')
        address = make_url(server).set(drivername="postgresql")
        yield [address.set(database=name).render_as_string(hide_password=False) for name in names]
    finally:
        with engine.connect() as conn:
            for name in names:
                conn.exec_driver_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
