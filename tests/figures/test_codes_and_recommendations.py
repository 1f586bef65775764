"""Reports of codes and of recommended products are what a count over the rows of the store says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine.core.journeys import Journeys
from engine.figures.period import Period
from engine.figures.report import FiguresReport, Row, Table
from engine.figures.reports import by_name as reports
from engine.figures.request import ReportRequest
from engine.store.counting import daily_counts
from engine.store.counting.daily_counts import ShopFacts
from engine.store.database import Store
from engine.store.serialization import dump_values
from engine.store.sql import change_many, insert_many
from engine.values import DAY, HOUR, Instant, instant
from tests.figures.incentives_anew import codes_anew, recommended_anew
from tests.stores import new_store

ZONE = "Europe/Berlin"
BEGIN = instant(dt.datetime(2026, 3, 1, tzinfo=dt.UTC))
NOW = Instant(BEGIN + 60 * DAY)
PERIOD = Period(dt.date(2026, 3, 16), dt.date(2026, 4, 10))
POOLS, JOURNEYS, PEOPLE, PRODUCTS = ("WELCOME", "VIP"), ("cart", ""), ("a", "b", "c"), ("x", "y", "z")
WITHIN = 5 * DAY

moments = st.integers(0, 60 * 24 * 4).map(lambda quarter: Instant(BEGIN + quarter * HOUR // 4))
codes = st.tuples(
    st.sampled_from(POOLS), st.sampled_from(JOURNEYS), st.sampled_from(PEOPLE), moments, moments,
    st.none() | moments, st.none() | moments,
)  # fmt: skip
uses = st.tuples(
    st.integers(0, 12), st.sampled_from(PEOPLE), moments, st.integers(0, 90), st.sampled_from(("EUR", "USD")),
    st.sampled_from(("used", "used", "used twice", "after its end")),
)  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with closing(new_store(tmp_path_factory.mktemp("lists"))) as opened:
        opened.write(lambda conn: daily_counts.describe_shop(conn, ShopFacts(ZONE, "EUR", click=WITHIN)))
        yield opened


def told(store: Store, name: str) -> FiguresReport:
    journeys = Journeys({}, currency="EUR", timezone=ZONE)
    with store.read() as conn:
        return reports.report(conn, ReportRequest(name, PERIOD), journeys, NOW)


def figures(table: Table, row: Row, *, before: bool = False) -> dict[str, Any]:
    values = row.before if before else row.now
    return {metric.name: value for metric, value in zip(table.metrics, values, strict=True)}


def products_of(fields: Any) -> set[str]:
    return {item["product_id"] for item in fields["items"]}


@given(st.lists(codes, max_size=12), st.lists(uses, max_size=12))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_codes(store: Store, given_: list[Any], shown: list[Any]) -> None:
    rows = [
        (0, pool, f"C{number}", f"run{number}", who, taken, expires, used, back, journey)
        for number, (pool, journey, who, taken, expires, used, back) in enumerate(given_)
    ]
    pool_of = {value: pool for _, pool, value, *_ in rows}
    told_of = [(f"C{number}", *rest) for number, *rest in shown if f"C{number}" in pool_of]

    def fill(conn: Connection) -> None:
        conn.exec_driver_sql("DELETE FROM code")
        conn.exec_driver_sql("DELETE FROM code_use")
        names = ("bucket", "pool", "value", "enrollment", "customer", "taken_at", "expires_at", "used_at",
                 "given_back_at", "journey")  # fmt: skip
        insert_many(conn, "code", [dict(zip(names, row, strict=True)) for row in rows])
        insert_many(conn, "code_use", [
            {"value": value, "customer": who, "at": at, "amount": amount * 1_000_000, "currency": currency,
             "verdict": verdict, "pool": pool_of[value], "source": "order", "order_id": ""}
            for value, who, at, amount, currency, verdict in told_of
        ])  # fmt: skip

    store.write(fill)
    report = told(store, "codes")
    for before, period in ((False, PERIOD), (True, PERIOD.before())):
        with store.read() as conn:
            found = codes_anew(conn, period, NOW)
        # what is in another currency stands apart in a table of its own
        tables = [table for table in report.tables if table.name != "other_currencies"]
        for expected, table in zip(found, tables, strict=True):
            lines = {row.label: figures(table, row, before=before) for row in table.rows}
            for name, counts in expected.items():
                line = lines.get(name, {})
                for figure, many in counts.items():
                    assert float(line.get(figure, 0)) == many, (name, figure)


shown_products = st.tuples(
    st.integers(0, 5), st.sampled_from(PEOPLE), st.sampled_from(("also", "best")), st.sampled_from(PRODUCTS),
    st.sampled_from(("bought together", "bestsellers")), st.booleans(),
)  # fmt: skip
orders = st.tuples(st.sampled_from(PEOPLE), moments, st.lists(st.sampled_from(PRODUCTS), max_size=2))


@given(
    st.lists(moments, min_size=6, max_size=6),
    st.lists(shown_products, max_size=15),
    st.lists(orders, max_size=10),
)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_recommendations(store: Store, at: list[Instant], products: list[Any], bought: list[Any]) -> None:
    # a message is of one customer, and shows a product of a list once
    lines = {
        (number, who, name, product): (source, is_clicked)
        for number, who, name, product, source, is_clicked in products
    }
    clicked = {(number, who) for (number, who, _, _), (_, is_clicked) in lines.items() if is_clicked}

    def fill(conn: Connection) -> None:
        for table in ("shown_product", "reaction", "event", "credit"):
            conn.exec_driver_sql(f"DELETE FROM {table}")
        insert_many(conn, "shown_product", [
            {"bucket": 0, "customer": who, "send_key": f"{who}{number}", "name": name, "place": place,
             "product": product, "source": source, "at": at[number]}
            for place, ((number, who, name, product), (source, _)) in enumerate(lines.items())
        ])  # fmt: skip
        insert_many(conn, "reaction", [
            {"bucket": 0, "customer": who, "send_key": f"{who}{number}", "kind": kind, "at": at[number],
             "target": "", "who": by}
            for number, who in clicked for kind, by in (("clicked", "human"), ("clicked", "machine"))
        ])  # fmt: skip
        change_many(
            conn,
            "INSERT INTO event (bucket, customer, name, occurred_at, number, received_at, id, starts, fields)"
            " VALUES (0, ?, 'order_placed', ?, ?, 0, '', FALSE, ?)",
            [
                (who, when, number, dump_values({"items": [{"product_id": one} for one in some]}))
                for number, (who, when, some) in enumerate(bought)
            ],
        )
        # every order has a row there, beside its event
        conn.exec_driver_sql(
            "INSERT INTO credit (bucket, customer, occurred_at, event, amount, currency, send_key, journey,"
            " step, channel, is_service) SELECT bucket, customer, occurred_at, 'o' || number, 0, 'EUR', '',"
            " '', '', '', FALSE FROM event"
        )

    store.write(fill)
    report = told(store, "recommendations")
    for before, period in ((False, PERIOD), (True, PERIOD.before())):
        with store.read() as conn:
            expected = recommended_anew(conn, period, products_of)
        table = report.tables[0] if report.tables else None
        rows = {row.label: row for row in table.rows} if table is not None else {}
        assert set(expected) <= set(rows)
        for label, row in rows.items():
            assert table is not None
            line = figures(table, row, before=before)
            names = ("products_shown", "products_bought", "list_messages", "list_clicked")
            assert {name: line[name] for name in names} == {name: expected[label][name] for name in names}
