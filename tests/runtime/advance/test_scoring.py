"""The nightly score: everybody's group of recency, frequency and money, once a day, and what follows from
it."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from engine.core.happening import Event
from engine.runtime.advance.scoring import last_scores, score_rfm
from engine.store.customers import batches
from engine.store.inbox import inbox
from engine.values import DAY, HOUR, Instant, Money, Value, instant
from tests.runtime.shop import ATTRIBUTES, CONFIG, FILES, Shop

DATA = Path(__file__).parents[3].parent / "shared" / "data" / "rfm_orders"

GROUPS = """
rfm:
  best: {recency: 4-5, frequency: 4-5, money: 4-5}
  else: ordinary
"""
FACTS = ATTRIBUTES + "  rfm: rfm of order_placed.total\n"
BEST = """
segment: best
about: The best customers of the shop.
who: {rfm: best}
"""
THANKS = """
journey: thanks
start: {segment: best}
again: never
goal: {event: order_placed}
policy: service
steps:
  - send: hello
"""
PROJECT = {
    **FILES,
    "schemas/customer.yaml": FACTS + GROUPS,
    "journeys/segments/best.yaml": BEST,
    "journeys/thanks.yaml": THANKS,
}
MONDAY_MORNING = instant(dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Monday 2 March 2026, 10:00 in Berlin; ten customers, c9 the best of them, c0 the worst."""
    opened = Shop(tmp_path, PROJECT, MONDAY_MORNING)
    for number in range(10):
        opened.change(f"c{number}")
        order(opened, f"c{number}", 10 * (number + 1), days_ago=100 - 10 * number)
        if number == 9:
            order(opened, "c9", 5, days_ago=1)
    opened.run()
    yield opened
    opened.close()


def order(shop: Shop, customer: str, euros: int, *, days_ago: int = 0, starts: bool = True) -> None:
    now = shop.clock.now()
    at = Instant(now - days_ago * DAY)
    fields: dict[str, Value] = {"total": Money(Decimal(euros), "EUR")}
    shop.count += 1
    shop.happen(
        customer, Event(0, f"o{shop.count}", "order_placed", at, now, fields, starts), f"o{shop.count}"
    )


def night(shop: Shop, chunk: int = 2000) -> dict[str, int]:
    """A score, and everything that follows from it."""
    changed = score_rfm(shop.store, shop.publication.journeys, shop.clock.now(), chunk)
    shop.run()
    return changed


def groups(shop: Shop) -> dict[str, Value]:
    with shop.store.read() as conn:
        journeys, now = shop.publication.journeys, shop.clock.now()
        return {
            customer: state.facts.values.get("rfm")
            for bucket, some in batches.chunks(conn, 5000)
            for customer, state in batches.load_batch(conn, bucket, some, journeys, now).states.items()
        }


@pytest.mark.parametrize("chunk", [1, 3, 2000])
def test_everybody_who_ordered_gets_a_group(shop: Shop, chunk: int) -> None:
    shop.change("looker")
    shop.run()
    assert night(shop, chunk) == {"rfm": 10}
    found = groups(shop)
    assert found.pop("looker") is None
    assert found == {f"c{number}": "best" if number == 9 else "ordinary" for number in range(10)}


def test_who_is_found_first_starts_nothing(shop: Shop) -> None:
    night(shop)
    assert shop.planned() == []


def test_once_a_night_by_the_calendar_of_the_shop(shop: Shop) -> None:
    night(shop)
    shop.clock.advance(13 * HOUR)  # Monday 23:00 in Berlin
    assert night(shop) == {}
    shop.clock.advance(HOUR)  # midnight in Berlin, 23:00 in UTC
    assert night(shop) == {"rfm": 0}
    assert night(shop) == {}


def test_only_changes_are_written_and_they_start_journeys(shop: Shop) -> None:
    night(shop)
    for _ in range(3):
        order(shop, "c3", 200)
    shop.run()
    shop.clock.advance(DAY)
    assert night(shop) == {"rfm": 1}
    assert groups(shop)["c3"] == "best"
    assert [(message.customer, message.template) for message in shop.planned()] == [("c3", "hello")]


