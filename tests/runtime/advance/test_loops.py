"""Journeys that start each other without end: stopped for whom it happens to, told to the owner, and nobody
else notices."""

from __future__ import annotations

from pathlib import Path

from engine.store.alerting import alerts
from engine.store.sql import rows
from tests.runtime.shop import FILES, Shop

PING = """
journey: ping
owner: anna@shop.example
start:
  - event: subscribed
  - event: journey_finished
    where: {journey: pong}
again: always
goal: {event: order_placed}
policy: service
steps:
  - send: hello
"""
PONG = """
journey: pong
start:
  event: journey_finished
  where: {journey: ping}
again: always
goal: {event: order_placed}
policy: service
steps:
  - add: {points: 1}
"""


def test_a_loop_is_stopped_across_batches_and_its_journeys_are_named(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {**FILES, "journeys/ping.yaml": PING, "journeys/pong.yaml": PONG})
    for customer in ("ada", "bob"):
        shop.change(customer, tier="gold")
    shop.event("ada", "subscribed")
    shop.event("bob", "cart_updated")
    sent = shop.send_all()
    assert 2 < len([template for customer, template in sent if customer == "ada"]) < 20
    shop.later(3_600_000)
    assert shop.states()["cart_reminder", "accepted"] == 1
    with shop.store.read() as conn:
        (alert,) = alerts.latest(conn)
        assert rows(conn, "SELECT count(*) FROM inbox") == [(0,)]
    assert alert.journey in ("ping", "pong")
    assert '"ping" and "pong" start each other without end' in alert.why
    # What comes from outside begins anew.
    before = len(shop.planned())
    shop.event("ada", "subscribed")
    shop.send_all()
    assert len(shop.planned()) > before
    shop.close()
