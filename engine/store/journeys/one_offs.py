"""One-off sends: the journey that each of them is, word by word, until nobody is inside any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.store.inbox.inbox import append_rows
from engine.store.serialization import dump
from engine.store.sql import change, rows
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class OneOff:
    """`source`: the YAML of its journey; `name` is that of the journey."""

    name: str
    at: Instant
    whom: str
    source: str
    ended_at: Instant | None = None


def add(conn: Connection, one: OneOff) -> None:
    """A new one."""
    change(
        conn,
        "INSERT INTO one_off (name, at, whom, source) VALUES (?, ?, ?, ?)",
        (one.name, one.at, one.whom, one.source),
    )


def list_active(conn: Connection) -> list[OneOff]:
    """Those that are not over, the oldest first."""
    sql = "SELECT name, at, whom, source, ended_at FROM one_off WHERE ended_at IS NULL ORDER BY at, name"
    return [OneOff(*row) for row in rows(conn, sql)]


def named(conn: Connection, head: str) -> list[OneOff]:
    """All whose name begins like this, also those that are over."""
    sql = (
        "SELECT name, at, whom, source, ended_at FROM one_off WHERE substr(name, 1, ?) = ? ORDER BY at, name"
    )
    return [OneOff(*row) for row in rows(conn, sql, (len(head), head))]


def names(conn: Connection) -> list[str]:
    """The journeys that were or are one."""
    return [name for (name,) in rows(conn, "SELECT name FROM one_off ORDER BY name")]


def start(conn: Connection, members: Sequence[tuple[int, str]], kind: str, body: str, now: Instant) -> None:
    """The same row of the inbox for each of these (bucket, customer)."""
    append_rows(conn, [(bucket, customer, kind, now, body) for bucket, customer in members])


def change_source(conn: Connection, name: str, source: str) -> bool:
    """Other words for one that is not over. False: there is none of this name."""
    sql = "UPDATE one_off SET source = ? WHERE name = ? AND ended_at IS NULL"
    return change(conn, sql, (source, name)) == 1


def end_those_that_are_over(conn: Connection, now: Instant) -> list[str]:
    """Ends those in which nobody is any more and into which nobody is still to come. Their names."""
    over = []
    for one in list_active(conn):
        coming = rows(
            conn,
            "SELECT 1 FROM inbox WHERE kind = 'occurrence' AND body LIKE ? LIMIT 1",
            (f"%{dump(one.name)}%",),
        )
        if coming or counts(conn, one.name)["inside"]:
            continue
        change(conn, "UPDATE one_off SET ended_at = ? WHERE name = ?", (now, one.name))
        over.append(one.name)
    return over


def counts(conn: Connection, name: str) -> dict[str, int]:
    """How many are inside, and how many messages have been handed over."""
    inside = rows(conn, "SELECT count(*) FROM enrollment WHERE journey = ? AND ended_at IS NULL", (name,))
    handed = rows(conn, "SELECT coalesce(sum(handed), 0) FROM volume WHERE journey = ?", (name,))
    return {"inside": int(inside[0][0]), "handed": int(handed[0][0])}
