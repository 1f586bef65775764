"""Standing orders under load: what is paused stands still within a second, also after a restart."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.daemon.shop import Shop, open_shop, wait_until


@contextmanager
def load_of(shop: Shop, name: str, count: int) -> Iterator[list[str]]:
    """So many messages are on their way, and some have left. No pause stands afterwards."""
    customers = [f"{name}{n}" for n in range(count)]
    shop.know(customers)
    shop.happens("signed_up", customers)
    wait_until(lambda: handed(shop, name) > 3, 60, shop.log)
    try:
        yield customers
    finally:
        shop.command("resume")


def handed(shop: Shop, name: str, after: int = 0) -> int:
    handed = shop.ask("SELECT customer FROM outbox WHERE handed_at > ?", after)
    return sum(customer.startswith(name) and customer[len(name)].isdigit() for (customer,) in handed)


@pytest.mark.parametrize("what", ["all", "email", "news"])
def test_case_26_nothing_is_handed_over_a_second_after_a_pause(running: Shop, what: str) -> None:
    name = f"p-{what}-"
    with load_of(running, name, 200) as customers:
        running.command("pause", what)
        at = running.ask("SELECT at FROM pause")[0][0]
        left = handed(running, name)
        assert left < len(customers), "the pause came too late to show anything"
        assert [each["name"] or "all" for each in running.status()["pauses"]] == [what]
        assert handed(running, name) == left
        assert handed(running, name, at + 1000) == 0
        running.happens("order_placed", customers)  # goals go on, so that nobody hears of what they bought
        wait_until(lambda: states(running, name).keys() == {"accepted", "cancelled"}, 60, running.log)
        assert handed(running, name) == left
        running.command("resume", what)
        running.know([f"{name}after"])
        running.happens("signed_up", [f"{name}after"])
        wait_until(lambda: running.states("hello").get(f"{name}after") == "accepted", 60, running.log)


def states(shop: Shop, name: str) -> Counter[str]:
    return Counter(state for customer, state in shop.states("hello").items() if customer.startswith(name))


def test_case_26_a_stop_under_load_loses_nothing_and_a_pause_survives_it(tmp_path: Path) -> None:
    with open_shop(tmp_path, answer_seconds=0.02) as shop:
        shop.start()
        with load_of(shop, "s", 250) as customers:
            assert shop.stop() == 0
            states = set(shop.states("hello").values())
            assert states <= {"accepted", "planned"}, (
                "what was under way has its answer, the rest was handed back"
            )
            assert "planned" in states
            assert "Traceback" not in shop.log()
            shop.command("pause")
            left = handed(shop, "s")
            shop.start()
            time.sleep(0.5)
            assert handed(shop, "s") == left
        wait_until(lambda: set(shop.states("hello").values()) == {"accepted"}, 60, shop.log)
        assert shop.mails() == {f"{customer} hello": 1 for customer in customers}
        assert shop.stop() == 0
