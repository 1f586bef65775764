"""What stands still by order of an operator: everything, a channel, a journey, the domain of recipients. It
survives a restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from engine.store.inbox import due_queue
from engine.store.messages import queue
from engine.store.sql import change, rows
from engine.values import Instant

Scope = Literal["all", "channel", "journey", "domain"]


AUTOMATIC = "deliverer"
"""Who is written down for a pause that answers have caused: it tries again by itself. An operator's never
does."""


@dataclass(frozen=True, slots=True)
class PauseRecord:
    """One standing order; `name` is "" for `all`."""

    scope: Scope
    name: str
    at: Instant
    whom: str
    why: str


def pause(conn: Connection, scope: Scope, name: str, now: Instant, whom: str, why: str = "") -> None:
    """Stops hand-overs from the next one on; a pause that stands already keeps its first moment."""
    change(
        conn,
        "INSERT INTO pause (scope, name, at, whom, why) VALUES (?, ?, ?, ?, ?) ON CONFLICT (scope, name) "
        "DO NOTHING",
        (scope, name, now, whom, why),
    )


def resume(conn: Connection, scope: Scope, name: str) -> bool:
    """Lifts a pause; everybody inside a journey that moves again is looked at. False: there was none."""
    if scope == "journey":
        due_queue.put_inside(conn, name, Instant(0))
    if scope == "domain":
        queue.make_ready(conn, name)
    return change(conn, "DELETE FROM pause WHERE scope = ? AND name = ?", (scope, name)) == 1


def list_active(conn: Connection) -> list[PauseRecord]:
    """Every pause, oldest first."""
    return [
        PauseRecord(*row)
        for row in rows(conn, "SELECT scope, name, at, whom, why FROM pause ORDER BY at, scope, name")
    ]


def list_automatic(conn: Connection) -> list[PauseRecord]:
    """Those that answers have caused, oldest first."""
    sql = "SELECT scope, name, at, whom, why FROM pause WHERE whom = ? ORDER BY at, scope, name"
    return [PauseRecord(*row) for row in rows(conn, sql, (AUTOMATIC,))]


def paused_journeys(conn: Connection) -> frozenset[str]:
    """Journeys that stand still."""
    return frozenset(name for (name,) in rows(conn, "SELECT name FROM pause WHERE scope = 'journey'"))


def paused_domains(conn: Connection) -> frozenset[str]:
    """Domains of recipients that stand still."""
    return frozenset(name for (name,) in rows(conn, "SELECT name FROM pause WHERE scope = 'domain'"))
