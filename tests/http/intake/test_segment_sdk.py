"""The real SDK of the Segment format against the running daemon."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

import pytest
from segment.analytics.client import Client

from engine.store.customers import addressees, consents, events
from engine.values import to_datetime
from tests.http.conftest import Served


@pytest.fixture
def sdk(served: Served) -> Any:
    return Client(served.key(), host=served.url, sync_mode=True, gzip=True)


def _customer() -> str:
    return f"s-{uuid4().hex}"


def _wait(served: Served, customer: str) -> list[Any]:
    for _ in range(200):
        with served.store() as store, store.read() as conn:
            found = events.of_customer(conn, 0, customer)
        if found:
            return found
    raise AssertionError("nothing was applied")


def test_track_starts_a_journey_under_the_name_of_another_tool(served: Served, sdk: Any) -> None:
    who = _customer()
    sdk.identify(who, {"email": f"{who}@example.com", "firstName": "Béa", "consent": {"email": "given"}})
    sdk.track(who, "Cart Updated", {"cart_id": "k1", "total": 80, "currency": "EUR"})
    run = served.wait_for_run(who, "abandoned_cart")
    assert str(run.trigger["total"]) == "80 EUR"
    with served.store() as store, store.read() as conn:
        person = addressees.find(conn, 0, [who])[who]
        assert person.values["first_name"] == "Béa"
        assert person.addresses["email"] == f"{who}@example.com"
        assert consents.current(conn, who) == {("email", "marketing"): "given"}
        assert [line.state for line in consents.of_customer(conn, who)] == ["given"]


def test_a_repeated_message_is_taken_once(served: Served, sdk: Any) -> None:
    who, key = _customer(), uuid4().hex
    for _ in range(3):
        sdk.track(who, "Site Visited", message_id=key)
    assert [event.name for event in _wait(served, who)] == ["site_visited"]


def test_the_time_of_the_call_counts(served: Served, sdk: Any) -> None:
    who, when = _customer(), dt.datetime(2026, 3, 1, 10, tzinfo=dt.UTC)
    sdk.track(who, "Site Visited", timestamp=when)
    assert to_datetime(_wait(served, who)[0].occurred_at) == when


def test_page_is_an_event_under_the_shops_own_name_and_group_is_taken(served: Served, sdk: Any) -> None:
    who = _customer()
    sdk.page(who, "Docs", "Home", {"url": "https://shop.example/"})
    sdk.group(who, "acme")
    found = _wait(served, who)
    assert [(event.name, event.fields["url"]) for event in found] == [
        ("site_visited", "https://shop.example/")
    ]


def test_an_anonymous_visitor_becomes_a_customer(served: Served, sdk: Any) -> None:
    visitor, who = _customer(), _customer()
    sdk.track(anonymous_id=visitor, event="Site Visited")
    _wait(served, visitor)
    sdk.alias(visitor, who)
    assert [event.name for event in _wait(served, who)] == ["site_visited"]
    sdk.track(anonymous_id=visitor, event="Product Viewed", properties={"product_id": "p1"})
    for _ in range(200):
        with served.store() as store, store.read() as conn:
            names = {event.name for event in events.of_customer(conn, 0, who)}
        if "product_viewed" in names:
            break
    assert names == {"site_visited", "product_viewed"}


def test_a_consent_under_another_id_is_kept_with_the_customer(served: Served, sdk: Any) -> None:
    visitor, who = _customer(), _customer()
    sdk.alias(visitor, who)
    sdk.identify(traits={"consent": {"email": "given"}}, anonymous_id=visitor)
    with served.store() as store, store.read() as conn:
        assert [line.state for line in consents.of_customer(conn, who)] == ["given"]
        assert consents.of_customer(conn, visitor) == []


def test_a_device_token_is_an_address(served: Served, sdk: Any) -> None:
    who = _customer()
    sdk.track(who, "Site Visited", context={"device": {"token": f"token-{who}"}})
    _wait(served, who)
    with served.store() as store, store.read() as conn:
        assert addressees.find(conn, 0, [who])[who].addresses["push"] == f"token-{who}"
