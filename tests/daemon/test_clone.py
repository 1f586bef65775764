"""A copy of a database, and a backup that was put back, send nothing before somebody takes them over
(design/reliability 2.6)."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.errors import WorldError
from engine.store import meta
from engine.store.copies.identity import BEAT, StoreOwner, forgotten_until
from engine.store.database import Store, open_store
from engine.values import HOUR, Instant
from tests.daemon.files import write_project
from tests.daemon.shop import Shop, open_shop, wait_until
from tests.daemon.test_faults import one_line
from tests.stores import new_store

pytestmark = pytest.mark.file

NOW = Instant(1_800_000_000_000)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    (tmp_path / "one").mkdir()
    with open_shop(tmp_path / "one") as opened:
        yield opened


def sent(shop: Shop, customer: str) -> None:
    """One customer signs up and gets the letter."""
    shop.know([customer])
    shop.happens("signed_up", [customer])
    wait_until(lambda: shop.states("hello").get(customer) == "accepted", 60, shop.log)


def copy_of(shop: Shop, folder: Path) -> Shop:
    """The whole folder somewhere else, as a backup tool or `cp -r` makes it; its mail goes to the same
    sink."""
    shutil.copytree(shop.folder, folder)
    port = write_project(folder, int((shop.folder / "port").read_text()))
    return Shop(folder, port)


def test_r11_a_copy_beside_a_running_daemon_refuses_to_send(shop: Shop, tmp_path: Path) -> None:
    shop.start()
    sent(shop, "ann")
    copied = copy_of(shop, tmp_path / "two")
    copied.know(["bob"])
    copied.happens("signed_up", ["bob"])
    said = one_line(copied.refused())
    assert "is a copy of a database that another daemon worked on" in said
    assert "run --adopt" in said
    assert copied.states("hello") == {"ann": "accepted"}, "it decided nothing"
    assert "bob hello" not in shop.mails()
    sent(shop, "carl")  # the original goes on
    assert shop.stop() == 0
    copied.start("--adopt")
    wait_until(lambda: copied.states("hello").get("bob") == "held", 60, copied.log)
    unknown = copied.status()["unknown"]
    assert [(each["customer"], each["state"]) for each in unknown] == [("bob", "held")]
    copied.know(["dora"])
    copied.happens("signed_up", ["dora"])
    wait_until(lambda: copied.states("hello").get("dora") == "accepted", 60, copied.log)
    assert copied.stop() == 0
    copied.start()  # adopted once is adopted for good
    assert copied.stop() == 0
    assert shop.mails() == {"ann hello": 1, "carl hello": 1, "dora hello": 1}


def test_r11_a_restored_backup_does_not_send_the_morning_again(shop: Shop, tmp_path: Path) -> None:
    customers = [f"c{n}" for n in range(5)]
    shop.know(customers)
    shop.start()
    assert shop.stop() == 0
    backup = tmp_path / "backup.db"
    shutil.copy2(shop.folder / "data" / "shop.db", backup)
    at = SystemClock().now()
    shop.happens("signed_up", customers, at)
    shop.start()
    wait_until(lambda: set(shop.states("hello").values()) == {"accepted"}, 60, shop.log)
    assert shop.stop() == 0
    shutil.copy(backup, shop.folder / "data" / "shop.db")  # over the file, as an operator in a hurry does
    shop.happens("signed_up", customers, at)  # the shop delivers the events of the morning once more
    said = one_line(shop.refused())
    assert "a backup was put back" in said
    assert shop.states("hello") == {}
    shop.start("--adopt")
    wait_until(lambda: list(shop.states("hello").values()) == ["held"] * 5, 60, shop.log)
    assert len(shop.status()["unknown"]) == 5
    sent(shop, "later")
    assert shop.stop() == 0
    assert shop.mails() == {f"{customer} hello": 1 for customer in [*customers, "later"]}


def test_case_14_a_wal_that_was_deleted_refuses_to_start_and_sends_nothing(shop: Shop) -> None:
    shop.start()
    sent(shop, "ann")
    shop.kill()
    wal = shop.folder / "data" / "shop.db-wal"
    assert wal.stat().st_size > 0
    wal.unlink()
    (shop.folder / "data" / "shop.db-shm").unlink(missing_ok=True)
    said = one_line(shop.refused())
    assert "-wal" in said
    assert "Nothing was sent" in said
    assert shop.mails() == {"ann hello": 1}


def test_a_daemon_that_was_killed_starts_again_without_a_question(shop: Shop) -> None:
    shop.start()
    sent(shop, "ann")
    shop.kill()
    shop.start()
    sent(shop, "bob")
    assert shop.stop() == 0


def test_a_folder_that_moves_is_the_same_store(shop: Shop, tmp_path: Path) -> None:
    shop.start()
    sent(shop, "ann")
    assert shop.stop() == 0
    shop.folder.rename(tmp_path / "moved")
    moved = Shop(tmp_path / "moved", shop.port)
    moved.start()
    sent(moved, "bob")
    assert moved.stop() == 0


def test_a_dry_run_may_look_at_a_copy(shop: Shop, tmp_path: Path) -> None:
    shop.start()
    sent(shop, "ann")
    copied = copy_of(shop, tmp_path / "two")
    copied.start("--dry")
    copied.know(["bob"])
    copied.happens("signed_up", ["bob"])
    wait_until(lambda: copied.states("hello").get("bob") == "expired", 60, copied.log)
    assert copied.stop() == 0
    assert shop.stop() == 0
    assert "bob hello" not in shop.mails()
    assert copied.refused(), "dry or not, it is still a copy"


# --- the place itself ---------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = new_store(tmp_path)
    yield opened
    opened.close()


def beat(owner: StoreOwner, store: Store, at: int = NOW, *, stopped: bool = False) -> None:
    owner.note(store.write(lambda conn: owner.heartbeat(conn, Instant(at), stopped=stopped)))


def recognise(owner: StoreOwner, store: Store) -> None:
    with store.read() as conn:
        owner.recognise(conn)


def test_a_crash_between_the_two_halves_of_a_beat_changes_nothing(store: Store, tmp_path: Path) -> None:
    owner = StoreOwner(tmp_path / "shop.db")
    recognise(owner, store)
    beat(owner, store)
    store.write(lambda conn: owner.heartbeat(conn, NOW))  # the file was not written any more
    recognise(owner, store)


@pytest.mark.parametrize("left", ["", "{", '{"token": "x"}'])
def test_a_store_whose_owner_file_is_gone_or_broken_is_asked_about(
    store: Store, tmp_path: Path, left: str
) -> None:
    owner = StoreOwner(tmp_path / "shop.db")
    beat(owner, store)
    owner.file.unlink() if not left else owner.file.write_text(left)
    with pytest.raises(WorldError, match=re.escape("shop.db.owner is missing beside it")):
        recognise(owner, store)
    assert store.write(lambda conn: owner.adopt(conn, NOW)) == 0
    beat(owner, store)
    recognise(owner, store)


def test_what_is_forgotten_ends_with_the_last_beat_that_is_known(store: Store, tmp_path: Path) -> None:
    owner = StoreOwner(tmp_path / "shop.db")
    beat(owner, store)
    with store.read() as conn:
        kept = meta.get(conn, "place")
    assert kept is not None
    beat(owner, store, NOW + HOUR)
    store.write(lambda conn: meta.put(conn, "place", kept))  # the database of an hour ago
    with pytest.raises(WorldError, match="a backup was put back"):
        recognise(owner, store)
    store.write(lambda conn: owner.adopt(conn, Instant(NOW + 5 * HOUR)))
    with store.read() as conn:
        assert forgotten_until(conn) == NOW + HOUR + BEAT
    beat(owner, store, NOW + 5 * HOUR)
    recognise(owner, store)
    store.write(
        lambda conn: owner.adopt(conn, Instant(NOW + 9 * HOUR))
    )  # nothing is strange: nothing to adopt
    with store.read() as conn:
        assert forgotten_until(conn) == NOW + HOUR + BEAT


def test_a_move_after_an_orderly_stop_holds_nothing(store: Store, tmp_path: Path) -> None:
    owner = StoreOwner(tmp_path / "shop.db")
    beat(owner, store, stopped=True)
    store.close()
    other = tmp_path / "other"
    other.mkdir()
    for name in ("shop.db", "shop.db.owner"):
        shutil.copy2(tmp_path / name, other / name)
    moved, there = open_store("sqlite:///shop.db", other), StoreOwner(other / "shop.db")
    with pytest.raises(WorldError, match="is a copy"):
        recognise(there, moved)
    moved.write(lambda conn: there.adopt(conn, Instant(NOW + HOUR)))
    with moved.read() as conn:
        assert forgotten_until(conn) == 0
    moved.close()


def test_a_database_that_was_deleted_is_not_begun_anew_without_a_word(store: Store, tmp_path: Path) -> None:
    owner = StoreOwner(tmp_path / "shop.db")
    beat(owner, store)
    store.close()
    for file in tmp_path.glob("shop.db*"):
        if file.name != "shop.db.owner":
            file.unlink()
    fresh = open_store("sqlite:///shop.db", tmp_path)
    with pytest.raises(WorldError, match="the database itself was deleted"):
        recognise(owner, fresh)
    fresh.close()


def test_a_backup_of_a_running_daemon_sends_nothing_twice_when_it_is_put_back(
    shop: Shop, tmp_path: Path
) -> None:
    shop.start()
    sent(shop, "ann")
    file = tmp_path / "backup.db"
    assert "restore" in shop.command("backup", str(file))
    sent(shop, "bob")  # what the backup does not know
    assert "another daemon works" in one_line(shop.command("restore", str(file), code=1))
    assert shop.stop() == 0
    assert "run --adopt" in shop.command("restore", str(file))
    assert "was put back from a backup" in one_line(shop.refused())
    assert shop.mails()["bob hello"] == 1
    shop.start("--adopt")
    shop.know(["bob"])
    shop.happens("signed_up", ["bob"], at=Instant(SystemClock().now() - HOUR))
    sent(shop, "carl")
    assert shop.mails() == {"ann hello": 1, "bob hello": 1, "carl hello": 1}
    assert shop.stop() == 0
