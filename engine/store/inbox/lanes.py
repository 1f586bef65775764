"""In which order waiting rows are taken: what happens now before imported history, and of each customer
always in the order of receipt.

No row overtakes another one of its customer: what is taken of somebody takes everything along that was
received of them before it, of whatever lane.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.store.inbox.inbox import Lane, PendingItem, claim
from engine.store.serialization import dump
from engine.store.sql import ids, rows
from engine.values import Instant

MOST_OF_HISTORY = 5_000
"""So many rows of history are taken at once because something else happened to their customers."""

_END = 2**62
"""Behind every number."""


@dataclass(frozen=True, slots=True)
class InboxBatch:
    """Rows to apply, in order. `behind`: those of their customers, and of the woken, of whom more is waiting;
    `is_cut`: rows may be left for the next claim."""

    pending: Sequence[PendingItem]
    is_cut: bool
    behind: frozenset[str] = frozenset()


def claim_live(conn: Connection, bucket: int, now: Instant, limit: int) -> InboxBatch:
    """The oldest rows of what happens now; customers who are set aside are left out."""
    pending = claim(conn, bucket, now, limit, Lane.LIVE)
    return InboxBatch(pending, is_cut=len(pending) == limit)


def with_history(
    conn: Connection,
    bucket: int,
    now: Instant,
    live: InboxBatch,
    woken: Collection[str],
    room: int,
    most: int = MOST_OF_HISTORY,
) -> InboxBatch:
    """`live` with all earlier history of its customers and of those who are `woken` (up to `most` rows), and
    the oldest `room` rows of history of whomever."""
    # Where live rows are left for later, history behind them is too: one of them may lie before it
    until = live.pending[-1].number if live.is_cut else _END
    oldest = claim(conn, bucket, now, room, Lane.HISTORY, until)
    pending, customers = list(live.pending), {*woken, *(row.customer for row in live.pending)}
    own = _history_of(conn, bucket, customers, until, most) if oldest else []
    if oldest:
        by_number = {row.number: row for row in (*pending, *oldest, *own)}
        pending = [by_number[number] for number in sorted(by_number)]
    if len(own) == most:
        # Whose history does not fit waits with everything that was received behind what fits
        cut = own[-1].number
        left = _behind(conn, bucket, dict.fromkeys(customers, cut), "AND i.lane = 1")
        pending = [row for row in pending if row.number <= cut or row.customer not in left]
    if not (live.is_cut or len(oldest) == room or len(own) == most):
        return InboxBatch(pending, is_cut=False)
    last = dict.fromkeys(woken, 0) | {row.customer: row.number for row in pending}
    return InboxBatch(pending, is_cut=True, behind=_behind(conn, bucket, last))


def _history_of(
    conn: Connection, bucket: int, customers: Iterable[str], until: int, limit: int
) -> list[PendingItem]:
    sql = (
        "SELECT i.number, i.customer, i.kind, i.body FROM {ids} CROSS JOIN inbox i WHERE i.bucket = ?"
        " AND i.customer = j.value AND i.lane = 1 AND i.number <= ? ORDER BY i.number LIMIT ?"
    )
    return [PendingItem(*row) for row in rows(conn, sql, (ids(customers), bucket, until, limit))]


def _behind(conn: Connection, bucket: int, last: Mapping[str, int], which: str = "") -> frozenset[str]:
    """Customers of whom rows wait behind a number. One step in the index for each, however many wait."""
    sql = (
        "SELECT n.key FROM {names} WHERE EXISTS (SELECT 1 FROM inbox i WHERE i.bucket = ?"  # noqa: S608
        f" AND i.customer = n.key AND i.number > CAST(n.value AS BIGINT) {which})"
    )
    return frozenset(customer for (customer,) in rows(conn, sql, (dump(last), bucket)))
