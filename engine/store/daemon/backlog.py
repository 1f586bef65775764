"""What waits, how much of it and since when: read from the indexes of what is open, so that what is done
costs nothing however much it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.store.alerting import alert_messages
from engine.store.inbox import due_queue
from engine.store.messages import reactions
from engine.store.messages.states import LEASED, NOT_PAUSED, UNSETTLED, WAITING, among
from engine.store.sql import rows
from engine.values import DAY, Instant

COUNTED = 100_000
"""Further than this nobody counts a queue for a figure: the way there is read row by row."""


@dataclass(frozen=True, slots=True)
class Queue:
    """How much waits, up to `COUNTED`; `since`: when the oldest could have gone on, None: nothing waits."""

    rows: int
    since: Instant | None = None

    def seconds(self, now: Instant) -> float:
        """For how long the oldest waits; 0: nothing waits, or not before `now`."""
        return 0.0 if self.since is None else max(0.0, (now - self.since) / 1000)


@dataclass(frozen=True, slots=True)
class Backlog:
    """`messages`: (channel, state) -> those on their way; what may be claimed is one state, `waiting`.
    `refused`: items that were wrong today; `kept`: of all of them, what waits to be taken again."""

    inbox: Queue
    due: Queue
    messages: Mapping[tuple[str, str], Queue]
    stuck: int
    pauses: int
    refused: int
    kept: int
    troubles: int
    alerts_unsent: int


def backlog(conn: Connection, channels: Iterable[str], now: Instant) -> Backlog:
    """What waits."""
    inbox, stuck, paused, kept = (
        _bounded(conn, part) for part in ("inbox", "stuck", "pause", "refused_item")
    )
    received = rows(conn, "SELECT received_at FROM inbox ORDER BY number LIMIT 1")
    first = due_queue.first(conn)
    refused = rows(conn, "SELECT coalesce(sum(times), 0) FROM refusal WHERE day = ?", (now // DAY,))
    return Backlog(
        inbox=Queue(inbox, Instant(received[0][0]) if received else None),
        due=Queue(
            due_queue.overdue(conn, now, COUNTED), first if first is not None and first <= now else None
        ),
        messages=_messages(conn, channels),
        stuck=stuck,
        pauses=paused,
        refused=int(refused[0][0]),
        kept=kept,
        troubles=_bounded(conn, "trouble"),
        alerts_unsent=len(alert_messages.unsent(conn)),
    )


def _messages(conn: Connection, channels: Iterable[str]) -> dict[tuple[str, str], Queue]:
    messages = {}
    for channel in channels:
        where = f"channel = ? AND {among(WAITING)}"
        first = rows(conn, f"SELECT min(ready_at) FROM outbox WHERE {where}", (channel,))[0][0]  # noqa: S608
        messages[channel, "waiting"] = Queue(
            _bounded(conn, f"outbox WHERE {where}", (channel,)), None if first is None else Instant(first)
        )
    for states in (LEASED, UNSETTLED):
        found = rows(
            conn,
            "SELECT channel, state, count(*), min(coalesce(handed_at, ready_at)) FROM"  # noqa: S608 - states of ours
            f" (SELECT channel, state, handed_at, ready_at FROM outbox WHERE {among(states)} LIMIT {COUNTED})"
            " AS o GROUP BY channel, state",
        )
        messages |= {(name, state): Queue(int(number), Instant(at)) for name, state, number, at in found}
    return messages


def _bounded(conn: Connection, part: str, values: tuple[object, ...] = ()) -> int:
    found = rows(conn, f"SELECT count(*) FROM (SELECT 1 FROM {part} LIMIT {COUNTED}) AS o", values)  # noqa: S608
    return int(found[0][0])


def waiting(conn: Connection) -> dict[str, int]:
    """How much is not done yet: `inbox` rows not applied, messages `planned`, `unknown` ones, customers
    `stuck`."""
    found = rows(
        conn,
        "SELECT (SELECT count(*) FROM inbox),"  # noqa: S608
        f" (SELECT count(*) FROM outbox WHERE {among((*WAITING, *LEASED))}),"
        f" (SELECT count(*) FROM outbox WHERE {among(UNSETTLED)}),"
        " (SELECT count(*) FROM stuck)",
    )[0]
    return dict(zip(("inbox", "planned", "unknown", "stuck"), map(int, found), strict=True))


def is_settled(conn: Connection, now: Instant) -> bool:
    """Nothing is left to do at this moment: all that was received is applied, every click is decided, nobody
    is due, no message is on its way.

    Customers who are set aside, and paused channels, do not count.
    """
    found = rows(
        conn,
        "SELECT EXISTS (SELECT 1 FROM inbox i WHERE NOT EXISTS (SELECT 1 FROM stuck s WHERE s.bucket = i.bucket"  # noqa: E501, S608
        " AND s.customer = i.customer)) OR EXISTS (SELECT 1 FROM due WHERE due_at <= ?)"
        f" OR EXISTS (SELECT 1 FROM outbox o WHERE ({among(LEASED, 'o.')}"
        f" OR ({among(WAITING, 'o.')} AND o.ready_at <= ?)) AND {NOT_PAUSED})",
        (now, now),
    )
    return not found[0][0] and not reactions.undecided(conn, now)
