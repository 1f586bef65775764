"""A store is copied while it is written to, and a copy that is put back sends nothing by itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection

from engine.errors import UsageError, WorldError
from engine.private_files import is_open_to_others
from engine.store import meta
from engine.store.copies import backup
from engine.store.copies.backup import back_up, restore
from engine.store.copies.identity import StoreOwner
from engine.store.database import Store, open_store
from engine.values import MINUTE, Instant
from tests.stores import new_store

NOW = Instant(1_800_000_000_000)


def _put(name: str, value: object) -> Callable[[Connection], None]:
    return lambda conn: meta.put(conn, name, str(value))


def _beat(store: Store, file: Path, now: Instant = NOW) -> StoreOwner:
    owner = StoreOwner(file)
    owner.note(store.write(lambda conn: owner.heartbeat(conn, now)))
    return owner


def test_a_backup_is_one_moment_of_a_store_that_is_written_to_all_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "PAGES", 5)  # many steps, with writes between all of them
    store = new_store(tmp_path)
    seen: list[tuple[int, ...]] = []

    def write(*step: int) -> None:
        seen.append(step)
        number = f"{len(seen)}" + "x" * 20_000

        def both(conn: Connection) -> None:
            for half in ("first", "second"):
                meta.put(conn, half, number)

        store.write(both)

    write(0, 0)
    del seen[:]
    made = back_up(tmp_path / "shop.db", tmp_path / "copies" / "b.db", write)
    store.close()
    assert len(seen) > 5
    assert len({step[1] for step in seen}) == 1, "it began anew"
    with closing(sqlite3.connect(made.path)) as conn:
        halves = {
            value for (value,) in conn.execute("SELECT value FROM meta WHERE name IN ('first', 'second')")
        }
        assert len(halves) == 1, "a part of it is older than another"
        assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert sorted(file.name for file in made.path.parent.iterdir()) == ["b.db"], (
        "one file that can be carried"
    )
    assert not is_open_to_others(made.path)


def test_a_backup_writes_over_nothing_and_leaves_no_half_of_one(tmp_path: Path) -> None:
    new_store(tmp_path).close()
    (tmp_path / "b.db").write_text("precious")
    with pytest.raises(UsageError, match="is there already"):
        back_up(tmp_path / "shop.db", tmp_path / "b.db")
    assert (tmp_path / "b.db").read_text() == "precious"
    with pytest.raises(UsageError, match="no store"):
        back_up(tmp_path / "none.db", tmp_path / "c.db")
    damaged = tmp_path / "damaged.db"
    content = bytearray((tmp_path / "shop.db").read_bytes())
    content[40_000:80_000] = b"\xff" * 40_000
    damaged.write_bytes(content)
    with pytest.raises(WorldError):
        back_up(damaged, tmp_path / "d.db")
    assert not list(tmp_path.glob("d.db*"))


def test_what_was_put_back_is_refused_until_it_is_adopted_and_what_was_there_is_kept(tmp_path: Path) -> None:
    store, file = new_store(tmp_path), tmp_path / "shop.db"
    _beat(store, file)
    store.write(_put("said", "before"))
    back_up(file, tmp_path / "b.db")
    store.write(_put("said", "after"))
    store.close()
    made, kept = restore(tmp_path / "b.db", file, NOW)
    assert (made.path, made.customers) == (file, 0)
    assert kept is not None
    with closing(open_store(f"sqlite:///{kept}", tmp_path)) as old, old.read() as conn:
        assert meta.get(conn, "said") == "after"
    with closing(open_store("sqlite:///shop.db", tmp_path)) as restored:
        owner = StoreOwner(file)
        with restored.read() as conn:
            assert meta.get(conn, "said") == "before"
            # the last beat is in the backup, and the number of the file may be that of the one before
            with pytest.raises(WorldError, match=r"was put back from a backup .*run --adopt"):
                owner.recognise(conn)
        restored.write(lambda conn: owner.adopt(conn, Instant(NOW + MINUTE)))
        owner.note(restored.write(lambda conn: owner.heartbeat(conn, NOW)))
        with restored.read() as conn:
            owner.recognise(conn)


def test_nothing_is_put_back_under_a_daemon_or_from_a_file_that_is_no_backup(tmp_path: Path) -> None:
    store = new_store(tmp_path, exclusive=True)
    back_up(tmp_path / "shop.db", tmp_path / "b.db")
    with pytest.raises(WorldError, match="another daemon works"):
        restore(tmp_path / "b.db", tmp_path / "shop.db", NOW)
    store.close()
    before = (tmp_path / "shop.db").read_bytes()
    (tmp_path / "text.db").write_text("this is no database " * 100)
    with closing(sqlite3.connect(tmp_path / "other.db")) as conn:
        conn.execute("CREATE TABLE customer (id)")
    for wrong in ("none.db", "text.db", "other.db"):
        with pytest.raises(UsageError):
            restore(tmp_path / wrong, tmp_path / "shop.db", NOW)
    assert (tmp_path / "shop.db").read_bytes() == before
    assert not list(tmp_path.glob("*.restored*"))
