"""Reports of segments and of deployments: who came and went, and what a deployment is compared with."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.figures.period import Period
from engine.figures.report import FiguresReport, Row, Table
from engine.figures.reports import by_name as reports
from engine.figures.request import ReportRequest
from engine.ids import in_holdout
from engine.values import DAY, HOUR, Money
from tests.runtime.shop import ATTRIBUTES, FILES, Shop

SEGMENTS = {
    "schemas/customer.yaml": ATTRIBUTES + "  visits: count of cart_updated in last 3 days\n",
    "journeys/segments/active.yaml": "segment: active\nabout: Here lately.\nwho: {visits: at least 1}\n",
    "journeys/segments/buyers.yaml": "segment: buyers\nabout: Bought.\nwho: {orders_count: at least 1}\n",
}
HELD = """
journey: welcome
start: {event: subscribed}
again: after 1 day
goal: {event: order_placed, within: 1 day}
policy: marketing
holdout: 50%
steps:
  - send: hello
"""

BERLIN = dt.timezone(dt.timedelta(hours=1))

Open = Callable[[dict[str, str]], Shop]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    shops: list[Shop] = []

    def one(texts: dict[str, str]) -> Shop:
        shops.append(Shop(tmp_path, {**FILES, **texts}))
        return shops[-1]

    yield one
    for shop in shops:
        shop.close()


def told(shop: Shop, name: str, period: Period) -> FiguresReport:
    with shop.store.read() as conn:
        return reports.report(conn, ReportRequest(name, period), shop.publication.journeys, shop.clock.now())


def figures(table: Table, row: Row) -> dict[str, Any]:
    return {metric.name: value for metric, value in zip(table.metrics, row.now, strict=True)}


def test_who_came_and_went_is_what_the_memberships_say(opened: Open) -> None:
    shop, dice = opened(SEGMENTS), random.Random(7)
    people = [f"c{number}" for number in range(12)]
    for _ in range(25):
        for name in dice.sample(people, 2):
            shop.event(name, dice.choice(("cart_updated", "cart_updated", "order_placed")))
        shop.run()
        shop.later(8 * HOUR)
    period = Period(dt.date(2026, 3, 4), dt.date(2026, 3, 7))
    table = told(shop, "segments", period).tables[0]
    first = int(dt.datetime(2026, 3, 4, tzinfo=BERLIN).timestamp() * 1000)
    last = first + 4 * DAY
    with shop.store.read() as conn:
        for name in ("active", "buyers"):
            rows = conn.exec_driver_sql(
                f"SELECT entered_at, left_at FROM membership WHERE segment = '{name}'"
            ).fetchall()
            line = figures(table, table.row(name))
            assert line["members"] == sum(left is None for _, left in rows)
            assert line["entered"] == sum(first <= entered < last for entered, _ in rows)
            assert line["left"] == sum(left is not None and first <= left < last for _, left in rows)
    assert figures(table, table.row("active"))["left"] > 0


def test_days_in_which_nothing_was_say_when_something_was(opened: Open) -> None:
    shop = opened(SEGMENTS)
    shop.event("c1", "order_placed", total=Money(Decimal(5), "EUR"))
    shop.run()
    shop.later(40 * DAY)
    empty, full = (Period(dt.date(2026, month, 1), dt.date(2026, month, 31)) for month in (5, 3))
    nothing = "Nothing is counted of these days"
    last = f"{nothing}; the last day of which anything is was 2026-03-02."
    for name in ("overview", "customers", "cohorts", "segments"):
        assert not any(nothing in note for note in told(shop, name, full).notes)
        assert last in told(shop, name, empty).notes
    earlier = Period(dt.date(2026, 1, 1), dt.date(2026, 1, 31))
    assert f"{nothing}, nor of any day before 2026-01-01." in told(shop, "overview", earlier).notes


def test_days_before_and_after_a_deployment_and_its_journey_against_the_holdout(opened: Open) -> None:
    shop = opened({"journeys/welcome.yaml": HELD})
    names = iter([f"c{number}" for number in range(400)])

    def days(count: int, buy: Callable[[str, int], bool], total: int) -> None:
        for _ in range(count):
            came = [next(names) for _ in range(8)]
            for name in came:
                shop.event(name, "subscribed")
            shop.run()
            shop.later(HOUR)
            for place, name in enumerate(came):
                if buy(name, place):
                    shop.event(name, "order_placed", total=Money(Decimal(total), "EUR"))
            shop.run()
            shop.later(DAY - HOUR)

    def is_held(name: str) -> bool:
        return in_holdout(name, "welcome", 50)

    days(6, lambda name, place: place == 0, 10)
    changed = HELD.replace("send: hello", "send: offer")
    shop.publish({**FILES, "journeys/welcome.yaml": changed})
    days(5, lambda name, place: not is_held(name), 20)
    today = dt.date(2026, 3, 2) + dt.timedelta(days=11)
    before, controlled = told(shop, "deployments", Period(dt.date(2026, 3, 2), today)).tables
    (row,) = before.rows
    line = figures(before, row)
    # the deployment was on the 8th: the day itself and today do not count
    assert row.label == "#2, 2026-03-08, anna"
    assert row.note == "welcome"
    assert line["compared_days"] == 4
    with shop.store.read() as conn:
        orders = conn.exec_driver_sql("SELECT occurred_at, amount FROM credit").fetchall()
        people = conn.exec_driver_sql(
            "SELECT customer, started_at, goal_at, holdout FROM enrollment"
        ).fetchall()

    def day(at: int) -> int:
        return dt.datetime.fromtimestamp(at / 1000, BERLIN).day

    for side, wanted in (("before", range(4, 8)), ("after", range(9, 13))):
        revenue = sum(amount for at, amount in orders if day(at) in wanted)
        assert line[f"all_revenue_{side}"] == Decimal(revenue) / 1_000_000 / 4
        found = figures(controlled, controlled.rows[0])
        for name, held in (("rate", False), ("held", True)):
            inside = [goal for _, at, goal, is_out in people if day(at) in wanted and is_out == held]
            assert found[f"{name}_{side}"] == Decimal(sum(goal is not None for goal in inside)) / len(inside)
    found = figures(controlled, controlled.rows[0])
    change = (found["rate_after"] - found["rate_before"]) - (found["held_after"] - found["held_before"])
    assert 0 < found["change_low"] < change < found["change_high"]
