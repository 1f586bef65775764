"""What happens after nothing ran for a while, and what a dry run does."""

from __future__ import annotations

from pathlib import Path

from engine.clock import SystemClock
from engine.store.sql import change
from engine.values import DAY, HOUR, MINUTE, Instant
from tests.daemon.shop import Shop, open_shop, wait_until


def test_after_downtime_goals_come_first_and_late_messages_are_skipped(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        shop.moment = begin = Instant(SystemClock().now() // DAY * DAY + 8 * HOUR)
        shop.know(["buyer", "late", "reader", "soon"])
        shop.happens("cart_updated", ["buyer", "late"])
        shop.happens("cart_updated", ["reader"], Instant(begin - 61 * MINUTE))
        shop.start()
        wait_until(lambda: shop.states("reminder") == {"reader": "accepted"}, 60, shop.log)
        wait_until(lambda: len(ends(shop)) == 3, 60, shop.log)
        assert shop.stop() == 0

        shop.moment = Instant(begin + 3 * DAY)
        shop.happens("order_placed", ["buyer"])
        shop.happens("cart_updated", ["soon"], Instant(begin + 3 * DAY - 2 * HOUR))
        shop.start()
        wait_until(lambda: None not in [*ends(shop).values()][:3], 60, shop.log)
        wait_until(lambda: "soon" in shop.states("reminder"), 60, shop.log)
        assert shop.stop() == 0
        assert {name: end for name, end in ends(shop).items() if name != "soon"} == {
            "buyer": "goal",
            "late": "finish",
            "reader": "finish",
        }
        channels = shop.ask("SELECT customer, channel FROM outbox ORDER BY customer")
        assert channels == [("reader", "push"), ("soon", "push")], (
            "nothing that is late, and no dearer channel"
        )
        assert shop.mails().total() == 0


def ends(shop: Shop) -> dict[str, str | None]:
    """How the run of each customer ended; None: it has not."""
    return dict(shop.ask("SELECT customer, outcome FROM enrollment ORDER BY customer"))


def test_a_dry_run_decides_and_leaves_nothing_that_a_real_run_would_send(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        shop.know(["dry", "queued"])
        shop.start()
        shop.command("pause")
        shop.happens("signed_up", ["queued"])
        wait_until(lambda: shop.states("hello") == {"queued": "planned"}, 60, shop.log)
        assert shop.stop() == 0
        shop.command("resume")
        shop.happens("signed_up", ["dry"])
        shop.start("--dry")
        wait_until(lambda: shop.states("hello").get("dry") == "expired", 60, shop.log)
        wait_until(lambda: ends(shop).get("dry") == "finish", 60, shop.log)
        assert "nothing is handed over" in shop.command("status")
        assert shop.stop() == 0
        assert shop.states("hello") == {"queued": "planned", "dry": "expired"}, "what was queued before stays"
        assert "dry run" in shop.command("why", "dry", "hello")
        shop.start()
        wait_until(lambda: shop.states("hello").get("queued") == "accepted", 60, shop.log)
        assert "nothing is handed over" not in shop.command("status")
        assert shop.stop() == 0
        assert shop.mails() == {"queued hello": 1}


def test_a_dry_run_that_was_killed_leaves_nothing_either(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        shop.start("--dry")
        shop.kill()
        with shop.store() as store:  # as if it had been killed between planning and ending
            at = shop.now()
            store.write(
                lambda conn: change(
                    conn,
                    "INSERT INTO webhook_call (bucket, customer, call_key, enrollment, webhook, body, state, "
                    "planned_at,"
                    " ready_at, attempts, detail) VALUES (0, 'ann', 'k', 'e', 'crm', '{}', 'planned', ?, ?, "
                    "0, '')",
                    (at, at),
                )
            )
        shop.start()
        assert shop.ask("SELECT state, detail FROM webhook_call") == [("failed", "dry run")]
        assert shop.stop() == 0
