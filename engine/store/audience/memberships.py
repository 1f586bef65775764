"""Who is in a segment since when, and who left it lately. Kept beside the rows of the customers, in the same
transaction, so that nobody is counted by reading everybody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.store.counting import daily_counts
from engine.store.counting.daily_counts import Count, CountKey
from engine.store.id_move import IdMove
from engine.store.serialization import load
from engine.store.sql import change, change_many, rows
from engine.values import DAY, Instant

KEPT = 35 * DAY
"""So long it is known that somebody left."""

PAGE = 2_000
"""Members that are read at once."""


@dataclass(frozen=True, slots=True)
class SegmentCount:
    """How many are in a segment, and how many came and went since a moment."""

    members: int = 0
    entered: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class SegmentMember:
    """Somebody in a segment. `addresses`: by channel, the newest of each."""

    customer: str
    entered_at: Instant
    addresses: dict[str, str]


def write(
    conn: Connection,
    bucket: int,
    entered: Iterable[tuple[str, str]],
    left: Iterable[tuple[str, str]],
    now: Instant,
) -> None:
    """Follows customers of a bucket: (customer, segment) of those who came and of those who went."""
    came, went = list(entered), list(left)
    for what, moves in ((Count.ENTERED, came), (Count.LEFT, went)):
        for segment, n in Counter(segment for _, segment in moves).items():
            daily_counts.add(conn, now, CountKey("", "", "", what, segment), n)
    change_many(
        conn,
        "UPDATE membership SET left_at = ?"
        " WHERE bucket = ? AND customer = ? AND segment = ? AND left_at IS NULL",
        [(now, bucket, customer, segment) for customer, segment in went],
    )
    change_many(
        conn,
        "INSERT INTO membership (bucket, customer, segment, entered_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (bucket, customer, segment, entered_at) DO UPDATE SET left_at = NULL",
        [(bucket, customer, segment, now) for customer, segment in came],
    )


def counts(conn: Connection, since: Instant) -> dict[str, SegmentCount]:
    """Of every segment that anybody is or lately was in. Each number is a walk along one index."""
    members = dict(rows(conn, f"{_HOW_MANY} WHERE left_at IS NULL GROUP BY segment"))
    entered = dict(rows(conn, f"{_HOW_MANY} WHERE entered_at > ? GROUP BY segment", (since,)))
    left = dict(
        rows(conn, f"{_HOW_MANY} WHERE left_at IS NOT NULL AND left_at > ? GROUP BY segment", (since,))
    )
    return {
        name: SegmentCount(int(members.get(name, 0)), int(entered.get(name, 0)), int(left.get(name, 0)))
        for name in {*members, *entered, *left}
    }


def some(conn: Connection, segment: str, most: int) -> list[str]:
    """Some of those who came last, by id."""
    sql = (
        "SELECT customer FROM membership WHERE segment = ? AND left_at IS NULL"
        " ORDER BY entered_at DESC LIMIT ?"
    )
    return sorted(customer for (customer,) in rows(conn, sql, (segment, most)))


def members(conn: Connection, segment: str) -> Iterator[SegmentMember]:
    """Everybody in a segment, in pages; of one moment where the connection holds one."""
    bucket, last = -1, ""
    while True:
        found = rows(conn, _PAGE, (segment, bucket, last, PAGE))
        for bucket, last, entered, reach in found:  # noqa: B007 - the last of a page begins the next one
            known = {channel: each.get("address") or "" for channel, each in load(reach).items()}
            addresses = {channel: lines.split("\n")[-1] for channel, lines in known.items() if lines}
            yield SegmentMember(last, Instant(entered), addresses)
        if len(found) < PAGE:
            return


def rename(conn: Connection, move: IdMove) -> None:
    """A customer takes over the rows of another id; of the customer nothing was known."""
    change(
        conn,
        "UPDATE membership SET bucket = ?, customer = ? WHERE bucket = ? AND customer = ?",
        move.parameters,
    )


def forget(conn: Connection, before: Instant) -> int:
    """Who left before a moment."""
    return change(conn, "DELETE FROM membership WHERE left_at IS NOT NULL AND left_at < ?", (before,))


_HOW_MANY = "SELECT segment, count(*) FROM membership"

_PAGE = (
    "SELECT m.bucket, m.customer, m.entered_at, CAST(c.reach AS TEXT) FROM membership m"
    " JOIN customer c ON c.bucket = m.bucket AND c.id = m.customer"
    " WHERE m.segment = ? AND m.left_at IS NULL AND (m.bucket, m.customer) > (?, ?)"
    " ORDER BY m.bucket, m.customer LIMIT ?"
)
