"""Carries a store over to another database, row by row, with the people in flight; a run that was cut off
goes on where it was. In the end both sides are counted and summed up.

Rows go in the order of their keys, some thousand in each transaction, which also notes how far it has come. A
bucket is computed anew, for the other database may have another number of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlmodel import SQLModel

from engine.errors import UsageError, WorldError
from engine.store import meta
from engine.store.audience import admissions
from engine.store.copies import moving
from engine.store.copies.identity import mark_restored
from engine.store.copies.moving import Filling
from engine.store.database import Store
from engine.store.facts import definitions
from engine.store.inbox.inbox import ANY_BUCKET
from engine.store.schema import tables as schema
from engine.store.serialization import dump, load
from engine.store.sql import change, change_many, rows
from engine.values import Instant

assert schema.MetaRow.metadata is SQLModel.metadata

CHUNK = 2000
"""Rows in one transaction."""

LEFT_BEHIND = frozenset({"meta", "worker", "leadership", "rate"})
"""Facts about the database itself, which are sorted out one by one, and about processes, which end."""

OF_THE_DATABASE = frozenset({
    "buckets", "place", "moved_to", "move_done", "carried_from", "restored_at", "dry_since", "touched",
})  # fmt: skip
"""Facts that the other database has of its own, or none of."""

Progress = Callable[[str, int, int], None]
"""Told of every chunk: the table, how many rows of it are there, and how many there will be."""


@dataclass(frozen=True, slots=True)
class CarriedTable:
    """A table that is whole on both sides."""

    name: str
    rows: int


def begin(source: Connection, target: Store, *, again: bool) -> Filling:
    """Marks the target, so that no daemon works on it until all is there; how far it is. `again`: one that
    was begun before is gone on with. Raises `UsageError` for a target that holds something else, and while
    the source has changes of products to tell."""
    if rows(source, "SELECT 1 FROM product_change LIMIT 1"):
        raise UsageError(
            "changes of products are not told to everybody yet, and how far they are cannot be carried over:",
            "start the daemon for a minute, stop it in order, and try again",
        )
    with target.read() as conn:
        filling = moving.filling(conn)
        is_empty = all(not rows(conn, f"SELECT 1 FROM {table.name} LIMIT 1") for table in _tables())  # noqa: S608
    if filling is None and not is_empty:
        raise UsageError("the other database holds a store already:", "name an empty one")
    if filling is not None and not (again and filling.instance == meta.instance(source)):
        raise UsageError(
            "the other database is filled in part, not from here as it is now:", "name an empty one"
        )
    if filling is None:
        filling = Filling(meta.instance(source), {})
        target.write(lambda conn: moving.note_filling(conn, filling))
    return filling


def copy(
    source: Connection, target: Store, filling: Filling, progress: Progress = lambda _n, _d, _a: None
) -> None:
    """Copies what is missing in the target. Raises what the databases raise; the next call goes on."""
    for table in _tables():
        after, done = filling.tables.get(table.name), 0
        if table.name in filling.tables:
            if after is None:
                continue
            with target.read() as conn:
                done = _count(conn, table)
        total = _count(source, table)
        for chunk in _chunks(source, table, after):
            target.write(_inserting(table, chunk, filling))
            done += len(chunk)
            progress(table.name, done, total)
        filling.tables[table.name] = None
        target.write(_ending(table, _highest_number(source, table), filling))


def verify(source: Connection, target: Store) -> list[CarriedTable]:
    """Compares the number and the content of the rows of every table. Raises `WorldError` where they
    differ."""
    whole = []
    for table in _tables():
        with target.read() as conn:
            ours, theirs = _sum(source, table), _sum(conn, table)
        if ours != theirs:
            raise WorldError(
                f"the table {table.name} differs: {ours[0]:,} rows here, {theirs[0]:,} there"
                f"{'' if ours[0] != theirs[0] else ', and not the same ones'}. Empty the other database and "
                "begin again",
                permanent=True,
            )
        whole.append(CarriedTable(table.name, ours[0]))
    return whole


def finish(source: Connection, target: Store, copied_at: Instant | None = None) -> None:
    """The target is the store from now on, with its identity and its secret: links that were sent stay good.
    `copied_at`: it is only a copy, from which nothing is sent before somebody adopts it."""
    facts = [(n, v) for n, v in rows(source, "SELECT name, value FROM meta") if n not in OF_THE_DATABASE]

    def take_over(conn: Connection) -> None:
        for name, value in facts:
            meta.put(conn, name, value)
        # Customers stand in another order there
        definitions.start_again(conn)
        admissions.start_again(conn)
        if copied_at is not None:
            mark_restored(conn, copied_at)
        moving.note_whole(conn)

    target.write(take_over)


def _tables() -> list[sa.Table]:
    return [table for table in SQLModel.metadata.sorted_tables if table.name not in LEFT_BEHIND]


def _count(conn: Connection, table: sa.Table) -> int:
    return int(rows(conn, f"SELECT count(*) FROM {table.name}")[0][0])  # noqa: S608 - a name of ours


def _key(table: sa.Table) -> list[str]:
    return [column.name for column in table.primary_key.columns]


def _read(conn: Connection, table: sa.Table, clause: str = "", values: tuple[Any, ...] = ()) -> list[Any]:
    named = ", ".join(
        f'CAST("{column.name}" AS TEXT)' if _is_document(column) else f'"{column.name}"'
        for column in table.columns
    )
    return rows(conn, f"SELECT {named} FROM {table.name} {clause}", values)  # noqa: S608 - names of ours


def _chunks(conn: Connection, table: sa.Table, after: Sequence[str | int] | None) -> Iterator[list[Any]]:
    key = _key(table)
    order = f"ORDER BY {', '.join(key)} LIMIT {CHUNK}"
    places = [list(table.columns.keys()).index(name) for name in key]
    while True:
        clause = f"WHERE ({', '.join(key)}) > ({', '.join('?' * len(key))})" if after else ""
        chunk = _read(conn, table, f"{clause} {order}", tuple(after or ()))
        if not chunk:
            return
        yield chunk
        after = [chunk[-1][place] for place in places]


def _inserting(table: sa.Table, chunk: Sequence[Any], filling: Filling) -> Callable[[Connection], None]:
    columns = list(table.columns)
    key = [list(table.columns.keys()).index(name) for name in _key(table)]

    def insert(conn: Connection) -> None:
        is_postgresql = conn.dialect.name == "postgresql"
        marks = ("CAST(? AS jsonb)" if is_postgresql and _is_document(column) else "?" for column in columns)
        names = ", ".join(f'"{column.name}"' for column in columns)
        sql = f"INSERT INTO {table.name} ({names}) VALUES ({', '.join(marks)})"  # noqa: S608
        change_many(conn, sql, [_row(conn, table, columns, row) for row in chunk])
        filling.tables[table.name] = [chunk[-1][place] for place in key]
        moving.note_filling(conn, filling)

    return insert


def _row(
    conn: Connection, table: sa.Table, columns: Sequence[sa.Column[Any]], row: Sequence[Any]
) -> tuple[Any, ...]:
    values = {column.name: _value(column, value) for column, value in zip(columns, row, strict=True)}
    if table.name == "receipt":  # whose it is does not stand there
        values["bucket"] = ANY_BUCKET if meta.buckets(conn) > 1 else 0
    elif "bucket" in values:
        values["bucket"] = meta.bucket_of(conn, values["id" if table.name == "customer" else "customer"])
    return tuple(values.values())


def _value(column: sa.Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, sa.Boolean):
        return bool(value)
    # as compact as the engine writes it: sizes of attributes are counted
    return dump(load(value)) if _is_document(column) else value


def _is_document(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.JSON)


def _highest_number(conn: Connection, table: sa.Table) -> int | None:
    """The highest number that was ever given: rows of the inbox that are gone had one, too, and no customer
    may meet a number again."""
    column = table.columns.get("number")
    if column is None or not column.primary_key:
        return None
    if conn.dialect.name == "postgresql":
        sequence = rows(conn, "SELECT pg_get_serial_sequence(?, 'number')", (table.name,))[0][0]
        if sequence is None:  # numbers of another table
            return None
        last, was_used = rows(conn, f"SELECT last_value, is_called FROM {sequence}")[0]  # noqa: S608
        return int(last) if was_used else 0
    found = rows(conn, "SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,))
    return int(found[0][0]) if found else 0


def _ending(table: sa.Table, highest: int | None, filling: Filling) -> Callable[[Connection], None]:
    def end(conn: Connection) -> None:
        if highest and conn.dialect.name == "postgresql":
            rows(conn, "SELECT setval(pg_get_serial_sequence(?, 'number'), ?)", (table.name, highest))
        elif highest:
            change(conn, "DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
            change(conn, "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table.name, highest))
        moving.note_filling(conn, filling)

    return end


def _sum(conn: Connection, table: sa.Table) -> tuple[int, int]:
    """How many rows, and a sum of their contents that does not depend on their order."""
    columns = list(table.columns)
    count = total = 0
    for chunk in _chunks(conn, table, None):
        for row in chunk:
            said = [
                _comparable(column, value)
                for column, value in zip(columns, row, strict=True)
                if column.name != "bucket"
            ]
            total += int.from_bytes(
                blake2b(repr(said).encode("utf-8", "surrogatepass"), digest_size=8).digest()
            )
        count += len(chunk)
    return count, total % 2**64


def _comparable(column: sa.Column[Any], value: Any) -> Any:
    if value is None or not _is_document(column):
        return int(value) if isinstance(column.type, sa.Boolean) and value is not None else value
    return _ordered(load(value))


def _ordered(value: Any) -> Any:
    """A document whose keys may come in any order, and whose numbers may be written in any way."""
    if isinstance(value, dict):
        return sorted((name, _ordered(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return [_ordered(inner) for inner in value]
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return format(Decimal(value).normalize(), "f")
    return value
