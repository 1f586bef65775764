"""Webhook calls over a real socket: signed, with one key in every try, given up after three."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import orjson
import pytest
from pytest_httpserver import HTTPServer

from engine.channels.egress import Egress
from engine.clock import ManualClock
from engine.config import Secret, WebhookConfig
from engine.core.effects import Call
from engine.runtime.webhooks import WebhookCaller, signature
from engine.store import webhooks
from engine.store.codec import dump_values
from engine.store.database import Store, open_store
from engine.values import HOUR, Instant, Money, Value

pytestmark = pytest.mark.anyio

NOW = Instant(1_782_000_000_000)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Desk:
    store: Store
    clock: ManualClock
    caller: WebhookCaller

    def plan(self, name: str = "crm") -> None:
        values: dict[str, Value] = {"reason": "lapsed", "total": Money(Decimal("80.50"), "EUR")}
        call = Call("key-1", "run-1", name, values)
        self.store.write(lambda conn: webhooks.plan(conn, 0, [("c1", call, dump_values(values))], NOW))

    def states(self) -> dict[str, int]:
        with self.store.read() as conn:
            return webhooks.counts(conn)


@pytest.fixture
async def desk(
    tmp_path: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    monkeypatch.setenv("CRM_SECRET", "hush")
    place = f"127.0.0.1:{httpserver.port}"
    configured = {
        "crm": WebhookConfig("crm", f"http://{place}/tasks", Secret("env:CRM_SECRET")),
        "inside": WebhookConfig("inside", "http://127.0.0.1:1/x"),
    }
    store = open_store("sqlite:///shop.db", tmp_path)
    clock = ManualClock(NOW)
    caller = WebhookCaller(store, lambda: configured, Egress([place]), clock)
    yield Desk(store, clock, caller)
    await caller.close()
    store.close()


async def test_a_call_arrives_signed_and_once(desk: Desk, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/tasks", method="POST").respond_with_data("")
    desk.plan()
    assert await desk.caller.once() == 1
    assert await desk.caller.once() == 0
    [(request, _)] = httpserver.log
    assert request.headers["Idempotency-Key"] == "key-1"
    assert request.headers["X-Perennial-Signature"] == signature("hush", NOW, request.data)
    assert orjson.loads(request.data) == {
        "id": "key-1", "webhook": "crm", "customer_id": "c1", "at": "2026-06-21T00:00:00Z",
        "values": {"reason": "lapsed", "total": {"amount": "80.50", "currency": "EUR"}},
    }  # fmt: skip
    assert desk.states() == {"done": 1}


async def test_three_tries_with_the_same_key_and_bytes_then_it_is_given_up(
    desk: Desk, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/tasks").respond_with_data("", status=500)
    desk.plan()
    for _ in range(5):
        await desk.caller.once()
        desk.clock.advance(HOUR)
    assert {(request.headers["Idempotency-Key"], request.data) for request, _ in httpserver.log} == {
        ("key-1", httpserver.log[0][0].data)
    }
    assert len(httpserver.log) == 3
    assert desk.states() == {"failed": 1}


@pytest.mark.parametrize(
    ("name", "status", "calls"), [("crm", 400, 1), ("inside", 200, 0), ("unknown", 200, 0)]
)
async def test_what_cannot_get_better_is_not_tried_again(
    desk: Desk, httpserver: HTTPServer, name: str, status: int, calls: int
) -> None:
    httpserver.expect_request("/tasks").respond_with_data("", status=status)
    desk.plan(name)
    await desk.caller.once()
    assert (len(httpserver.log), desk.states()) == (calls, {"failed": 1})
