"""Opening a store: one daemon per file, and a broken file or folder is one sentence with the cure."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from engine.errors import UsageError, WorldError
from engine.store import meta
from engine.store.database import open_store

URL = "sqlite:///data/shop.db"


def test_a_second_daemon_on_the_same_file_is_refused(tmp_path: Path) -> None:
    first = open_store(URL, tmp_path, exclusive=True)
    with pytest.raises(WorldError, match=r"another daemon works on .*shop\.db"):
        open_store(URL, tmp_path, exclusive=True)
    beside = open_store(URL, tmp_path)  # `status` may look at any time
    beside.close()
    first.close()
    open_store(URL, tmp_path, exclusive=True).close()


def test_the_identity_of_a_store_stays(tmp_path: Path) -> None:
    first = open_store(URL, tmp_path)
    with first.read() as conn:
        identity = meta.instance(conn), meta.secret(conn)
    first.close()
    again = open_store(URL, tmp_path)
    with again.read() as conn:
        assert (meta.instance(conn), meta.secret(conn)) == identity
        assert all(identity)
    again.close()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "shop.db").write_bytes(b"this is a letter, not a database" * 100)
    with pytest.raises(WorldError, match=r"shop\.db is damaged .*Restore it from a backup; nothing was sent"):
        open_store(URL, tmp_path, exclusive=True)


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    store = open_store(URL, tmp_path)
    for n in range(200):
        store.write(lambda conn, n=n: meta.put(conn, f"n{n}", "x" * 3000))  # type: ignore[misc]
    store.close()
    path = tmp_path / "data" / "shop.db"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(WorldError, match=r"(cut off|damaged).*Restore it from a backup; nothing was sent"):
        open_store(URL, tmp_path, exclusive=True)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file stands where the folder should be", encoding="utf-8")
    with pytest.raises(WorldError, match="cannot be written"):
        open_store(URL, tmp_path, exclusive=True)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "my database"])
def test_an_address_that_is_no_store(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError, match=r"sqlite:///data/shop\.db"):
        open_store(url, tmp_path)


def test_a_store_of_a_later_version_is_refused(tmp_path: Path) -> None:
    open_store(URL, tmp_path).close()
    with sqlite3.connect(tmp_path / "data" / "shop.db") as conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
    conn.close()
    with pytest.raises(UsageError, match="later version"):
        open_store(URL, tmp_path)


def test_writes_are_durable_and_the_log_is_kept(tmp_path: Path) -> None:
    store = open_store(URL, tmp_path)
    with store.read() as conn:
        assert conn.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert conn.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert conn.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    store.close()
