"""Clock and date starts reach customers at their own local time, once, and not when they were missed by a
day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.runtime.advance.occurrences import append_occurrences
from engine.store import alerts
from engine.values import DAY, HOUR, MINUTE, Birthday, instant
from tests.runtime.shop import FILES, Shop

BIRTHDAY = """
journey: birthday
start: {date: birthday, before: 7 days, at: 10:00}
again: always
goal: {event: order_placed}
policy: service
steps:
  - send: hello
"""
MONDAYS = """
journey: mondays
start: {every: week, weekdays: Monday, at: 10:00}
who: {tier: gold}
again: always
goal: {event: order_placed}
policy: service
steps:
  - send: hello
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Sunday 1 March 2026, 12:00 UTC."""
    files = {**FILES, "journeys/birthday.yaml": BIRTHDAY, "journeys/mondays.yaml": MONDAYS}
    opened = Shop(tmp_path, files, instant(dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)))
    yield opened
    opened.close()


def look(shop: Shop) -> int:
    """One look for starts, and everything that follows."""
    journeys = shop.publication.journeys
    reached = shop.store.write(lambda conn: append_occurrences(conn, journeys, shop.clock.now()))
    shop.run()
    return reached


def started(shop: Shop) -> dict[str, int]:
    with shop.store.read() as conn:
        found = conn.exec_driver_sql("SELECT journey, count(*) FROM enrollment GROUP BY journey").fetchall()
    return {row[0]: row[1] for row in found}


def test_a_clock_start_comes_at_the_local_time_of_each_customer(shop: Shop) -> None:
    shop.change("berlin", tier="gold")
    shop.change("tokyo", tier="gold", timezone="Asia/Tokyo")
    shop.change("silver", tier="silver")
    shop.run()
    when: dict[str, int] = {}
    for hour in range(30):
        look(shop)
        for message in shop.planned():
            when.setdefault(message.customer, hour)
        shop.clock.advance(HOUR)
    assert when == {"tokyo": 13, "berlin": 21}  # 10:00 in Tokyo is 01:00 UTC, in Berlin 09:00 UTC
    assert started(shop) == {"mondays": 2}


def test_looking_twice_starts_once(shop: Shop) -> None:
    shop.change("berlin", tier="gold")
    shop.run()
    shop.clock.advance(21 * HOUR)
    assert look(shop) == 1
    assert look(shop) == 0
    shop.clock.advance(MINUTE)
    assert look(shop) == 0
    assert started(shop) == {"mondays": 1}


@pytest.mark.parametrize(
    ("birthday", "reached"),
    [
        (Birthday(3, 9), True),
        (Birthday(3, 9, 1980), True),
        (Birthday(3, 10), False),
        (Birthday(3, 2), False),
        (Birthday(3, 9, 2031), False),
    ],
    ids=["without a year", "with a year", "tomorrow", "the day itself", "not born yet"],
)
def test_a_date_start_comes_its_days_before(shop: Shop, birthday: Birthday, reached: bool) -> None:
    shop.change("ann", birthday=birthday)
    shop.run()
    shop.clock.advance(20 * HOUR)
    look(shop)
    assert started(shop) == {}
    shop.clock.advance(HOUR)
    look(shop)
    assert started(shop) == ({"birthday": 1} if reached else {})


def test_the_29th_of_february_is_kept_on_the_28th(shop: Shop) -> None:
    shop.change("leap", birthday=Birthday(2, 29, 1992))
    shop.run()
    shop.clock.advance_to(instant(dt.datetime(2027, 2, 20, 12, tzinfo=dt.UTC)))
    look(shop)
    shop.clock.advance_to(instant(dt.datetime(2027, 2, 21, 9, tzinfo=dt.UTC)))
    look(shop)
    assert started(shop) == {"birthday": 1}


def test_a_moment_that_is_past_when_the_date_becomes_known_does_not_start(shop: Shop) -> None:
    shop.clock.advance(22 * HOUR)
    look(shop)
    shop.change("ann", birthday=Birthday(3, 9))
    shop.run()
    shop.clock.advance(HOUR)
    look(shop)
    assert started(shop) == {}


def test_what_was_missed_by_more_than_a_day_is_noted_and_not_made_up(shop: Shop) -> None:
    shop.change("berlin", tier="gold")
    shop.run()
    look(shop)
    shop.clock.advance(3 * DAY)
    look(shop)
    assert started(shop) == {}
    with shop.store.read() as conn:
        noted = {alert.journey: alert.why for alert in alerts.latest(conn)}
    assert "were missed while nothing ran" in noted["mondays"]


def test_what_was_missed_by_less_is_made_up(shop: Shop) -> None:
    shop.change("berlin", tier="gold")
    shop.run()
    look(shop)
    shop.clock.advance(30 * HOUR)
    look(shop)
    assert started(shop) == {"mondays": 1}
