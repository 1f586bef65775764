"""The shop's till: looks at codes and uses them, each once, over a real connection."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx2
import pytest

from engine.clock import SystemClock
from engine.core.decision.effects import TakeCode
from engine.store.incentives import codes
from engine.store.meta import bucket_of
from engine.store.sql import change, rows
from engine.values import DAY, Instant
from tests.http.conftest import Served


@pytest.fixture
def till(served: Served) -> Iterator[httpx2.Client]:
    with served.client("till") as client:
        yield client


def give(served: Served, customer: str, *, days: int = 1, text: str = "") -> str:
    """A new code of a customer, good for so many days, and worth what `text` says."""
    value = f"WELCOME-{uuid4().hex[:12].upper()}"
    now = SystemClock().now()
    end = Instant(now + days * DAY)
    code = TakeCode(f"run-{value}", "WELCOME10", value, end, "generated", "welcome", "WELCOME10", text)
    with served.store() as store:
        store.write(lambda conn: codes.take(conn, bucket_of(conn, customer), [(customer, code)], now))
    return value


def test_a_till_looks_at_a_code_and_uses_it(served: Served, till: httpx2.Client) -> None:
    code = give(served, "ann")
    before = till.get(f"/codes/{code.lower()}").json()
    assert (before["code"], before["pool"], before["may_be_used"]) == (code, "WELCOME10", True)
    assert (before["customer_id"], before["used_at"]) == ("ann", None)
    answer = till.post(f"/codes/{code}/use", json={"customer_id": "ann", "order_id": "1", "total": 39.9})
    assert (answer.status_code, answer.json()["may_be_used"]) == (200, False)
    assert answer.json()["used_at"]
    after = till.get(f"/codes/{code}").json()
    assert (after["may_be_used"], after["why_not"]) == (False, "this code was used already")


def test_a_code_is_worth_what_it_was_given_as_whatever_its_pool_says_now(
    served: Served, till: httpx2.Client
) -> None:
    code = give(served, "ann", text="20 %")
    assert till.get(f"/codes/{code}").json()["worth"] == "20 %"
    assert till.post(f"/codes/{code}/use").json()["worth"] == "20 %"
    # of what was given by a version that did not note it, its pool tells
    with served.store() as store:
        store.write(lambda conn: change(conn, "UPDATE code SET text = NULL WHERE value = ?", (code,)))
    assert till.get(f"/codes/{code}").json()["worth"] != "20 %"


def test_a_code_may_be_used_without_a_body(served: Served, till: httpx2.Client) -> None:
    code = give(served, "ann")
    assert till.post(f"/codes/{code}/use").status_code == 200
    assert till.post(f"/codes/{code}/use").status_code == 409


@pytest.mark.parametrize(
    ("days", "body", "title"),
    [
        (1, {"customer_id": "eve"}, "this code belongs to another customer"),
        (-1, {}, "this code is past its end"),
    ],
)
def test_what_does_not_count_is_refused_with_problem_details(
    served: Served, till: httpx2.Client, days: int, body: dict[str, str], title: str
) -> None:
    answer = till.post(f"/codes/{give(served, 'ann', days=days)}/use", json=body)
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["title"], answer.json()["status"]) == (title, 409)


def test_a_key_gets_the_same_answer_and_a_refusal_stays_one(served: Served, till: httpx2.Client) -> None:
    code, other = give(served, "ann"), give(served, "ann", days=-1)
    key = {"Idempotency-Key": uuid4().hex}
    first = till.post(f"/codes/{code}/use", json={"order_id": "1"}, headers=key)
    again = till.post(f"/codes/{code}/use", json={"order_id": "1"}, headers=key)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert first.status_code == 200
    assert till.post(f"/codes/{code}/use", json={"order_id": "2"}, headers=key).status_code == 422
    late = {"Idempotency-Key": uuid4().hex}
    refusals = [till.post(f"/codes/{other}/use", headers=late) for _ in range(2)]
    assert [answer.status_code for answer in refusals] == [409, 409]
    assert refusals[0].content == refusals[1].content
    with served.store() as store, store.read() as conn:
        assert rows(conn, "SELECT count(*) FROM code_use WHERE value = ?", (other,)) == [(1,)]


def test_of_many_tills_at_once_one_uses_a_code(served: Served, till: httpx2.Client) -> None:
    code = give(served, "ann")

    def use(number: int) -> int:
        return till.post(f"/codes/{code}/use", json={"order_id": str(number)}).status_code

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(use, range(100)))
    assert sorted(set(statuses)) == [200, 409]
    assert statuses.count(200) == 1


def test_a_code_that_is_none_is_not_found(till: httpx2.Client) -> None:
    assert till.get("/codes/NO-SUCH-CODE").status_code == 404
    assert till.post("/codes/NO-SUCH-CODE/use").status_code == 404
    assert till.get(f"/codes/{'x' * 500}").status_code == 404


@pytest.mark.parametrize(
    "body", [b"[]", b'{"total": "much"}', b'{"totl": 1}', b'{"currency": "euro"}', b'{"order_id": 7}']
)
def test_a_body_that_says_something_else_is_refused(served: Served, till: httpx2.Client, body: bytes) -> None:
    answer = till.post(f"/codes/{give(served, 'ann')}/use", content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_only_keys_of_a_till_or_of_servers_may_use_codes(served: Served, till: httpx2.Client) -> None:
    code = give(served, "ann")
    with served.client("read") as reader, served.client("browser") as page, served.client() as server:
        assert reader.get(f"/codes/{code}").status_code == 200
        assert reader.post(f"/codes/{code}/use").status_code == 403
        assert page.get(f"/codes/{code}").status_code == 403
        assert server.post(f"/codes/{code}/use").status_code == 200
    assert httpx2.get(f"{served.url}/codes/{code}").status_code == 401
    assert till.post("/events", json={"event": "subscribed", "customer_id": "x"}).status_code == 403


def test_the_order_with_the_code_is_the_same_use(served: Served, till: httpx2.Client) -> None:
    who = f"c-{uuid4().hex}"
    code = give(served, who)
    assert till.post(f"/codes/{code}/use", json={"order_id": "77"}).status_code == 200
    order = {"event": "order_placed", "customer_id": who,
             "properties": {"order_id": "77", "total": 12.5, "code": code}}  # fmt: skip
    with served.client() as server:
        assert server.post("/events", json=order).status_code == 200
    with served.store() as store, store.read() as conn:
        found = rows(conn, "SELECT source, order_id, verdict FROM code_use WHERE value = ?", (code,))
    assert found == [("till", "77", "used")]


def test_the_run_hears_that_its_code_was_used(served: Served, till: httpx2.Client) -> None:
    who = f"c-{uuid4().hex}"
    with served.client() as server:
        server.put(f"/customers/{who}", json={"email": f"{who}@example.com", "consent": {"email": "given"}})
    code = give(served, who)
    assert till.post(f"/codes/{code}/use").status_code == 200
    for _ in range(100):
        with served.store() as store, store.read() as conn:
            waits = rows(conn, "SELECT 1 FROM inbox WHERE customer = ?", (who,))
        if not waits:
            break
        time.sleep(0.05)
    assert not waits
