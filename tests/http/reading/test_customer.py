"""A customer is found by id, e-mail address and telephone number, by whoever may read."""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import quote
from uuid import uuid4

import httpx2

from tests.http.conftest import Served


def _known(served: Served, customer: str, body: Mapping[str, object]) -> None:
    with served.client() as writer, served.client("read") as reader:
        assert writer.put(f"/customers/{customer}", json=body).status_code == 200
        for _ in range(200):
            if reader.get(f"/customers/{customer}").json().get("not_applied") == 0:
                return
            time.sleep(0.05)
    raise AssertionError("it was not applied")


def test_a_customer_is_told_by_every_name_that_is_exactly_theirs(served: Served) -> None:
    who, digits = f"c-{uuid4().hex}", f"{uuid4().int % 10**7:07}"
    body = {"email": f"{who}@example.com", "phone": f"+491511{digits}", "consent": {"email": "given"}}
    _known(served, who, body)
    with served.client("read") as reader:
        names = (who, f"{who}@EXAMPLE.com", f"+49 1511 {digits}", f"+491511{digits}")
        answers = [reader.get(f"/customers/{name}").json() for name in names]
        assert {answer["id"] for answer in answers} == {who}
        assert answers[0]["addresses"]["email"] == [f"{who}@example.com"]
        assert answers[0]["consents"]["email"] == {"marketing": "given"}
        assert reader.get(f"/customers/{who}@example.co").status_code == 404
        assert reader.get(f"/customers/{who[:-1]}").status_code == 404


def test_an_id_with_a_slash_is_one_part_of_an_address(served: Served) -> None:
    whole = f"shop/{uuid4().hex}/100%2Fpoints"
    path = quote(whole, safe="")
    _known(served, path, {"first_name": "Ada"})
    with served.client("admin") as admin:
        assert admin.get(f"/customers/{path}").json()["id"] == whole
        assert admin.get(f"/customers/{path}/export").json()["customer"] == whole
        assert admin.get(f"/customers/{whole}").status_code == 404
        assert admin.delete(f"/customers/{path}").json()["erased"]
        assert admin.put(f"/products/{path}", json={"title": "One"}).json()["taken"] == 1


def test_those_who_share_an_address_are_listed_and_only_a_reader_is_told(served: Served) -> None:
    one, other = f"c-{uuid4().hex}", f"d-{uuid4().hex}"
    address = f"{uuid4().hex}@example.com"
    for who in (one, other):
        _known(served, who, {"email": address})
    with served.client("read") as reader:
        answer = reader.get(f"/customers/{address}")
        assert answer.status_code == 409
        assert f"{one}, {other}" in answer.json()["detail"]
    with served.client("write") as writer:
        assert writer.get(f"/customers/{one}").status_code == 403
    assert httpx2.get(f"{served.url}/customers/{one}").status_code == 401
