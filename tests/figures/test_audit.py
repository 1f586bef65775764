"""Who can be written to, and the audit of a shop that begins, are what a look at each customer says."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine.core.facts.customer import Facts, Reach, why_closed
from engine.core.journeys import Journeys
from engine.core.policy import Policy
from engine.figures.period import Period
from engine.figures.report import FiguresReport, Row, Table
from engine.figures.reports import by_name as reports
from engine.figures.reports.audit import LATELY
from engine.figures.request import ReportRequest
from engine.store.audience import base_groups
from engine.store.customers.customer_codec import dump_reach
from engine.store.database import Store
from engine.store.sql import change_many, insert_many
from engine.values import DAY, Instant, instant
from tests.runtime.advance.test_counting import FILES
from tests.runtime.shop import Shop
from tests.stores import new_store

NOW = instant(dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC))
CHANNELS = ("email", "sms")

reaches = st.dictionaries(
    st.sampled_from(CHANNELS),
    st.builds(
        Reach,
        address=st.sampled_from((None, "", "a@shop.example", "a\nb")),
        consents=st.dictionaries(
            st.sampled_from(("marketing", "news")), st.sampled_from(("none", "asked", "given", "withdrawn"))
        ),
        suppressed=st.sampled_from((None, "all", "marketing", "news", "any purpose")),
        bounced=st.booleans(),
    ),
)
bought = st.lists(
    st.tuples(st.integers(0, 700), st.integers(0, 90), st.sampled_from(("EUR", "USD"))), max_size=5
)
person = st.tuples(reaches, bought, st.none() | st.integers(0, 60))
people = st.lists(person, max_size=8)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with closing(new_store(tmp_path_factory.mktemp("audit"))) as opened:
        yield opened


def fill(conn: Connection, base: list[Any]) -> None:
    for table in ("customer", "credit", "outbox", "daily"):
        conn.exec_driver_sql(f"DELETE FROM {table}")
    change_many(
        conn,
        "INSERT INTO customer (bucket, id, zone, zone_why, applied, attributes, folded, memory, seen,"
        " segments, reach, marks, created_at)"
        " VALUES (0, ?, 'UTC', 'project', 0, '{}', '{}', '{}', '{}', '{}', ?, '{}', 0)",
        [(f"c{number}", dump_reach(reach)) for number, (reach, _, _) in enumerate(base)],
    )
    change_many(
        conn,
        "INSERT INTO credit (bucket, customer, occurred_at, event, amount, currency, send_key, journey, step,"
        " channel, is_service) VALUES (0, ?, ?, ?, ?, ?, '', '', '', '', FALSE)",
        [
            (f"c{number}", NOW - days * DAY, f"o{place}", amount * 1_000_000, currency)
            for number, (_, orders, _) in enumerate(base)
            for place, (days, amount, currency) in enumerate(orders)
        ],
    )
    insert_many(conn, "outbox", [
        {"bucket": 0, "customer": f"c{number}", "send_key": f"m{number}", "enrollment": "", "journey": "j",
         "step": "", "template": "", "channel": "email", "policy": "", "purpose": None, "state": "delivered",
         "why": "", "fence": 0, "planned_at": 0, "due_at": 0, "valid_until": 0, "ready_at": 0, "attempts": 1,
         "handed_at": NOW - days * DAY, "counts": True, "resent": 0, "names": "{}", "detail": ""}
        for number, (_, _, days) in enumerate(base) if days is not None
    ])  # fmt: skip


def told(store: Store, name: str, purposes: tuple[str, ...]) -> FiguresReport:
    policies = {purpose: Policy(name=purpose, consent=purpose) for purpose in purposes}
    journeys = Journeys({}, policies=policies, channels=CHANNELS, timezone="UTC")
    day = dt.date(2026, 6, 1)
    with store.read() as conn:
        return reports.report(conn, ReportRequest(name, Period(day, day)), journeys, NOW)


def figures(table: Table, row: Row) -> dict[str, Any]:
    return {metric.name: value for metric, value in zip(table.metrics, row.now, strict=True)}


def closed(reach: dict[str, Reach], channel: str, purpose: str) -> str:
    why = why_closed(Facts("c", reach=reach), channel, purpose)
    if why == "no consent" and reach[channel].consents.get(purpose) == "asked":
        return "unconfirmed"
    return (why or "open").replace(" ", "_")


@given(st.lists(person, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_each_customer_is_in_one_column_of_each_channel(store: Store, base: list[Any]) -> None:
    store.write(lambda conn: fill(conn, base))
    short, table = (
        next(one for one in told(store, name, ("marketing", "news")).tables if one.name == "reach")
        for name in ("overview", "audit")
    )
    assert [row.label for row in table.rows] == [
        f"{channel}, {purpose}" for channel in CHANNELS for purpose in ("marketing", "news")
    ]
    for row in table.rows:
        channel, purpose = row.label.split(", ")
        expected = Counter(closed(reach, channel, purpose) for reach, _, _ in base)
        line = figures(table, row)
        assert figures(short, short.row(row.label))["reach_open"] == expected["open"]
        assert {
            name: line[f"reach_{name}"]
            for name in ("open", "unconfirmed", "no_consent", "suppressed", "bounced", "no_address")
        } == {
            name: expected[name]
            for name in ("open", "unconfirmed", "no_consent", "suppressed", "bounced", "no_address")
        }


@given(people)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_groups_hold_everybody_once(store: Store, base: list[Any]) -> None:
    store.write(lambda conn: fill(conn, base))
    known = [amount for _, orders, _ in base for _, amount, currency in orders if currency == "EUR"]
    average = 1_000_000 * sum(known) // len(known) if known else 0
    expected: Counter[tuple[Any, ...]] = Counter()
    for reach, orders, days in base:
        spent = 1_000_000 * sum(amount for _, amount, currency in orders if currency == "EUR")
        last = min((day for day, _, _ in orders), default=None)
        quiet = None if last is None else sum(last > limit for limit in base_groups.QUIET_DAYS)
        value = (spent > average) + (spent > 3 * average)
        is_reachable = closed(reach, "email", "marketing") == "open"
        expected[min(len(orders), 3), quiet, value, is_reachable, days is not None and days <= 30] += 1
    with store.read() as conn:
        sums = base_groups.orders(conn)
        currencies = {currency for _, orders, _ in base for _, _, currency in orders}
        assert sums == {
            each: (
                sum(currency == each for _, orders, _ in base for _, _, currency in orders),
                1_000_000 * sum(n for _, orders, _ in base for _, n, currency in orders if currency == each),
            )
            for each in currencies
        }
        found = base_groups.groups(conn, ["email"], "marketing", "EUR", average, NOW)
    assert {
        (one.times, one.quiet, one.value, one.is_reachable, one.is_written): one.people for one in found
    } == dict(expected)
    assert sum(one.orders for one in found) == sum(len(orders) for _, orders, _ in base)
    assert sum(one.money for one in found) == 1_000_000 * sum(known)
    report = told(store, "audit", ("marketing",))
    assert bool(report.tables[0].rows) == bool(base)
    if base:
        table = report.tables[0]
        assert figures(table, table.row("everybody"))["audit_people"] == len(base)
        assert figures(table, table.row("never ordered"))["audit_people"] == sum(
            not orders for _, orders, _ in base
        )
        assert any("ASSUMPTION" in note for note in report.notes)


def test_what_is_worth_something_has_an_interval_of_the_shop_itself(store: Store) -> None:
    store.write(lambda conn: fill(conn, [({}, [(10, 50, "EUR")], None)] * 3))
    day = dt.date(2026, 5, 20).toordinal() - dt.date(1970, 1, 1).toordinal()

    def count(conn: Connection) -> None:
        change_many(
            conn,
            "INSERT INTO daily (day, journey, step, channel, what, why, shard, n, money)"
            " VALUES (?, 'cart', '', '', ?, '', 0, ?, 0)",
            [(day, "started", 200), (day, "goal", 30)],
        )

    store.write(count)
    report = told(store, "audit", ("marketing",))
    alone = next(one for one in report.tables if one.name == "audit_left_alone")
    line = figures(alone, alone.rows[0])
    # Wilson for 30 of 200, by statsmodels' proportion_confint
    assert float(line["audit_conversion_low"]) == pytest.approx(0.107136, abs=1e-6)
    assert float(line["audit_conversion_high"]) == pytest.approx(0.206056, abs=1e-6)
    assert not any("ASSUMPTION" in note for note in report.notes)


def test_of_a_shop_that_sends_events_since_a_week_nobody_counts_in_two_months(tmp_path: Path) -> None:
    with closing(Shop(tmp_path, FILES)) as shop:
        for pause in (6 * DAY, 2 * DAY):
            shop.event("a", "subscribed")
            shop.later(pause)
        now = shop.clock.now()
        with shop.store.read() as conn:
            told = base_groups.event_counts(conn, Instant(now - LATELY * DAY), now, 30 * DAY)
    assert [(each.name, each.lately, each.lately_monthly) for each in told] == [("subscribed", 2, 1)]


def test_of_a_year_of_events_each_month_counts_once_and_there_are_twelve(tmp_path: Path) -> None:
    """A part of a thirteenth one would make more of it than there is."""
    with closing(Shop(tmp_path, FILES)) as shop:
        for _ in range(14):
            shop.event("a", "subscribed")
            shop.later(29 * DAY)
        now, day = shop.clock.now(), dt.date(2026, 6, 1)
        with shop.store.read() as conn:
            wanted = ReportRequest("audit", Period(day, day))
            report = reports.report(conn, wanted, shop.publication.journeys, now)
        feeds = next(table for table in report.tables if table.name == "audit_feeds")
        assert figures(feeds, feeds.row("welcome"))["audit_a_month"] == pytest.approx(1)
