"""`next` for customers with few events: what is usual in the shop counts, learned at night."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.runtime.advance.gap_learning import learn_gaps
from engine.store.customers import batches
from engine.store.inbox import inbox
from engine.values import DAY, Value
from tests.runtime.shop import FILES, Shop

FACTS = """
attributes: {birthday: birthday, tier: "one of [bronze, silver, gold]", points: number}
facts:
  orders_count: count of order_placed
  next_order_at: next order_placed
"""
REFILL = """
journey: refill
start: {event: order_placed}
again: always
goal: {event: order_placed}
policy: service
steps:
  - if: {next_order_at: is set}
    then:
      - wait: until next_order_at
        id: until_next
      - send: later
"""


DUE = """
segment: due
about: Whose next order can be expected.
who: {next_order_at: is set}
"""
REMIND = """
journey: remind
start: {segment: due}
again: always
goal: {event: subscribed}
policy: service
steps:
  - send: hello
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop with a journey that waits for the next order."""
    opened = Shop(tmp_path, {**FILES, "schemas/customer.yaml": FACTS, "journeys/refill.yaml": REFILL})
    yield opened
    opened.close()


def value(shop: Shop, customer: str) -> Value:
    with shop.store.read() as conn:
        loaded = batches.load_batch(conn, 0, [customer], shop.publication.journeys, shop.clock.now())
    return loaded.states[customer].facts.values.get("next_order_at")


def look(shop: Shop) -> dict[str, int]:
    changed = learn_gaps(shop.store, shop.publication.journeys, shop.clock.now())
    shop.run()
    return changed


def test_the_night_tells_customers_with_one_gap_from_others_like_them(shop: Shop) -> None:
    shop.event("anna", "order_placed")
    shop.event("boris", "order_placed")
    shop.later(10 * DAY)
    shop.event("anna", "order_placed")
    shop.later(10 * DAY)
    shop.event("boris", "order_placed")
    shop.run()
    assert value(shop, "anna") is None
    assert look(shop) == {"next_order_at": 2}
    now = shop.clock.now()
    assert value(shop, "anna") == now - 10 * DAY + 15 * DAY
    assert value(shop, "boris") == now + 15 * DAY
    # once a day
    assert look(shop) == {}


def test_an_event_after_the_night_counts_with_what_was_learned(shop: Shop) -> None:
    shop.event("anna", "order_placed")
    shop.later(10 * DAY)
    shop.event("anna", "order_placed")
    shop.run()
    look(shop)
    shop.event("boris", "order_placed")
    shop.later(30 * DAY)
    shop.event("boris", "order_placed")
    shop.run()
    assert value(shop, "boris") == shop.clock.now() + 10 * DAY
    assert shop.resting("refill") == {"until_next": 1}


def test_a_value_that_the_night_found_before_another_event_does_not_stay(shop: Shop) -> None:
    for _ in range(2):
        shop.event("anna", "order_placed")
        shop.later(10 * DAY)
    learn_gaps(shop.store, shop.publication.journeys, shop.clock.now())
    # before the happening of the night is applied
    shop.event("anna", "order_placed")
    shop.run()
    assert value(shop, "anna") is None, "two gaps: nobody else has two"


def test_a_median_that_hardly_moved_writes_nobody_anew(shop: Shop) -> None:
    for customer in ("anna", "boris", "clara"):
        shop.event(customer, "order_placed")
    shop.later(200 * DAY)
    for customer in ("anna", "boris"):
        shop.event(customer, "order_placed")
    shop.run()
    assert look(shop) == {"next_order_at": 2}
    before = value(shop, "anna")
    shop.later(1 * DAY)
    shop.event("clara", "order_placed")
    shop.run()
    assert look(shop) == {"next_order_at": 0}
    assert value(shop, "anna") == before


@pytest.mark.parametrize("is_cut_off", [False, True])
def test_who_is_told_by_a_median_that_was_not_known_before_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_cut_off: bool
) -> None:
    files = {
        "schemas/customer.yaml": FACTS,
        "journeys/segments/due.yaml": DUE,
        "journeys/remind.yaml": REMIND,
    }
    shop = Shop(tmp_path, {**FILES, **files})
    for customer in ("anna", "boris", "zoe"):
        shop.change(customer)
    shop.event("zoe", "order_placed")
    shop.run()
    assert look(shop) == {"next_order_at": 0}, "the first look"
    for customer in ("anna", "boris"):
        shop.event(customer, "order_placed")
    shop.later(10 * DAY)
    for customer in ("anna", "boris"):
        shop.event(customer, "order_placed")
    shop.run()
    if is_cut_off:
        with monkeypatch.context() as patch:
            patch.setattr(inbox, "append_rows", cut_off)
            with pytest.raises(OSError, match="power"):
                look(shop)
    assert look(shop) == {"next_order_at": 2}
    assert value(shop, "anna") is not None
    assert shop.planned() == []
    shop.event("zoe", "order_placed")
    shop.run()
    assert [message.customer for message in shop.planned()] == ["zoe"]
    shop.close()


def cut_off(*_: object, **__: object) -> None:
    raise OSError("the power is gone")
