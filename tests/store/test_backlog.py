"""The figures of what waits: on both databases, and from the indexes of what is open."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from engine.core.happening import Event
from engine.store.daemon import upkeep
from engine.store.daemon.backlog import Backlog, Queue, backlog
from engine.store.database import Store
from engine.store.inbox import due_queue
from engine.store.inbox.inbox import Arrival, append
from engine.store.keys import new_key, working_keys
from engine.store.meta import bucket_of
from engine.store.sql import change_many
from engine.values import DAY, HOUR, Instant
from tests.stores import new_store

NOW = Instant(1_782_000_000_000)
MESSAGE = (
    "INSERT INTO outbox (bucket, customer, send_key, enrollment, journey, step, template, channel, policy,"
    " state, why, fence, lease_until, planned_at, due_at, valid_until, ready_at, attempts, handed_at, counts,"
    " resent, names, parts, detail)"
    " VALUES (0, ?, ?, 'e', 'j', 's', 't', 'email', 'p', ?, '', 0, ?, 0, 0, 0, ?, 0, ?, false, 0, '{}', 1,"
    " '')"
)


def test_an_empty_store_has_no_backlog(store: Store) -> None:
    found = _look(store)
    assert (found.inbox, found.due, found.stuck, found.pauses) == (Queue(0), Queue(0), 0, 0)
    assert found.messages == {("email", "waiting"): Queue(0), ("sms", "waiting"): Queue(0)}
    assert (found.refused, found.kept, found.troubles, found.alerts_unsent) == (0, 0, 0, 0)


def test_each_queue_says_how_much_waits_and_since_when(store: Store) -> None:
    def fill(conn: Connection) -> None:
        for number in range(3):
            customer, received = f"c{number}", Instant(NOW - HOUR + number)
            append(
                conn,
                [Arrival(customer, "test", None, Event(0, customer, "seen", received, received))],
                received,
            )
            moments = [(Instant(NOW - DAY + number), customer), (Instant(NOW + DAY), customer)]
            due_queue.put(conn, bucket_of(conn, customer), moments)
        change_many(
            conn,
            MESSAGE,
            [
                ("a", "1", "planned", None, NOW - 7000, None),
                ("b", "2", "deferred", None, NOW + HOUR, None),
                ("c", "3", "handoff", NOW, 0, NOW - 2000),
                ("d", "4", "unknown", None, 0, NOW - DAY),
                ("e", "5", "accepted", None, 0, NOW - DAY),
            ],
        )

    store.write(fill)
    found = _look(store)
    assert (found.inbox.rows, found.inbox.seconds(NOW)) == (3, 3600)
    assert (found.due.rows, found.due.seconds(NOW)) == (3, 86400)
    assert {key: (queue.rows, queue.seconds(NOW)) for key, queue in found.messages.items()} == {
        ("email", "waiting"): (2, 7), ("sms", "waiting"): (0, 0), ("email", "handoff"): (1, 2),
        ("email", "unknown"): (1, 86400),
    }  # fmt: skip


def test_who_is_not_due_yet_is_no_lag(store: Store) -> None:
    store.write(lambda conn: due_queue.put(conn, 0, [(Instant(NOW + 1), "anna")]))
    assert _look(store).due == Queue(0)


@pytest.mark.parametrize("kind", ["due", "outbox"])
def test_what_sleeps_or_is_done_costs_nothing(tmp_path: Path, kind: str) -> None:
    small, large = (_steps(tmp_path / str(count), kind, count) for count in (100, 20_000))
    assert large < small + 200, "a figure reads rows of which none waits"


def test_the_size_of_a_database(store: Store) -> None:
    with store.read() as conn:
        sizes = upkeep.sizes(conn)
    assert sizes["database"] > 100_000
    assert set(sizes) >= ({"wal", "free"} if store.engine.dialect.name == "sqlite" else set())


def test_a_key_of_a_page_is_kept_like_any_other(store: Store) -> None:
    assert store.write(lambda conn: new_key(conn, "page", "browser", NOW))
    with store.read() as conn:
        assert [key.scope for key in working_keys(conn).values()] == ["browser"]


def _look(store: Store) -> Backlog:
    with store.read() as conn:
        return backlog(conn, ["email", "sms"], NOW)


def _steps(folder: Path, kind: str, count: int) -> int:
    """Instructions of SQLite (in tens) that the figures take when so many sleep, or were sent."""
    store = new_store(folder)
    try:
        if kind == "due":
            moments = [(Instant(NOW + HOUR), f"c{number}") for number in range(count)]
            store.write(lambda conn: due_queue.put(conn, 0, moments))
        else:
            sent: list[tuple[Any, ...]] = [
                (f"c{n}", str(n), "accepted", None, 0, NOW - DAY) for n in range(count)
            ]
            store.write(lambda conn: change_many(conn, MESSAGE, sent))
        taken = 0

        def count_steps() -> int:
            nonlocal taken
            taken += 1
            return 0

        with store.read() as conn:
            raw = conn.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            raw.set_progress_handler(count_steps, 10)
            backlog(conn, ["email"], NOW)
            raw.set_progress_handler(None, 0)
        return taken
    finally:
        store.close()
