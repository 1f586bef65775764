"""A message that the provider refused for now, when its customer buys before the next try."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from engine.store.messages import queue
from engine.store.messages.queue import Handover
from engine.values import HOUR, MINUTE, Instant
from tests.runtime.sending_shop import CART, SENDING_FILES, SendingShop

STAY = CART.replace("goal: {event: order_placed}", "goal: {event: order_placed, then: stay}").replace(
    "next_after: 1 hour", "next_after: 1 hour\n  - wait: 3 days\n    id: later"
)


pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Callable[[str], SendingShop]]:
    posts: list[SendingShop] = []

    def of(cart: str) -> SendingShop:
        posts.append(SendingShop(tmp_path, {**SENDING_FILES, "journeys/cart.yaml": cart}))
        return posts[-1]

    yield of
    for sender in posts:
        await sender.close()


def refused_for_now(sender: SendingShop, *channels: str) -> None:
    """Push took nothing yet; for the journey the message has left."""
    sender.customer("anna", **{channel: f"{channel}@example.com" for channel in channels})
    sender.shop.event("anna", "cart_updated")
    sender.shop.run()
    now = sender.clock.now()
    (taken,) = sender.store.write(lambda conn: queue.claim(conn, "push", "x", now, MINUTE, 1))
    assert sender.store.write(lambda conn: queue.hand_over(conn, taken, "hash", now)) == "handed"
    sender.shop.run()
    assert sender.store.write(lambda conn: queue.defer(conn, taken, Instant(now + MINUTE), "429"))


def second_try(sender: SendingShop) -> Handover | None:
    """None: it was taken back, nobody can claim it."""
    now = Instant(sender.clock.now() + MINUTE)
    found = sender.store.write(lambda conn: queue.claim(conn, "push", "x", now, MINUTE, 1))
    return sender.store.write(lambda conn: queue.hand_over(conn, found[0], "hash", now)) if found else None


async def test_who_has_bought_after_the_last_step_gets_it_no_more(
    opened: Callable[[str], SendingShop],
) -> None:
    sender = opened(CART)
    refused_for_now(sender, "push")
    assert sender.shop.outcomes("anna")["cart"] == "finish"
    sender.shop.event("anna", "order_placed")
    sender.shop.run()
    assert second_try(sender) == "returned"
    sender.shop.run()
    assert sender.states() == {"anna push": "failed"}


async def test_who_has_bought_in_the_middle_of_a_cascade_gets_nothing_more(
    opened: Callable[[str], SendingShop],
) -> None:
    sender = opened(CART)
    refused_for_now(sender, "push", "email")
    sender.shop.event("anna", "order_placed")
    sender.shop.run()
    assert second_try(sender) in (None, "returned")
    sender.clock.advance(2 * HOUR)
    sender.shop.run()
    assert set(sender.states()) == {"anna push"}
    assert sender.states()["anna push"] in ("cancelled", "failed")


@pytest.mark.parametrize(("cart", "event"), [(CART, ""), (STAY, "order_placed")])
async def test_whoever_is_still_to_get_it_gets_it(
    opened: Callable[[str], SendingShop], cart: str, event: str
) -> None:
    sender = opened(cart)
    refused_for_now(sender, "push")
    if event:
        sender.shop.event("anna", event)
        sender.shop.run()
    assert second_try(sender) == "handed"
