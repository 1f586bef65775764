"""Drops what is older than config.yaml wants to keep, a slice at a time: what is read to find it is read
beside the writer, and what goes is a few thousand rows by their keys.

Nothing that a question may still look at goes: of an event that some fact, segment or journey counts within a
length of time, that length is kept, however short the policy is; of one that is counted over all time of its
rows, all of them. Facts over all time are kept beside the events and do not change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection

from engine.core.facts.fold import history_from
from engine.store.sql import change, change_many, rows
from engine.values import Instant

SLICE = 2_000
"""Rows that one transaction drops."""

WALKED = 20_000
"""Rows of a table without an index by time that one look goes past."""

Key = tuple[Any, ...]

Edged = Literal["trace", "refused_item", "alert"]
"""Tables whose numbers grow with time: what is old stands at their beginning."""

_MOMENT: Mapping[Edged, str] = {"trace": "at", "refused_item": "received_at", "alert": "at"}

Walked = Literal["event", "receipt"]

_KEYS: Mapping[Walked, tuple[str, ...]] = {
    "event": ("bucket", "customer", "name", "occurred_at", "number"),
    "receipt": ("bucket", "source", "id"),
}
_TIMES: Mapping[Walked, str] = {"event": "occurred_at", "receipt": "at"}

Blanked = Literal["report", "webhook_call"]


@dataclass(frozen=True, slots=True)
class OldRows:
    """One look past some rows of a table: the keys of those that go, and where the next look begins; None:
    that was the end."""

    keys: tuple[Key, ...]
    next: Key | None


def forget_first(conn: Connection, table: Edged, before: Instant) -> int:
    """Drops the oldest rows, a slice of them at most; how many."""
    return change(
        conn,
        f"DELETE FROM {table} WHERE number IN (SELECT number FROM (SELECT number, {_MOMENT[table]} AS at"  # noqa: S608
        f" FROM {table} ORDER BY number LIMIT {SLICE}) AS o WHERE at < ?)",
        (before,),
    )


def find_old(
    conn: Connection, table: Walked, after: Key | None, before: Instant, needs: Mapping[str, int | None],
    now: Instant,
) -> OldRows:  # fmt: skip
    """Goes past some rows behind `after` (None: from the beginning). `needs`: the events that are asked for,
    with how far back, as `Journeys.needs`."""
    columns, marks = ", ".join(_KEYS[table]), ", ".join("?" * len(_KEYS[table]))
    behind = f"({columns}) > ({marks})" if after is not None else "1 = 1"
    edge = rows(
        conn,
        f"SELECT {columns} FROM {table} WHERE {behind} ORDER BY {columns} LIMIT 1 OFFSET {WALKED}",  # noqa: S608
        after or (),
    )
    until = tuple(edge[0]) if edge else None
    inside = f" AND ({columns}) <= ({marks})" if until is not None else ""
    found = rows(
        conn,
        f"SELECT {columns} FROM {table} WHERE {behind}{inside} AND {_TIMES[table]} < ?",  # noqa: S608
        (*(after or ()), *(until or ()), before),
    )
    starts = {name: history_from(name, needs, now) for name in needs} if table == "event" else {}
    keys = tuple(tuple(row) for row in found if (start := starts.get(row[2])) is None or row[3] < start)
    return OldRows(keys, until)


def forget(conn: Connection, table: Walked, keys: tuple[Key, ...]) -> None:
    """Drops rows by their keys."""
    where = " AND ".join(f"{column} = ?" for column in _KEYS[table])
    change_many(conn, f"DELETE FROM {table} WHERE {where}", keys)  # noqa: S608


def blank(conn: Connection, table: Blanked, after: int, before: Instant) -> int | None:
    """Takes the words out of a slice of rows behind the number `after`, of those that are old; the last
    number of them, None: nothing old is left."""
    column, empty, moment, state = (
        ("raw", "", "received_at", "1 = 1") if table == "report"
        else ("body", "{}", "planned_at", "state <> 'planned'")
    )  # fmt: skip
    old = rows(
        conn,
        f"SELECT number FROM (SELECT number, {moment} AS at FROM {table} WHERE number > ? ORDER BY number"  # noqa: S608
        f" LIMIT {SLICE}) AS o WHERE at < ? ORDER BY number",
        (after, before),
    )
    if not old:
        return None
    first, last = old[0][0], old[-1][0]
    change(
        conn,
        f"UPDATE {table} SET {column} = ? WHERE number >= ? AND number <= ? AND {moment} < ? AND {state}",  # noqa: S608
        (empty, first, last, before),
    )
    return int(last)
