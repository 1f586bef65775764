"""Two ids turn out to be one person: one run goes on, and nothing is sent a second time
(design/reliability case 55)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.store.messages import queue
from engine.store.persons import aliases
from engine.values import DAY, HOUR, MINUTE
from tests.runtime.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    opened = Shop(tmp_path)
    for name in ("anna", "visitor"):
        opened.change(name)
    opened.run()
    yield opened
    opened.close()


def join(shop: Shop) -> str:
    return shop.store.write(
        lambda conn: aliases.join(conn, "visitor", "anna", shop.publication.journeys, shop.clock.now())
    )


def open_runs(shop: Shop, journey: str) -> int:
    return sum(shop.resting(journey).values())


def sent(shop: Shop) -> list[tuple[str, str]]:
    return sorted((one.customer, one.template) for one in shop.planned() if one.state == "accepted")


def test_case_55_of_two_who_wait_in_one_journey_one_goes_on_and_gets_one_message(shop: Shop) -> None:
    for name in ("visitor", "anna"):
        shop.event(name, "cart_updated")
    shop.run()
    assert open_runs(shop, "cart") == 2
    assert join(shop) == ""
    assert open_runs(shop, "cart") == 1
    shop.later(HOUR)
    assert sent(shop) == [("anna", "cart_reminder")]
    assert shop.outcomes("visitor") == {}


def test_what_one_of_them_got_the_other_does_not_get_again(shop: Shop) -> None:
    shop.event("visitor", "subscribed")
    shop.send_all()
    shop.later(DAY)
    shop.event("anna", "subscribed")
    shop.run()  # her own hello is planned, and nobody has taken it
    assert join(shop) == ""
    shop.later(DAY)
    assert sent(shop) == [("anna", "hello"), ("anna", "offer")]  # two days after the first hello


def test_runs_of_other_journeys_come_along_and_go_on_when_they_are_due(shop: Shop) -> None:
    shop.event("visitor", "cart_updated")
    shop.event("anna", "subscribed")
    shop.send_all()
    assert join(shop) == ""
    shop.later(HOUR)
    assert sent(shop) == [("anna", "cart_reminder"), ("anna", "hello")]


def test_a_message_that_a_deliverer_holds_is_not_sent_under_the_old_id(shop: Shop) -> None:
    shop.event("visitor", "subscribed")
    shop.run()
    now = shop.clock.now()
    (held,) = shop.store.write(lambda conn: queue.claim(conn, "push", "other", now, MINUTE, 10))
    assert join(shop) == ""
    assert not shop.hand_over(held)
    shop.run()
    assert shop.send_all() == [("anna", "hello")]


def test_nobody_is_left_under_the_old_id(shop: Shop) -> None:
    shop.event("visitor", "subscribed")
    shop.send_all()
    join(shop)
    shop.run()
    with shop.store.read() as conn:
        for table in ("customer", "enrollment", "outbox", "event", "inbox", "trace", "due"):
            found = conn.exec_driver_sql((
                f"SELECT count(*) FROM {table} WHERE customer_or_id "
                f"= 'visitor'"
            ).replace(
                "customer_or_id", "id" if table == "customer" else "customer")).scalar()  # fmt: skip
            assert found == 0, table
