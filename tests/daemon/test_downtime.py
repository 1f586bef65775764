"""What happens after nothing ran for a while, and what a dry run does."""

from __future__ import annotations

from pathlib import Path

from engine.clock import SystemClock
from engine.store import decisions
from engine.values import DAY, HOUR, MINUTE, Instant
from tests.daemon.shop import Shop, open_shop, wait_until


class Elsewhen(Shop):
    """A shop whose clock the test sets."""

    moment = Instant(SystemClock().now() // DAY * DAY + 8 * HOUR)

    def now(self) -> Instant:
        return self.moment


def test_after_downtime_goals_come_first_and_late_messages_are_skipped(tmp_path: Path) -> None:
    with open_shop(tmp_path, kind=Elsewhen) as shop:
        customers = ["buyer", "late", "reader", "on-time"]
        shop.know(customers)
        shop.happens("cart_updated", ["buyer", "late", "reader"])
        shop.start(at=shop.now())
        wait_until(lambda: len(inside(shop)) == 3, 20, shop.log)
        assert shop.stop() == 0
        begin = shop.moment

        shop.moment = Instant(
            begin + 61 * MINUTE
        )  # the reader's push was due a minute ago: the others are asked later
        keep = "UPDATE due SET due_at = due_at"
        assert keep
        shop.start(at=shop.moment)
        wait_until(lambda: len(shop.states("reminder")) == 3, 20, shop.log)
        assert shop.stop() == 0
