"""Events and customers as they really come: repeated, out of order, unknown, hostile
(design/reliability 5C)."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from engine.clock import SystemClock
from engine.store.customers import addressees, events
from engine.store.sql import rows
from engine.values import to_datetime
from tests.daemon.shop import PLAIN
from tests.http.conftest import Served


@pytest.fixture
def client(served: Served) -> Iterator[httpx2.Client]:
    with served.client() as made:
        yield made


def _id(prefix: str = "c") -> str:
    return f"{prefix}-{uuid4().hex}"


def _ago(minutes: float) -> str:
    return (to_datetime(SystemClock().now()) - dt.timedelta(minutes=minutes)).isoformat()


def _post(client: httpx2.Client, *found: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/events", json=list(found))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def _settled(served: Served) -> None:
    """Everything that was taken is applied."""
    with served.store() as store:
        for _ in range(400):
            with store.read() as conn:
                if conn.exec_driver_sql("SELECT count(*) FROM inbox").scalar() == 0:
                    return
            time.sleep(0.05)
    raise AssertionError("the inbox was never applied")


def _history(served: Served, customer: str) -> list[str]:
    _settled(served)
    with served.store() as store, store.read() as conn:
        return [
            event.name for event in events.of_customer(conn, 0, customer) if not event.name.startswith("$")
        ]


def test_case_49_the_same_event_a_hundred_times_twenty_at_once_is_one(served: Served) -> None:
    event = {"id": _id("e"), "event": "site_visited", "customer_id": _id()}
    key = served.key()

    def send(_: int) -> tuple[int, int]:
        answer = httpx2.post(f"{served.url}/events", json=event, auth=(key, ""), timeout=30, verify=PLAIN)
        return answer.status_code, answer.json()["taken"]

    with ThreadPoolExecutor(20) as pool:
        answers = Counter(pool.map(send, range(100)))
    assert answers == {(200, 1): 1, (200, 0): 99}
    assert _history(served, event["customer_id"]) == ["site_visited"]


def test_case_50_the_same_id_with_another_body_is_listed_and_the_first_stays(
    served: Served, client: httpx2.Client
) -> None:
    event = {"id": _id("e"), "event": "site_visited", "customer_id": _id()}
    _post(client, event)
    answer = _post(
        client,
        {**event, "event": "subscribed"},
        {**event, "id": _id("e"), "event": "product_viewed", "properties": {"product_id": "p1"}},
    )
    assert [(each["item"], each["field"]) for each in answer["refused"]] == [(0, "id")]
    assert sorted(_history(served, event["customer_id"])) == ["product_viewed", "site_visited"]


def test_case_51_an_order_that_arrives_before_its_cart_ends_the_journey_at_once(
    served: Served, client: httpx2.Client
) -> None:
    who, other = _id(), _id()
    for each in (who, other):
        assert client.put(f"/customers/{each}", json={"email": f"{each}@example.com"}).status_code == 200
    order = {
        "event": "order_placed",
        "customer_id": who,
        "at": _ago(1),
        "properties": {"order_id": _id("o"), "total": 50},
    }
    cart = {
        "event": "cart_updated",
        "customer_id": who,
        "at": _ago(6),
        "properties": {"cart_id": _id("k"), "total": 50},
    }
    _post(client, order)
    _settled(served)
    _post(client, cart, {**cart, "customer_id": other})
    _settled(served)

    def inside(customer: str) -> list[bool]:
        return [run.is_open for run in served.runs_of(customer) if run.journey == "abandoned_cart"]

    assert inside(other) == [True], "a cart alone begins the journey"
    assert True not in inside(who)
    assert sorted(_history(served, who)) == ["cart_updated", "order_placed"]


def test_case_53_a_burst_loses_nothing_that_was_accepted(served: Served) -> None:
    who, key = _id(), served.key()
    batches = [
        [
            {"id": f"{who}-{n}-{m}", "event": "site_visited", "customer_id": f"{who}-{m % 50}"}
            for m in range(200)
        ]
        for n in range(20)
    ]

    def send(batch: list[dict[str, str]]) -> int:
        for _ in range(50):
            answer = httpx2.post(f"{served.url}/events", json=batch, auth=(key, ""), timeout=60, verify=PLAIN)
            if answer.status_code == 200:
                return int(answer.json()["taken"]) + int(answer.json()["duplicates"])
            assert answer.status_code in (429, 503)
            assert int(answer.headers["retry-after"]) > 0
        raise AssertionError("never taken")

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(send, batches)) == 4_000
    _settled(served)
    with served.store() as store, store.read() as conn:
        ((kept,),) = rows(conn, "SELECT count(*) FROM event WHERE customer LIKE ?", (f"{who}-%",))
    assert kept == 4_000


def test_case_54_an_unknown_customer_is_made_and_one_without_an_address_gets_nothing(
    served: Served, client: httpx2.Client
) -> None:
    who, reachable = _id(), _id()
    person = {"email": f"{reachable}@example.com", "consent": {"email": "given"}}
    assert client.put(f"/customers/{reachable}", json=person).status_code == 200
    for each in (who, reachable):
        _post(client, {"event": "subscribed", "customer_id": each})
        assert _history(served, each) == ["subscribed"]
    assert [run.journey for run in served.runs_of(who) if run.is_open] == []  # exit_if: can: not email
    assert "welcome" in [run.journey for run in served.runs_of(reachable) if run.is_open]


def test_case_57_who_comes_again_twenty_times_at_once_is_inside_once(served: Served) -> None:
    who, key = _id(), served.key()
    httpx2.put(
        f"{served.url}/customers/{who}",
        json={"email": f"{who}@example.com"},
        auth=(key, ""),
        timeout=30,
        verify=PLAIN,
    )

    def send(number: int) -> int:
        event = {
            "id": f"{who}-{number}",
            "event": "cart_updated",
            "customer_id": who,
            "properties": {"cart_id": "k1", "total": 80 + number},
        }
        return httpx2.post(
            f"{served.url}/events", json=event, auth=(key, ""), timeout=30, verify=PLAIN
        ).status_code

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(send, range(20))) == {200}
    _settled(served)
    assert sum(run.is_open for run in served.runs_of(who) if run.journey == "abandoned_cart") == 1


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("x" * 100_000, 400),
        ("Zoë 👩‍👩‍👧‍👦 \u202eanna", 200),
        ("e\u0301" * 200, 200),
        ("a\x00b", 400),
        ("O'Neil\"; DROP TABLE customer; --", 200),
    ],
    ids=["long", "emoji and right to left", "combining", "nul", "sql"],
)
def test_case_58_any_name_is_kept_as_it_is_or_refused_in_words(
    served: Served, client: httpx2.Client, name: str, status: int
) -> None:
    who = _id()
    answer = client.put(f"/customers/{who}", json={"first_name": name})
    assert answer.status_code == status, answer.text
    if status == 200:
        _settled(served)
        with served.store() as store, store.read() as conn:
            assert addressees.find(conn, 0, {who})[who].values["first_name"]
    else:
        assert answer.json()["title"]


def test_case_58_a_lone_surrogate_is_refused(client: httpx2.Client) -> None:
    answer = client.put(f"/customers/{_id()}", content=b'{"first_name": "\\ud800"}')
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 50_000, b"&".join(b"f%d=1" % n for n in range(100_000))]
)
def test_case_59_deep_and_wide_bodies_are_refused_and_the_daemon_lives(
    served: Served, client: httpx2.Client, body: bytes
) -> None:
    assert client.post("/events", content=body).status_code in (400, 413)
    assert httpx2.get(f"{served.url}/healthz", timeout=10, verify=PLAIN).status_code == 200


def test_case_61_an_attribute_whose_type_flips_is_refused_by_name_and_the_old_value_stays(
    served: Served, client: httpx2.Client
) -> None:
    who = _id()
    assert client.put(f"/customers/{who}", json={"birthday": "1990-05-17"}).status_code == 200
    for value in (17, ["1990-05-17"], {"day": 17}, True):
        answer = client.put(f"/customers/{who}", json={"birthday": value})
        assert (answer.status_code, answer.json()["refused"][0]["field"]) == (400, "birthday")
    _settled(served)
    with served.store() as store, store.read() as conn:
        assert str(addressees.find(conn, 0, {who})[who].values["birthday"].year) == "1990"  # type: ignore[union-attr]


@pytest.mark.parametrize("key", ["__proto__", "__class__", "a.b", "$", "customer", "id"])
def test_case_62_a_key_that_means_something_elsewhere_is_data(
    served: Served, client: httpx2.Client, key: str
) -> None:
    who = _id()
    event = {"event": "site_visited", "customer_id": who, "properties": {key: "x"}}
    answer = client.post("/events", json=event)
    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        assert _history(served, who) == ["site_visited"]


@pytest.mark.parametrize(
    ("phone", "country", "kept"),
    [
        ("0501234567", None, None),
        ("0501234567", "UA", "+380501234567"),
        ("+38 (050) 123-45-67", None, "+380501234567"),
        ("tel:+380501234567", None, "+380501234567"),
        ("TEL: 050 123 45 67", "ua", "+380501234567"),
        ("\u202a+380 50 123 45 67\u202c", None, "+380501234567"),
        ("٠٥٠١٢٣٤٥٦٧", "UA", "+380501234567"),
        ("00380501234567", "UA", "+380501234567"),
        ("380501234567", None, None),
        ("380501234567", "US", None),
        ("253-0000", "US", None),
        ("911", "US", None),
        ("0501234567", "XX", None),
        ("+380501234567, +380671234567", None, None),
        ("+8 916 123 45 67", None, None),
        ("1" * 40, "UA", None),
        ("+" + "1" * 40, None, None),
    ],
)
def test_case_63_a_phone_number_gets_its_country_or_is_refused(
    served: Served, client: httpx2.Client, phone: str, country: str | None, kept: str | None
) -> None:
    who = _id()
    answer = client.put(
        f"/customers/{who}", json={"phone": phone, **({"country": country} if country else {})}
    )
    if kept is None:
        # The country is taken, the number is not.
        assert answer.json()["refused"][0]["field"] == "phone"
        assert answer.status_code == (200 if country else 400)
        return
    _settled(served)
    with served.store() as store, store.read() as conn:
        assert addressees.find(conn, 0, {who})[who].addresses["sms"] == kept
