"""A PostgreSQL database on which no daemon worked is recognised before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.core.decision.effects import Send
from engine.errors import WorldError
from engine.store.copies.database_owner import DatabaseOwner
from engine.store.copies.identity import LostHistoryError
from engine.store.database import Store, open_store
from engine.store.messages import records
from engine.store.meta import bucket_of
from engine.values import DAY, MINUTE, Instant
from tests import stores

pytestmark = pytest.mark.postgres

NOW = Instant(1_772_442_000_000)


@pytest.fixture
def url(postgres_server: str, tmp_path: Path) -> str:
    """A database on which a daemon has worked, in this folder."""
    name = stores.database_name(tmp_path, "original")
    made = stores.new_database(name, stores.empty_database())
    with opened(made, tmp_path) as (store, owner):
        beat(store, owner)
    return made


@contextmanager
def opened(url: str, folder: Path) -> Iterator[tuple[Store, DatabaseOwner]]:
    """A store and its owner."""
    store = open_store(url, folder)
    yield store, DatabaseOwner(url, folder)
    store.close()


def beat(store: Store, owner: DatabaseOwner, *, stopped: bool = False) -> None:
    owner.note(store.write(lambda conn: owner.heartbeat(conn, NOW, stopped=stopped)))


def strange(store: Store, owner: DatabaseOwner) -> str:
    try:
        with store.read() as conn:
            owner.recognise(conn)
    except WorldError as wrong:
        return str(wrong)
    return ""


def place(store: Store, words: str) -> None:
    """Writes into the place that the database keeps, as a database that comes from elsewhere has it."""
    sql = f"UPDATE meta SET value = (CAST(value AS jsonb) || '{words}')::text WHERE name = 'place'"
    store.write(lambda conn: conn.execute(sa.text(sql)))


def test_the_same_database_is_recognised_from_any_folder(url: str, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "elsewhere"):
        with opened(url, folder) as (store, owner):
            assert strange(store, owner) == ""


def test_a_copy_on_the_same_server_is_refused(url: str, tmp_path: Path) -> None:
    name = sa.make_url(url).database
    copy = stores.new_database(f"{name}_2", str(name))
    with opened(copy, tmp_path) as (store, owner):
        assert "is a copy or a restored backup of one that a daemon worked on" in strange(store, owner)


def test_a_dump_on_another_server_is_refused(url: str, tmp_path: Path) -> None:
    with opened(url, tmp_path) as (store, owner):
        place(store, '{"path": "of another server"}')
        assert "was used on another server: it is a copy or a restored backup" in strange(store, owner)


def test_a_server_that_was_set_back_is_refused_at_the_start(url: str, tmp_path: Path) -> None:
    with opened(url, tmp_path) as (store, owner):
        place(store, '{"device": 0}')
        assert "a replica took over (timeline 1, before 0)" in strange(store, owner)


def test_a_daemon_follows_a_replica_that_took_over_without_a_loss(url: str, tmp_path: Path) -> None:
    with opened(url, tmp_path) as (store, owner):
        beat(store, owner)
        place(store, '{"device": 0}')
        beat(store, owner)
        assert strange(store, owner) == ""


def test_a_daemon_ends_when_what_it_committed_is_gone(url: str, tmp_path: Path) -> None:
    with opened(url, tmp_path) as (store, owner):
        beat(store, owner)
        place(store, '{"beat": 1}')
        with pytest.raises(LostHistoryError, match="lost what was committed to it"):
            beat(store, owner)


def test_a_data_folder_that_was_put_back_is_seen_by_the_file(url: str, tmp_path: Path) -> None:
    with opened(url, tmp_path) as (store, owner):
        beat(store, owner)
        place(store, '{"beat": 1}')
        assert "is older than the last daemon here" in strange(store, owner)
        assert strange(store, DatabaseOwner(url, tmp_path / "elsewhere")) == ""


def test_who_adopts_holds_what_may_have_been_sent(url: str, tmp_path: Path) -> None:
    name = sa.make_url(url).database
    send = Send(
        "key", "run", "news", "hello", "hello", "push", "service", None, NOW, Instant(NOW + DAY), False
    )
    with opened(url, tmp_path) as (store, owner):
        store.write(lambda conn: records.plan(conn, bucket_of(conn, "anna"), [("anna", send)], NOW))
    copy = stores.new_database(f"{name}_2", str(name))
    with opened(copy, tmp_path) as (store, owner):
        assert store.write(lambda conn: owner.adopt(conn, Instant(NOW + MINUTE))) == 1
        assert strange(store, owner) == ""
        with store.read() as conn:
            assert [message.state for message in records.of_customer(conn, "anna")] == ["held"]
