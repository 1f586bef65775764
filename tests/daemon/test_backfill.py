"""A definition is counted by a real daemon that is killed in the middle, and whole all the same."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection

from engine.store.meta import bucket_of
from engine.store.serialization import dump
from engine.store.sql import insert_many
from engine.values import DAY, Instant
from tests.daemon.shop import Shop, open_shop, wait_until

PEOPLE, EACH = 8_000, 3
WRONG = """
SELECT count(*) FROM customer c LEFT JOIN (
    SELECT bucket, customer, count(*) AS visits, sum(CAST(fields ->> 'seconds' AS INTEGER)) AS seconds
    FROM event WHERE name = 'visited' GROUP BY bucket, customer
) e ON e.bucket = c.bucket AND e.customer = c.id
WHERE CAST(c.attributes ->> 'seconds' AS INTEGER) <> coalesce(e.seconds, 0)
    OR CAST(c.attributes ->> 'visits' AS INTEGER) <> coalesce(e.visits, 0)
    OR c.attributes ->> 'visits' IS NULL OR c.attributes ->> 'seconds' IS NULL
"""


def name_of(number: int) -> str:
    return f"p{number:06}"


def fill(conn: Connection, now: Instant) -> None:
    """Everybody with their visits, of which no fact knows anything."""
    seen = dump({"visited": [EACH, now - EACH * 1000, now - 1000, 0]})
    documents = dict.fromkeys(("attributes", "folded", "memory", "segments", "reach"), "{}")
    buckets = [bucket_of(conn, name_of(number)) for number in range(PEOPLE)]
    insert_many(conn, "customer", [
        {"bucket": bucket, "id": name_of(number), "zone": "Europe/Berlin", "zone_why": "project",
         "applied": 0, "created_at": now, **documents, "seen": seen, "marks": "[[],[],{},[]]"}
        for number, bucket in enumerate(buckets)
    ])  # fmt: skip
    insert_many(conn, "event", [
        {"bucket": bucket, "customer": name_of(number), "name": "visited", "occurred_at": now - k * 1000,
         "number": number * 10 + k, "received_at": now, "id": f"v{number}-{k}", "starts": False,
         "fields": dump({"seconds": k + number % 7})}
        for number, bucket in enumerate(buckets) for k in range(1, EACH + 1)
    ])  # fmt: skip


def states(shop: Shop) -> set[str]:
    return {str(state) for (state,) in shop.ask("SELECT state FROM fact_definition")}


def is_in_the_middle(shop: Shop) -> bool:
    """Some customers are counted."""
    return bool(shop.ask("SELECT 1 FROM fact_definition WHERE state <> 'counting' OR done > 0"))


@pytest.mark.timeout(400)
def test_a_definition_is_whole_though_the_daemon_is_killed_while_it_is_counted(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        with shop.store() as store:
            store.write(partial(fill, now=Instant(shop.now() - DAY)))
        shop.start()
        wait_until(partial(is_in_the_middle, shop), 60, shop.log)
        shop.kill()
        assert states(shop) != {"whole"}, "it was killed in the middle"
        # they wait in the inbox, for customers on both sides of the place that was reached
        shop.happens("visited", [name_of(number) for number in range(0, PEOPLE, 1_000)])
        shop.start()
        wait_until(lambda: states(shop) == {"whole"}, 90, shop.log)
        wait_until(lambda: not shop.ask("SELECT 1 FROM inbox LIMIT 1"), 60, shop.log)
        assert shop.stop() == 0
        assert shop.ask(WRONG) == [(0,)]
        assert shop.ask("SELECT count(*) FROM customer WHERE CAST(memory AS TEXT) LIKE '%+%'") == [(0,)]
        assert shop.ask("SELECT count(*) FROM event") == [(PEOPLE * EACH + PEOPLE // 1_000,)]
