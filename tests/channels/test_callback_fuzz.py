"""Whatever a provider's call holds, its reader gives reports or says why not, and is soon done: the call is
refused or unreadable, never a defect."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from engine.channels.base import Callback, CallbackRefusedError, CallbackUnreadableError
from engine.channels.twilio.callbacks import TwilioCallbackReader
from engine.values import Instant
from tests.channels.http_provider.test_callbacks import HMAC, TOKEN, read, signed
from tests.http.server.test_fuzz import bodies

SLOW = 5.0
NOW = Instant(1_782_000_000_000)
URL = "https://news.shop.example/callbacks/sms"
CAREFULLY = settings(
    max_examples=150, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
FIELDS = st.sampled_from(
    ["MessageSid", "MessageStatus", "ErrorCode", "Body", "From", "To", "key", "OptOutType"]
)
METHODS, KINDS = (
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(["application/json", "text/plain", "", "a/b;="]),
)
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLBACK_SECRET", "s3cret")


@pytest.mark.parametrize("secret", [HMAC, TOKEN])
@CAREFULLY
@given(body=bodies, kind=KINDS | st.just(FORM), query=st.text(max_size=30), method=METHODS)
def test_any_call_of_a_described_provider(
    secret: str, body: bytes, kind: str, query: str, method: str
) -> None:
    began = time.monotonic()
    with suppress(CallbackRefusedError, CallbackUnreadableError):
        proof = {"x_signature": signed(body).hex(), "x_token": "s3cret"}
        read(body, secret, f"?{query}", method, content_type=kind, **proof)
    assert time.monotonic() - began < SLOW


@CAREFULLY
@given(
    fields=st.dictionaries(FIELDS | st.text(max_size=10), st.text(max_size=40), max_size=8), body=bodies,
    kind=KINDS | st.just(FORM),
)  # fmt: skip
def test_any_call_that_twilio_signed(fields: dict[str, str], body: bytes, kind: str) -> None:
    began, reader = time.monotonic(), TwilioCallbackReader("token", "sms")
    signature = RequestValidator("token").compute_signature(URL, fields)
    with suppress(CallbackRefusedError, CallbackUnreadableError):
        reader.read(Callback("POST", URL, {"x-twilio-signature": signature, "content-type": kind}, body), NOW)
    assert time.monotonic() - began < SLOW
