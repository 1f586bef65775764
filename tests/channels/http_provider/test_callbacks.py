"""What a provider reports, and who may: nothing without proof, the same thing once."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import orjson
import pytest

from engine.channels.base import Callback, CallbackRefusedError, CallbackUnreadableError, Report
from engine.channels.http_provider.channel import open_reader
from engine.values import Instant
from tests.channels.gateway_desk import NOW, setup

CHANNEL = """
via: http
url: https://api.example/send
answer: {{id: id}}
callback:
  secret: {secret}
  events: events
  id: id
  key: data.key
  address: to
  at: at
  kind: kind
  kinds: {{DELIVERED: delivered, Gone: bounced, full: bounced for now, \
spam: complained, read: opened, message: replied}}
  reply: text
  detail: why
"""
TOKEN = "{header: X-Token, token: env:CALLBACK_SECRET}"
HMAC = "{header: X-Signature, hmac: sha256, encoding: hex, token: env:CALLBACK_SECRET}"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLBACK_SECRET", "s3cret")


def read(
    body: bytes, secret: str = TOKEN, query: str = "", method: str = "POST", **headers: str
) -> list[Report]:
    reader = open_reader(setup(CHANNEL.format(secret=secret)))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return list(
        reader.read(Callback(method, f"https://news.shop.example/callbacks/sms{query}", named, body), NOW)
    )


def one(event: dict[str, Any]) -> list[Report]:
    return read(orjson.dumps({"events": [event]}), x_token="s3cret")


BODY = orjson.dumps({"events": [{"id": "m-1", "kind": "delivered"}]})


def signed(body: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.new(b"s3cret", body, getattr(hashlib, algorithm)).digest()


@pytest.mark.parametrize(
    ("secret", "query", "headers"),
    [
        (TOKEN, "", {"x_token": "s3cret"}),
        ("{query: key, token: env:CALLBACK_SECRET}", "?a=1&key=s3cret", {}),
        (HMAC, "", {"x_signature": signed(BODY).hex()}),
        (HMAC, "", {"x_signature": "sha256=" + signed(BODY).hex().upper()}),
        (HMAC.replace("hex", "base64"), "", {"x_signature": base64.b64encode(signed(BODY)).decode()}),
        (HMAC.replace("sha256", "sha1"), "", {"x_signature": "sha1=" + signed(BODY, "sha1").hex()}),
        ("{user: shop, password: env:CALLBACK_SECRET}", "", {"authorization": "Basic c2hvcDpzM2NyZXQ="}),
    ],
)
def test_a_caller_who_proves_it_is_heard(secret: str, query: str, headers: dict[str, str]) -> None:
    [report] = read(BODY, secret, query, **headers)
    assert (report.kind, report.provider_id) == ("delivered", "m-1")


@pytest.mark.parametrize(
    ("secret", "query", "headers"),
    [
        (TOKEN, "", {}),
        (TOKEN, "", {"x_token": ""}),
        (TOKEN, "", {"x_token": "s3cre"}),
        (TOKEN, "", {"x_token": "s3crét"}),
        (TOKEN, "?X-Token=s3cret", {}),
        ("{query: key, token: env:CALLBACK_SECRET}", "?key=", {}),
        ("{query: key, token: env:CALLBACK_SECRET}", "?key=no&key=s3cret", {}),
        ("{query: key, token: env:CALLBACK_SECRET}", "", {"key": "s3cret"}),
        (HMAC, "", {"x_signature": "s3cret"}),
        (HMAC, "", {"x_signature": signed(BODY + b" ").hex()}),
        (HMAC, "", {"x_signature": hmac.new(b"", BODY, "sha256").hexdigest()}),
        ("{user: shop, password: env:CALLBACK_SECRET}", "", {"authorization": "Bearer s3cret"}),
        ("{user: shop, password: env:CALLBACK_SECRET}", "", {"authorization": "Basic c2hvcDo="}),
        (TOKEN.replace("CALLBACK_SECRET", "NOT_SET"), "", {"x_token": "s3cret"}),
    ],
)
def test_everybody_else_is_refused(secret: str, query: str, headers: dict[str, str]) -> None:
    with pytest.raises(CallbackRefusedError) as refused:
        read(BODY, secret, query, **headers)
    assert "s3cret" not in str(refused.value)


def test_one_bit_of_the_body_changes_the_signature() -> None:
    for place in range(0, len(BODY), 7):
        changed = BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :]
        with pytest.raises(CallbackRefusedError):
            read(changed, HMAC, x_signature=signed(BODY).hex())


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("DELIVERED", "delivered"),
        ("gone", "bounced"),
        ("FULL", "bounced for now"),
        ("spam", "complained"),
        ("read", "opened"),
    ],
)
def test_their_words_become_ours(said: str, kind: str) -> None:
    [report] = one(
        {
            "id": "m-1",
            "data": {"key": "k-1"},
            "kind": said,
            "at": 1_781_999_990,
            "to": "359888123456",
            "why": "because",
        }
    )
    assert (report.kind, report.key, report.provider_id, report.address, report.detail) == (
        kind, "k-1", "m-1", "+359888123456", "because",
    )  # fmt: skip
    assert report.at == 1_781_999_990_000


def test_what_config_does_not_name_is_passed_over() -> None:
    assert one({"id": "m-1", "kind": "SENT"}) == []
    assert one({"id": "m-1"}) == []
    assert read(b'{"other": 1}', x_token="s3cret") == []
    assert read(b'{"events": [1, null, "x", []]}', x_token="s3cret") == []


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2026-06-21T00:00:00Z", NOW), ("2026-06-21T00:00:00.000+0000", NOW),
        ("2026-06-20T23:59:59", NOW - 1000),
        ("1782000000", NOW), (1782000000000, NOW), ("2030-01-01T00:00:00Z", NOW), ("soon", None),
        ("nan", None), ("1e999", None),
        (12, None),
    ],
)  # fmt: skip
def test_moments_are_read_as_they_come_and_never_in_the_future(written: object, at: Instant | None) -> None:
    [report] = one({"id": "m-1", "kind": "delivered", "at": written})
    assert report.at == at


def test_the_same_event_has_the_same_id_and_another_has_another() -> None:
    events = [
        {"id": "m-1", "kind": "delivered", "at": 1}, {"id": "m-1", "kind": "delivered", "at": 1, "tries": 2},
        {"id": "m-2", "kind": "delivered", "at": 1}, {"id": "m-1", "kind": "read", "at": 1},
        {"id": "m-1", "kind": "delivered", "at": 2},
    ]  # fmt: skip
    ids = [report.event_id for report in read(orjson.dumps({"events": events}), x_token="s3cret")]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4


@pytest.mark.parametrize(
    ("text", "kinds"),
    [("thanks", ["replied"]), ("STOP", ["replied", "unsubscribed"]), ("спри", ["replied", "unsubscribed"]),
     ("please stop texting me", ["replied", "unsubscribed"]), ("start", ["replied", "subscribed"])],
)  # fmt: skip
def test_what_people_write_is_a_reply_and_a_stop_where_it_is_one(text: str, kinds: list[str]) -> None:
    reports = one({"id": "in-1", "to": "359888123456", "kind": "message", "text": text})
    assert [report.kind for report in reports] == kinds
    assert {report.address for report in reports} == {"+359888123456"}
    assert len({report.event_id for report in reports}) == len(kinds)


def test_forms_and_queries_are_read_too() -> None:
    flat = CHANNEL.replace("  events: events\n", "").format(secret=TOKEN)
    reader = open_reader(setup(flat))
    form = {"x-token": "s3cret", "content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    [report] = reader.read(
        Callback("POST", "https://x.example/callbacks/sms", form, b"id=m-1&kind=delivered"), NOW
    )
    [again] = reader.read(
        Callback("GET", "https://x.example/callbacks/sms?id=m-1&kind=delivered", {"x-token": "s3cret"}, b""),
        NOW,
    )
    assert report.kind == again.kind == "delivered"
    assert report.event_id == again.event_id


def test_what_is_genuine_and_makes_no_sense_is_told() -> None:
    for body in (b"", b"<xml/>", b"{", orjson.dumps({"events": [{"kind": "delivered"}]})):
        with pytest.raises(CallbackUnreadableError):
            read(body, x_token="s3cret")


def test_an_event_is_kept_short() -> None:
    [report] = one({"id": "m-1", "kind": "delivered", "why": "y" * 10_000, "more": "x" * 100_000})
    assert len(report.raw) <= 4_000
    assert len(report.detail) <= 500


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
@pytest.mark.parametrize("body", [b"", BODY])
def test_a_signature_covers_no_query_so_a_signed_call_is_a_post(method: str, body: bytes) -> None:
    query = "?id=m-1&kind=bounced&address=a%40example.com"
    with pytest.raises(CallbackRefusedError):
        read(body, HMAC, query, method, x_signature=signed(body).hex())


@pytest.mark.parametrize(
    "kind", ["application/json", "application/x-www-form-urlencoded", "text/plain", "multipart/form-data", ""]
)
@pytest.mark.parametrize("query", ["", "?id=m-2&kind=bounced"])
def test_of_a_signed_call_only_the_body_counts(kind: str, query: str) -> None:
    reports = read(BODY, HMAC, query, x_signature=signed(BODY).hex(), content_type=kind)
    assert [(report.kind, report.provider_id) for report in reports] == [("delivered", "m-1")]
