"""Our own endpoints: durable before 2xx, each once, good items kept, bad ones listed."""

from __future__ import annotations

import contextlib
import gzip
import json
import time
from collections.abc import Iterator
from uuid import uuid4

import httpx2
import pytest

from engine.http.intake.strict_json import MAX_NODES
from engine.store.customers import addressees, consents
from tests.http.conftest import Served


@pytest.fixture
def client(served: Served) -> Iterator[httpx2.Client]:
    with served.client() as made:
        yield made


def _id(prefix: str = "c") -> str:
    return f"{prefix}-{uuid4().hex}"


def test_an_event_starts_a_journey(served: Served, client: httpx2.Client) -> None:
    who = _id()
    assert (
        client.put(
            f"/customers/{who}", json={"email": f"{who}@example.com", "consent": {"email": "given"}}
        ).status_code
        == 200
    )
    answer = client.post("/events", json={"event": "subscribed", "customer_id": who})
    assert answer.json() == {"success": True, "taken": 1, "duplicates": 0, "refused": []}
    assert served.wait_for_run(who, "welcome").trigger == {}


def test_the_same_id_is_taken_once(client: httpx2.Client) -> None:
    event = {"id": _id("e"), "event": "site_visited", "customer_id": _id()}
    first, second = client.post("/events", json=event).json(), client.post("/events", json=event).json()
    assert (first["taken"], second["taken"], second["duplicates"]) == (1, 0, 1)


def test_what_is_known_of_a_customer_may_be_told_again_with_the_same_id(client: httpx2.Client) -> None:
    who, message = _id(), _id("m")
    said = {
        "type": "identify",
        "userId": who,
        "messageId": message,
        "traits": {"email": f"{who}@example.com"},
    }
    answers = []
    for _ in range(2):  # without a timestamp, so each was received at another moment
        answers.append(client.post("/v1/batch", json={"batch": [said]}).json())
        time.sleep(0.005)
    assert [(answer["taken"], answer["duplicates"]) for answer in answers] == [(1, 0), (0, 1)]


def test_the_same_id_with_another_body_is_a_conflict_and_the_first_stays(client: httpx2.Client) -> None:
    event = {"id": _id("e"), "event": "site_visited", "customer_id": _id()}
    client.post("/events", json=event)
    answer = client.post("/events", json={**event, "event": "subscribed"})
    assert answer.status_code == 400
    assert answer.json()["refused"][0]["field"] == "id"


def test_good_items_of_a_batch_are_kept_and_bad_ones_listed(client: httpx2.Client) -> None:
    who = _id()
    answer = client.post(
        "/events",
        json=[
            {"event": "site_visited", "customer_id": who},
            {"event": "order_place", "customer_id": who},
            {"event": "order_placed", "customer_id": who, "properties": {"total": "a lot"}},
            {"customer_id": who},
            "text",
        ],
    ).json()
    assert answer["taken"] == 1
    assert [(each["item"], each["field"]) for each in answer["refused"]] == [
        (1, "event"), (2, "properties.total"), (3, "event"), (4, ""),
    ]  # fmt: skip
    assert 'did you mean "order_placed"?' in answer["refused"][0]["why"]


def test_lines_that_are_no_json_are_refused_alone(client: httpx2.Client) -> None:
    good = json.dumps({"event": "site_visited", "customer_id": _id()})
    body = f"{good}\n{{broken\n\n{good.replace('site_visited', 'subscribed')}\n"
    answer = client.post("/events", content=body, headers={"content-type": "application/x-ndjson"}).json()
    assert (answer["taken"], [each["item"] for each in answer["refused"]]) == (2, [1])


