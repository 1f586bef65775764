"""Statements on the hot paths: driver parameters, whole batches, no objects of an ORM.

Statements are written with `?`. SQLite and PostgreSQL differ here in two things only: the sign for a
parameter, and how a list of ids becomes a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from engine.store.serialization import dump

IDS = "{ids}"
"""Stands in a statement for a table `j(value)` made from one JSON array of texts, given as one parameter."""

NAMES = "{names}"
"""Stands for a table `n(key, value)` made from one JSON object, given as one parameter."""


def rows(conn: Connection, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
    """All rows of a query."""
    cursor = conn.exec_driver_sql(_in_dialect(sql, conn.dialect.name), parameters).cursor
    assert cursor is not None
    return list(cursor.fetchall())


def change(conn: Connection, sql: str, parameters: tuple[Any, ...] = ()) -> int:
    """Runs one statement; how many rows it changed."""
    return conn.exec_driver_sql(_in_dialect(sql, conn.dialect.name), parameters).rowcount


def change_many(conn: Connection, sql: str, parameters: Sequence[tuple[Any, ...]]) -> None:
    """Runs a statement for many rows in one call; for none it does nothing."""
    if parameters:
        conn.exec_driver_sql(_in_dialect(sql, conn.dialect.name), list(parameters))


def ids(values: Iterable[str]) -> str:
    """The parameter for `{ids}`: sorted, so that neighbours in the tables are read together."""
    return dump(sorted(values))


@lru_cache(maxsize=512)
def _in_dialect(sql: str, dialect: str) -> str:
    if dialect == "sqlite":
        return sql.replace(IDS, "json_each(?) AS j").replace(NAMES, "json_each(?) AS n")
    texts = "jsonb_array_elements_text(CAST(? AS jsonb)) AS j(value)"
    pairs = "jsonb_each_text(CAST(? AS jsonb)) AS n(key, value)"
    return sql.replace("%", "%%").replace(IDS, texts).replace(NAMES, pairs).replace("?", "%s")
