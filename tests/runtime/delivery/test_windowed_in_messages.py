"""Facts over a stretch of time in messages: counted when a message is written, for a whole batch at once."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from engine import project
from engine.runtime.delivery.attempt import Attempt
from engine.runtime.delivery.rendering import load_render_data, render_batch
from engine.runtime.publish.published import publish_in_memory
from engine.store.messages import queue
from engine.values import DAY, MINUTE, Money
from tests.runtime.shop import FILES, Shop

FACTS = """
attributes: {birthday: birthday, tier: "one of [bronze, silver, gold]", points: number}
facts:
  orders_count: count of order_placed
  lately: count of order_placed in last 7 days
  spent_lately: {is: sum of order_placed.total, less: order_cancelled by order_id, last: 7 days}
  with_total: {is: share of order_placed, where: {total: at least 20 EUR}}
  usual_gap: median days between order_placed
"""
EVENTS = """
events:
  subscribed: {}
  cart_updated: {fields: {cart_id: text, total: money}}
  order_placed: {fields: {order_id: text, total: money}}
  order_cancelled: {fields: {order_id: text}}
"""
WORDS = "{{ customer.lately }} orders, {{ customer.spent_lately | money }}, {{ customer.with_total }} large"
WITH = """
journey: thanks
start: {event: cart_updated}
again: always
goal: {event: subscribed}
policy: service
steps:
  - send: later
    with: {lately: customer.lately}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    files = {
        **FILES,
        "schemas/customer.yaml": FACTS,
        "schemas/events.yaml": EVENTS,
        "journeys/thanks.yaml": WITH,
        "templates/cart_reminder.push.txt": WORDS,
        "templates/later.push.txt": "{{ lately }} orders",
    }
    opened = Shop(tmp_path, files)
    yield opened
    opened.close()


def written(shop: Shop) -> dict[tuple[str, str], str]:
    """(customer, template) -> what the messages that are due say."""
    read = project.load(shop.folder / "project0")
    published = publish_in_memory(1, read, shop.folder, "secret")
    now = shop.clock.now()
    claimed = shop.store.write(lambda conn: queue.claim(conn, "push", "test", now, MINUTE, 500))
    with shop.store.read() as conn:
        data = load_render_data(conn, claimed, published.render_context, now)
    found = {}
    for each in render_batch(claimed, data, published.render_context):
        assert isinstance(each, Attempt), each
        found[each.message.customer, each.message.template] = each.content.body
    return found


def order(shop: Shop, customer: str, number: int, total: int) -> None:
    shop.event(customer, "order_placed", order_id=f"o{number}", total=Money(Decimal(total), "EUR"))


def test_a_template_and_a_value_of_with_read_what_was_counted_at_that_moment(shop: Shop) -> None:
    for customer in ("anna", "boris"):
        shop.change(customer)
        order(shop, customer, 1, 10)
    shop.later(10 * DAY)
    order(shop, "anna", 2, 20)
    order(shop, "anna", 3, 30)
    shop.event("anna", "order_cancelled", order_id="o2")
    shop.run()
    for customer in ("anna", "boris"):
        shop.event(customer, "cart_updated", cart_id="c")
    shop.run()
    shop.clock.advance(60 * MINUTE)
    shop.run()
    told = written(shop)
    assert told["anna", "later"] == "2 orders"
    assert told["boris", "later"] == "0 orders"
    assert told["anna", "cart_reminder"] == "2 orders, €30.00, 66.7% large"
    assert told["boris", "cart_reminder"] == "0 orders, €0.00, 0% large"
