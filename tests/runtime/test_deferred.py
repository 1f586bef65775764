"""A message that the provider refused for now, when its customer buys before the next try."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from engine.store.messages import queue
from engine.store.messages.queue import Handover
from engine.values import HOUR, MINUTE, Instant
from tests.runtime.post import CART, POST_FILES, Post

STAY = CART.replace("goal: {event: order_placed}", "goal: {event: order_placed, then: stay}").replace(
    "next_after: 1 hour", "next_after: 1 hour\n  - wait: 3 days\n    id: later"
)


pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Callable[[str], Post]]:
    posts: list[Post] = []

    def of(cart: str) -> Post:
        posts.append(Post(tmp_path, {**POST_FILES, "journeys/cart.yaml": cart}))
        return posts[-1]

    yield of
    for post in posts:
        await post.close()


def refused_for_now(post: Post, *channels: str) -> None:
    """Push took nothing yet; for the journey the message has left."""
    post.customer("anna", **{channel: f"{channel}@example.com" for channel in channels})
    post.shop.event("anna", "cart_updated")
    post.shop.run()
    now = post.clock.now()
    (taken,) = post.store.write(lambda conn: queue.claim(conn, "push", "x", now, MINUTE, 1))
    assert post.store.write(lambda conn: queue.hand_over(conn, taken, "hash", now)) == "handed"
    post.shop.run()
    assert post.store.write(lambda conn: queue.defer(conn, taken, Instant(now + MINUTE), "429"))


def second_try(post: Post) -> Handover | None:
    """None: it was taken back, nobody can claim it."""
    now = Instant(post.clock.now() + MINUTE)
    found = post.store.write(lambda conn: queue.claim(conn, "push", "x", now, MINUTE, 1))
    return post.store.write(lambda conn: queue.hand_over(conn, found[0], "hash", now)) if found else None


async def test_who_has_bought_after_the_last_step_gets_it_no_more(opened: Callable[[str], Post]) -> None:
    post = opened(CART)
    refused_for_now(post, "push")
    assert post.shop.outcomes("anna")["cart"] == "finish"
    post.shop.event("anna", "order_placed")
    post.shop.run()
    assert second_try(post) == "returned"
    post.shop.run()
    assert post.states() == {"anna push": "failed"}


async def test_who_has_bought_in_the_middle_of_a_cascade_gets_nothing_more(
    opened: Callable[[str], Post],
) -> None:
    post = opened(CART)
    refused_for_now(post, "push", "email")
    post.shop.event("anna", "order_placed")
    post.shop.run()
    assert second_try(post) in (None, "returned")
    post.clock.advance(2 * HOUR)
    post.shop.run()
    assert set(post.states()) == {"anna push"}
    assert post.states()["anna push"] in ("cancelled", "failed")


@pytest.mark.parametrize(("cart", "event"), [(CART, ""), (STAY, "order_placed")])
async def test_whoever_is_still_to_get_it_gets_it(
    opened: Callable[[str], Post], cart: str, event: str
) -> None:
    post = opened(cart)
    refused_for_now(post, "push")
    if event:
        post.shop.event("anna", event)
        post.shop.run()
    assert second_try(post) == "handed"
