"""The nightly look: segments are repaired, old traces go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from engine.core.happening import Event
from engine.runtime.advance.maintenance import sweep_segments, sweep_segments_in_slices
from engine.store.audience.whole_base import CUSTOMER
from engine.store.conditions.json_sql import json_kind
from engine.values import DAY, HOUR, Instant
from tests.runtime.publish.test_deploy import LAPSED, WIN_BACK
from tests.runtime.shop import ATTRIBUTES, FILES, Shop

BUSY = """
segment: busy
about: Bought twice in a week; a windowed fact, which only closures can count.
who: {orders_lately: at least 2}
"""


PROJECT = {
    **FILES,
    "schemas/customer.yaml": ATTRIBUTES + "  orders_lately: count of order_placed in last 7 days\n",
    "journeys/segments/lapsed.yaml": LAPSED,
    "journeys/segments/busy.yaml": BUSY,
    "journeys/win_back.yaml": WIN_BACK,
}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    opened = Shop(tmp_path, PROJECT)
    yield opened
    opened.close()


def sweep(shop: Shop) -> dict[str, int]:
    return shop.store.write(
        lambda conn: sweep_segments(conn, shop.publication.journeys, shop.clock.now(), force=True)
    )


def bought(shop: Shop, customer: str, days: float) -> None:
    now = shop.clock.now()
    at = Instant(int(now - days * DAY))
    shop.happen(
        customer,
        Event(0, f"{customer}{days}", "order_placed", at, now, {}, starts=False),
        f"{customer}{days}",
    )


def members(shop: Shop) -> dict[str, int]:
    with shop.store.read() as conn:
        marked = {name: json_kind(CUSTOMER.c.segments, name).is_not(None) for name in ("lapsed", "busy")}
        return {
            name: conn.execute(sa.select(sa.func.count()).where(mark)).scalar_one()
            for name, mark in marked.items()
        }


def test_what_is_right_is_left_alone(shop: Shop) -> None:
    shop.change("ann")
    bought(shop, "ann", 100)
    bought(shop, "bob", 1)
    bought(shop, "bob", 2)
    shop.run()
    assert members(shop) == {"lapsed": 1, "busy": 1}
    assert sweep(shop) == {"lapsed": 0, "busy": 0}


def test_what_went_wrong_is_repaired(shop: Shop) -> None:
    shop.change("ann")
    bought(shop, "ann", 100)
    bought(shop, "bob", 1)
    bought(shop, "bob", 2)
    shop.run()

    def lose(conn: Connection) -> None:
        conn.exec_driver_sql("""UPDATE customer SET segments = '{"lapsed":1}' WHERE id = 'bob'""")
        conn.exec_driver_sql("UPDATE customer SET segments = '{}' WHERE id = 'ann'")

    shop.store.write(lose)
    assert sweep(shop) == {"lapsed": 2, "busy": 1}
    shop.run()
    assert members(shop) == {"lapsed": 1, "busy": 1}
    assert sweep(shop) == {"lapsed": 0, "busy": 0}


def test_time_alone_ends_a_window(shop: Shop) -> None:
    shop.change("bob")
    bought(shop, "bob", 1)
    bought(shop, "bob", 2)
    shop.run()
    shop.later(5 * DAY - HOUR)
    assert members(shop)["busy"] == 1
    shop.later(2 * HOUR)
    assert members(shop)["busy"] == 0


def test_a_segment_that_is_new_knows_when_time_alone_will_change_it(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {name: text for name, text in PROJECT.items() if "busy" not in name})
    for name in ("bob", "eve"):
        bought(shop, name, 1)
        bought(shop, name, 2)
    shop.run()
    shop.publish(PROJECT)
    shop.run()
    assert members(shop)["busy"] == 2
    bought(shop, "eve", 0)
    shop.run()
    shop.later(6 * DAY)
    assert members(shop)["busy"] == 0
    shop.close()


def test_segments_are_swept_once_a_night(shop: Shop) -> None:
    journeys = shop.publication.journeys
    look = lambda conn: sweep_segments(conn, journeys, shop.clock.now())  # noqa: E731
    assert shop.store.write(look) == {}
    shop.clock.advance(DAY)
    assert shop.store.write(look) == {"lapsed": 0, "busy": 0}


def test_a_sweep_in_slices_finds_what_one_look_finds(shop: Shop) -> None:
    for name in ("ann", "bob", "cleo"):
        shop.change(name)
        bought(shop, name, 100)
    shop.run()
    # Their marks are lost, as a restored backup or a defect may do.
    shop.store.write(lambda conn: conn.exec_driver_sql("UPDATE customer SET segments = '{}'"))
    shop.clock.advance(DAY)
    journeys, now = shop.publication.journeys, shop.clock.now()
    assert sweep_segments_in_slices(shop.store, journeys, now, chunk=2) == {"lapsed": 3, "busy": 0}
    shop.run()
    assert members(shop)["lapsed"] == 3
    assert sweep_segments_in_slices(shop.store, journeys, now) == {}
