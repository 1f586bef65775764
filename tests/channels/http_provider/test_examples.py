"""The examples of docs/channels/examples, each sent to a server that answers as the provider's documents
say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from engine.channels.base import Callback, CallbackRefusedError, ChannelSetup, Delivery, Message, Report
from engine.channels.http_provider.channel import open_channel, open_reader
from engine.clock import ManualClock
from engine.config.file import read_config
from engine.values import HOUR, Instant
from tests.channels.gateway_desk import NOW, Hand, message

pytestmark = pytest.mark.anyio

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "channels" / "examples"
SECRETS = {
    "INFOBIP_API_KEY": "infobip-key", "INFOBIP_CALLBACK_KEY": "call key&1",
    "TELEGRAM_BOT_TOKEN": "110201543:AAHdqTcvCH1",
    "TELEGRAM_CALLBACK_TOKEN": "tg-callback",
}  # fmt: skip


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def opened(name: str, httpserver: HTTPServer, tmp_path: Path) -> ChannelSetup:
    """The example as it stands in the file; only host and token file are those of the test."""
    text = (EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8")
    place = f"127.0.0.1:{httpserver.port}"
    text = re.sub(
        r"https://(?:abc123\.api\.infobip\.com|api\.telegram\.org|fcm\.googleapis\.com)",
        f"http://{place}",
        text,
    )
    token = tmp_path / "fcm"
    token.write_text("ya29.token")
    text = text.replace("file:/run/secrets/fcm", f"file:{token}")
    config, problems = read_config(
        f"http: {{public_url: https://news.shop.example}}\negress: {{allow: ['{place}']}}\n{text}"
    )
    assert problems == []
    [channel] = config.channels.values()
    return ChannelSetup(channel, config, tmp_path, "secret", ManualClock(NOW))


async def sent(setup: ChannelSetup, one: Message) -> Delivery:
    channel = open_channel(setup)
    try:
        return await channel.deliver(one, Hand())
    finally:
        await channel.close()


def called(setup: ChannelSetup, document: Any, query: str = "", **headers: str) -> list[Report]:
    call = Callback("POST", setup.callback_url + query, headers, orjson.dumps(document))
    return list(open_reader(setup).read(call, Instant(NOW + HOUR)))


@pytest.mark.parametrize("name", [path.stem for path in EXAMPLES.glob("*.yaml")])
def test_every_example_is_tested_here(name: str) -> None:
    assert f"test_{name}" in " ".join(globals())


# --- Infobip: infobip.com/docs/api/channels/sms ------------------------------------------------------


def infobip_answer(group: str, description: str) -> dict[str, Any]:
    status = {"groupId": 1, "groupName": group, "id": 26, "name": f"{group}_X", "description": description}
    return {
        "bulkId": "b-1",
        "messages": [{"messageId": "k-1", "status": status, "destination": "359888123456"}],
    }


async def test_infobip_takes_a_message_and_reports_it(httpserver: HTTPServer, tmp_path: Path) -> None:
    setup = opened("infobip", httpserver, tmp_path)
    httpserver.expect_request("/sms/3/messages", method="POST").respond_with_json(
        infobip_answer("PENDING", "Message sent to next instance")
    )
    found = await sent(setup, message(body='Hi "Anna"\n', sender="Bean There"))
    assert (found.kind, found.provider_id) == ("accepted", "k-1")
    [(request, _)] = httpserver.log
    assert request.headers["Authorization"] == "App infobip-key"
    assert orjson.loads(request.data) == {
        "messages": [
            {
                "sender": "Bean There",
                "destinations": [{"to": "359888123456", "messageId": "k-1"}],
                "content": {"text": 'Hi "Anna"\n'},
                "options": {"validityPeriod": {"amount": 60, "timeUnit": "MINUTES"}},
                "webhooks": {
                    "delivery": {"url": "https://news.shop.example/callbacks/sms?key=call%20key%261"},
                    "callbackData": "k-1",
                },
            }
        ]
    }
    report = {
        "results": [
            {"bulkId": "b-1", "messageId": "k-1", "to": "359888123456",
             "sentAt": "2026-06-21T00:00:01.000+0000", "doneAt": "2026-06-21T00:00:05.000+0000",
             "smsCount": 1, "callbackData": "k-1",
             "status": {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET",
                        "description": "Message delivered to handset"},
             "error": {"groupId": 0, "groupName": "Ok", "id": 0, "name": "NO_ERROR", "permanent": False}},
            {"messageId": "m-2", "to": "359888000000", "doneAt": "2026-06-21T00:00:06.000+0000",
             "status": {"groupId": 2, "groupName": "UNDELIVERABLE", "name": "UNDELIVERABLE_NOT_DELIVERED",
                        "description": "Not delivered"}},
        ]
    }  # fmt: skip
    query = "?key=call%20key%261"
    delivered, lost = called(setup, report, query)
    assert (delivered.kind, delivered.key, delivered.provider_id, delivered.at) == (
        "delivered",
        "k-1",
        "k-1",
        NOW + 5000,
    )
    assert (lost.kind, lost.provider_id, lost.detail) == ("refused", "m-2", "Not delivered")
    assert [one.event_id for one in called(setup, report, query)] == [delivered.event_id, lost.event_id]
    inbound = {
        "results": [
            {"messageId": "in-1", "from": "359888123456", "to": "1234", "text": "STOP", "cleanText": "STOP"}
        ]
    }
    reply, stop = called(setup, inbound, query)
    assert (reply.kind, reply.address, reply.detail) == ("replied", "+359888123456", "STOP")
    assert (stop.kind, stop.address) == ("unsubscribed", "+359888123456")
    with pytest.raises(CallbackRefusedError):
        called(setup, report)


async def test_infobip_refuses_within_a_200(httpserver: HTTPServer, tmp_path: Path) -> None:
    httpserver.expect_request("/sms/3/messages").respond_with_json(
        infobip_answer("REJECTED", "Not enough credits")
    )
    found = await sent(opened("infobip", httpserver, tmp_path), message())
    assert (found.kind, found.detail) == ("refused", "Not enough credits")


async def test_viber_by_infobip(httpserver: HTTPServer, tmp_path: Path) -> None:
    setup = opened("viber", httpserver, tmp_path)
    httpserver.expect_request("/viber/2/messages", method="POST").respond_with_json(
        infobip_answer("PENDING", "")
    )
    found = await sent(setup, message(channel="viber", sender="BeanThere"))
    assert (found.kind, found.provider_id) == ("accepted", "k-1")
    [one] = orjson.loads(httpserver.log[0][0].data)["messages"]
    assert one["sender"] == "BeanThere"
    assert one["content"] == {"type": "TEXT", "text": "Hi Anna"}
    assert one["destinations"] == [{"to": "359888123456", "messageId": "k-1"}]
    seen = {
        "results": [
            {
                "messageId": "k-1",
                "doneAt": "2026-06-21T00:00:05.000+0000",
                "status": {"groupName": "DELIVERED"},
            }
        ]
    }
    [report] = called(setup, seen, "?key=call%20key%261")
    assert (report.kind, report.provider_id) == ("delivered", "k-1")


# --- Telegram: core.telegram.org/bots/api -----------------------------------------------------------


async def test_telegram_sends_a_message_and_hears_answers(httpserver: HTTPServer, tmp_path: Path) -> None:
    setup = opened("telegram", httpserver, tmp_path)
    chat = {"id": 42, "first_name": "Anna", "type": "private"}
    httpserver.expect_request("/bot110201543:AAHdqTcvCH1/sendMessage", method="POST").respond_with_json(
        {"ok": True, "result": {"message_id": 7, "chat": chat, "date": 1782000000, "text": "Hi Anna"}}
    )
    found = await sent(setup, message("42", channel="telegram"))
    assert (found.kind, found.provider_id) == ("accepted", "7")
    assert orjson.loads(httpserver.log[0][0].data) == {
        "chat_id": "42", "text": "Hi Anna", "link_preview_options": {"is_disabled": True},
    }  # fmt: skip
    update = {
        "update_id": 9,
        "message": {"message_id": 8, "chat": chat, "date": 1782000060, "text": "thanks"},
    }
    [reply] = called(setup, update, **{"x-telegram-bot-api-secret-token": "tg-callback"})
    assert (reply.kind, reply.address, reply.event_id, reply.at, reply.detail) == (
        "replied",
        "42",
        "9",
        NOW + 60_000,
        "thanks",
    )
    assert (
        called(setup, {"update_id": 10, "poll": {}}, **{"x-telegram-bot-api-secret-token": "tg-callback"})
        == []
    )


@pytest.mark.parametrize(
    ("status", "description", "kind", "closed", "fault"),
    [
        (403, "Forbidden: bot was blocked by the user", "refused", "unsubscribed", "address"),
        (403, "Forbidden: user is deactivated", "bounced", "", "address"),
        (400, "Bad Request: chat not found", "bounced", "", "address"),
        (400, "Bad Request: message text is empty", "refused", "", "template"),
        (401, "Unauthorized", "refused for now", "", "sender"),
        (404, "Not Found", "refused for now", "", "sender"),
    ],
)
async def test_telegram_refuses(
    httpserver: HTTPServer, tmp_path: Path, status: int, description: str, kind: str, closed: str, fault: str
) -> None:
    httpserver.expect_request(re.compile("/bot.*")).respond_with_json(
        {"ok": False, "error_code": status, "description": description}, status=status
    )
    found = await sent(opened("telegram", httpserver, tmp_path), message("42"))
    assert (found.kind, found.closed, found.fault, found.detail) == (kind, closed, fault, description)


async def test_telegram_asks_to_wait(httpserver: HTTPServer, tmp_path: Path) -> None:
    httpserver.expect_request(re.compile("/bot.*")).respond_with_json(
        {"ok": False, "error_code": 429, "description": "Too Many Requests: retry after 35",
         "parameters": {"retry_after": 35}},
        status=429,
    )  # fmt: skip
    found = await sent(opened("telegram", httpserver, tmp_path), message("42"))
    assert (found.kind, found.retry_after) == ("refused for now", 35.0)


# --- FCM: firebase.google.com/docs/reference/fcm/rest/v1 --------------------------------------------


def fcm_error(status: int, code: str, word: str) -> Response:
    detail = {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}
    bad = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": []}
    document = {"error": {"code": status, "message": word, "status": "X", "details": [bad, detail]}}
    return Response(orjson.dumps(document), status)


async def test_fcm_drops_a_token_that_is_gone_and_reaches_the_other(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    def play(request: Request) -> Response:
        if orjson.loads(request.data)["message"]["token"] == "old":
            return fcm_error(404, "UNREGISTERED", "Requested entity was not found.")
        return Response(orjson.dumps({"name": "projects/bean-there/messages/0:1500"}))

    httpserver.expect_request("/v1/projects/bean-there/messages:send", method="POST").respond_with_handler(
        play
    )
    push = message("old\nnew", channel="push", fields={"title": "Hi", "url": "https://shop.example/x"})
    found = await sent(opened("fcm", httpserver, tmp_path), push)
    assert (found.kind, found.provider_id, found.dead) == (
        "accepted",
        "projects/bean-there/messages/0:1500",
        ("old",),
    )
    request = httpserver.log[1][0]
    assert request.headers["Authorization"] == "Bearer ya29.token"
    assert orjson.loads(request.data)["message"] == {
        "token": "new",
        "notification": {"title": "Hi", "body": "Hi Anna"},
        "data": {"url": "https://shop.example/x"},
        "android": {"ttl": "3600s", "notification": {"tag": "k-1"}},
        "apns": {"headers": {"apns-collapse-id": "k-1"}},
        "webpush": {"headers": {"TTL": "3600"}},
    }


@pytest.mark.parametrize(
    ("status", "code", "kind", "fault"),
    [
        (404, "UNREGISTERED", "bounced", "address"),
        (400, "INVALID_ARGUMENT", "refused", ""),
        (429, "QUOTA_EXCEEDED", "refused for now", "provider"),
        (503, "UNAVAILABLE", "refused for now", "provider"),
        (500, "INTERNAL", "unknown", "provider"),
        (401, "", "refused for now", "sender"),
    ],
)
async def test_fcm_refuses(
    httpserver: HTTPServer, tmp_path: Path, status: int, code: str, kind: str, fault: str
) -> None:
    httpserver.expect_request(re.compile("/v1/.*")).respond_with_handler(
        lambda _: fcm_error(status, code, "words")
    )
    found = await sent(opened("fcm", httpserver, tmp_path), message("one", channel="push"))
    assert (found.kind, found.fault) == (kind, fault)


def test_fcm_reports_nothing(httpserver: HTTPServer, tmp_path: Path) -> None:
    with pytest.raises(CallbackRefusedError, match="has no callback"):
        called(opened("fcm", httpserver, tmp_path), {})
