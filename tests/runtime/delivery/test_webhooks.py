"""Webhook calls over a real socket: signed, with one key in every try, for a day."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import orjson
import pytest
from pytest_httpserver import HTTPServer

from engine.channels.egress import Egress
from engine.clock import ManualClock
from engine.config import Secret, WebhookConfig
from engine.core.decision.effects import Call
from engine.runtime.delivery.webhooks import AT_ONCE, WebhookCaller, signature, standard_signature
from engine.store.alerting import alerts
from engine.store.database import Store
from engine.store.journeys import pauses
from engine.store.messages import webhooks
from engine.store.serialization import dump_values
from engine.values import DAY, HOUR, MINUTE, Instant, Money, Value
from tests.channels.odd_http import drips, odd_server, says
from tests.stores import new_store

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
    configured: dict[str, WebhookConfig]

    def plan(self, name: str = "crm", key: str = "key-1") -> None:
        values: dict[str, Value] = {"reason": "lapsed", "total": Money(Decimal("80.50"), "EUR")}
        call = Call(key, "run-1", name, values)
        self.store.write(lambda conn: webhooks.plan(conn, 0, [("c1", call, dump_values(values))], NOW))

    async def beat(self) -> int:
        """One heartbeat, and what it began to its end."""
        began = await self.caller.once()
        await self.caller.idle()
        return began

    def states(self) -> dict[str, int]:
        with self.store.read() as conn:
            return webhooks.counts(conn)

    def alerts(self) -> list[str]:
        with self.store.read() as conn:
            return [each.why for each in alerts.latest(conn)]

    def failing(self) -> list[webhooks.FailingCalls]:
        with self.store.read() as conn:
            return webhooks.failing(conn)


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
    store = new_store(tmp_path)
    clock = ManualClock(NOW)
    caller = WebhookCaller(store, lambda: configured, Egress(["127.0.0.0/8"]), clock)
    yield Desk(store, clock, caller, configured)
    await caller.close()
    store.close()


async def test_a_call_arrives_signed_and_once(desk: Desk, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/tasks", method="POST").respond_with_data("")
    desk.plan()
    assert await desk.beat() == 1
    assert await desk.beat() == 0
    [(request, _)] = httpserver.log
    assert request.headers["Idempotency-Key"] == "key-1"
    assert request.headers["X-Perennial-Signature"] == signature("hush", NOW, request.data)
    assert orjson.loads(request.data) == {
        "id": "key-1", "webhook": "crm", "customer_id": "c1", "at": "2026-06-21T00:00:00Z",
        "values": {"reason": "lapsed", "total": {"amount": "80.50", "currency": "EUR"}},
    }  # fmt: skip
    assert desk.states() == {"done": 1}


async def test_the_headers_are_those_of_standard_webhooks(desk: Desk, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/tasks").respond_with_data("")
    desk.plan()
    await desk.beat()
    [(request, _)] = httpserver.log
    signed = (
        f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.data
    )
    wanted = base64.b64encode(hmac.new(b"hush", signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{wanted}"
    assert request.headers["webhook-timestamp"] == str(NOW // 1000)


def test_a_secret_of_standard_webhooks_is_base64() -> None:
    # the example of the specification's reference libraries
    secret, key, at = (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        Instant(1_614_265_330_000),
    )
    made = standard_signature(secret, key, at, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_for_a_day_with_the_same_key_and_bytes_then_its_owner_is_told(
    desk: Desk, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/tasks").respond_with_data("secret answer", status=500)
    desk.plan()
    tries: list[int] = []
    while desk.states() == {"planned": 1}:
        if await desk.beat():
            tries.append(desk.clock.now() - NOW)
        desk.clock.advance(MINUTE)
    gaps = [later - earlier for earlier, later in pairwise(tries)]
    waits = [MINUTE, 4 * MINUTE, 16 * MINUTE, *[HOUR] * 24]
    assert all(wait <= gap <= wait * 1.1 + MINUTE for gap, wait in zip(gaps, waits, strict=True))
    assert DAY <= tries[-1] <= 28 * HOUR
    assert {(request.headers["Idempotency-Key"], request.data) for request, _ in httpserver.log} == {
        ("key-1", httpserver.log[0][0].data)
    }
    assert desk.states() == {"failed": 1}
    assert desk.alerts() == ['a call of the webhook "crm" failed for 24 hours: 500']


async def test_a_receiver_that_comes_back_gets_the_call(desk: Desk, httpserver: HTTPServer) -> None:
    httpserver.expect_ordered_request("/tasks").respond_with_data("", status=404)
    httpserver.expect_ordered_request("/tasks").respond_with_data("", status=204)
    desk.plan()
    await desk.beat()
    [failing] = desk.failing()
    assert (failing.webhook, failing.waiting, failing.detail) == ("crm", 1, "404")
    desk.clock.advance(2 * MINUTE)
    await desk.beat()
    assert (desk.states(), desk.failing(), desk.alerts()) == ({"done": 1}, [], [])


@pytest.mark.parametrize(("status", "wait"), [(429, 30 * MINUTE), (503, 30 * MINUTE), (500, MINUTE)])
async def test_retry_after_is_honoured(desk: Desk, httpserver: HTTPServer, status: int, wait: int) -> None:
    httpserver.expect_request("/tasks").respond_with_data("", status=status, headers={"Retry-After": "1800"})
    desk.plan()
    await desk.beat()
    [failing] = desk.failing()
    assert wait <= failing.next_at - NOW <= wait * 1.1


@pytest.mark.parametrize("status", [410, 302])
async def test_gone_and_moved_are_the_end_and_told(desk: Desk, httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_request("/tasks").respond_with_data(
        "", status=status, headers={"Location": "/elsewhere"}
    )
    desk.plan()
    await desk.beat()
    assert (len(httpserver.log), desk.states()) == (1, {"failed": 1})
    [why] = desk.alerts()
    assert str(status) in why


async def test_what_cannot_get_better_is_not_tried_again(desk: Desk) -> None:
    desk.configured["metadata"] = WebhookConfig("metadata", "http://169.254.169.254/latest")
    for name in ("metadata", "unknown"):
        desk.plan(name, name)
    await desk.beat()
    assert desk.states() == {"failed": 2}
    told = " ".join(desk.alerts())
    assert "169.254.169.254 leads to an address that is not public" in told
    assert 'there is no webhook "unknown" in config.yaml any more' in told


async def test_a_secret_that_is_missing_for_an_hour_loses_no_call(
    desk: Desk, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request("/tasks").respond_with_data("")
    monkeypatch.delenv("CRM_SECRET")
    desk.plan()
    await desk.beat()
    assert httpserver.log == []
    monkeypatch.setenv("CRM_SECRET", "hush")
    desk.clock.advance(HOUR)
    await desk.beat()
    assert desk.states() == {"done": 1}


async def test_while_everything_is_paused_nothing_is_called(desk: Desk, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/tasks").respond_with_data("")
    desk.plan()
    desk.store.write(lambda conn: pauses.pause(conn, "all", "", NOW, "ops"))
    assert await desk.beat() == 0
    desk.clock.advance(3 * DAY)
    assert await desk.beat() == 0
    assert httpserver.log == []
    desk.store.write(lambda conn: pauses.resume(conn, "all", ""))
    assert await desk.beat() == 1
    assert desk.states() == {"done": 1}


async def test_a_slow_receiver_holds_back_nobody_else(desk: Desk, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/tasks").respond_with_data("")
    async with odd_server(drips) as slow:
        desk.configured["slow"] = WebhookConfig("slow", f"http://{slow.place}/")
        for number in range(20):
            desk.plan("slow", f"slow-{number}")
        desk.plan()
        await desk.caller.once()
        while not desk.states().get("done"):
            await desk.caller.once()
        assert desk.states() == {"done": 1, "planned": 20}
        assert len(slow.requests) <= AT_ONCE


async def test_a_call_over_which_the_process_died_is_made_again_with_its_key(
    desk: Desk, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/tasks").respond_with_data("")
    desk.plan()
    taken = desk.store.write(lambda conn: webhooks.take(conn, "crm", NOW, MINUTE, 8))
    assert [call.key for call in taken] == ["key-1"]
    assert await desk.beat() == 0
    desk.clock.advance(MINUTE)
    assert await desk.beat() == 1
    assert httpserver.log[0][0].headers["webhook-id"] == "key-1"


async def test_nothing_that_a_receiver_answers_is_kept(desk: Desk, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/tasks").respond_with_data(
        "canary-body", status=500, headers={"X-Canary": "canary"}
    )
    desk.plan()
    await desk.beat()
    async with odd_server(says(b"SSH-2.0-canary\r\n")) as odd:
        desk.configured["odd"] = WebhookConfig("odd", f"http://{odd.place}/")
        desk.plan("odd", "key-2")
        await desk.beat()
    assert "canary" not in repr(desk.failing()) + repr(desk.alerts())
    assert len(desk.failing()) == 2
