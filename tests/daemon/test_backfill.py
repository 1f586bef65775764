"""A definition is counted by a real daemon that is killed in the middle, and whole all the same."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from engine.values import DAY, Instant
from tests.daemon.shop import Shop, open_shop, wait_until

PEOPLE, EACH = 12_000, 4
_CUSTOMERS = """
INSERT INTO customer (bucket, id, zone, zone_why, applied, created_at, attributes, folded, memory, seen,
    segments, reach, marks)
WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < ?)
SELECT 0, 'p' || printf('%06d', n), 'Europe/Berlin', 'project', 0, ?, '{}', '{}', '{}',
    json_object('visited', json_array(?, ?, ?, 0)), '{}', '{}', '[[],[],{},[]]'
FROM n
"""
_EVENTS = """
INSERT INTO event
WITH RECURSIVE k(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM k WHERE k < ?)
SELECT bucket, id, 'visited', ? - k * 1000, rowid * 10 + k, ?, 'v' || rowid || '-' || k, 0,
    json_object('seconds', k + rowid % 7)
FROM customer, k
"""
_WRONG = """
SELECT count(*) FROM customer c WHERE
    coalesce(c.attributes ->> '$.seconds', -1) <> (SELECT coalesce(sum(e.fields ->> '$.seconds'), 0)
        FROM event e WHERE e.bucket = c.bucket AND e.customer = c.id AND e.name = 'visited')
    OR coalesce(c.attributes ->> '$.visits', -1) <> (SELECT count(*)
        FROM event e WHERE e.bucket = c.bucket AND e.customer = c.id AND e.name = 'visited')
"""


def states(shop: Shop) -> set[str]:
    return {str(state) for (state,) in shop.ask("SELECT state FROM fact_definition")}


def is_far(shop: Shop, state: str) -> bool:
    """Some customers are behind, in this state or a later one."""
    return states(shop) == {"whole"} or bool(
        shop.ask("SELECT 1 FROM fact_definition WHERE state = ? AND done > 0", state)
    )


@pytest.mark.timeout(400)
def test_a_definition_is_whole_though_the_daemon_is_killed_while_it_is_counted(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        now = Instant(shop.now() - DAY)
        with shop.store() as store:
            first, last = now - EACH * 1000, now - 1000
            store.write(lambda conn: conn.exec_driver_sql(_CUSTOMERS, (PEOPLE, now, EACH, first, last)))
            store.write(lambda conn: conn.exec_driver_sql(_EVENTS, (EACH, now, now)))
        seen = []
        for state in ("counting", "placing"):
            shop.start()
            wait_until(partial(is_far, shop, state), 60, shop.log)
            shop.kill()
            seen.append(states(shop))
            # they wait in the inbox, for customers on both sides of the place that was reached
            shop.happens("visited", [f"p{number:06}" for number in range(0, PEOPLE, 1_000)])
        assert seen[0] != {"whole"}, "it was killed in the middle"
        shop.start()
        wait_until(lambda: states(shop) == {"whole"}, 90, shop.log)
        wait_until(lambda: not shop.ask("SELECT 1 FROM inbox LIMIT 1"), 60, shop.log)
        assert shop.stop() == 0
        assert shop.ask(_WRONG) == [(0,)]
        assert shop.ask("SELECT count(*) FROM customer WHERE memory LIKE '%+%'") == [(0,)]
        told = shop.ask("SELECT sum(attributes ->> '$.visits') FROM customer")
        assert told == [(PEOPLE * EACH + 2 * PEOPLE // 1_000,)]