def test_a_body_may_be_gzipped(client: httpx2.Client) -> None:
    body = gzip.compress(json.dumps({"event": "site_visited", "customer_id": _id()}).encode())
    answer = client.post("/events", content=body, headers={"content-encoding": "gzip"})
    assert answer.json()["taken"] == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" * 40_000, 400),
        (b"[" * 100_000, 413),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, 400),
        (b"not json", 400),
        (b"", 400),
        (b" " * (5 * 1024 * 1024 + 1), 413),
        (b'{"event": "order_placed", "customer_id": "c", "properties": {"total": NaN}}', 400),
        (b'{"event": "order_placed", "customer_id": "c", "properties": {"total": 1e999}}', 400),
        (b'{"event": "order_placed", "customer_id": "c", "properties": {"total": "\\ud800"}}', 400),
        (b'{"event": "order_placed", "customer_id": "c", "properties": {"total": "\\u0000"}}', 400),
        (
            b'{"event": "order_placed", "customer_id": "c", "properties": {"total": "'
            + b"a" * 100_000
            + b'"}}',
            400,
        ),
        (b'{"event": "site_visited", "customer_id": "", "properties": {}}', 400),
        (b"[" + b"{}," * 5_000 + b"{}]", 413),
        (b"\xff\xfe", 400),
    ],
    ids=["depth", "brackets", "deep-objects", "text", "empty", "size", "nan", "infinity", "surrogate", "nul",
         "long", "no-id", "count", "bytes"],
)  # fmt: skip
def test_what_cannot_be_stored_is_refused_with_a_reason(
    client: httpx2.Client, body: bytes, status: int
) -> None:
    answer = client.post("/events", content=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"]


def test_case_59_a_gzip_bomb_is_stopped(client: httpx2.Client) -> None:
    bomb = gzip.compress(b" " * 200_000_000, 1)
    assert client.post("/events", content=bomb, headers={"content-encoding": "gzip"}).status_code == 413


def test_case_59_a_body_without_a_length_is_stopped_at_the_limit(client: httpx2.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1_000):
            yield b" " * 65_536

    with contextlib.suppress(
        httpx2.TransportError
    ):  # the server closed while we were still sending: refused as well
        assert client.post("/events", content=endless()).status_code == 413


def test_one_bad_number_in_a_batch_refuses_only_its_item(client: httpx2.Client) -> None:
    good = {"event": "site_visited", "customer_id": _id()}
    body = json.dumps(
        [good, {**good, "properties": {"x": float("nan")}}, {**good, "properties": {"x": "\ud800"}}]
    )
    answer = client.post("/events", content=body.encode()).json()
    assert (answer["taken"], [each["item"] for each in answer["refused"]]) == (1, [1, 2])


def test_a_customer_with_a_wrong_address_or_attribute_is_refused_and_says_where(
    client: httpx2.Client,
) -> None:
    answer = client.put(
        f"/customers/{_id()}", json={"email": "not an address", "tierr": "gold", "phone": "0501234567"}
    )
    assert answer.status_code == 400
    assert {each["field"] for each in answer.json()["refused"]} == {"email", "tierr", "phone"}


@pytest.mark.parametrize("way", ["native", "segment"])
@pytest.mark.parametrize("withdrawal", [{"consent": {"email": "withdrawn"}}, {"consent.email": "withdrawn"}])
def test_of_a_customer_with_too_many_values_the_withdrawal_is_taken_and_one_thing_is_told(
    served: Served, client: httpx2.Client, way: str, withdrawal: dict[str, object]
) -> None:
    who = _id()
    many = {f"trait_{number}": number for number in range(MAX_NODES)}
    said = {"email": f"{who}@example.com", **withdrawal, **many}
    if way == "native":
        answer = client.put(f"/customers/{who}", json=said)
    else:
        call = {"type": "identify", "userId": who, "traits": said}
        answer = client.post("/v1/batch", json={"batch": [call]})
    refused = answer.json()["refused"]
    assert [each["why"] for each in refused] == [f"one item may hold at most {MAX_NODES} values"]
    for _ in range(100):
        with served.store() as store, store.read() as conn:
            found = addressees.find(conn, 0, [who])
        if found:
            break
    assert found[who].consents["email", "marketing"] == "withdrawn"
    assert ("email" in found[who].addresses) == (way == "native")


@pytest.mark.parametrize("way", ["native", "segment"])
@pytest.mark.parametrize(
    "withdrawal", [{"consent": {"email": {"news\0": "withdrawn"}}}, {"consent.email.news\0": "withdrawn"}]
)
def test_a_withdrawal_of_a_purpose_that_cannot_be_stored_is_one_of_every_purpose(
    served: Served, client: httpx2.Client, way: str, withdrawal: dict[str, object]
) -> None:
    who = _id()
    for said in ({"email": f"{who}@example.com", "consent": {"email": "given"}}, withdrawal):
        call = {"type": "identify", "userId": who, "traits": said}
        if way == "native":
            client.put(f"/customers/{who}", json=said)
        else:
            client.post("/v1/batch", json={"batch": [call]})
    for _ in range(100):
        with served.store() as store, store.read() as conn:
            found = consents.current(conn, who)
        if "withdrawn" in found.values():
            break
    assert found == {("email", "marketing"): "withdrawn", ("email", "opens"): "withdrawn"}


def test_a_national_number_with_a_country_becomes_an_international_one(
    served: Served, client: httpx2.Client
) -> None:
    who = _id()
    assert client.put(f"/customers/{who}", json={"phone": "030 1234567", "country": "DE"}).status_code == 200
    for _ in range(100):
        with served.store() as store, store.read() as conn:
            found = addressees.find(conn, 0, [who])
        if found:
            break
    assert found[who].addresses["sms"] == "+49301234567"


def test_products_are_taken_in_bulk(served: Served, client: httpx2.Client) -> None:
    from engine.store.products import catalogue as products

    name = _id("p")
    answer = client.post(
        "/products", json=[{"product_id": name, "name": "Filter", "price": 12.5}, {"name": "nameless"}]
    )
    assert (answer.json()["taken"], answer.json()["refused"][0]["field"]) == (1, "product_id")
    assert client.put(f"/products/{name}", json={"name": "Filter", "price": "a lot"}).status_code == 400
    with served.store() as store, store.read() as conn:
        assert products.find(conn, [name])[name]["name"] == "Filter"


def test_a_key_is_needed_and_its_scope_counts(served: Served) -> None:
    event = {"event": "site_visited", "customer_id": "c"}
    with httpx2.Client(base_url=served.url) as nobody:
        assert nobody.post("/events", json=event).status_code == 401
        assert nobody.post(f"/events?key={served.key()}", json=event).status_code == 401
        assert (
            nobody.post(
                "/events", json=event, headers={"authorization": f"Bearer {served.key()}"}
            ).status_code
            == 200
        )
    with served.client("read") as reader:
        assert reader.post("/events", json=event).status_code == 403


def test_case_62_names_cannot_shadow_anything(client: httpx2.Client) -> None:
    fields = dict.fromkeys(("__proto__", "customer", "__class__", "a.b", "", "$", "$x"), 1)
    assert (
        client.post(
            "/events", json={"event": "site_visited", "customer_id": _id(), "properties": fields}
        ).json()["taken"]
        == 1
    )
