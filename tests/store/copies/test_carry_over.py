"""A store goes on in another database, with the people in flight, from where it was cut off, and compared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.core.happening import Event
from engine.errors import UsageError, WorldError
from engine.runtime.advance.advancer import Advancer
from engine.store import meta
from engine.store.copies import carry_over, moving
from engine.store.database import Store, open_store
from engine.store.inbox import inbox
from engine.store.sql import rows
from engine.values import DAY, HOUR
from tests import stores
from tests.runtime.shop import Shop

pytestmark = pytest.mark.postgres


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Twenty customers in two journeys: some wait, some messages are planned, one event is not applied."""
    opened = Shop(tmp_path)
    for number in range(20):
        opened.change(f"c{number}", points=number, tier="gold")
        opened.event(f"c{number}", "subscribed")
    opened.run()
    opened.later(HOUR)
    for number in range(5):
        opened.event(f"c{number}", "cart_updated", cart_id=f"k{number}")
    opened.run()
    opened.event("c7", "order_placed", "the-order", order_id="1")
    yield opened
    opened.close()


@pytest.fixture
def target(postgres_server: str, tmp_path: Path) -> Iterator[Store]:
    """An empty PostgreSQL database."""
    name = stores.database_name(tmp_path, "target")
    opened = open_store(stores.new_database(name, stores.empty_database()), tmp_path)
    opened.write(lambda conn: meta.put(conn, "buckets", "8"))
    url = opened.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    opened.close()
    opened = open_store(url, tmp_path)
    yield opened
    opened.close()


def carry(source: Store, target: Store) -> list[carry_over.CarriedTable]:
    with source.read() as conn:
        filling = carry_over.begin(conn, target, again=True)
        carry_over.copy(conn, target, filling)
        whole = carry_over.verify(conn, target)
        carry_over.finish(conn, target)
    return whole


def test_people_in_flight_go_on_there(shop: Shop, target: Store) -> None:
    with shop.store.read() as conn:
        identity = meta.instance(conn), meta.secret(conn)
    tables = {table.name: table.rows for table in carry(shop.store, target)}
    assert tables["customer"] == 20
    assert tables["inbox"] == 1
    with target.read() as conn:
        assert (meta.instance(conn), meta.secret(conn)) == identity
        assert moving.why_not_here(conn, "it") is None
        assert len(rows(conn, "SELECT DISTINCT bucket FROM customer")) > 1
    shop.store.close()
    shop.store, shop.advancer = target, Advancer(target, shop.clock)
    shop.later(HOUR)
    assert shop.states()["cart_reminder", "accepted"] == 5
    shop.later(2 * DAY)
    assert shop.states() == {
        ("hello", "accepted"): 20,
        ("cart_reminder", "accepted"): 5,
        ("offer", "accepted"): 19,
    }


def test_what_was_received_there_is_not_taken_again(shop: Shop, target: Store) -> None:
    carry(shop.store, target)
    now = shop.clock.now()
    same = Event(0, "the-order", "order_placed", now, now, {"order_id": "1"})
    arrival = inbox.Arrival("c7", "test", "the-order", same)
    assert target.write(lambda conn: inbox.append(conn, [arrival], now)) == ["duplicate"]


def test_numbers_go_on_behind_the_highest_that_was_ever_given(shop: Shop, target: Store) -> None:
    shop.run()  # the inbox is empty, and its numbers are known to the customers
    carry(shop.store, target)
    now = shop.clock.now()
    arrival = inbox.Arrival("c1", "test", "x", Event(0, "x", "subscribed", now, now, {}))
    target.write(lambda conn: inbox.append(conn, [arrival], now))
    with target.read() as conn:
        ((number,),) = rows(conn, "SELECT number FROM inbox")
        assert number > rows(conn, "SELECT max(applied) FROM customer")[0][0]


def test_what_was_cut_off_goes_on(shop: Shop, target: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carry_over, "CHUNK", 7)
    seen: list[tuple[str, int]] = []

    def cut(table: str, done: int, _total: int) -> None:
        seen.append((table, done))
        if len(seen) % 4 == 0:
            raise KeyboardInterrupt

    with shop.store.read() as conn:
        for _ in range(40):
            filling = carry_over.begin(conn, target, again=True)
            try:
                carry_over.copy(conn, target, filling, cut)
                break
            except KeyboardInterrupt:
                with target.read() as other:
                    assert "filled only in part" in str(moving.why_not_here(other, "it"))
        assert len(seen) == len(set(seen)) > 12
        carry_over.verify(conn, target)


def test_a_difference_is_found(shop: Shop, target: Store) -> None:
    with shop.store.read() as conn:
        filling = carry_over.begin(conn, target, again=True)
        carry_over.copy(conn, target, filling)
        change = "UPDATE customer SET attributes = attributes || '{\"points\": 99}' WHERE id = 'c3'"
        target.write(lambda there: there.execute(sa.text(change)))
        with pytest.raises(WorldError, match="the table customer differs: 20 rows here, 20 there, and not"):
            carry_over.verify(conn, target)


def test_a_database_that_holds_something_is_refused(shop: Shop, target: Store) -> None:
    carry(shop.store, target)
    with shop.store.read() as conn, pytest.raises(UsageError, match="holds a store already"):
        carry_over.begin(conn, target, again=True)


def test_and_back_again(shop: Shop, target: Store, tmp_path: Path) -> None:
    there = carry(shop.store, target)
    back = open_store("sqlite:///back.db", tmp_path)
    with target.read() as conn:
        filling = carry_over.begin(conn, back, again=False)
        carry_over.copy(conn, back, filling)
        assert carry_over.verify(conn, back) == there
        carry_over.finish(conn, back, shop.clock.now())
    with shop.store.read() as conn:
        assert carry_over.verify(conn, back) == there
    back.close()
