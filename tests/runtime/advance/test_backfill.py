"""A changed definition of a fact is counted beside the one in use, whole at once, and used from then on."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from engine.core.happening import Event
from engine.runtime.advance.backfilling import fill, fill_page
from engine.store.customers import batches
from engine.store.facts import definitions
from engine.store.facts.definitions import DefinitionState, FactDefinition
from engine.values import DAY, Instant, Money, Value
from tests.runtime.shop import ATTRIBUTES, FILES, Shop

OLD = {**FILES, "schemas/customer.yaml": ATTRIBUTES + "  spent: sum of order_placed.total\n"}


def facts(text: str) -> dict[str, str]:
    """The same shop with other facts beside `orders_count` and `last_order_at`."""
    return {**FILES, "schemas/customer.yaml": ATTRIBUTES + text}


def eur(amount: int) -> Money:
    return Money(Decimal(amount), "EUR")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    opened = Shop(tmp_path, OLD)
    yield opened
    opened.close()


def value(shop: Shop, customer: str, name: str) -> Value:
    """As it stands in the row."""
    with shop.store.read() as conn:
        state = batches.load_batch(conn, 0, [customer], shop.publication.journeys, shop.clock.now()).states
    return state[customer].facts.values.get(name)


def memory(shop: Shop) -> str:
    with shop.store.read() as conn:
        found = conn.exec_driver_sql("SELECT id, memory FROM customer ORDER BY id").fetchall()
    return " ".join(str(row) for row in found)


def definition(shop: Shop, name: str) -> FactDefinition:
    with shop.store.read() as conn:
        return definitions.all_of(conn)[name]


def page(shop: Shop) -> bool:
    return fill_page(shop.store, shop.publication, shop.clock.now()).more


def fill_all(shop: Shop) -> None:
    fill(shop.store, shop.publication, shop.clock.now())
    shop.run()


def order(shop: Shop, customer: str, amount: int, id_: str | None = None, days_ago: int = 0) -> None:
    at = Instant(shop.clock.now() - days_ago * DAY)
    shop.count += 1
    id_ = id_ or f"o{shop.count}"
    shop.happen(customer, Event(0, id_, "order_placed", at, at, {"order_id": id_, "total": eur(amount)}), id_)


def test_a_changed_definition_is_counted_from_the_kept_events_and_used_when_it_is_whole(shop: Shop) -> None:
    for customer in ("anna", "ben"):
        order(shop, customer, 30)
        order(shop, customer, 10)
    shop.event("cleo", "cart_updated", cart_id="c", total=eur(7))
    shop.run()
    assert shop.publish(facts("  spent: average of order_placed.total\n")).counted == ("spent",)
    assert definition(shop, "spent").state is DefinitionState.COUNTING
    order(shop, "anna", 20)
    shop.run()
    assert value(shop, "anna", "spent") == eur(60), "the old definition goes on"
    assert page(shop)
    assert definition(shop, "spent").state is DefinitionState.PLACING
    order(shop, "anna", 100)
    shop.run()
    assert value(shop, "anna", "spent") == eur(40), "nobody is decided by the old value any more"
    fill_all(shop)
    assert definition(shop, "spent").state is DefinitionState.WHOLE
    assert value(shop, "ben", "spent") == eur(20)
    assert value(shop, "cleo", "spent") is None
    order(shop, "ben", 50)
    shop.run()
    assert value(shop, "ben", "spent") == eur(30)
    assert "+" not in memory(shop)


def test_a_state_of_another_shape_is_never_gone_on_with(shop: Shop) -> None:
    shop.publish(facts("  mark: average of order_placed.total\n"))
    order(shop, "anna", 30, "a")
    shop.run()
    fill_all(shop)
    shop.publish(facts("  mark: most frequent order_placed.order_id\n"))
    order(shop, "anna", 30, "b")
    order(shop, "anna", 30, "b2")
    shop.run()
    assert value(shop, "anna", "mark") == eur(30), "the old one, also with orders since"
    fill_all(shop)
    assert value(shop, "anna", "mark") == "a"
