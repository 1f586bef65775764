"""Answers and calls of providers in forms that are less common: packed, endless, nested, too many, half a
character."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import pytest

from engine.channels.base import Callback, CallbackUnreadableError, Delivery, OutcomeKind, Report
from engine.channels.egress import LARGEST_ANSWER
from engine.channels.http_provider.channel import open_reader
from tests.channels.gateway_desk import NOW, deliver, gateway, message, setup
from tests.channels.http_provider.test_callbacks import CHANNEL, TOKEN, one, read
from tests.channels.odd_http import Play, answers, odd_server, says

pytestmark = pytest.mark.anyio

SENDING = "via: http\nurl: http://{place}/send\nbody: {{to: x}}\ntimeout: 3\nanswer: {{id: id}}\n"
CALM = SENDING.replace("{{id: id}}", "{{ok: [200]}}")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLBACK_SECRET", "s3cret")


async def played(play: Play, config: str = SENDING) -> Delivery:
    async with odd_server(play) as odd:
        found = await deliver(gateway(config.format(place=odd.place)), message())
        assert len(odd.requests) == 1
    return found


async def _chunks(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        await writer.drain()


async def _headers(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: " + b"x" * 1_000 + b"\r\n")
        await writer.drain()


async def _continues(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 50)
        await writer.drain()
        await asyncio.sleep(0.001)


BOMB = gzip.compress(b'{"id": "' + b"x" * 50_000_000 + b'"}')
PACKED = "Content-Encoding: gzip\r\n"


@pytest.mark.parametrize(
    "play",
    [
        _chunks, _headers, _continues, answers(BOMB, more=PACKED), answers(b"no gzip", more=PACKED),
        answers(b"[" * 60_000),
        answers(b'{"id": "m1", "id": ""}'), answers(b'{"id": null}'), answers(b'{"id": false}'),
        answers(b'{"id": ["m1"]}'),
        answers(b'{"id": "\\ud800"}'), answers(b'{"id": NaN}'), answers(b'{"id": %s}' % (b"9" * 5_000)),
        answers('{"id": "m1"}'.encode("utf-16")), says(b'{"id": "m1"}'), says(b"220 hello\r\n"),
        says(b'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"id": "m1"}'),
        says(b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\nContent-Length: 5\r\n\r\n{"id": "m1"}'),
        says(b"HTTP/1.1 204 No Content\r\n\r\n"), answers(b"", "500 Oh"), answers(b"", "502 Oh"),
        answers(b"", "520 Oh"), answers(b"", "999 Oh"),
    ],
)  # fmt: skip
async def test_case_41_what_proves_nothing_is_unknown_and_never_sent(play: Play) -> None:
    found = await played(play)
    assert (found.kind, found.fault) == ("unknown", "provider")
    assert len(found.raw) <= 500


@pytest.mark.parametrize(
    "play",
    [
        answers(gzip.compress(b'{"id": "m1"}'), more=PACKED),
        answers(zlib.compress(b'{"id": "m1"}'), more="Content-Encoding: deflate\r\n"),
        answers(b'\xef\xbb\xbf{"id": "m1"}'),
        answers(b'{"id": "m1"}', kind="text/html"),
        answers(b'{"id": "m1"}', kind="no type at all"),
        says(b'HTTP/1.0 200 OK\r\n\r\n{"id": "m1"}'),
        says(b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"id": "m1"}HTTP/1.1 500 No\r\n\r\n'),
    ],
)
async def test_an_id_is_an_id_however_it_comes(play: Play) -> None:
    found = await played(play)
    assert (found.kind, found.provider_id) == ("accepted", "m1")


async def test_case_41_a_packed_bomb_is_unpacked_no_further_than_an_answer_is_read() -> None:
    found = await played(answers(BOMB, more=PACKED), CALM)
    assert (found.kind, found.detail) == ("unknown", "the answer is too long to be read")
    assert len(BOMB) < LARGEST_ANSWER


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("Retry-After: 5\r\nRetry-After: 900\r\n", None),
        ("Retry-After: дв\r\n", None),
        ("Retry-After: Sunday, 21-Jun-26 00:02:00 GMT\r\n", 120.0),
        ("Retry-After: Sun Jun 21 00:02:00 2026\r\n", 120.0),
        ("retry-after:   7  \r\n", 7.0),
        ("Retry-After: 1e9\r\n", None),
        ("Retry-After: Sun, 21 Jun 2026 00:02:00 +99999999999\r\n", None),
    ],
)
async def test_case_37_other_ways_to_say_later(header: str, wait: float | None) -> None:
    found = await played(
        says(f"HTTP/1.1 429 Later\r\n{header}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
    )
    assert (found.kind, found.fault, found.retry_after) == ("refused for now", "provider", wait)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("401 No", "refused for now"), ("403 No", "refused for now"), ("307 There", "refused for now"),
        ("409 No", "refused"),
        ("413 No", "refused"), ("422 No", "refused"), ("408 No", "refused for now"), ("503 No", "unknown"),
    ],
)  # fmt: skip
async def test_every_status_has_its_class(status: str, kind: OutcomeKind) -> None:
    assert (await played(answers(b"<html>", status, "text/html"))).kind == kind


# --- callbacks ------------------------------------------------------------------------------------

FORM = {"x_token": "s3cret", "content_type": "application/x-www-form-urlencoded"}


def form(body: bytes, kind: str = FORM["content_type"]) -> list[Report]:
    return read(body, x_token="s3cret", content_type=kind)


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b"", b"{", b"\xff\xfe", b'{"events": [{"id": "\\ud800"}]}', b'{"events": NaN}'],
)
async def test_case_40_a_call_that_cannot_be_read_says_so(body: bytes) -> None:
    with pytest.raises(CallbackUnreadableError):
        read(body, x_token="s3cret")


async def test_case_59_a_call_with_a_hundred_thousand_fields_is_refused() -> None:
    with pytest.raises(CallbackUnreadableError, match="too many fields"):
        form(b"&".join(b"f%d=1" % n for n in range(100_000)))


async def test_a_form_is_a_form_in_whatever_case() -> None:
    flat = CHANNEL.replace("  events: events\n", "")
    reader = open_reader(setup(flat.format(secret=TOKEN)))
    for kind in ("application/x-www-form-urlencoded", "Application/X-WWW-Form-UrlEncoded; charset=UTF-8"):
        headers = {"x-token": "s3cret", "content-type": kind}
        body = b"id=m-1&kind=delivered&kind=gone"
        call = Callback("POST", "https://news.shop.example/callbacks/sms", headers, body)
        [report] = reader.read(call, NOW)
        assert (report.kind, report.provider_id) == ("bounced", "m-1")


@pytest.mark.parametrize(
    "body", [b"null", b"5", b'"x"', b'{"events": "x"}', b'{"events": [1, null, []]}', b"{}"]
)
async def test_a_call_without_events_says_nothing(body: bytes) -> None:
    assert read(body, x_token="s3cret") == []


@pytest.mark.parametrize(
    "at",
    [
        "nan",
        "-inf",
        True,
        10**300,
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "",
        None,
        [1],
        -5,
    ],
)
async def test_a_moment_that_is_none_breaks_nothing(at: object) -> None:
    body = json.dumps({"events": [{"id": "m-1", "kind": "delivered", "at": at}]})
    [report] = read(body.encode(), x_token="s3cret")
    assert report.kind == "delivered"


async def test_what_somebody_writes_can_be_stored_whatever_it_is() -> None:
    [reply] = one({"id": "m-1", "kind": "message", "to": "+359888123456", "text": "hi\x00 there"})
    assert (reply.kind, reply.detail) == ("replied", "hi there")


@pytest.mark.parametrize(
    "name",
    [
        "A\r\nB",
        "x\x00y",
        "\u202eevil",
        "\u2028z",
        "<b>&amp;</b>",
        '"},"to":"x',
        "{{7*7}}",
        "\x1b[31m",
        "%0d%0a",
        "]]>",
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "text/xml"])
async def test_case_96_a_name_adds_nothing_to_a_request(name: str, kind: str) -> None:
    bodies = {
        "application/json": '{"to": "x", "text": "{{ message.text }}"}',
        "application/x-www-form-urlencoded": "to=x&text={{ message.text }}",
        "text/xml": '<m to="x" text="{{ message.text }}">{{ message.text }}</m>',
    }
    config = (
        f"via: http\nurl: http://{{place}}/send\nheaders: {{Content-Type: {kind}}}\nbody: '{bodies[kind]}'\n"
        f"timeout: 30\nanswer: {{id: id}}\n"
    )
    async with odd_server(answers(b'{"id": "m1"}')) as odd:
        sending = config.replace("{place}", odd.place)
        assert (await deliver(gateway(sending), message(body=name))).kind == "accepted"
    head, body = odd.requests[0]
    assert head.lower().count("\r\ncontent-type:") == 1
    match kind:
        case "application/json":
            assert json.loads(body) == {"to": "x", "text": name}
        case "text/xml":
            found = ET.fromstring(body)
            assert (found.tag, set(found.attrib), len(found)) == ("m", {"to", "text"}, 0)
            assert (found.text or "").replace("\n", "") == name.replace("\x00", "").replace(
                "\x1b", ""
            ).replace("\r\n", "").replace("\n", "")
        case _:
            assert parse_qsl(body.decode(), keep_blank_values=True) == [("to", "x"), ("text", name)]
