"""What the store of an instance says, read beside its daemon or after its death, without changing
anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from engine.channels.mime import message_id
from engine.project import load_config
from engine.store.connections import read_only_engine
from engine.store.sql import rows
from engine.values import SECOND, Instant
from tools.crashtest.shop import EMAIL

DOMAIN = "shop.example"

SOON = 10 * SECOND
"""What goes again that soon is waited for."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as the store knows it. `id`: what the sink sees of it, Message-ID or idempotency key."""

    key: str
    customer: str
    template: str
    channel: str
    state: str
    resent: int
    id: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is still to be done. `deferred`: messages that go again later; `unknown`: those on whose fate a
    policy has not decided yet."""

    inbox: int
    messages: int
    runs: int
    deferred: int
    unknown: int

    @property
    def is_settled(self) -> bool:
        """Nothing is left to do at this moment. Who waits for a deferred message is inside a journey as
        long."""
        return not (self.inbox or self.messages or (self.runs and not self.deferred))

    @property
    def is_over(self) -> bool:
        """Nothing is left to do at all."""
        return not (self.inbox or self.messages or self.runs or self.deferred or self.unknown)


@contextmanager
def _open(folder: Path) -> Iterator[Connection]:
    engine = read_only_engine(load_config(folder).store, folder)
    try:
        with engine.connect() as conn:
            yield conn
    finally:
        engine.dispose()


def caught(folder: Path) -> tuple[set[str], set[str], int]:
    """After a kill: the send keys that the dead process had (claimed, handed over), and how much waits beside
    them."""
    with _open(folder) as conn:
        leased = rows(conn, "SELECT state, send_key FROM outbox WHERE state IN ('claimed', 'handoff')")
        backlog = rows(
            conn,
            "SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM outbox WHERE state IN "
            "('planned', 'claimed'))",
        )
    claimed = {key for state, key in leased if state == "claimed"}
    return claimed, {key for _, key in leased} - claimed, int(backlog[0][0])


def waiting(folder: Path, now: Instant) -> Waiting:
    """How far the daemon is."""
    with _open(folder) as conn:
        found = rows(
            conn,
            "SELECT (SELECT count(*) FROM inbox),"
            " (SELECT count(*) FROM outbox WHERE state IN ('claimed', 'handoff')"
            " OR (state IN ('planned', 'deferred') AND ready_at <= ?)),"
            " (SELECT count(*) FROM enrollment WHERE ended_at IS NULL),"
            " (SELECT count(*) FROM outbox WHERE state IN ('planned', 'deferred') AND ready_at > ?),"
            " (SELECT count(*) FROM outbox WHERE state = 'unknown')",
            (now + SOON, now + SOON),
        )
    return Waiting(*found[0])


def messages(folder: Path) -> list[StoredMessage]:
    """Every message."""
    with _open(folder) as conn:
        secret = rows(conn, "SELECT value FROM meta WHERE name = 'secret'")[0][0]
        stored = rows(conn, "SELECT send_key, customer, template, channel, state, resent FROM outbox")
    return [
        StoredMessage(
            key,
            who,
            template,
            channel,
            state,
            resent,
            message_id(secret, key, DOMAIN) if channel == EMAIL else key,
        )
        for key, who, template, channel, state, resent in stored
    ]


def unknown(folder: Path) -> set[tuple[str, str]]:
    """(customer, template) of every message on whose fate nobody has decided."""
    with _open(folder) as conn:
        sql = "SELECT customer, template FROM outbox WHERE state IN ('unknown', 'held')"
        return {(customer, template) for customer, template in rows(conn, sql)}


def event_ids(folder: Path) -> dict[str, int]:
    """How often each event of a customer was applied, by the names that the crash test gave them."""
    with _open(folder) as conn:
        sql = "SELECT customer, name, count(*) FROM event WHERE name NOT LIKE '$%' GROUP BY 1, 2"
        return {f"{customer}-{name}": count for customer, name, count in rows(conn, sql)}


def integrity(folder: Path) -> str:
    """`ok`, or what SQLite finds wrong; PostgreSQL checks what it reads."""
    with _open(folder) as conn:
        if conn.dialect.name != "sqlite":
            return "ok"
        return str(rows(conn, "PRAGMA integrity_check")[0][0])
