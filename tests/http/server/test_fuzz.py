"""Whatever bytes come in, on whatever route: no defect of ours is answered (500), and no input takes long."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.channels.links import ConfirmationLink, UnsubscribeLink
from engine.store.keys import new_key
from tests.http.web_shop import URL, WebShop

SITE = "https://shop.example"
SLOW = 2.0
"""Seconds of the processor that one input may take; it is a matter of milliseconds. The clock on the wall
would measure who else works on the machine, and how long its disk takes for a commit."""

CONFIG = """
browser: {origins: [https://shop.example]}
"""
KINDS = (
    "application/json", "application/x-ndjson", "text/plain", "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x", "", "application/json; charset=utf-16",
)  # fmt: skip
WRITING = (
    ("POST", "/events"), ("PUT", "/customers/c1"), ("PUT", "/products/p1"), ("POST", "/products"),
    *(("POST", f"/v1/{kind}") for kind in (
        "track", "identify", "page", "screen", "alias", "group", "batch", "import", "t", "i", "a", "b"
    )),
)  # fmt: skip
OPEN = (
    ("POST", "/signup/newsletter"), ("POST", "/push/subscriptions"), ("DELETE", "/push/subscriptions"),
    ("POST", "/callbacks/sms"), ("POST", "LEAVE"), ("POST", "CHOOSE"), ("POST", "CONFIRM"),
    ("POST", "/nothing"),
)  # fmt: skip

texts = st.text(max_size=30) | st.sampled_from(
    [
        "\x00",
        "\ud800",
        "\u202e",
        "1e999",
        "NaN",
        "2026-11-27T10:00:00Z",
        "given",
        "c1",
        "a@example.com",
        "12,50",
    ]
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
names = texts | st.sampled_from([
    "event", "customer_id", "userId", "user_id", "anonymousId", "previousId", "traits", "properties",
    "context", "type", "batch", "timestamp", "sentAt", "originalTimestamp", "messageId", "consent", "email",
    "phone", "at", "addresses", "id", "history", "writeKey", "device", "token", "product_id", "proof",
])  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6),
    max_leaves=25,
)
documents = values.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
calls = st.fixed_dictionaries({"type": st.sampled_from(["track", "identify", "alias", "page"])}, optional={
    "event": leaves | st.just("Site Visited"), "userId": leaves | st.just("c1"),
    "anonymousId": leaves | st.just("a1"), "previousId": leaves, "traits": values,
    "properties": values, "context": values, "timestamp": leaves,
    "sentAt": leaves, "messageId": leaves,
})  # fmt: skip
batches = st.lists(calls | values, max_size=4).map(lambda items: json.dumps({"batch": items}).encode())
bodies = (
    st.binary(max_size=300) | documents | batches | calls.map(lambda call: json.dumps(call).encode())
    | documents.map(gzip.compress) | st.lists(documents, max_size=5).map(b"\n".join)
)  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebShop]:
    made = WebShop(tmp_path_factory.mktemp("fuzz"), CONFIG)
    made.customer("anna")
    yield made
    made.close()


@pytest.fixture(scope="module")
def keys(shop: WebShop) -> list[str]:
    made = [
        shop.store.write(lambda conn: new_key(conn, "server", "write", shop.clock.now())),
        shop.store.write(lambda conn: new_key(conn, "page", "browser", shop.clock.now())),
    ]
    return [key for key in made if key]


def ask(shop: WebShop, method: str, path: str, body: bytes, headers: dict[str, Any]) -> None:
    began = time.process_time()
    # The test client raises what the application does not answer.
    answer = shop.browser.request(method, f"{URL}{path}", content=body, headers=headers)
    assert answer.status_code < 500, (path, answer.text[:200])
    assert time.process_time() - began < SLOW


HALF = json.dumps({
    "type": "track", "event": "\ud800", "messageId": "\ud800", "userId": "\ud800", "anonymousId": "\udfff",
    "previousId": "\ud800", "groupId": "\ud800", "customer_id": "\ud800", "id": "\ud800",
    "traits": {"\ud800": 1}, "context": {"\ud800": "\ud800"}, "properties": {"\ud800": "\ud800"},
}).encode()  # fmt: skip
"""Halves of characters, which JSON may hold and no database takes."""

CAREFULLY = settings(
    max_examples=60, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.mark.parametrize(("method", "path"), WRITING)
@CAREFULLY
@example(body=b"{" * 10_000, kind="application/json", packed=False, which=0)
@example(body=b'{"a":' * 500 + b"1" + b"}" * 500, kind="application/json", packed=False, which=1)
@example(body=HALF, kind="application/json", packed=False, which=0)
@example(body=HALF, kind="application/json", packed=False, which=1)
@given(body=bodies, kind=st.sampled_from(KINDS), packed=st.booleans(), which=st.sampled_from([0, 1]))
def test_a_body_with_a_key(
    shop: WebShop, keys: list[str], method: str, path: str, body: bytes, kind: str, packed: bool, which: int
) -> None:
    headers = {
        "Authorization": f"Bearer {keys[which]}",
        "Content-Type": kind,
        "Origin": "https://shop.example",
    }
    ask(shop, method, path, body, headers | ({"Content-Encoding": "gzip"} if packed else {}))


@pytest.mark.parametrize(("method", "path"), OPEN)
@CAREFULLY
@given(body=bodies, kind=st.sampled_from(KINDS), packed=st.booleans(), query=st.binary(max_size=40))
def test_a_body_of_a_stranger(
    shop: WebShop, method: str, path: str, body: bytes, kind: str, packed: bool, query: bytes
) -> None:
    links = {
        "LEAVE": shop.links.unsubscribe(UnsubscribeLink("anna", "email", "marketing", "k")),
        "CHOOSE": shop.links.preferences("anna"),
        "CONFIRM": shop.links.confirm(ConfirmationLink("anna", "email", "marketing", "k")),
    }
    path = links.get(path, path).removeprefix(URL)
    written = "".join(f"%{byte:02x}" for byte in query)
    headers = {"Content-Type": kind, "Origin": SITE}
    ask(shop, method, f"{path}?{written}", body, headers | ({"Content-Encoding": "gzip"} if packed else {}))
