"""What owners of journeys have to know; the same thing of the same day once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.core.decision.effects import Alert
from engine.store.sql import change_many, rows
from engine.values import DAY, Instant


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """An alert as it stands."""

    at: Instant
    journey: str
    owner: str
    why: str


def raise_alerts(conn: Connection, alerts: Sequence[Alert], now: Instant) -> None:
    """Raises alerts."""
    change_many(
        conn,
        "INSERT INTO alert (at, day, journey, owner, why) VALUES (?, ?, ?, ?, ?) ON CONFLICT (journey, "
        "why, day) DO NOTHING",
        [(now, now // DAY, alert.journey, alert.owner, alert.why) for alert in alerts],
    )


def is_any_untold(conn: Connection) -> bool:
    """Whether an alert is in no message yet."""
    return bool(rows(conn, "SELECT 1 FROM alert WHERE queued_at IS NULL LIMIT 1"))


def take_untold(conn: Connection, now: Instant, limit: int) -> list[AlertRecord]:
    """Alerts that are in no message yet, the oldest first. From now on they count as told."""
    # one statement: of two processes each alert is taken by one
    found = rows(
        conn,
        "UPDATE alert SET queued_at = ? WHERE queued_at IS NULL AND number IN (SELECT number FROM alert"
        " WHERE queued_at IS NULL ORDER BY number LIMIT ?) RETURNING number, at, journey, owner, why",
        (now, limit),
    )
    return [AlertRecord(*row) for _, *row in sorted(found)]


def latest(conn: Connection, limit: int = 50) -> list[AlertRecord]:
    """The newest alerts, the newest first."""
    return [
        AlertRecord(*row)
        for row in rows(
            conn, "SELECT at, journey, owner, why FROM alert ORDER BY number DESC LIMIT ?", (limit,)
        )
    ]
