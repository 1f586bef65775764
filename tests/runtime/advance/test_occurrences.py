"""Clock and date starts reach customers at their own local time, once, and not when they were missed by a
day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from engine.core.happening import Event
from engine.runtime.advance.maintenance import sweep_segments
from engine.runtime.advance.occurrences import append_occurrences
from engine.store import watermarks
from engine.store.alerting import alerts
from engine.store.sql import rows
from engine.values import DAY, HOUR, MINUTE, Birthday, Money, instant
from tests.runtime.shop import ATTRIBUTES, FILES, Shop

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


def look(shop: Shop, chunk: int = 1000) -> int:
    """One look for starts, and everything that follows."""
    journeys = shop.publication.journeys
    reached = append_occurrences(shop.store, journeys, shop.clock.now(), chunk)
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


SINCE = """
journey: since
start: {date: %s, every: year, at: 10:00}
again: always
goal: {event: order_placed}
policy: service
steps:
  - send: hello
"""
SPRING = """
journey: spring
start: {date: 3 March, at: 10:00}
who: {tier: gold}
again: always
goal: {event: order_placed}
policy: service
steps:
  - send: hello
"""


@pytest.fixture
def dates(tmp_path: Path) -> Iterator[Shop]:
    """Sunday 1 March 2026, 12:00 UTC; dates that return."""
    schema = ATTRIBUTES.replace("facts:", "  since_day: date\n  since: time\nfacts:")
    files = {
        **FILES,
        "schemas/customer.yaml": schema,
        "journeys/by_day.yaml": SINCE.replace("journey: since", "journey: by_day") % "since_day",
        "journeys/by_time.yaml": SINCE.replace("journey: since", "journey: by_time") % "since",
        "journeys/spring.yaml": SPRING,
    }
    opened = Shop(tmp_path, files, instant(dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)))
    yield opened
    opened.close()


def test_a_day_of_the_calendar_starts_everybody_who_fits_in_slices(dates: Shop) -> None:
    for number in range(7):
        dates.change(f"gold{number}", tier="gold")
        dates.change(f"silver{number}", tier="silver")
    dates.change("tokyo", tier="gold", timezone="Asia/Tokyo")
    dates.run()
    look(dates)
    dates.clock.advance(37 * HOUR)  # 3 March, 01:00 UTC: 10:00 in Tokyo
    assert look(dates, chunk=3) == 1
    dates.clock.advance(8 * HOUR)
    assert look(dates, chunk=3) == 7
    assert started(dates) == {"spring": 8}
    dates.clock.advance_to(instant(dt.datetime(2027, 3, 2, 12, tzinfo=dt.UTC)))
    look(dates)
    dates.clock.advance(DAY)
    assert look(dates) == 8


@pytest.mark.parametrize("since", ["1969-03-03", "1999-03-03", "2024-03-03", "2026-03-03"])
def test_a_date_returns_whatever_its_year(dates: Shop, since: str) -> None:
    day = dt.date.fromisoformat(since)
    moment = instant(dt.datetime.combine(day, dt.time(15), dt.UTC))
    dates.change("there", since_day=day, since=moment)
    dates.change("near", since_day=day + dt.timedelta(days=1), since=moment + DAY)
    dates.change("other", since_day=day + dt.timedelta(days=100), since=moment + 100 * DAY)
    dates.run()
    look(dates)
    dates.clock.advance(45 * HOUR)  # 3 March, 10:00 in Berlin
    look(dates)
    assert started(dates) == {"by_day": 1, "by_time": 1}


def test_the_29th_of_february_of_a_date_that_returns_is_kept_on_the_28th(dates: Shop) -> None:
    leap = dt.datetime(2024, 2, 29, 9, tzinfo=dt.UTC)
    dates.change("leap", since_day=leap.date(), since=instant(leap))
    dates.run()
    dates.clock.advance_to(instant(dt.datetime(2027, 2, 27, 12, tzinfo=dt.UTC)))
    look(dates)
    dates.clock.advance(DAY)
    look(dates)
    assert started(dates) == {"by_day": 1, "by_time": 1}


def test_a_crash_between_two_slices_starts_nobody_twice(dates: Shop) -> None:
    for number in range(5):
        dates.change(f"gold{number}", tier="gold")
    dates.run()
    look(dates)
    dates.clock.advance(45 * HOUR)
    with dates.store.read() as conn:
        before = watermarks.get(conn, "clock", "spring")
    look(dates, chunk=2)
    assert before is not None
    dates.store.write(
        lambda conn: watermarks.put(conn, "clock", "spring", before.until)
    )  # as if it was cut off
    look(dates, chunk=2)
    assert started(dates) == {"spring": 5}


ASKING = """
journey: asking
start: {every: day, at: 10:00}
who: {inside: cart}
again: always
goal: {event: order_placed}
policy: service
steps:
  - send: hello
"""
BUSY = """
segment: busy
about: Whoever is inside the cart journey.
who: {inside: cart}
"""


def test_who_is_inside_a_journey_is_asked_of_the_whole_base(tmp_path: Path) -> None:
    """Monday 2 March 2026; both look at the same open runs."""
    files = {**FILES, "journeys/asking.yaml": ASKING, "journeys/segments/busy.yaml": BUSY}
    shop = Shop(tmp_path, files, instant(dt.datetime(2026, 3, 2, 8, 30, tzinfo=dt.UTC)))
    for name in ("in_cart", "other", "bought"):
        shop.change(name)
    for name in ("in_cart", "bought"):
        shop.happen(name, event(shop, "cart_updated"), f"{name}-cart")
    shop.happen("bought", event(shop, "order_placed"), "bought-order")
    shop.run()
    look(shop)
    sweep = partial(sweep_segments, journeys=shop.publication.journeys, now=shop.clock.now(), force=True)
    assert shop.store.write(sweep) == {"busy": 0}  # the closures have said so already
    with shop.store.read() as conn:
        busy = rows(conn, "SELECT id FROM customer WHERE CAST(segments AS TEXT) LIKE ?", ("%busy%",))
    assert [row[0] for row in busy] == ["in_cart"]
    shop.clock.advance(HOUR - MINUTE)
    assert look(shop) == 1
    assert started(shop)["asking"] == 1
    shop.close()


def event(shop: Shop, name: str) -> Event:
    now = shop.clock.now()
    return Event(0, f"{name}{now}", name, now, now, {"total": Money(Decimal(5), "EUR")})
