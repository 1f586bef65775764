"""kill -9 while mail goes out by real SMTP: nothing is lost, nothing is sent twice, unknowns are listed.

`PERENNIAL_KILLS=50 ./run pytest -m soak tests/daemon/test_kill.py` kills as often as you like.
"""

from __future__ import annotations

import json
import os
import threading
import time
from functools import partial
from pathlib import Path
from random import Random

import httpx2
import pytest

from tests.daemon.shop import Shop, open_shop, wait_until

MANY = int(os.environ.get("PERENNIAL_KILLS", "5"))
EACH = 100
"""Customers for each kill, so that every daemon has work left when it dies."""


class Source(threading.Thread):
    """Sends events until each was answered with 2xx, whoever dies meanwhile."""

    def __init__(self, shop: Shop, customers: list[str]) -> None:
        super().__init__(daemon=True)
        self.client = shop.client()
        self.customers = customers
        self.errors: list[str] = []

    def run(self) -> None:
        with self.client:
            for n in range(0, len(self.customers), 10):
                self.send(self.customers[n : n + 10])

    def send(self, customers: list[str]) -> None:
        body = [
            event
            for id_ in customers
            for event in (
                {"id": f"{id_}-visit", "event": "visited", "customer_id": id_, "properties": {"seconds": 7}},
                {"id": f"{id_}-sign", "event": "signed_up", "customer_id": id_},
            )
        ]
        while True:
            try:
                answer = self.client.post("/events", json=body)
            except httpx2.TransportError:
                time.sleep(0.05)
                continue
            if answer.status_code == 200:
                return
            self.errors.append(answer.text)
            time.sleep(0.05)


@pytest.mark.timeout(120 + 20 * MANY)
@pytest.mark.parametrize("kills", [2, pytest.param(MANY, marks=pytest.mark.soak)])
def test_every_message_arrives_and_none_twice(tmp_path: Path, kills: int) -> None:
    customers = [f"c{n}" for n in range(EACH * (kills + 1))]
    dice = Random(11)
    with open_shop(tmp_path, answer_seconds=0.03) as shop:
        shop.know(customers)
        source = Source(shop, customers)
        source.start()
        for _ in range(kills):
            before = shop.mails().total()
            shop.start()
            wait_until(partial(has_sent_more, shop, before), 30, shop.log)
            time.sleep(dice.random() * 0.4)
            shop.kill()
        shop.start()
        wait_until(lambda: not source.is_alive(), 60, shop.log)
        wait_until(lambda: not waiting(shop), 60, shop.log)
        check_and_stop(shop, customers, most_unknown=4 * kills)  # the daemon has four connections
        assert source.errors == []


def has_sent_more(shop: Shop, before: int) -> bool:
    return shop.mails().total() > before


def waiting(shop: Shop) -> int:
    sql = (
        "SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM outbox WHERE state IN ('planned', "
        "'claimed', 'deferred', 'handoff'))"
    )
    return int(shop.ask(sql)[0][0])


def check_and_stop(shop: Shop, customers: list[str], most_unknown: int) -> None:
    """Each got its message once; of those that nobody knows about, at most once."""
    listed = {each["customer"] for each in shop.status()["unknown"]}
    assert shop.stop() == 0
    check(shop, customers, listed, most_unknown)


def check(shop: Shop, customers: list[str], listed: set[str], most_unknown: int) -> None:
    mails, states = shop.mails(), shop.states("hello")
    assert states.keys() == set(customers)
    unknown = {customer for customer, state in states.items() if state == "unknown"}
    assert unknown == listed
    assert len(unknown) <= most_unknown
    for customer in customers:
        times = mails[f"{customer} hello"]
        assert times <= 1 if customer in unknown else times == 1, (customer, states[customer], times)
    assert set(states.values()) <= {"accepted", "unknown"}
    applied = shop.ask(
        "SELECT name, count(*), count(DISTINCT customer) FROM event WHERE name IN ('visited', 'signed_up') "
        "GROUP BY 1"
    )
    assert sorted(applied) == [(name, len(customers), len(customers)) for name in ("signed_up", "visited")]
    facts = [json.loads(text) for (text,) in shop.ask("SELECT CAST(attributes AS TEXT) FROM customer")]
    assert {(known["visits"], known["seconds"]) for known in facts} == {(1, 7)}, "every event counts once"
    runs = shop.ask("SELECT count(*), count(DISTINCT customer) FROM enrollment WHERE journey = 'news'")
    assert runs == [(len(customers), len(customers))]