def test_imported_history_starts_nothing(shop: Shop) -> None:
    night(shop)
    shop.change("old")
    for days in (5, 6, 7):
        order(shop, "old", 300, days_ago=days, starts=False)
    shop.run()
    shop.clock.advance(DAY)
    assert night(shop) == {"rfm": 1}
    assert groups(shop)["old"] == "best"
    assert shop.planned() == []


def test_a_changed_table_counts_at_once_and_starts_nothing(shop: Shop) -> None:
    night(shop)
    everybody = "\nrfm:\n  best: {recency: 1-5}\n"
    shop.publish({**PROJECT, "schemas/customer.yaml": FACTS + everybody})
    assert night(shop) == {"rfm": 9}
    assert set(groups(shop).values()) == {"best"}
    assert shop.planned() == []


def test_a_window_that_ran_empty_takes_the_group_away(shop: Shop) -> None:
    windowed = ATTRIBUTES + "  rfm: rfm of order_placed.total in last 30 days\n" + GROUPS
    shop.publish({**PROJECT, "schemas/customer.yaml": windowed})
    assert night(shop) == {"rfm": 2}  # those of 20 and of 10 days ago; 30 days ago is outside
    shop.clock.advance(40 * DAY)
    assert night(shop) == {"rfm": 2}
    assert set(groups(shop).values()) == {None}


def test_when_it_was_scored_is_known(shop: Shop) -> None:
    journeys = shop.publication.journeys
    with shop.store.read() as conn:
        assert last_scores(conn, journeys) == {}
    night(shop)
    with shop.store.read() as conn:
        assert last_scores(conn, journeys) == {"rfm": MONDAY_MORNING}


VIGNETTE = """
rfm:
  borders:
    recency: [115, 181, 297.4, 482]
    frequency: [4, 5, 6, 8]
    money: [255.8, 382, 506.4, 666]
  groups:
    champions: {recency: 5, frequency: 5, money: 5}
    potential_loyalist: {recency: 3-5, frequency: 3-5, money: 2-5}
    loyal_customers: {recency: 2-4, frequency: 2-4, money: 2-4}
    promising: {recency: 3-4, frequency: 1-3, money: 3-5}
    new_customers: {recency: 4-5, frequency: 1-3}
    cant_lose_them: {recency: 1-2, frequency: 3-4, money: 4-5}
    at_risk: {recency: 1-2, frequency: 2-5, money: 4-5}
    need_attention: {recency: 1-3, frequency: 3-5, money: 3-5}
    about_to_sleep: {recency: 2-3, frequency: 1-3, money: 1-4}
    lost: {recency: 1}
    else: ordinary
"""


@pytest.mark.data
@pytest.mark.skipif(
    not DATA.is_dir(),
    reason="the orders of the vignette are not there: no ../shared/data beside the repository",
)
def test_the_segments_of_the_published_vignette(tmp_path: Path) -> None:
    """995 customers of the R package `rfm` at the end of 2006: the quintiles plus 1, which belong to the part
    above them."""
    config = CONFIG.replace("Europe/Berlin", "UTC").replace("EUR", "USD")
    now = instant(dt.datetime(2006, 12, 31, 2, tzinfo=dt.UTC))
    shop = Shop(tmp_path, {**FILES, "config.yaml": config, "schemas/customer.yaml": FACTS + VIGNETTE}, now)
    arrivals = []
    with gzip.open(DATA / "events.jsonl.gz", "rt") as lines:
        for line in lines:
            row = json.loads(line, parse_float=Decimal)
            at = instant(dt.datetime.fromisoformat(row["at"]))
            money = Money(Decimal(row["properties"]["total"]), row["properties"]["currency"])
            id_ = row["properties"]["order_id"]
            what = Event(0, id_, row["event"], at, now, {"total": money}, starts=False)
            arrivals.append(inbox.Arrival(row["customer_id"], "test", id_, what))
    shop.store.write(lambda conn: inbox.append(conn, arrivals, now))
    shop.run()
    assert night(shop) == {"rfm": 995}
    rows = json.loads((DATA / "expected.json").read_text())["rows"]
    published = {
        name: row["segment"].casefold().replace("'", "").replace(" ", "_") for name, row in rows.items()
    }
    assert groups(shop) == published
    shop.close()
