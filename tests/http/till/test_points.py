"""The shop's till: sees points and spends them, never more than there are, over a real connection."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx2
import pytest

from engine.clock import SystemClock
from engine.store.incentives import points
from engine.store.meta import bucket_of
from engine.values import DAY, Instant, iso
from tests.http.conftest import Served


@pytest.fixture
def till(served: Served) -> Iterator[httpx2.Client]:
    with served.client("till") as client:
        yield client


def with_points(served: Served, till: httpx2.Client, total: int) -> str:
    """A new customer whose order of three weeks ago has earned so many points."""
    customer = f"ann-{uuid4().hex}"
    at = iso(Instant(SystemClock().now() - 21 * DAY))
    with served.client() as server:
        order = {"order_id": uuid4().hex, "total": total}
        body = {"event": "order_placed", "customer_id": customer, "at": at, "properties": order}
        assert server.post("/events", json=body).status_code == 200
    assert wait_for(till, customer, total)["points"] == total
    return customer


def wait_for(till: httpx2.Client, customer: str, balance: int) -> dict[str, object]:
    found: dict[str, object] = {}
    for _ in range(200):
        answer = till.get(f"/customers/{customer}/points")
        if answer.status_code == 200:
            found = answer.json()
            if found["points"] == balance:
                return found
        time.sleep(0.05)
    return found


def test_a_till_sees_points_and_spends_them(served: Served, till: httpx2.Client) -> None:
    customer = with_points(served, till, 120)
    answer = till.post(f"/customers/{customer}/points/spend", json={"points": 50, "order_id": "1001"})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["customer_id"], told["points"], told["spent"], told["tier"]) == (customer, 70, 50, "bronze")
    assert (told["points_pending"], told["points_expiring"]) == (0, 70)
    assert till.get(f"/customers/{customer}/points").json()["points"] == 70
    for _ in range(200):
        with served.store() as store, store.read() as conn:
            entries = points.of_customer(conn, bucket_of(conn, customer), customer)
        if len(entries) == 2:
            break
        time.sleep(0.05)
    assert [(line.kind, line.points, line.about) for line in entries] == [
        ("earned", 120, "order_placed"),
        ("spent", -50, "order 1001"),
    ]


def test_more_than_the_balance_is_refused_with_problem_details(served: Served, till: httpx2.Client) -> None:
    customer = with_points(served, till, 40)
    answer = till.post(f"/customers/{customer}/points/spend", json={"points": 41})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["title"], answer.json()["detail"]) == (
        "the balance is not enough",
        "40 points can be spent",
    )
    assert till.get(f"/customers/{customer}/points").json()["points"] == 40


def test_a_key_gets_the_same_answer_and_spends_once(served: Served, till: httpx2.Client) -> None:
    customer = with_points(served, till, 100)
    path, key = f"/customers/{customer}/points/spend", {"Idempotency-Key": uuid4().hex}
    first = till.post(path, json={"points": 60}, headers=key)
    again = till.post(path, json={"points": 60}, headers=key)
    assert (first.status_code, first.content) == (again.status_code, again.content) == (200, first.content)
    assert till.post(path, json={"points": 10}, headers=key).status_code == 422
    assert wait_for(till, customer, 40)["points"] == 40
    late = {"Idempotency-Key": uuid4().hex}
    refusals = [till.post(path, json={"points": 60}, headers=late) for _ in range(2)]
    assert [answer.status_code for answer in refusals] == [409, 409]
    assert refusals[0].content == refusals[1].content


def test_of_two_hundred_requests_at_once_as_many_are_granted_as_there_are_points(
    served: Served, till: httpx2.Client
) -> None:
    customer = with_points(served, till, 100)

    def spend(number: int) -> int:
        key = {"Idempotency-Key": f"{customer}-{number}"}
        body = {"points": 7, "order_id": str(number)}
        return till.post(f"/customers/{customer}/points/spend", json=body, headers=key).status_code

    with ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(spend, range(200)))
    assert sorted(set(statuses)) == [200, 409]
    assert statuses.count(200) == 14
    assert wait_for(till, customer, 2)["points"] == 2
    with ThreadPoolExecutor(32) as pool:
        again = list(pool.map(spend, range(200)))
    assert again == statuses, "each key keeps its answer"
    assert till.get(f"/customers/{customer}/points").json()["points"] == 2


def test_nobody_and_a_key_that_may_not_are_refused(served: Served, till: httpx2.Client) -> None:
    assert till.get(f"/customers/{uuid4().hex}/points").status_code == 404
    assert till.post(f"/customers/{uuid4().hex}/points/spend", json={"points": 1}).status_code == 404
    with served.client("read") as reader:
        assert reader.post("/customers/ann/points/spend", json={"points": 1}).status_code == 403


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"points": 0}', b'{"points": -5}', b'{"points": "many"}',
             b'{"points": 1.5}', b'{"points": 1, "order": "7"}'],
)  # fmt: skip
def test_a_body_that_says_something_else_is_refused(served: Served, till: httpx2.Client, body: bytes) -> None:
    answer = till.post("/customers/ann/points/spend", content=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
