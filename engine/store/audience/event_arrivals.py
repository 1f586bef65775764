"""Which events the shop sends: how often each came, and when the last one did."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from engine.store.sql import rows
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class EventArrivals:
    """Of one event, those that an import of history brought left out. `since`: when the first one was
    received; `last_at`: when the last one happened; `lately`: how many since the moment asked for."""

    n: int
    since: Instant
    last_at: Instant
    lately: int


def event_arrivals(conn: Connection, lately: Instant) -> dict[str, EventArrivals]:
    """By name, of all customers; it looks at every event that is kept."""
    found = rows(
        conn,
        "SELECT name, count(*), min(received_at), max(occurred_at),"
        " sum(CASE WHEN occurred_at >= ? THEN 1 ELSE 0 END)"
        " FROM event WHERE starts AND substr(name, 1, 1) <> '$' GROUP BY name",
        (lately,),
    )
    return {
        name: EventArrivals(int(n), Instant(since), Instant(last_at), int(count))
        for name, n, since, last_at, count in found
    }
