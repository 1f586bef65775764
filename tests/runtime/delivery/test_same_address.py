"""One mailbox, two customers: they stay two, and the mailbox gets a message once a day."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.store import meta
from engine.store.customers.address_index import count_shared, index_hash
from engine.store.messages import queue
from engine.store.messages.destinations import Destination
from engine.store.persons import aliases
from engine.values import DAY, HOUR, MINUTE
from tests.runtime.sending_shop import CONFIG, SENDING_FILES, SendingShop

CARTS = """
journey: cart
start: {event: cart_updated}
again: always
goal: {event: subscribed}
policy: marketing
steps:
  - send: cart_reminder
    via: CHANNEL
"""
ORDERED = """
journey: ordered
start: {event: order_placed}
again: always
goal: {event: subscribed}
policy: service
steps:
  - send: thanks
    via: email
"""
FILES = {
    **SENDING_FILES,
    "config.yaml": CONFIG,
    "journeys/cart.yaml": CARTS.replace("CHANNEL", "email"),
    "journeys/ring.yaml": CARTS.replace("CHANNEL", "sms").replace("journey: cart", "journey: ring"),
    "journeys/ordered.yaml": ORDERED,
    "templates/thanks.email.txt": "---\nsubject: Thanks\n---\nThanks. {{ shop.address }}\n",
}

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[SendingShop]:
    opened = SendingShop(tmp_path, FILES)
    yield opened
    await opened.close()


async def happen(shop: SendingShop, name: str, *customers: str, order: str = "") -> None:
    for customer in customers:
        if order:
            shop.shop.event(customer, name, order_id=order)
        else:
            shop.shop.event(customer, name)
    await shop.settle_down()


def skipped(shop: SendingShop, customer: str) -> list[str]:
    """Why a customer was spared messages."""
    return [
        str(why)
        for (why,) in shop.look(f"SELECT why FROM outbox WHERE customer = '{customer}' AND why <> ''")
    ]


async def test_of_two_customers_with_one_mailbox_one_gets_the_message(shop: SendingShop) -> None:
    shop.customer("max", email="max@example.org")
    shop.customer("max2", email="Max@EXAMPLE.org")
    shop.customer("eve", email="eve@example.org")
    await happen(shop, "cart_updated", "max", "max2", "eve")
    assert sum(shop.sent().values()) == 2
    assert skipped(shop, "max2") == ["same address"]
    assert "skip" in shop.shop.told("max2")
    assert shop.shop.outcomes("max2")["cart"] == "finish"  # a skip, behind which the run goes on
    with shop.store.read() as conn:
        assert count_shared(conn) == 1


async def test_the_next_day_it_is_the_turn_of_either_and_ones_own_second_message_is_ones_own(
    shop: SendingShop,
) -> None:
    shop.customer("max", email="max@example.org")
    shop.customer("max2", email="max@example.org")
    await happen(shop, "cart_updated", "max")
    shop.clock.advance(HOUR)
    await happen(shop, "cart_updated", "max", "max2")
    assert sum(shop.sent().values()) == 2
    assert skipped(shop, "max2") == ["same address"]
    shop.clock.advance(DAY)
    await happen(shop, "cart_updated", "max2")
    assert sum(shop.sent().values()) == 3


async def test_another_journey_and_another_template_go_to_the_same_address(shop: SendingShop) -> None:
    shop.customer("max", email="max@example.org")
    shop.customer("max2", email="max@example.org")
    await happen(shop, "cart_updated", "max")
    await happen(shop, "order_placed", "max2", order="1")
    assert sum(shop.sent().values()) == 2


async def test_what_somebody_waits_for_is_the_same_message_only_in_the_same_words(shop: SendingShop) -> None:
    shop.customer("max", email="max@example.org")
    shop.customer("max2", email="max@example.org")
    await happen(shop, "order_placed", "max", order="1")
    await happen(shop, "order_placed", "max2", order="2")
    assert sum(shop.sent().values()) == 2
    await happen(shop, "order_placed", "max2", order="1")
    assert (sum(shop.sent().values()), skipped(shop, "max2")) == (2, ["same address"])


async def test_one_number_is_one_address_however_it_is_written(shop: SendingShop) -> None:
    shop.customer("max", sms="+4915112345678")
    shop.customer("max2", sms="+49 1511 2345678")
    await happen(shop, "cart_updated", "max", "max2")
    assert sum(shop.sent().values()) == 1
    assert skipped(shop, "max2") == ["same address"]


async def test_who_turned_out_to_be_the_same_customer_is_nobody_else(shop: SendingShop) -> None:
    shop.customer("max", email="max@example.org")
    shop.customer("max2", email="max@example.org")
    await happen(shop, "cart_updated", "max")
    journeys = shop.shop.publication.journeys
    shop.store.write(lambda conn: aliases.join(conn, "max", "max2", journeys, shop.clock.now()))
    shop.clock.advance(HOUR)
    await happen(shop, "cart_updated", "max2")
    assert sum(shop.sent().values()) == 2


async def test_of_a_hundred_who_share_a_mailbox_one_gets_it_at_once(shop: SendingShop) -> None:
    people = [f"c{number}" for number in range(100)]
    for name in people:
        shop.customer(name, email="info@example.org")
    await happen(shop, "cart_updated", *people)
    assert sum(shop.sent().values()) == 1
    assert sum(len(skipped(shop, name)) for name in people) == 99


async def test_a_hand_over_that_a_crash_undid_keeps_nobody_from_the_address(shop: SendingShop) -> None:
    shop.customer("max", email="max@example.org")
    shop.customer("max2", email="max@example.org")
    await asyncio.to_thread(shop.shop.run)
    now = shop.clock.now()

    def job_that_dies() -> None:
        def job(conn: object) -> None:
            (taken,) = queue.claim(conn, "email", "dead", now, MINUTE, 1)  # type: ignore[arg-type]
            destination = Destination.of(taken, index_hash(meta.secret(conn), "email", "max@example.org"))  # type: ignore[arg-type]
            assert queue.hand_over(conn, taken, "hash", now, None, destination) == "handed"  # type: ignore[arg-type]
            raise ZeroDivisionError  # the power goes before the commit

        with pytest.raises(ZeroDivisionError):
            shop.store.write(job)

    shop.shop.event("max", "cart_updated")
    await asyncio.to_thread(shop.shop.run)
    job_that_dies()
    await happen(shop, "cart_updated", "max2")
    assert sum(shop.sent().values()) == 1
