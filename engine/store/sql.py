"""Statements on the hot paths: driver parameters, whole batches, no objects of an ORM.

Statements are written with `?`. SQLite and PostgreSQL differ here in two things only: the sign for a
parameter, and how JSON becomes a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, CursorResult
from sqlalchemy.engine.interfaces import DBAPICursor

from engine.store.connections import run_on_driver
from engine.store.serialization import dump

IDS = "{ids}"
"""Stands in a statement for a table `j(value)` made from one JSON array of texts, given as one parameter."""

NAMES = "{names}"
"""Stands for a table `n(key, value)` made from one JSON object, given as one parameter."""

LINES = "{lines}"
"""Stands for a table `l(value)` made from one JSON array of arrays, given as one parameter; `{cell0}`,
`{cell1}` ... for the texts in each of them. A number is `CAST({cell0} AS BIGINT)`."""

_MOST_CELLS = 8


SKIP_LOCKED = "{skip locked}"
"""Stands at the end of a query whose rows are about to be changed: those that another transaction holds are
passed over. An SQLite file has one writer."""


def rows(conn: Connection, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
    """All rows of a query."""
    return list(_execute(conn, sql, parameters).fetchall())


def stream(conn: Connection, sql: str, parameters: tuple[Any, ...] = ()) -> Iterator[Any]:
    """The rows of a query as they are read, for what does not fit into memory."""
    statement = _in_dialect(sql, conn.dialect.name)
    options = {"stream_results": True, "yield_per": 2_000}
    yield from conn.exec_driver_sql(statement, parameters, execution_options=options)


def change(conn: Connection, sql: str, parameters: tuple[Any, ...] = ()) -> int:
    """Runs one statement; how many rows it changed."""
    return int(_execute(conn, sql, parameters).rowcount)


def change_many(conn: Connection, sql: str, parameters: Sequence[tuple[Any, ...]]) -> int:
    """Runs a statement for many rows in one call; for none it does nothing. How many rows it changed."""
    return int(_execute(conn, sql, list(parameters)).rowcount) if parameters else 0


def _execute(
    conn: Connection, sql: str, parameters: tuple[Any, ...] | list[tuple[Any, ...]]
) -> DBAPICursor | CursorResult[Any]:
    statement = _in_dialect(sql, conn.dialect.name)
    if not conn.in_transaction():
        conn.begin()
    return run_on_driver(conn, statement, parameters)


def insert_many(
    conn: Connection, table: str, records: Sequence[Mapping[str, Any]], on_conflict: str = ""
) -> int:
    """Inserts rows: column -> value, the same columns in the same order in each; how many. `on_conflict`: the
    clause of that name."""
    if not records:
        return 0
    statement = _insert(table, tuple(records[0]), on_conflict)
    return change_many(conn, statement, [tuple(record.values()) for record in records])


def columns_of(record: type[Any]) -> str:
    """The columns that a record is read from: its fields by name, in their order."""
    return ", ".join(field.name for field in fields(record))


def ids(values: Iterable[str]) -> str:
    """The parameter for `{ids}`: sorted, so that neighbours in the tables are read together."""
    return dump(sorted(values))


@lru_cache(maxsize=256)
def _insert(table: str, columns: tuple[str, ...], on_conflict: str) -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) {on_conflict}".rstrip()  # noqa: S608


@lru_cache(maxsize=512)
def _in_dialect(sql: str, dialect: str) -> str:
    if LINES in sql:
        is_sqlite = dialect == "sqlite"
        table = "json_each(?) AS l" if is_sqlite else "jsonb_array_elements(CAST(? AS jsonb)) AS l(value)"
        sql = sql.replace(LINES, table)
        for number in range(_MOST_CELLS):
            cell = f"json_extract(l.value, '$[{number}]')" if is_sqlite else f"(l.value ->> {number})"
            sql = sql.replace(f"{{cell{number}}}", cell)
    if dialect == "sqlite":
        sql = sql.replace(SKIP_LOCKED, "")
        return sql.replace(IDS, "json_each(?) AS j").replace(NAMES, "json_each(?) AS n")
    sql = sql.replace(SKIP_LOCKED, "FOR UPDATE SKIP LOCKED")
    texts = "jsonb_array_elements_text(CAST(? AS jsonb)) AS j(value)"
    pairs = "jsonb_each_text(CAST(? AS jsonb)) AS n(key, value)"
    return sql.replace("%", "%%").replace(IDS, texts).replace(NAMES, pairs).replace("?", "%s")
