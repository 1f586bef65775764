"""The messages that tell people of alerts: one for each destination about everything since the last one.

It is kept until it is sent. What comes up meanwhile is added to the one that waits, so that a storm of alerts
is one message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
from sqlalchemy import Connection

from engine.store.sql import change, rows
from engine.values import MINUTE, SECOND, Instant

GATHER = 10 * SECOND
"""So long a message waits for others of the same moment."""

SPACING = 5 * MINUTE
"""Between two messages to one destination."""

ROOM = 50
"""Entries of one message; the others are counted."""

AlertKind = Literal["raised", "lasting", "over"]


class AlertEntry(msgspec.Struct, frozen=True):
    """One line of a message: an alert or a trouble that began, one that lasts, one that is over."""

    kind: AlertKind
    at: Instant
    journey: str
    owner: str
    what: str


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """A message on its way. `attempts`: those that failed; `more`: entries that found no room."""

    number: int
    destination: str
    created_at: Instant
    attempts: int
    entries: tuple[AlertEntry, ...]
    more: int


@dataclass(frozen=True, slots=True)
class UnsentAlerts:
    """A destination that takes no alerts: since when the oldest waits, and what the last attempt said."""

    destination: str
    since: Instant
    attempts: int
    detail: str


def put(conn: Connection, destination: str, entries: Sequence[AlertEntry], now: Instant) -> None:
    """Adds to the message that waits for this destination, or begins one."""
    waiting = rows(
        conn,
        # one that was tried keeps its entries: its receiver may know it by its id already
        "SELECT number, entries, more FROM alert_message WHERE destination = ? AND state = 'waiting'"
        " AND attempts = 0 ORDER BY number DESC LIMIT 1",
        (destination,),
    )
    if waiting:
        number, text, more = waiting[0]
        known = _decoded(text)
        kept = (*known, *entries)[:ROOM]
        change(
            conn,
            "UPDATE alert_message SET entries = ?, more = ? WHERE number = ?",
            (_encoded(kept), more + len(known) + len(entries) - len(kept), number),
        )
        return
    last = rows(
        conn,
        "SELECT ready_at FROM alert_message WHERE destination = ? AND state = 'sent'"
        " ORDER BY number DESC LIMIT 1",
        (destination,),
    )
    ready_at = max(now + GATHER, last[0][0] + SPACING if last else 0)
    kept = tuple(entries[:ROOM])
    change(
        conn,
        "INSERT INTO alert_message (destination, state, created_at, ready_at, attempts, entries, more,"
        " detail) VALUES (?, 'waiting', ?, ?, 0, ?, ?, '')",
        (destination, now, ready_at, _encoded(kept), len(entries) - len(kept)),
    )


def due(conn: Connection, now: Instant, limit: int = 20) -> list[AlertMessage]:
    """The oldest of each destination, if its time has come: behind one that nobody takes, one other gathers
    what comes up. One whose sender died before it knew is among them."""
    found = rows(
        conn,
        "SELECT number, destination, created_at, attempts, entries, more FROM alert_message"
        " WHERE number IN (SELECT min(number) FROM alert_message WHERE state <> 'sent' AND state <> 'failed'"
        " GROUP BY destination) AND ready_at <= ? ORDER BY ready_at, number LIMIT ?",
        (now, limit),
    )
    return [
        AlertMessage(number, destination, created_at, attempts, _decoded(text), more)
        for number, destination, created_at, attempts, text, more in found
    ]


def take(conn: Connection, message: AlertMessage, now: Instant, lease: int) -> AlertMessage | None:
    """Takes a message as it is now, for `lease` milliseconds; None: another process has it."""
    taken = change(
        conn,
        "UPDATE alert_message SET state = 'sending', ready_at = ?"
        " WHERE number = ? AND state <> 'sent' AND state <> 'failed' AND ready_at <= ?",
        (now + lease, message.number, now),
    )
    if not taken:
        return None
    # read again: entries may have come since it was found
    text, more = rows(conn, "SELECT entries, more FROM alert_message WHERE number = ?", (message.number,))[0]
    return AlertMessage(
        message.number, message.destination, message.created_at, message.attempts, _decoded(text), more
    )


def note_sent(conn: Connection, message: AlertMessage, now: Instant, detail: str) -> None:
    """It was taken."""
    change(
        conn,
        "UPDATE alert_message SET state = 'sent', ready_at = ?, detail = ? WHERE number = ?",
        (now, detail, message.number),
    )


def note_failure(conn: Connection, message: AlertMessage, detail: str, again: Instant | None) -> None:
    """It was not taken; None: it is given up."""
    change(
        conn,
        "UPDATE alert_message SET state = ?, ready_at = coalesce(CAST(? AS BIGINT), ready_at),"
        " attempts = attempts + 1, detail = ? WHERE number = ?",
        ("failed" if again is None else "waiting", again, detail, message.number),
    )


def unsent(conn: Connection) -> list[UnsentAlerts]:
    """Destinations whose last attempt failed, by name."""
    found = rows(
        conn,
        "SELECT destination, created_at, attempts, detail FROM alert_message"
        " WHERE state <> 'sent' AND state <> 'failed' AND attempts > 0 ORDER BY destination, number",
    )
    oldest = {destination: UnsentAlerts(destination, *rest) for destination, *rest in reversed(found)}
    return [oldest[destination] for destination in sorted(oldest)]


def forget(conn: Connection, before: Instant) -> int:
    """Drops messages that were sent or given up before a moment."""
    return change(
        conn,
        "DELETE FROM alert_message WHERE (state = 'sent' OR state = 'failed') AND created_at < ?",
        (before,),
    )


def _encoded(entries: Sequence[AlertEntry]) -> str:
    return msgspec.json.encode(entries).decode()


def _decoded(text: str) -> tuple[AlertEntry, ...]:
    return msgspec.json.decode(text, type=tuple[AlertEntry, ...])
