"""Who was in a segment when a journey with `members: all` first went live, and is still to be taken: listed
once, in slices, and then let in one by one over a day (design/language 2.4).

Nothing is taken twice whatever ends in between: a slice is listed together with the place that the list has
come to, and who is let in goes into the inbox in the transaction that takes them off the list.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from engine.core.lifecycle.trigger import ADMISSION, admission_delay
from engine.store.id_move import IdMove
from engine.store.sql import change, change_many, columns_of, rows
from engine.values import Instant

START = (-1, "")
"""The place before all customers."""


@dataclass(frozen=True, slots=True)
class Admission:
    """One journey and one of its segments. `live_at`: when it first went live; `begins_at`: from when the
    delays of its members count, which moves on while nobody can be let in; `looked_at`: up to where that was
    seen to. Listed are the `members` up to (`at_bucket`, `at_customer`); `listed_at`: since when all of them
    are; `ended_at`: since when nobody is left."""

    journey: str
    segment: str
    live_at: Instant
    begins_at: Instant
    looked_at: Instant
    at_bucket: int
    at_customer: str
    members: int
    listed_at: Instant | None
    ended_at: Instant | None

    @property
    def place(self) -> tuple[int, str]:
        """The last customer that is listed."""
        return self.at_bucket, self.at_customer

    @property
    def until(self) -> Instant:
        """When the last one is let in, if nothing stops it."""
        return Instant(self.begins_at + ADMISSION)


def begin(conn: Connection, journey: str, segment: str, now: Instant) -> None:
    """A journey goes live for the first time."""
    change(
        conn,
        "INSERT INTO admission (journey, segment, live_at, begins_at, looked_at, at_bucket, at_customer,"
        " members) VALUES (?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING",
        (journey, segment, now, now, now, *START),
    )


def journeys_that_took(conn: Connection) -> frozenset[str]:
    """Those whose members were taken, or are being taken: it happens once in the life of a journey."""
    return frozenset(name for (name,) in rows(conn, "SELECT DISTINCT journey FROM admission"))


def under_way(conn: Connection) -> list[Admission]:
    """Those of which somebody may still be let in."""
    sql = f"SELECT {columns_of(Admission)} FROM admission WHERE ended_at IS NULL ORDER BY journey, segment"  # noqa: S608
    return [Admission(*row) for row in rows(conn, sql)]


def left(conn: Connection, admission: Admission) -> int:
    """How many are still to be let in; those who are not listed yet are not among them."""
    sql = "SELECT count(*) FROM admission_member WHERE journey = ? AND segment = ?"
    return int(rows(conn, sql, (admission.journey, admission.segment))[0][0])


def put_off(conn: Connection, admission: Admission, now: Instant, by: int) -> None:
    """The moments of all who are left move on by so many milliseconds."""
    change(
        conn,
        "UPDATE admission SET begins_at = begins_at + ?, looked_at = ? WHERE journey = ? AND segment = ?"
        " AND looked_at = ?",
        (by, now, admission.journey, admission.segment, admission.looked_at),
    )


def list_members(conn: Connection, admission: Admission, limit: int, now: Instant) -> Admission | None:
    """Lists who is in the segment behind the place that the list has come to, up to a number; also customers
    who are set aside, of whom that is not known yet. The admission as it is now; None: it stands at another
    place, or is gone, and nothing was done.

    They are read where they are written: who is erased or joined beside it is not put back.
    """
    place = admission.place
    behind = "(bucket, customer) > (?, ?) ORDER BY bucket, customer LIMIT ?"
    sql = (
        f"SELECT bucket, customer FROM (SELECT bucket, customer FROM membership WHERE segment = ?"  # noqa: S608
        f" AND left_at IS NULL AND {behind}) AS m UNION"
        f" SELECT bucket, customer FROM (SELECT bucket, customer FROM stuck WHERE {behind}) AS s"
        " ORDER BY bucket, customer LIMIT ?"
    )
    found = [
        (bucket, customer)
        for bucket, customer in rows(conn, sql, (admission.segment, *place, limit, *place, limit, limit))
    ]
    is_whole = len(found) < limit
    at_bucket, at_customer = START if is_whole else found[-1]
    after = replace(
        admission, at_bucket=at_bucket, at_customer=at_customer, members=admission.members + len(found),
        listed_at=now if is_whole else None,
    )  # fmt: skip
    changed = change(
        conn,
        "UPDATE admission SET at_bucket = ?, at_customer = ?, members = members + ?, listed_at = ?"
        " WHERE journey = ? AND segment = ? AND at_bucket = ? AND at_customer = ? AND listed_at IS NULL",
        (*after.place, len(found), after.listed_at, admission.journey, admission.segment, *place),
    )
    if not changed:
        return None
    _put(conn, admission, found)
    return after


def _put(conn: Connection, admission: Admission, members: Iterable[tuple[int, str]]) -> None:
    journey, segment = admission.journey, admission.segment
    change_many(
        conn,
        "INSERT INTO admission_member (bucket, customer, journey, segment, delay) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        [
            (bucket, customer, journey, segment, admission_delay(customer, journey))
            for bucket, customer in members
        ],
    )


@dataclass(frozen=True, slots=True)
class DueMember:
    """Somebody whose moment has come."""

    bucket: int
    customer: str
    at: Instant


def take_due(conn: Connection, admission: Admission, now: Instant, limit: int) -> list[DueMember]:
    """Takes off the list whose moment has come, the first ones first, up to a number."""
    key = (admission.journey, admission.segment)
    # as it is in this transaction: it may have been put off a moment ago
    current = rows(conn, "SELECT begins_at FROM admission WHERE journey = ? AND segment = ?", key)
    begins_at = int(current[0][0]) if current else now
    found = rows(
        conn,
        "SELECT bucket, customer, delay FROM admission_member WHERE journey = ? AND segment = ?"
        " AND delay <= ? ORDER BY delay, bucket, customer LIMIT ?",
        (*key, now - begins_at, limit),
    )
    change_many(
        conn,
        "DELETE FROM admission_member WHERE bucket = ? AND customer = ? AND journey = ? AND segment = ?",
        [(bucket, customer, *key) for bucket, customer, _ in found],
    )
    return [DueMember(bucket, customer, Instant(begins_at + delay)) for bucket, customer, delay in found]


def end_if_over(conn: Connection, admission: Admission, now: Instant) -> None:
    """Notes that nobody is left."""
    change(
        conn,
        "UPDATE admission SET ended_at = ? WHERE journey = ? AND segment = ? AND listed_at IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM admission_member m WHERE m.journey = admission.journey"
        " AND m.segment = admission.segment)",
        (now, admission.journey, admission.segment),
    )


def rename_journey(conn: Connection, old: str, new: str) -> None:
    """What was taken under the old name of a journey was taken."""
    if not rows(conn, "SELECT 1 FROM admission WHERE journey = ? LIMIT 1", (old,)):
        return
    for table in ("admission_member", "admission"):
        # A journey of the new name that is long gone
        change(conn, f"DELETE FROM {table} WHERE journey = ?", (new,))  # noqa: S608
        change(conn, f"UPDATE {table} SET journey = ? WHERE journey = ?", (new, old))  # noqa: S608


def follow(conn: Connection, move: IdMove) -> None:
    """Two ids are one customer from now on, who comes when either would have come first. A list that
    is being made may have passed one of the two and not come to the other: they are put on it, for whoever is
    no member is not let in."""
    waiting = rows(
        conn,
        "SELECT journey, segment, delay FROM admission_member WHERE bucket = ? AND customer = ?",
        move.source,
    )
    change_many(
        conn,
        "INSERT INTO admission_member (bucket, customer, journey, segment, delay) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (bucket, customer, journey, segment) DO UPDATE SET delay = CASE"
        " WHEN excluded.delay < admission_member.delay THEN excluded.delay ELSE admission_member.delay END",
        [(*move.target, *row) for row in waiting],
    )
    change(conn, "DELETE FROM admission_member WHERE bucket = ? AND customer = ?", move.source)
    for admission in under_way(conn):
        if admission.listed_at is None:
            _put(conn, admission, [move.target])


def start_again(conn: Connection) -> None:
    """Lists that are not whole are made from the beginning: customers stand in another order."""
    sql = "UPDATE admission SET at_bucket = ?, at_customer = ?, members = 0 WHERE listed_at IS NULL"
    change(conn, sql, START)
