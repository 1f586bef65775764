"""What Twilio calls back is believed when it is signed for our own address, and says one thing each time."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.channels.base import (
    Callback,
    CallbackReader,
    CallbackRefusedError,
    CallbackUnreadableError,
)
from engine.channels.registry import open_readers
from engine.channels.twilio.callbacks import TwilioCallbackReader
from engine.channels.twilio.client import is_signed
from engine.clock import ManualClock
from engine.config.file import read_config
from engine.values import Instant
from tests.channels.twilio_server import TOKEN, call

NOW = Instant(1_782_000_000_000)
URL = "https://news.shop.example/callbacks/sms"
SID = "SM" + "1" * 32


@pytest.fixture
def reader() -> CallbackReader:
    return TwilioCallbackReader(TOKEN, "sms")


def status(said: str, code: int = 0, url: str = f"{URL}?key=k1", **more: str) -> Callback:
    fields = [
        ("MessageSid", SID),
        ("MessageStatus", said),
        ("To", "+359888123456"),
        ("From", "+359888000001"),
    ]
    fields += [("ErrorCode", str(code))] if code else []
    return call(url, [*fields, *more.items()])


def inbound(body: str, sender: str = "+359888123456", **more: str) -> Callback:
    fields = [
        ("MessageSid", SID),
        ("SmsStatus", "received"),
        ("From", sender),
        ("To", "+359888000001"),
        ("Body", body),
    ]
    return call(URL, [*fields, *more.items()])


# --- who may say something (design/reliability case 100) -----------------------------------------------


def test_case_100_the_example_that_twilio_publishes_is_genuine() -> None:
    """twilio.com/docs/usage/security, "Validate using the SDKs"."""
    fields = {
        "CallSid": ["CA1234567890ABCDE"], "Caller": ["+14158675309"], "Digits": ["1234"],
        "From": ["+14158675309"],
        "To": ["+18005551212"],
    }  # fmt: skip
    url, signed = "https://mycompany.com/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    assert is_signed("12345", url, fields, signed)
    for at in range(len(base64.b64decode(signed)) * 8):  # every bit of the signature
        bits = bytearray(base64.b64decode(signed))
        bits[at // 8] ^= 1 << at % 8
        assert not is_signed("12345", url, fields, base64.b64encode(bits).decode())
    for at in range(len(url)):
        assert not is_signed("12345", url[:at] + chr(ord(url[at]) ^ 1) + url[at + 1 :], fields, signed)
    assert not is_signed("12346", url, fields, signed)
    assert not is_signed("12345", url, fields | {"Digits": ["1235"]}, signed)
    assert not is_signed("12345", url, fields, "")


def test_case_100_every_bit_of_the_body_counts(reader: CallbackReader) -> None:
    genuine = status("delivered")
    assert reader.read(genuine, NOW)
    for at in range(len(genuine.body) * 8):
        body = bytearray(genuine.body)
        body[at // 8] ^= 1 << at % 8
        try:
            assert reader.read(replace(genuine, body=bytes(body)), NOW) == reader.read(genuine, NOW)
        except CallbackRefusedError:
            continue
        # only what means the same may pass: %2B written as %2b
        assert bytes(body).lower() == genuine.body.lower()


@pytest.mark.parametrize(
    ("signed_url", "genuine"),
    [
        (f"{URL}?key=k1", True),
        (f"{URL}?key=k1".replace(".example/", ".example:443/"), True),  # Twilio signs with the port at times
        (f"{URL}?key=k1".replace("https:", "http:"), False),
        (f"{URL}?key=k1".replace(".example/", ".example:8443/"), False),
        (f"{URL}?key=k1".replace("shop.example", "evil.example"), False),
        (f"{URL}?key=k2", False),
        (URL, False),
        (f"{URL}?key=k1".replace("/sms", "/whatsapp"), False),
    ],
)
def test_case_100_only_the_signature_of_our_own_url_counts(
    reader: CallbackReader, signed_url: str, genuine: bool
) -> None:
    made = call(f"{URL}?key=k1", [("MessageSid", SID), ("MessageStatus", "sent")], signed_url=signed_url)
    if genuine:
        assert reader.read(made, NOW)[0].kind == "accepted"
    else:
        with pytest.raises(CallbackRefusedError):
            reader.read(made, NOW)


@pytest.mark.parametrize("wrong", ["", "x", "ö" * 28, "A" * 27 + "=", "\x00"])
def test_case_100_no_signature_and_a_wrong_one_are_refused(reader: CallbackReader, wrong: str) -> None:
    genuine = status("sent")
    headers = {name: value for name, value in genuine.headers.items() if name != "x-twilio-signature"}
    for one in (headers, headers | {"x-twilio-signature": wrong}):
        with pytest.raises(CallbackRefusedError):
            reader.read(replace(genuine, headers=one), NOW)


def test_case_102_without_a_token_everything_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    config, _ = read_config('channels:\n  sms: {via: twilio, from: "+359888000001"}\n')
    for reader in (
        open_readers(config, Path(), "secret", ManualClock(NOW))["sms"],
        TwilioCallbackReader("", "sms"),
    ):
        unsigned = replace(status("sent"), headers={})
        empty_key = call(f"{URL}?key=k1", [("MessageSid", SID), ("MessageStatus", "sent")], token="")
        for one in (status("sent"), unsigned, empty_key):
            with pytest.raises(CallbackRefusedError):
                reader.read(one, NOW)


def test_unknown_and_repeated_parameters_are_signed_too(reader: CallbackReader) -> None:
    fields = [
        ("MessageSid", SID),
        ("MessageStatus", "sent"),
        ("New", " b "),
        ("New", "a"),
        ("New", "a"),
        ("Empty", ""),
    ]
    assert reader.read(call(URL, fields), NOW)[0].kind == "accepted"
    trimmed = call(URL, [(name, value.strip()) for name, value in fields])
    with pytest.raises(CallbackRefusedError):
        reader.read(replace(trimmed, body=call(URL, fields).body), NOW)


def test_a_body_that_is_no_form_is_believed_by_its_hash_in_the_url(reader: CallbackReader) -> None:
    body = b'{"MessageSid": "SM1", "MessageStatus": "delivered"}'
    url = f"{URL}?key=k1&bodySHA256={hashlib.sha256(body).hexdigest()}"
    signed = base64.b64encode(hmac.new(TOKEN.encode(), url.encode(), hashlib.sha1).digest()).decode()
    headers = {"content-type": "application/json", "x-twilio-signature": signed}
    assert reader.read(Callback("POST", url, headers, body), NOW)[0].kind == "delivered"
    plain = base64.b64encode(hmac.new(TOKEN.encode(), URL.encode(), hashlib.sha1).digest()).decode()
    for other in (
        Callback("POST", url, headers, body.replace(b"delivered", b"failed   ")),
        Callback("POST", url, headers, b"\xff"),
        Callback("POST", URL, {**headers, "x-twilio-signature": plain}, body),
    ):
        with pytest.raises(CallbackRefusedError):
            reader.read(other, NOW)


@given(
    st.binary(max_size=300), st.sampled_from(["application/json", "text/plain", "", "multipart/form-data"])
)
def test_case_100_no_bytes_break_the_reader(body: bytes, kind: str) -> None:
    one = Callback(
        "POST", f"{URL}?bodySHA256=0", {"content-type": kind, "x-twilio-signature": "x" * 28}, body
    )
    with pytest.raises(CallbackRefusedError):
        TwilioCallbackReader(TOKEN, "sms").read(one, NOW)


# --- what it says ---------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["queued", "accepted", "sending", "sent", "scheduled"])
def test_twilio_took_it(reader: CallbackReader, said: str) -> None:
    (report,) = reader.read(status(said), NOW)
    assert (report.kind, report.key, report.provider_id) == ("accepted", "k1", SID)
    assert (report.event_id, report.address) == (f"{SID}:{said}", "+359888123456")
    assert TOKEN not in report.raw
    assert '"MessageStatus"' in report.raw


def test_case_40_the_same_callback_has_the_same_event(reader: CallbackReader) -> None:
    reports = [
        report.event_id for _ in range(50) for report in reader.read(status("delivered", New="x"), NOW)
    ]
    assert set(reports) == {f"{SID}:delivered"}


def test_read_on_whatsapp_is_delivered_and_opened(reader: CallbackReader) -> None:
    assert [(one.kind, one.event_id) for one in reader.read(status("read"), NOW)] == [
        ("delivered", f"{SID}:delivered"),
        ("opened", f"{SID}:read"),
    ]


@pytest.mark.parametrize(
    ("code", "kinds", "fault"),
    [
        (30005, ["bounced"], "address"),
        (30006, ["bounced"], "address"),
        (30003, ["refused", "bounced for now"], "address"),
        (30004, ["refused"], "address"),
        (30007, ["refused"], "sender"),
        (30008, ["refused"], "provider"),
        (30034, ["refused"], "sender"),
        (21610, ["refused", "unsubscribed"], "address"),
        (63016, ["refused"], "template"),
        (63024, ["refused"], "address"),
        (63049, ["refused"], "address"),
        (0, ["refused"], "provider"),
        (98765, ["refused"], "provider"),
    ],
)
def test_what_was_not_delivered_and_why(
    reader: CallbackReader, code: int, kinds: list[str], fault: str
) -> None:
    for said in ("undelivered", "failed"):
        reports = reader.read(status(said, code), NOW)
        assert [one.kind for one in reports] == kinds
        assert reports[0].fault == fault
        assert len({one.event_id for one in reports}) == len(reports)
        assert said in reports[0].detail


def test_a_status_that_nobody_knows_is_unreadable(reader: CallbackReader) -> None:
    with pytest.raises(CallbackUnreadableError):
        reader.read(status("sublimated"), NOW)
    with pytest.raises(CallbackUnreadableError):
        reader.read(call(URL, [("MessageStatus", "sent")]), NOW)


def test_the_key_comes_back_as_it_was_written(reader: CallbackReader) -> None:
    (report,) = reader.read(status("sent", url=f"{URL}?key={quote('a/b&c=é ')}"), NOW)
    assert report.key == "a/b&c=é "


# --- what people write ----------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["Stop.", "стоп", "STOP ALL", "please stop texting me"])
def test_case_93_a_stop_is_a_reply_and_an_unsubscription(reader: CallbackReader, body: str) -> None:
    replied, stopped = reader.read(inbound(body), NOW)
    assert (replied.kind, stopped.kind, stopped.purpose) == ("replied", "unsubscribed", "all")
    assert replied.address == stopped.address == "+359888123456"
    assert replied.event_id != stopped.event_id
    assert ("please" in stopped.detail) == ("please" in body)


def test_case_93_stopwatch_is_a_reply_alone(reader: CallbackReader) -> None:
    assert [one.kind for one in reader.read(inbound("stopwatch"), NOW)] == ["replied"]


def test_start_takes_a_stop_back(reader: CallbackReader) -> None:
    assert [one.kind for one in reader.read(inbound("UNSTOP"), NOW)] == ["replied", "subscribed"]


def test_what_twilio_itself_made_of_it_counts(reader: CallbackReader) -> None:
    assert [one.kind for one in reader.read(inbound("nein danke", OptOutType="STOP"), NOW)] == [
        "replied",
        "unsubscribed",
    ]


def test_a_reply_on_whatsapp_names_the_number_and_what_it_answers(reader: CallbackReader) -> None:
    (replied,) = reader.read(
        inbound("thanks!", "whatsapp:+359888123456", OriginalRepliedMessageSid="SM2"), NOW
    )
    assert (replied.address, replied.provider_id, replied.at) == ("+359888123456", "SM2", NOW)


def test_an_answer_that_twilio_understands(reader: CallbackReader) -> None:
    assert reader.answer == ("text/xml", "<Response/>")
