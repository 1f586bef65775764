"""What is special about PostgreSQL: transactions of several processes, the lock of a daemon, servers that
cannot hold a store."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DatabaseError

from engine.errors import UsageError, WorldError
from engine.store import meta, migrations
from engine.store.connections import read_only_engine
from engine.store.database import Store, open_store, read_only
from engine.store.postgresql import check_server, check_sessions, is_daemon_there
from tests import stores
from tests.daemon.shop import wait_until

pytestmark = pytest.mark.postgres

HELD = 0.3
"""Seconds for which somebody is seen to wait."""


def url_of(store: Store) -> str:
    return store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def is_daemon(url: str) -> bool:
    engine = read_only_engine(url, Path())
    try:
        with engine.connect() as conn:
            return is_daemon_there(conn)
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("first", "second", "waits"),
    [
        ("shared", "shared", False),
        ("shared", "alone", True),
        ("alone", "shared", True),
        ("alone", "alone", True),
    ],
)
def test_who_writes_alone_is_alone(postgres_store: Store, first: str, second: str, waits: bool) -> None:
    began, begun = threading.Event(), threading.Event()

    def write(how: str, until: threading.Event) -> None:
        # as another process would: each store has a writer of its own
        with postgres_store.engine.connect().execution_options(writes=how) as conn, conn.begin():
            begun.set()
            until.wait(20)

    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(write, first, began)
        begun.wait(20)
        begun.clear()
        other = threads.submit(write, second, began)
        assert begun.wait(HELD) is not waits
        began.set()
        one.result(20)
        other.result(20)


def test_a_reader_sees_one_moment_and_cannot_write(postgres_store: Store) -> None:
    with postgres_store.read() as conn:
        assert meta.get(conn, "later") is None
        postgres_store.write(lambda conn: meta.put(conn, "later", "x"))
        assert meta.get(conn, "later") is None
    with postgres_store.read() as conn:
        assert meta.get(conn, "later") == "x"
        with pytest.raises(DatabaseError, match="read-only"):
            meta.put(conn, "later", "y")


def test_a_reader_may_compute_longer_between_statements_than_a_writer_who_holds_back_others(
    postgres_store: Store,
) -> None:
    def ends_after(conn: sa.Connection) -> str:
        return str(conn.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar_one())

    def seen_read_only() -> str:
        with read_only(url_of(postgres_store), Path()) as conn:
            return ends_after(conn)

    def seen_by_reader() -> str:
        with postgres_store.read() as conn:
            return ends_after(conn)

    for _ in range(2):  # on the same connections again
        assert postgres_store.write(ends_after) == "1min"
        assert (seen_read_only(), seen_by_reader()) == ("10min", "10min")


def test_a_connection_that_was_cut_is_an_error_of_one_transaction(postgres_store: Store) -> None:
    def cut(conn: sa.Connection) -> None:
        conn.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(DatabaseError):
        postgres_store.write(cut)
    postgres_store.write(lambda conn: meta.put(conn, "after", "x"))
    with postgres_store.engine.connect() as other:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        other.exec_driver_sql(f"{others} AND pid <> pg_backend_pid()")
    # one that was cut while it rested is no error at all
    postgres_store.write(lambda conn: meta.put(conn, "later", "x"))
    with postgres_store.read() as conn:
        assert (meta.get(conn, "after"), meta.get(conn, "later")) == ("x", "x")


def test_daemons_work_on_a_database_beside_each_other(postgres_store: Store, tmp_path: Path) -> None:
    url = url_of(postgres_store)
    assert not is_daemon(url)
    first = open_store(url, tmp_path, exclusive=True)
    second = open_store(url, tmp_path, exclusive=True)
    open_store(url, tmp_path).close()  # a command beside them
    first.close()
    assert is_daemon(url)
    second.close()
    assert not is_daemon(url)


def test_a_daemon_whose_connection_was_cut_takes_its_lock_again(
    postgres_store: Store, tmp_path: Path
) -> None:
    url = url_of(postgres_store)
    daemon = open_store(url, tmp_path, exclusive=True)
    with postgres_store.engine.connect() as other:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        other.exec_driver_sql(f"{others} AND pid <> pg_backend_pid()")
    wait_until(lambda: not is_daemon(url))
    daemon.hold()
    assert is_daemon(url)
    daemon.close()


def test_a_daemon_that_was_killed_holds_nothing(postgres_store: Store, tmp_path: Path) -> None:
    url = url_of(postgres_store)
    work = f"from engine.store.database import open_store; from pathlib import Path; import sys;\
open_store({url!r}, Path(), exclusive=True); print('works', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", work], stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "works\n"
        assert is_daemon(url)
        process.kill()
    open_store(url, tmp_path, exclusive=True).close()


def test_tables_are_not_changed_under_a_daemon(postgres_store: Store, tmp_path: Path) -> None:
    url = url_of(postgres_store)
    daemon = open_store(url, tmp_path, exclusive=True)
    older(daemon)
    with pytest.raises(WorldError, match="a daemon of that version works on it: stop it"):
        open_store(url, tmp_path)
    with pytest.raises(UsageError, match="only a daemon brings it up to date"), read_only(url, tmp_path):
        pass
    daemon.close()


def test_tables_are_not_changed_under_a_daemon_on_sqlite(tmp_path: Path) -> None:
    daemon = open_store("sqlite:///shop.db", tmp_path, exclusive=True)
    older(daemon)
    with pytest.raises(WorldError, match="a daemon of that version works on it: stop it"):
        open_store("sqlite:///shop.db", tmp_path)
    daemon.close()


def older(store: Store) -> None:
    """As if the tables were those of the version before: their number is what an upgrade asks first."""
    script = ScriptDirectory.from_config(migrations.script_config())
    head = script.get_revision("head")
    assert head is not None
    before = head.down_revision
    store.write(
        lambda conn: conn.execute(sa.text("UPDATE alembic_version SET version_num = :v"), {"v": before})
    )


def test_a_database_that_keeps_its_texts_otherwise_is_refused(postgres_server: str) -> None:
    name = "test_latin"
    with stores.administrator() as conn:
        conn.execute(sa.text(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"))
    engine = read_only_engine(stores.address(name), Path())
    with pytest.raises(WorldError, match="keeps its texts as LATIN1"):
        check_server(engine)
    engine.dispose()
    with stores.administrator() as conn:
        conn.execute(sa.text(f"DROP DATABASE {name}"))


def test_a_session_of_our_own_is_no_pooler(postgres_store: Store) -> None:
    check_sessions(postgres_store.engine)


def test_sessions_for_one_transaction_are_recognised(postgres_store: Store) -> None:
    """A pooler in transaction mode, as far as a client sees it: all connections take turns on one session."""
    one = sa.create_engine(postgres_store.engine.url, isolation_level="AUTOCOMMIT", poolclass=sa.StaticPool)
    with pytest.raises(WorldError, match="pool_mode"):
        check_sessions(one)
    one.dispose()


def test_without_its_driver_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UsageError, match=r"its driver is not installed.*psycopg\[binary\]"):
        open_store("postgresql://somewhere/shop", tmp_path)
