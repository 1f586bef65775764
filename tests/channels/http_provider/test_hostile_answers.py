"""What providers answer and call back is a stranger's, too: nothing of it raises, is slow, or cannot be
stored."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.channels.base import Callback, CallbackUnreadableError, Delivery, Redactor
from engine.channels.egress import LARGEST_ANSWER, Answer
from engine.channels.email.answers import Stage, refusal
from engine.channels.http_provider.answer import delivery_of
from engine.channels.http_provider.channel import open_reader
from engine.channels.twilio.callbacks import TwilioCallbackReader
from engine.channels.webpush.subscription import refusal_of
from engine.config.channels.http_provider_answer import AnswerWords
from tests.channels.gateway_desk import NOW, setup
from tests.channels.http_provider.test_callbacks import CHANNEL, TOKEN
from tests.channels.twilio_server import TOKEN as AUTH_TOKEN
from tests.channels.twilio_server import call

SECONDS = 1.0
URL = "https://news.shop.example/callbacks/sms"
STAGES: tuple[Stage, ...] = ("sender", "recipient", "data", "dot")
WORDS = AnswerWords(
    frozenset({200, 201}), "messages.0.id", "messages.*.status.name", {"sent": "accepted", "gone": "bounced"},
    {410: "bounced"}, "wait.seconds", detail="error.message",
)  # fmt: skip
"""As Infobip, Telegram and the like are described."""

SLOW = {
    "nothing": b"",
    "no JSON": b"{" * LARGEST_ANSWER,
    "lists in lists": b"[" * LARGEST_ANSWER,
    "maps in maps": b'{"messages":' * (LARGEST_ANSWER // 12),
    "closed, and deep": b"[" * 20_000 + b"]" * 20_000,
    "a long number": b"9" * LARGEST_ANSWER,
    "a page": b"<html>" + b"<" * (LARGEST_ANSWER - 6),
    "halves of characters": b'{"messages":[{"id":"\\ud800","status":{"name":"\\udfff"}}]}',
    "zeros": b"\0" * LARGEST_ANSWER,
    "no text": b"\xff" * LARGEST_ANSWER,
    "a name of names": orjson.dumps({"messages": [{"status": {"name": "x" * 50_000}}]}),
    "many messages": orjson.dumps({"messages": [{"status": {}}] * 5_000}),
    "other types": orjson.dumps({"messages": {"0": [{}]}, "wait": [], "error": {"message": {"x": 1}}}),
    "numbers for words": b'{"messages":[{"id":1e308,"status":{"name":true}}],"wait":{"seconds":-1e308}}',
}

NAMES = [
    "messages", "status", "name", "id", "0", "wait", "seconds", "error", "message", "events", "kind", "to",
    "at", "text", "data", "key",
]  # fmt: skip

plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text()
json = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=20,
)


def delivered(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Delivery:
    began = time.process_time()
    answer = Answer(status, "", body[:LARGEST_ANSWER], len(body) <= LARGEST_ANSWER, headers or {})
    delivery = delivery_of(answer, WORDS, NOW, Redactor(["s3cret"]))
    assert time.process_time() - began < SECONDS
    storable(delivery.provider_id, delivery.detail, delivery.raw)
    return delivery


def storable(*values: str) -> None:
    for value in values:
        assert "\0" not in value
        value.encode()


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("status", [200, 400, 429, 500, 0, 999])
def test_no_answer_of_a_gateway_is_slow_or_taken_for_more_than_it_says(name: str, status: int) -> None:
    delivery = delivered(SLOW[name], status)
    if status == 200 and name != "numbers for words":
        assert delivery.kind == "unknown"


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=300), json.map(orjson.dumps)), st.integers(0, 999), st.text(max_size=30))
def test_any_answer_of_a_gateway_has_an_outcome(body: bytes, status: int, wait: str) -> None:
    delivered(body, status, {"retry-after": wait, "content-type": wait})


@settings(deadline=None)
@given(st.integers(200, 999), st.text(max_size=600), st.sampled_from(STAGES))
def test_any_answer_of_a_mail_server_has_an_outcome(code: int, words: str, stage: Stage) -> None:
    delivery = refusal(code, words, stage, "example.com")
    assert delivery.kind in ("refused", "refused for now", "bounced")
    storable(delivery.detail, delivery.raw)


@pytest.mark.parametrize(
    "words",
    ["user " * 200_000, "550-5.1.1 " * 100_000, "\n" * 500_000, "a@" * 300_000, "may " * 200_000,
     "https://" * 100_000, "n't " * 200_000, ". " * 300_000, "\ud800" * 100_000, "可能" * 200_000],
    ids=range(10),
)  # fmt: skip
@pytest.mark.parametrize("code", [450, 550])
def test_no_answer_of_a_mail_server_is_slow(code: int, words: str) -> None:
    began = time.process_time()
    storable(refusal(code, words, "recipient", "example.com").raw)
    assert time.process_time() - began < SECONDS


@pytest.fixture
def callback_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLBACK_SECRET", "s3cret")


def called_back(body: bytes, kind: str = "application/json") -> None:
    reader = open_reader(setup(CHANNEL.format(secret=TOKEN)))
    call_ = Callback("POST", URL, {"x-token": "s3cret", "content-type": kind}, body)
    began = time.process_time()
    try:
        reports = list(reader.read(call_, NOW))
    except CallbackUnreadableError:
        reports = []
    assert time.process_time() - began < SECONDS
    for report in reports:
        storable(report.event_id, report.key, report.provider_id, report.address, report.detail, report.raw)


@pytest.mark.usefixtures("callback_secret")
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", ""])
@pytest.mark.parametrize("name", SLOW)
def test_no_callback_of_a_gateway_is_slow(name: str, kind: str) -> None:
    called_back(SLOW[name], kind)


@pytest.mark.usefixtures("callback_secret")
def test_any_callback_of_a_gateway_is_read_or_refused() -> None:
    @settings(deadline=None)
    @given(st.one_of(st.binary(max_size=300), json.map(lambda value: orjson.dumps({"events": value}))))
    def run(body: bytes) -> None:
        called_back(body)

    run()


FIELDS = ["MessageSid", "MessageStatus", "SmsStatus", "To", "From", "Body", "ErrorCode", "OptOutType", "x"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(FIELDS), st.text(max_size=40)), max_size=10))
def test_any_callback_of_twilio_that_is_signed_is_read_or_refused(fields: list[tuple[str, Any]]) -> None:
    try:
        reports = TwilioCallbackReader(AUTH_TOKEN, "sms").read(call(f"{URL}?key=k1", fields), NOW)
    except CallbackUnreadableError:
        return
    for report in reports:
        storable(report.event_id, report.key, report.address, report.detail, report.raw)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=300), json.map(lambda value: orjson.dumps(value).decode())))
def test_any_text_is_a_push_subscription_or_refused_in_words(text: str) -> None:
    assert refusal_of(text)


@pytest.mark.parametrize("text", ["[" * 4_000, '{"endpoint":' * 300, "9" * 4_000, "x" * 10**7], ids=range(4))
def test_no_push_subscription_is_slow(text: str) -> None:
    began = time.process_time()
    assert refusal_of(text)
    assert time.process_time() - began < SECONDS
