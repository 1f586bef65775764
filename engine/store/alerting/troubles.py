"""What is wrong for as long as it lasts: when it began, when somebody was told, and when it is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.store.alerting.alert_messages import AlertEntry
from engine.store.sql import change, change_many, rows
from engine.values import MINUTE, SECOND, Instant

SETTLED = 30 * SECOND
"""What is over sooner is told to nobody."""

CALM = MINUTE
"""What was not seen for so long is over; sooner, it may only have been between two attempts."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One that stands. `told_at`: when it was last put into a message; None: not yet."""

    name: str
    why: str
    since: Instant
    seen_at: Instant
    told_at: Instant | None


def standing(conn: Connection) -> list[Trouble]:
    """Those that are known, the oldest first."""
    return [
        Trouble(*row)
        for row in rows(conn, "SELECT name, why, since, seen_at, told_at FROM trouble ORDER BY since, name")
    ]


def note(conn: Connection, seen: Mapping[str, str], now: Instant, again: int) -> list[AlertEntry]:
    """Writes down what is wrong now (name -> why). What has to be told of it: what has begun and lasts for a
    moment, what still lasts after `again` milliseconds, what is over."""
    known = {trouble.name: trouble for trouble in standing(conn)}
    change_many(
        conn,
        "INSERT INTO trouble (name, why, since, seen_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET why = excluded.why, seen_at = excluded.seen_at",
        [(name, why[:300], now, now) for name, why in sorted(seen.items())],
    )
    entries, told = [], []
    for name, trouble in known.items():
        if name in seen:
            is_news = trouble.told_at is None and now - trouble.since >= SETTLED
            if is_news or (trouble.told_at is not None and now - trouble.told_at >= again):
                entries.append(AlertEntry("raised" if is_news else "lasting", now, "", "", seen[name][:300]))
                told.append((now, name))
        elif now - trouble.seen_at >= CALM:
            change(conn, "DELETE FROM trouble WHERE name = ?", (name,))
            # who was told that it began has to hear that it is over; nobody else wants to
            if trouble.told_at is not None:
                entries.append(AlertEntry("over", now, "", "", trouble.why))
    change_many(conn, "UPDATE trouble SET told_at = ? WHERE name = ?", told)
    return entries
