"""Where a message goes is asked when it is written, not when the journey began
(design/reliability case 54)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.core.happening import ProfileChanged
from engine.values import HOUR
from tests.runtime.post import Post

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    opened = Post(tmp_path)
    yield opened
    await opened.close()


async def test_case_54_an_address_that_changes_during_the_wait_is_the_one_that_is_used(post: Post) -> None:
    post.customer("anna", push="token-1", email="old@example.com")
    post.shop.event("anna", "cart_updated")
    await post.settle_down()
    post.shop.happen("anna", ProfileChanged(0, post.clock.now(), {}, {"email": "new@example.com"}), None)
    await post.later(HOUR)
    assert sorted(post.sent()) == [("email", "new@example.com"), ("push", "token-1")]


async def test_case_54_who_has_no_address_left_is_passed_over(post: Post) -> None:
    post.customer("anna", push="token-1", email="old@example.com", sms="+359881234567")
    post.shop.event("anna", "cart_updated")
    await post.settle_down()
    post.shop.happen("anna", ProfileChanged(0, post.clock.now(), {}, {"email": None}), None)
    await post.later(HOUR)
    assert sorted(post.sent()) == [("push", "token-1"), ("sms", "+359881234567")]
