"""Where a message goes is asked when it is written, not when the journey began
(design/reliability case 54)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.core.happening import ProfileChanged
from engine.values import HOUR
from tests.runtime.sending_shop import SendingShop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def sender(tmp_path: Path) -> AsyncIterator[SendingShop]:
    opened = SendingShop(tmp_path)
    yield opened
    await opened.close()


async def test_case_54_an_address_that_changes_during_the_wait_is_the_one_that_is_used(
    sender: SendingShop,
) -> None:
    sender.customer("anna", push="token-1", email="old@example.com")
    sender.shop.event("anna", "cart_updated")
    await sender.settle_down()
    sender.shop.happen("anna", ProfileChanged(0, sender.clock.now(), {}, {"email": "new@example.com"}), None)
    await sender.later(HOUR)
    assert sorted(sender.sent()) == [("email", "new@example.com"), ("push", "token-1")]


async def test_case_54_who_has_no_address_left_is_passed_over(sender: SendingShop) -> None:
    sender.customer("anna", push="token-1", email="old@example.com", sms="+359881234567")
    sender.shop.event("anna", "cart_updated")
    await sender.settle_down()
    sender.shop.happen("anna", ProfileChanged(0, sender.clock.now(), {}, {"email": None}), None)
    await sender.later(HOUR)
    assert sorted(sender.sent()) == [("push", "token-1"), ("sms", "+359881234567")]
