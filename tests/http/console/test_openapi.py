"""What OpenAPI says of bodies and answers is what the daemon does; and everything it refuses has one form."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from tests.http.conftest import Served
from tests.http.web_shop import WebShop

WHO = f"c-{uuid4().hex}"
BODIES: dict[tuple[str, str], Any] = {
    ("post", "/events"): {"event": "subscribed", "customer_id": WHO},
    ("put", "/customers/{customer_id}"): {"first_name": "Anna", "consent": {"email": "given"}},
    ("put", "/products/{product_id}"): {"name": "Kenya", "price": "9.50"},
    ("post", "/products"): [{"product_id": "p1", "name": "Kenya"}],
    ("post", "/v1/track"): {"userId": WHO, "event": "Site Visited", "properties": {}},
    ("post", "/v1/identify"): {"anonymousId": f"a-{WHO}", "traits": {"first_name": "Anna"}},
    ("post", "/v1/page"): {"userId": 17},
    ("post", "/v1/screen"): {"userId": WHO, "name": "Cart"},
    ("post", "/v1/group"): {"userId": WHO, "groupId": "g1"},
    ("post", "/v1/alias"): {"userId": WHO, "previousId": f"former-{WHO}"},
    ("post", "/v1/batch"): {"batch": [{"type": "track", "userId": WHO, "event": "Site Visited"}]},
    ("post", "/v1/import"): {"batch": [{"type": "identify", "userId": WHO}]},
}


@pytest.fixture
def client(served: Served) -> Iterator[httpx2.Client]:
    with served.client() as made:
        yield made


@pytest.fixture
def document(client: httpx2.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def _body_schema(document: dict[str, Any], method: str, path: str) -> Draft202012Validator:
    content = document["paths"][path][method]["requestBody"]["content"]
    return Draft202012Validator(content["application/json"]["schema"])


def _assert_described(document: dict[str, Any], method: str, path: str, answer: httpx2.Response) -> None:
    described = document["paths"][path][method]["responses"][str(answer.status_code)]["content"]
    kind = answer.headers["content-type"].partition(";")[0]
    Draft202012Validator(described[kind]["schema"]).validate(answer.json())


def _without_each_key(body: Any) -> Iterator[Any]:
    """The body without one key, on each level where there are some."""
    if isinstance(body, list):
        for at, inner in enumerate(body):
            yield from ([*body[:at], less, *body[at + 1 :]] for less in _without_each_key(inner))
    elif isinstance(body, dict):
        for name, inner in body.items():
            less = copy.deepcopy(body)
            del less[name]
            yield less
            yield from ({**body, name: changed} for changed in _without_each_key(inner))


def test_every_body_is_described(document: dict[str, Any]) -> None:
    described = {
        (method, path)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if "requestBody" in operation
    }
    assert described >= set(BODIES)
    assert "422" not in str(document["paths"])


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_what_is_said_to_be_required_is_and_nothing_else(
    document: dict[str, Any], client: httpx2.Client, method: str, path: str
) -> None:
    schema, url = _body_schema(document, method, path), path.replace("{customer_id}", WHO)
    url = url.replace("{product_id}", "p1")
    body = BODIES[method, path]
    answer = client.request(method, url, json=body)
    assert answer.status_code == 200
    assert answer.json()["refused"] == []
    assert schema.is_valid(body)
    _assert_described(document, method, path, answer)
    for less in _without_each_key(body):
        answer = client.request(method, url, json=less)
        is_taken = answer.status_code == 200 and not answer.json()["refused"]
        assert schema.is_valid(less) == is_taken, less
        _assert_described(document, method, path, answer)


def test_health_answers_as_described(document: dict[str, Any], client: httpx2.Client) -> None:
    _assert_described(document, "get", "/readyz", client.get("/readyz"))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1", 404),
        ("POST", "/customers/c1", 405),
        ("DELETE", "/healthz", 405),
        ("PATCH", "/", 405),
        ("GET", "/events", 405),
    ],
)
def test_what_no_route_takes_is_a_problem(client: httpx2.Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert status != 405 or answer.headers["allow"]


def test_the_root_says_what_is_here_and_strangers_learn_whose_it_is(tmp_path: Path) -> None:
    with closing(WebShop(tmp_path)) as shop:
        here = TestClient(shop.app, client=("127.0.0.1", 50_000), base_url="http://127.0.0.1:8080")
        page = here.get("/")
        assert page.status_code == 200
        assert all(
            address in page.text for address in ("Bean There", "/outbox", "/docs", "/readyz", "/metrics")
        )
        page = shop.browser.get("/")
        assert page.status_code == 200
        assert "https://shop.example" in page.text
        assert "/outbox" not in page.text
