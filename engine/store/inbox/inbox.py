"""Takes in what happened: durable, each once, numbered in the order of receipt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection

from engine.core.happening import Event, Happening, ProfileChanged
from engine.ids import derive
from engine.store import meta
from engine.store.inbox.inbox_codec import event_row, from_row, moment, to_row
from engine.store.meta import bucket_of, buckets
from engine.store.sql import change, change_many, ids, rows
from engine.values import SECOND, Instant

ANY_BUCKET = -1
"""Of receipts that were carried over from a store with fewer buckets."""

Taken = Literal["taken", "duplicate", "conflict"]
"""`duplicate`: received before, nothing changed. `conflict`: the same source and id came with another body;
the first wins."""


class Lane(IntEnum):
    """Which rows are applied first (`engine.store.inbox.lanes`)."""

    LIVE = 0
    HISTORY = 1  # imported, or sent as history: facts and segments learn of it, and nobody waits for it


class Arrival(Struct, frozen=True, gc=False):
    """Something that happened to a customer, on its way into the inbox (its `number` is not known yet and is
    ignored).

    `source` names who says so (an API key, a channel, `engine`). Without an `id` the same content in the same
    second counts as the same.
    """

    customer: str
    source: str
    id: str | None
    what: Happening


@dataclass(frozen=True, slots=True)
class PendingItem:
    """A row of the inbox: not applied yet."""

    number: int
    customer: str
    kind: str
    body: str

    def read(self) -> Happening:
        """What happened. Raises what a damaged row raises; one customer's rows are no reason to stop the
        others."""
        return from_row(self.number, self.kind, self.body)


Row: TypeAlias = tuple[int, Lane, str, str, int, str]
"""Bucket, lane, customer, kind, received at, body."""

_INSERT = "INSERT INTO inbox (bucket, lane, customer, kind, received_at, body) VALUES (?, ?, ?, ?, ?, ?)"


def append(conn: Connection, arrivals: Sequence[Arrival], now: Instant) -> list[Taken]:
    """Appends what is new, in order, and says for each what became of it. Durable when the transaction is."""
    answers, new = receive(conn, arrivals, now)
    change_many(conn, _INSERT, [row for _, row in new])
    return answers


def receive(
    conn: Connection, arrivals: Sequence[Arrival], now: Instant
) -> tuple[list[Taken], list[tuple[Arrival, Row]]]:
    """Notes what is new as received, and says for each what became of it; and the new ones with their rows,
    in order: whoever asks appends or applies them in the same transaction."""
    among = meta.buckets(conn)
    prepared = [_prepare(arrival, among) for arrival in arrivals]
    keys = [row[:4] for row in prepared]
    # as an earlier version has kept them
    plain = {
        (row[1], row[2]): (row[0], row[1], arrival.id, "")
        for arrival, row in zip(arrivals, prepared, strict=True)
        if arrival.id is not None and arrival.id != row[2]
    }
    known = _known(conn, [*keys, *plain.values()])
    for key, (_, source, id_, _) in plain.items():
        if (source, id_) in known:
            known.setdefault(key, known[source, id_])
    answers: list[Taken] = []
    receipts: list[tuple[int, str, str, str, int]] = []
    new: list[tuple[Arrival, Row]] = []
    for arrival, (bucket, source, id_, digest, customer, kind, body) in zip(arrivals, prepared, strict=True):
        first = known.get((source, id_))
        if first is not None:
            answers.append("duplicate" if first == digest else "conflict")
            continue
        known[source, id_] = digest
        receipts.append((bucket, source, id_, digest, now))
        new.append((arrival, (bucket, lane_of(arrival.what), customer, kind, now, body)))
        answers.append("taken")
    change_many(conn, "INSERT INTO receipt (bucket, source, id, digest, at) VALUES (?, ?, ?, ?, ?)", receipts)
    return answers, new


def reserve(conn: Connection, count: int) -> list[int]:
    """The next numbers, which no row gets any more: for what is applied without a row, and for
    `append_numbered`."""
    if conn.dialect.name != "sqlite":
        sql = "SELECT nextval(pg_get_serial_sequence('inbox', 'number')) FROM generate_series(1, ?)"
        return [number for (number,) in rows(conn, sql, (count,))]
    if not change(conn, "UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'inbox'", (count,)):
        change(conn, "INSERT INTO sqlite_sequence (name, seq) VALUES ('inbox', ?)", (count,))
    last = rows(conn, "SELECT seq FROM sqlite_sequence WHERE name = 'inbox'")[0][0]
    return list(range(last - count + 1, last + 1))


def append_numbered(conn: Connection, numbered: Sequence[tuple[int, Row]]) -> None:
    """Appends rows under numbers that were reserved for them in this transaction."""
    sql = (
        "INSERT INTO inbox (number, bucket, lane, customer, kind, received_at, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)"
    )
    change_many(conn, sql, [(number, *row) for number, row in numbered])


def waiting_among(conn: Connection, bucket: int, customers: Iterable[str]) -> set[str]:
    """Those of these customers of whom something waits here, or who are set aside."""
    sql = (
        "SELECT j.value FROM {ids} WHERE EXISTS (SELECT 1 FROM inbox i WHERE i.bucket = ?"
        " AND i.customer = j.value) OR EXISTS (SELECT 1 FROM stuck s WHERE s.bucket = ?"
        " AND s.customer = j.value)"
    )
    return {customer for (customer,) in rows(conn, sql, (ids(customers), bucket, bucket))}


def lane_of(what: Happening) -> Lane:
    """History is what may start nothing."""
    return Lane.HISTORY if isinstance(what, Event | ProfileChanged) and not what.starts else Lane.LIVE


def is_received(conn: Connection, customer: str, source: str, id_: str) -> bool:
    """Whether something of this source was taken under this id."""
    sql = f"SELECT 1 FROM receipt r WHERE {_receipts_in(conn)} AND r.source = ? AND r.id IN (?, ?)"  # noqa: S608
    return bool(rows(conn, sql, (bucket_of(conn, customer), source, id_, nameless(id_))))


def append_rows(conn: Connection, inbox: Sequence[tuple[int, str, str, int, str]]) -> None:
    """Appends live rows (bucket, customer, kind, received_at, body) that need no receipt: their makers make
    each once."""
    change_many(
        conn, "INSERT INTO inbox (bucket, customer, kind, received_at, body) VALUES (?, ?, ?, ?, ?)", inbox
    )


def append_history(conn: Connection, inbox: Sequence[tuple[int, str, str, int, str]]) -> None:
    """As `append_rows`, for rows that nobody waits for: they are applied behind what happens now."""
    change_many(conn, _INSERT, [(bucket, Lane.HISTORY, *others) for bucket, *others in inbox])


def append_one(conn: Connection, customer: str, what: Happening, now: Instant) -> None:
    """Appends what a statement of our own made sure to happen once (a hand-over, an outcome)."""
    append_each(conn, [(customer, what)], now)


def append_each(conn: Connection, happened: Iterable[tuple[str, Happening]], now: Instant) -> None:
    """As `append_one`, for several: (customer, what), in their order."""
    append_rows(
        conn,
        [
            (bucket_of(conn, customer), customer, kind, now, body)
            for customer, what in happened
            for kind, body in (to_row(what),)
        ],
    )


def claim(
    conn: Connection, bucket: int, now: Instant, limit: int, lane: Lane = Lane.LIVE, until: int = 2**62
) -> list[PendingItem]:
    """The oldest rows of a lane that are not applied, in order and up to a number; customers who are set
    aside are left out."""
    found = rows(
        conn,
        "SELECT i.number, i.customer, i.kind, i.body FROM inbox i WHERE i.bucket = ? AND i.lane = ?"
        " AND i.number <= ? AND NOT EXISTS (SELECT 1 FROM stuck s WHERE s.bucket = i.bucket"
        " AND s.customer = i.customer AND s.retry_at > ?) ORDER BY i.number LIMIT ?",
        (bucket, lane, until, now, limit),
    )
    return [PendingItem(*row) for row in found]


def remove(conn: Connection, numbers: Sequence[int]) -> None:
    """Takes out what was applied."""
    change_many(conn, "DELETE FROM inbox WHERE number = ?", [(number,) for number in numbers])


def depth(conn: Connection) -> int:
    """How many rows are not applied yet."""
    return int(rows(conn, "SELECT count(*) FROM inbox")[0][0])


def is_waiting(conn: Connection) -> bool:
    """Whether anything is not applied yet."""
    return bool(rows(conn, "SELECT 1 FROM inbox LIMIT 1"))


def is_applied(conn: Connection, until: Instant) -> bool:
    """Whether all that was received up to a moment is applied, and everybody knows of facts that were counted
    anew, whenever that was; but for history and for customers who are set aside."""
    sql = (
        "SELECT 1 FROM inbox i WHERE (i.lane = ? AND i.received_at <= ? OR i.kind = 'redefined')"
        " AND NOT EXISTS (SELECT 1 FROM stuck s WHERE s.bucket = i.bucket AND s.customer = i.customer)"
        " LIMIT 1"
    )
    return not rows(conn, sql, (Lane.LIVE, until))


def _prepare(arrival: Arrival, among: int) -> tuple[int, str, str, str, str, str, str]:
    what, customer = arrival.what, arrival.customer
    if isinstance(what, Event):
        kind, (body, content) = "event", event_row(what)
        same = content
    else:
        kind, body = to_row(what)
        # A value may go there and back again within a second: only events without an id are told by it.
        same = content = kind + body
        if isinstance(what, ProfileChanged):
            content = kind + to_row(replace(what, at=Instant(0)))[1]
    id_ = arrival.id
    if id_ is None:
        id_ = "~" + derive(customer, same, moment(what) // SECOND)
    elif may_name(customer, id_):
        id_ = nameless(id_)
    return meta.bucket(customer, among), arrival.source, id_, derive(customer, content), customer, kind, body


_LONG = 6
"""Characters of an id of a customer that do not stand in another id by chance."""


def may_name(customer: str, id_: str) -> bool:
    """Whether the id of something that happened tells to whom."""
    return "@" in id_ or (len(customer) >= _LONG and customer in id_)


def nameless(id_: str) -> str:
    """What is kept in a receipt of an id that may name somebody: receipts outlive an erasure, so that what a
    sender repeats brings nobody back."""
    return "~" + derive("id", id_)


def _receipts_in(conn: Connection) -> str:
    """The clause about receipts of a bucket, and of those that were carried over into several buckets: whose
    they are is not written on them."""
    return "r.bucket = ?" if buckets(conn) == 1 else f"r.bucket IN (?, {ANY_BUCKET})"


def _known(conn: Connection, keys: Sequence[tuple[int, str, str, str]]) -> dict[tuple[str, str], str]:
    known: dict[tuple[str, str], str] = {}
    groups: dict[tuple[int, str], list[str]] = {}
    for bucket, source, id_, _ in keys:
        groups.setdefault((bucket, source), []).append(id_)
    for (bucket, source), wanted in groups.items():
        sql = (
            f"SELECT r.id, r.digest FROM {{ids}} CROSS JOIN receipt r WHERE {_receipts_in(conn)}"  # noqa: S608
            " AND r.source = ? AND r.id = j.value"
        )
        for id_, digest in rows(conn, sql, (ids(wanted), bucket, source)):
            known[source, id_] = digest
    return known
