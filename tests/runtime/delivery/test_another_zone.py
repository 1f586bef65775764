"""A customer turns out to live elsewhere while a message is planned: nothing leaves in quiet hours there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.store.persons import aliases
from engine.values import HOUR, instant
from tests.runtime.shop import CONFIG, FILES, Shop

QUIET = CONFIG.replace("service: {consent: none}", 'service: {consent: none, quiet: "21:00-09:00"}')
NOON = instant(dt.datetime(2026, 3, 2, 11, 0, tzinfo=dt.UTC))
"""12:00 in Berlin, 20:00 in Tokyo, midnight in Auckland."""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    opened = Shop(tmp_path, {**FILES, "config.yaml": QUIET}, NOON)
    yield opened
    opened.close()


def test_a_planned_message_waits_for_the_morning_of_the_new_zone(shop: Shop) -> None:
    shop.change("ann", timezone="Europe/Berlin")
    shop.event("ann", "subscribed")
    shop.run()
    assert shop.states() == {("hello", "planned"): 1}
    shop.change("ann", timezone="Pacific/Auckland")
    assert shop.send_all() == []
    shop.clock.advance(9 * HOUR)  # 09:00 there
    assert shop.send_all() == [("ann", "hello")]


def test_the_same_request_may_bring_the_zone_after_the_event(shop: Shop) -> None:
    shop.change("ann", timezone="Europe/Berlin")
    shop.run()
    shop.event("ann", "subscribed")
    shop.change("ann", timezone="Pacific/Auckland")
    assert shop.send_all() == []
    shop.clock.advance(9 * HOUR)
    assert shop.send_all() == [("ann", "hello")]


def test_a_planned_message_may_leave_until_the_evening_of_the_new_zone(shop: Shop) -> None:
    shop.change("ann", timezone="Europe/Berlin")
    shop.event("ann", "subscribed")
    shop.run()
    shop.change("ann", timezone="Asia/Tokyo")
    shop.run()
    shop.clock.advance(HOUR)  # 21:00 there: the deliverer was late
    assert shop.send_all() == []


def test_a_hold_that_gets_shorter_moves_the_moment_less(shop: Shop) -> None:
    """Held at 22:30 until nine in Berlin; an hour later it is noon where the customer is."""
    shop.clock.advance(10 * HOUR + HOUR // 2)
    shop.change("ann", timezone="Europe/Berlin")
    shop.event("ann", "subscribed")
    shop.run()
    shop.clock.advance(HOUR)
    shop.change("ann", timezone="Pacific/Auckland")
    shop.run()
    (message,) = shop.planned()
    assert message.due_at == shop.clock.now()


def test_a_message_of_the_other_id_is_held_in_the_zone_of_the_person(shop: Shop) -> None:
    shop.change("phone", timezone="Europe/Berlin")
    shop.change("ann", timezone="Pacific/Auckland")
    shop.event("phone", "subscribed")
    shop.run()
    assert shop.states() == {("hello", "planned"): 1}
    journeys, now = shop.publication.journeys, shop.clock.now()
    assert shop.store.write(lambda conn: aliases.join(conn, "phone", "ann", journeys, now)) == ""
    assert shop.send_all() == []
    shop.clock.advance(9 * HOUR)
    assert shop.send_all() == [("ann", "hello")]
