"""What was decided by the end of a course, read from the tables: lines that two versions must have in
common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection

from engine.values import Instant, iso


@dataclass(frozen=True, slots=True, order=True)
class Outcome:
    """One thing that was decided, or that stands at the end.

    `what`: `decided` (a line of the trace), `message` or `run`. `said`: its fields, without words that are
    made for people."""

    what: str
    customer: str
    at: str
    said: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.what} {self.customer} {self.at}: {' '.join(part or '-' for part in self.said)}"


_SPOKEN = frozenset(("ignored", "learned", "code", "set", "add", "facts", "tier", "moved", "note", "unknown"))
"""Kinds of decisions whose detail is made for people."""


def outcomes(conn: Connection, since: Instant) -> list[Outcome]:
    """Everything decided from `since` on, and how messages and runs stand, in one order."""
    return sorted([*_decided(conn, since), *_messages(conn), *_runs(conn)])


def _decided(conn: Connection, since: Instant) -> Iterator[Outcome]:
    rows = conn.exec_driver_sql("SELECT customer, CAST(lines AS TEXT) FROM trace ORDER BY number").fetchall()
    for customer, lines in rows:
        for at, kind, journey, run, step, _, subject, detail, *_ in msgspec.json.decode(lines):
            if at >= since:
                shown = "" if kind in _SPOKEN else detail
                # the first versions gave the reason of an ignored start in words alone
                about = "" if kind == "ignored" else subject
                yield Outcome("decided", customer, iso(at), (kind, journey, run, step, about, shown))


def _messages(conn: Connection) -> Iterator[Outcome]:
    sql = "SELECT customer, due_at, send_key, journey, step, channel, template, policy, state FROM outbox"
    for customer, at, *said in conn.exec_driver_sql(sql).fetchall():
        yield Outcome("message", customer, iso(at), tuple(map(str, said)))


def _runs(conn: Connection) -> Iterator[Outcome]:
    sql = (
        "SELECT customer, started_at, id, journey, key, step, outcome, due_at, goal_at, ended_at"
        " FROM enrollment"
    )
    for customer, at, *said in conn.exec_driver_sql(sql).fetchall():
        moments = tuple("" if moment is None else iso(Instant(moment)) for moment in said[5:])
        yield Outcome("run", customer, iso(at), (*(part or "" for part in said[:5]), *moments))
