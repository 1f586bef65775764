"""Codes in a running shop: of a file, by value, generated, and what becomes of those who wait."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.runtime.advance.code_pools import serve_waiting
from engine.runtime.alerting.trouble_detection import store_troubles
from engine.store.incentives import code_stock
from engine.store.sql import rows
from tests.runtime.shop import CONFIG, EVENTS, FILES, Shop, write_project

CODES = """
codes:
  VIP: {kind: file, path: codes/vip.csv, text: 15 %, alert: 2}
  TEN: {kind: generated, pattern: "????", text: 10 %}
  OFFER:
    choose: points
    into:
      at least 100: {pool: VIP, valid: 14 days}
      else: {pool: TEN, valid: 7 days}
"""
OFFER = """
journey: offer
start: {event: cart_updated}
again: always
goal: {event: order_placed, where: {code: OFFER}}
policy: service
steps:
  - code: OFFER
  - send: offer
"""
FIELDS = "fields: {order_id: text, total: money"
SHOP = {
    **{name: text for name, text in FILES.items() if not name.startswith("journeys/")},
    "config.yaml": CONFIG + CODES,
    "schemas/events.yaml": EVENTS.replace(FIELDS, f"{FIELDS}, code: text"),
    "journeys/offer.yaml": OFFER,
    "codes/vip.csv": "V-1\n",
}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    opened = Shop(tmp_path, SHOP)
    yield opened
    opened.store.close()


def given(shop: Shop) -> dict[str, tuple[str, str]]:
    """customer -> pool and code of all that were given out."""
    with shop.store.read() as conn:
        found = rows(conn, "SELECT customer, pool, value FROM code WHERE given_back_at IS NULL")
    return {customer: (pool, value) for customer, pool, value in found}


def fill(shop: Shop, *values: str) -> None:
    shop.store.write(lambda conn: code_stock.add(conn, "VIP", values, shop.clock.now()))


def test_an_offer_by_value_gives_the_code_of_its_pool(shop: Shop) -> None:
    fill(shop, "V-1")
    shop.change("vip", points=100)
    shop.change("new", points=99)
    for customer in ("vip", "new"):
        shop.event(customer, "cart_updated")
    assert sorted(shop.send_all()) == [("new", "offer"), ("vip", "offer")]
    codes = given(shop)
    assert codes["vip"] == ("VIP", "V-1")
    assert codes["new"][0] == "TEN"


def test_who_waits_for_an_empty_pool_gets_a_code_when_it_is_filled(shop: Shop) -> None:
    shop.change("vip", points=100)
    shop.event("vip", "cart_updated")
    assert shop.send_all() == []
    assert serve_waiting(shop.store, shop.publication.journeys, shop.clock.now()) == 0
    with shop.store.read() as conn:
        assert "is empty" in rows(conn, "SELECT why FROM alert")[0][0]
    fill(shop, "V-1")
    assert serve_waiting(shop.store, shop.publication.journeys, shop.clock.now()) == 1
    assert shop.send_all() == [("vip", "offer")]
    assert given(shop) == {"vip": ("VIP", "V-1")}


def test_who_waits_for_a_pool_that_is_chosen_no_more_gets_what_the_file_says_now(shop: Shop) -> None:
    shop.change("vip", points=100)
    shop.event("vip", "cart_updated")
    shop.run()
    shop.publish({**SHOP, "config.yaml": (CONFIG + CODES).replace("{pool: VIP,", "{pool: TEN,")})
    serve_waiting(shop.store, shop.publication.journeys, shop.clock.now())
    assert shop.send_all() == [("vip", "offer")]
    assert given(shop)["vip"][0] == "TEN"


def test_a_message_tells_what_its_offer_is_worth(shop: Shop) -> None:
    fill(shop, "V-1")
    shop.change("vip", points=100)
    shop.event("vip", "cart_updated")
    shop.run()
    with shop.store.read() as conn:
        (names,) = (names for (names,) in rows(conn, "SELECT names FROM outbox"))
    assert '"text":"15 %"' in names
    assert '"offer":"VIP"' in names


def test_no_two_customers_of_a_batch_get_one_code(shop: Shop) -> None:
    """Of 32 to the power of 4 texts some of four thousand runs would share one."""
    for number in range(4000):
        shop.change(f"c{number}")
        shop.event(f"c{number}", "cart_updated")
    shop.run()
    codes = given(shop)
    assert len(codes) == 4000
    assert len({code for _, code in codes.values()}) == 4000
    with shop.store.read() as conn:
        assert rows(conn, "SELECT count(*) FROM stuck")[0][0] == 0


def test_a_pool_that_runs_low_is_a_trouble_until_it_is_filled(shop: Shop) -> None:
    config = write_project(shop.folder / "look", SHOP).config

    def told() -> list[str]:
        with shop.store.read() as conn:
            found = store_troubles(conn, config, shop.clock.now())
        return [why for name, why in found.items() if name == "codes VIP"]

    assert told() == ["the pool VIP is empty"]
    fill(shop, "V-1")
    assert told() == ["the pool VIP has fewer than 2 codes left"]
    fill(shop, "V-2")
    assert told() == []


def test_an_order_with_the_code_reaches_the_goal_that_names_the_choice(shop: Shop) -> None:
    fill(shop, "V-1")
    shop.change("vip", points=100)
    shop.event("vip", "cart_updated")
    shop.send_all()
    shop.event("vip", "order_placed", code="VIP", code_value="V-1")
    shop.run()
    with shop.store.read() as conn:
        assert rows(conn, "SELECT goal_at IS NOT NULL FROM enrollment")[0][0]
