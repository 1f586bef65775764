"""The ledger of points as rows: every entry once, in the order in which they were made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.core.decision.effects import EnterPoints
from engine.core.happening import PointsSpent
from engine.store.counting import daily_counts
from engine.store.counting.daily_counts import Count, CountKey
from engine.store.id_move import IdMove
from engine.store.inbox.inbox import Lane
from engine.store.inbox.inbox_codec import to_row
from engine.store.sql import change, columns_of, ids, insert_many, rows
from engine.values import Instant

FORGOTTEN = "forgotten"
"""The kind of what was left to people who were erased."""


@dataclass(frozen=True, slots=True)
class PointsEntry:
    """One entry of a customer's ledger. `at`: of what happened, `entered_at`: when the engine knew."""

    entered_at: Instant
    at: Instant
    kind: str
    points: int
    about: str
    words: str
    cause: str
    part: int


_COLUMNS = columns_of(PointsEntry)


def enter(conn: Connection, bucket: int, entries: Sequence[tuple[str, EnterPoints]], now: Instant) -> None:
    """Adds entries of customers, and counts them."""
    for _, entry in entries:
        _count(conn, entry.at, entry.kind, entry.points)
    insert_many(
        conn,
        "points_entry",
        [
            {
                "bucket": bucket, "customer": customer, "cause": entry.cause, "part": entry.part,
                "kind": entry.kind, "points": entry.points, "at": entry.at, "entered_at": now,
                "about": entry.about, "words": entry.words,
            }
            for customer, entry in entries
        ],
        "ON CONFLICT (bucket, customer, cause, part) DO NOTHING",
    )  # fmt: skip


def of_customer(conn: Connection, bucket: int, customer: str, most: int = 1_000) -> list[PointsEntry]:
    """The latest entries, the oldest of them first."""
    sql = (
        f"SELECT {_COLUMNS} FROM points_entry WHERE bucket = ? AND customer = ?"  # noqa: S608
        " ORDER BY entered_at DESC, at DESC, cause DESC, part DESC LIMIT ?"
    )
    return [PointsEntry(*row) for row in reversed(rows(conn, sql, (bucket, customer, most)))]


def move(conn: Connection, ids: IdMove, behind: Sequence[tuple[str, int]]) -> None:
    """The entries of one id become those of the other one; of a cause that both have those of the other one
    stay. `behind`: causes whose entries of both stay, with the number of those that the other one has."""
    sql = (
        "UPDATE points_entry SET bucket = ?, customer = ?, part = part + ? WHERE bucket = ? AND customer = ?"
    )
    for cause, parts in behind:
        change(conn, f"{sql} AND cause = ?", (*ids.target, parts, *ids.source, cause))
    twice = rows(
        conn,
        "DELETE FROM points_entry WHERE bucket = ? AND customer = ? AND EXISTS (SELECT 1 FROM points_entry o"
        " WHERE o.bucket = ? AND o.customer = ? AND o.cause = points_entry.cause)"
        " RETURNING at, kind, points",
        (*ids.source, *ids.target),
    )
    for at, kind, counted in twice:
        _count(conn, at, kind, -counted)
    change(conn, sql, (*ids.target, 0, *ids.source))


def look_again(conn: Connection, bucket: int, customers: Sequence[str], now: Instant) -> None:
    """Has the ledgers of customers looked at, behind everything that happens now."""
    kind, body = to_row(PointsSpent(0, now, starts=False))
    change(
        conn,
        "INSERT INTO inbox (bucket, lane, customer, kind, received_at, body)"
        " SELECT ?, ?, j.value, ?, ?, ? FROM {ids}",
        (bucket, Lane.HISTORY, kind, now, body, ids(customers)),
    )


def forget(conn: Connection, bucket: int, people: str, now: Instant) -> None:
    """Before entries of customers (`{ids}`) are forgotten: what was left to these people is gone. What their
    entries came to stays among the counts of the day."""
    sql = (
        "SELECT sum(p.points) FROM {ids} CROSS JOIN points_entry p"
        " WHERE p.bucket = ? AND p.customer = j.value"
    )
    _count(conn, now, FORGOTTEN, -int(rows(conn, sql, (people, bucket))[0][0] or 0))


def _count(conn: Connection, at: Instant, kind: str, points: int) -> None:
    daily_counts.add(conn, at, CountKey("", "", "", Count.POINTS, kind), points)
