"""Orders in another currency are in no sum of money, and stand apart wherever one is told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection

from engine.core.happening import ProfileChanged
from engine.figures.period import Period
from engine.figures.report import Row
from engine.figures.reports import by_name as reports
from engine.figures.request import ReportRequest
from engine.store.messages import reactions
from engine.store.sql import insert_many
from engine.values import Money
from tests.runtime.advance.test_counting import FILES
from tests.runtime.shop import Shop

DAY = dt.date(2026, 3, 2)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    opened = Shop(tmp_path, FILES)
    yield opened
    opened.close()


def order(shop: Shop, customer: str, amount: int, currency: str) -> None:
    shop.event(customer, "order_placed", total=Money(Decimal(amount), currency))
    shop.run()


def apart(shop: Shop, name: str, of: str = "", day: dt.date = DAY) -> dict[str, Row]:
    wanted = ReportRequest(name, Period(day, day), of)
    with shop.store.read() as conn:
        told = reports.report(conn, wanted, shop.publication.journeys, shop.clock.now())
    return {row.label: row for table in told.tables if table.name == "other_currencies" for row in table.rows}


def test_orders_in_other_currencies_stand_apart(shop: Shop) -> None:
    for customer, amount, currency in (("a", 10, "EUR"), ("a", 20, "USD"), ("b", 5, "USD"), ("b", 7, "GBP")):
        order(shop, customer, amount, currency)
    for name in ("overview", "customers"):
        lines = apart(shop, name)
        assert {label: row.now for label, row in lines.items()} == {"GBP": (1, 7), "USD": (2, 25)}
        assert lines["USD"].before == (0, 0)
    assert apart(shop, "overview", day=DAY + dt.timedelta(days=1))["USD"].before == (2, 25)


def test_they_stand_apart_in_the_year_of_a_customer_and_in_the_audit(shop: Shop) -> None:
    for customer, amount, currency in (("a", 10, "EUR"), ("a", 20, "USD"), ("a", 5, "USD"), ("b", 7, "GBP")):
        order(shop, customer, amount, currency)
    assert {label: row.now for label, row in apart(shop, "year", "a").items()} == {"USD": (2, 25)}
    assert {label: row.now for label, row in apart(shop, "audit").items()} == {"GBP": (1, 7), "USD": (2, 25)}


def test_uses_of_codes_in_another_currency_stand_apart_and_are_in_no_average(shop: Shop) -> None:
    def fill(conn: Connection) -> None:
        now = shop.clock.now()
        insert_many(conn, "code", [
            {"bucket": 0, "pool": "AUTUMN", "value": f"C{number}", "enrollment": "r", "customer": "a",
             "taken_at": now, "expires_at": now, "used_at": now, "given_back_at": None, "kind": "generated",
             "journey": "welcome", "asked": ""} for number in range(4)
        ])  # fmt: skip
        insert_many(conn, "code_use", [
            {"value": f"C{number}", "customer": "a", "at": now, "amount": amount, "currency": currency,
             "verdict": "used", "pool": "AUTUMN", "source": "order", "order_id": f"o{number}"}
            for number, (amount, currency) in enumerate((
                (10_000_000, "EUR"), (20_000_000, "EUR"), (5_000_000, "USD"), (None, "EUR"),
            ))
        ])  # fmt: skip

    shop.store.write(fill)
    assert {label: row.now for label, row in apart(shop, "codes").items()} == {"USD": (1, 5)}
    wanted = ReportRequest("codes", Period(DAY, DAY))
    with shop.store.read() as conn:
        table = reports.report(conn, wanted, shop.publication.journeys, shop.clock.now()).tables[0]
    line = dict(zip((metric.name for metric in table.metrics), table.row("AUTUMN").now, strict=True))
    # four orders, two of which are known in euros
    assert (line["code_orders"], line["code_revenue"], line["code_average"]) == (4, 30, 15)


def test_nothing_is_said_where_there_are_none(shop: Shop) -> None:
    order(shop, "a", 10, "EUR")
    assert not apart(shop, "overview")
    assert not apart(shop, "journeys")


def test_those_that_belong_to_a_message_stand_beside_their_journey(shop: Shop) -> None:
    agreed = {("email", "marketing"): "given"}
    shop.happen("a", ProfileChanged(0, shop.clock.now(), {}, {"email": "a@shop.example"}, agreed), None)
    shop.event("a", "subscribed")
    shop.send_all("email")
    (message,) = shop.planned()
    shop.store.write(lambda conn: reactions.take_click(conn, message, "a link", "human", shop.clock.now()))
    order(shop, "a", 20, "USD")
    order(shop, "b", 30, "USD")
    for name, of in (("journeys", ""), ("journey", "welcome"), ("channels", "")):
        assert {label: row.now for label, row in apart(shop, name, of).items()} == {"USD": (1, 20)}
    assert not apart(shop, "journey", "cart")
