"""The codes of files: imported, taken for a whole batch in one statement, and who waits for one.

Two transactions never take the same code: the statement that takes them locks the rows that it chooses and
passes over those that another one holds. What was taken and the answer to the run are one transaction, so a
crash leaves both or neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from engine.core.happening import CodeTaken
from engine.store.inbox.inbox import append_rows
from engine.store.inbox.inbox_codec import to_row
from engine.store.serialization import dump
from engine.store.sql import change, change_many, ids, rows
from engine.values import Instant

LEAST_ALERT = 10
"""A pool that says no number is told of below a tenth of its size, but not below this."""

SERVED_AT_ONCE = 1000
"""So many who wait get a code in one transaction."""

_TAKE = (
    "WITH free AS (SELECT number FROM code_stock WHERE pool = ? AND enrollment IS NULL ORDER BY number"
    " LIMIT ? {skip locked}), numbered AS (SELECT number, ROW_NUMBER() OVER (ORDER BY number) - 1 AS place"
    " FROM free) UPDATE code_stock SET enrollment = %s FROM numbered"
    " WHERE code_stock.number = numbered.number AND code_stock.enrollment IS NULL RETURNING enrollment, value"
)
# By its place in one JSON array: a join of two lists has no index, and takes the square of their length.
_TAKE_OF = {
    "sqlite": _TAKE % "json_extract(?, '$[' || numbered.place || ']')",
    "postgresql": _TAKE % "(CAST(? AS jsonb) ->> CAST(numbered.place AS integer))",
}


class CodeRequest(NamedTuple):
    """A run that asks for a code, and its customer."""

    enrollment: str
    bucket: int
    customer: str


@dataclass(frozen=True, slots=True)
class AddedCodes:
    """What became of codes that were to be added. `known`: those that are there already, with their pool."""

    added: int
    known: tuple[tuple[str, str], ...]


def take(conn: Connection, pool: str, asked: Sequence[CodeRequest], now: Instant) -> int:
    """Gives each run a code of the pool as long as there are any, by their inboxes; the others are told that
    there is none, and wait. How many got one."""
    runs = dump([each.enrollment for each in asked])
    taken = dict(rows(conn, _TAKE_OF[conn.dialect.name], (pool, len(asked), runs)))
    waiting = [each for each in asked if each.enrollment not in taken]
    change_many(
        conn,
        "INSERT INTO code_request (pool, enrollment, bucket, customer, asked_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (enrollment, pool) DO NOTHING",
        [(pool, *each, now) for each in waiting],
    )
    _answer(conn, pool, [(each, taken.get(each.enrollment)) for each in asked], now)
    return len(taken)


def serve(conn: Connection, pool: str, now: Instant) -> int:
    """Gives those who wait a code of what has come meanwhile, the longest waiting first. How many got one."""
    free = rows(
        conn,
        "SELECT count(*) FROM (SELECT 1 FROM code_stock WHERE pool = ? AND enrollment IS NULL LIMIT ?) AS f",
        (pool, SERVED_AT_ONCE),
    )[0][0]
    if not free:
        return 0
    # Claimed before they are served: of two processes each serves others.
    claimed = rows(
        conn,
        "DELETE FROM code_request WHERE number IN (SELECT number FROM code_request WHERE pool = ?"
        " ORDER BY number LIMIT ? {skip locked}) RETURNING number, enrollment, bucket, customer",
        (pool, free),
    )
    return take(conn, pool, [CodeRequest(*each) for _, *each in sorted(claimed)], now) if claimed else 0


def pools_waited_for(conn: Connection) -> list[str]:
    """The pools that somebody waits for."""
    return [pool for (pool,) in rows(conn, "SELECT DISTINCT pool FROM code_request ORDER BY pool")]


def send_away(conn: Connection, pool: str, now: Instant) -> None:
    """The pool is no file any more: whoever waits for it asks anew, and gets what their step says now."""
    claimed = rows(
        conn, "DELETE FROM code_request WHERE pool = ? RETURNING enrollment, bucket, customer", (pool,)
    )
    _answer(conn, pool, [(CodeRequest(*each), None) for each in sorted(claimed)], now)


def free(conn: Connection, lines: str) -> None:
    """Codes that go back: JSON lines of pool, code and enrollment. One that was shown somewhere stays."""
    change(
        conn,
        "UPDATE code_stock SET enrollment = NULL FROM {lines} WHERE code_stock.value = {cell1}"
        " AND code_stock.enrollment = {cell2} AND NOT EXISTS (SELECT 1 FROM code c"
        " WHERE c.value = code_stock.value AND c.used_at IS NOT NULL)"
        " AND NOT EXISTS (SELECT 1 FROM code_use u WHERE u.value = code_stock.value)",
        (lines,),
    )


def add(conn: Connection, pool: str, values: Sequence[str], now: Instant) -> AddedCodes:
    """Adds codes to a pool; no text is in two pools, and none that was given out before comes again."""
    asked = ids(values)
    known = dict(
        rows(
            conn,
            "SELECT s.value, s.pool FROM {ids} CROSS JOIN code_stock s WHERE s.value = j.value"
            " UNION SELECT c.value, c.pool FROM {ids} CROSS JOIN code c WHERE c.value = j.value",
            (asked, asked),
        )
    )
    fresh = [value for value in values if value not in known]
    added = change_many(
        conn,
        "INSERT INTO code_stock (pool, value, imported_at) VALUES (?, ?, ?) ON CONFLICT (value) DO NOTHING",
        [(pool, value, now) for value in fresh],
    )
    return AddedCodes(added, tuple(sorted(known.items())))


def low_pools(conn: Connection, alerts: Iterable[tuple[str, int | None]]) -> list[tuple[str, int, int]]:
    """Of file pools with the number below which they are told of (None: a tenth of their size): pool, codes
    left, that number."""
    found = []
    for pool, said in alerts:
        least = said
        if least is None:
            size = rows(conn, "SELECT count(*) FROM code_stock WHERE pool = ?", (pool,))[0][0]
            least = max(LEAST_ALERT, size // 10)
        left = rows(
            conn,
            "SELECT count(*) FROM (SELECT 1 FROM code_stock WHERE pool = ? AND enrollment IS NULL LIMIT ?)"
            " AS f",
            (pool, least),
        )[0][0]
        if left < least:
            found.append((pool, left, least))
    return found


def _answer(
    conn: Connection, pool: str, answers: Iterable[tuple[CodeRequest, str | None]], now: Instant
) -> None:
    append_rows(
        conn,
        [
            (each.bucket, each.customer, kind, now, body)
            for each, value in answers
            for kind, body in (to_row(CodeTaken(0, now, each.enrollment, pool, value)),)
        ],
    )
