"""The generic channel against real sockets: which failures are safe to repeat, and which nobody can know."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
from pathlib import Path

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from engine.channels.base import Delivery
from engine.errors import UsageError
from engine.values import HOUR, Instant
from tests.channels.gateway_desk import NOW, Hand, deliver, gateway, message, setup
from tests.channels.odd_http import Play, answers, drips, floods, hangs_up, odd_server, says

pytestmark = pytest.mark.anyio

PLAIN = """
via: http
url: http://{place}/send
timeout: 3
body: {{to: "{{{{ message.address }}}}", text: "{{{{ message.text }}}}"}}
answer: {{id: id, retry_after: wait}}
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def untrusted(tmp_path: Path) -> ssl.SSLContext:
    """A server's side of TLS with a certificate that nobody signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    signed = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2100, 1, 1, tzinfo=dt.UTC))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = tmp_path / "one.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, form, none)
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def played(play: Play, hand: Hand | None = None, config: str = PLAIN) -> Delivery:
    async with odd_server(play) as odd:
        found = await deliver(gateway(config.format(place=odd.place)), message(), hand)
        assert len(odd.requests) == 1
        return found


async def test_a_message_becomes_one_request_and_is_accepted_with_its_id() -> None:
    hand = Hand()
    async with odd_server(answers(b'{"id": 17}')) as odd:
        found = await deliver(gateway(PLAIN.format(place=odd.place)), message(), hand)
    [(head, body)] = odd.requests
    assert head.startswith("POST /send HTTP/1.1\r\n")
    assert "Content-Type: application/json" in head
    assert orjson.loads(body) == {"to": "+359888123456", "text": "Hi Anna"}
    assert (found.kind, found.provider_id, len(hand.asked)) == ("accepted", "17", 1)


# --- never left ---------------------------------------------------------------------------------


async def test_a_refused_connection_and_a_name_that_is_none_never_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        place = f"127.0.0.1:{closed.getsockname()[1]}"
    for where in (place, "no-such-host.invalid"):
        hand = Hand()
        found = await deliver(gateway(PLAIN.format(place=where)), message(), hand)
        assert (found.kind, found.fault, hand.asked) == ("never left", "provider", [])


async def test_a_private_address_that_is_not_allowed_never_left(httpserver: HTTPServer) -> None:
    hand = Hand()
    channel = gateway(PLAIN.format(place=f"localhost:{httpserver.port}"), allow="10.0.0.0/8")
    found = await deliver(channel, message(), hand)
    assert (found.kind, found.fault, hand.asked, httpserver.log) == ("never left", "sender", [], [])


async def test_a_certificate_of_nobody_never_left(untrusted: ssl.SSLContext) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read(1) == b""
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0, ssl=untrusted)
    port = server.sockets[0].getsockname()[1]
    hand = Hand()
    channel = gateway(PLAIN.replace("http://", "https://").format(place=f"127.0.0.1:{port}"))
    found = await deliver(channel, message(), hand)
    server.close()
    assert (found.kind, found.fault, hand.asked) == ("never left", "provider", [])


async def test_without_the_hand_over_not_one_byte_is_written() -> None:
    async with odd_server(answers(b'{"id": 1}')) as odd:
        found = await deliver(gateway(PLAIN.format(place=odd.place)), message(), Hand(says=False))
        assert (found.kind, odd.requests) == ("never left", [])


async def test_a_message_that_is_too_late_is_not_sent(httpserver: HTTPServer) -> None:
    late = message(valid_until=Instant(NOW + 999))
    hand = Hand()
    found = await deliver(gateway(PLAIN.format(place=f"127.0.0.1:{httpserver.port}")), late, hand)
    assert (found.kind, hand.asked, httpserver.log) == ("never left", [], [])


# --- unknown ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "play",
    [
        hangs_up,
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
        says(b"SSH-2.0-OpenSSH_9\r\n"),
        answers(b"oops", "500 Internal Server Error"),
        answers(b"", "502 Bad Gateway"),
        answers(b"", "503 Service Unavailable"),
        answers(b"", "504 Gateway Timeout"),
    ],
    ids=["closed", "half", "no http", "500", "502", "503", "504"],
)
async def test_after_the_last_byte_only_a_clear_answer_counts(play: Play) -> None:
    hand = Hand()
    found = await played(play, hand)
    assert (found.kind, found.fault, len(hand.asked)) == ("unknown", "provider", 1)
    assert "OpenSSH" not in found.detail + found.raw


@pytest.mark.parametrize(
    "play",
    [
        answers(b"<html>Maintenance</html>", kind="text/html"),
        answers(b""),
        answers(b'{"error": "no balance"}'),
        answers(b"[1, 2"),
        floods,
    ],
    ids=["page", "empty", "another document", "broken", "10 MB"],
)
async def test_case_41_a_200_that_says_nothing_we_know_is_unknown(play: Play) -> None:
    found = await played(play)
    assert found.kind == "unknown"
    assert len(found.raw) <= 500


@pytest.mark.parametrize("body", [b"<html>error</html>", b" <!doctype html>", b"x" * 70_000])
async def test_case_41_where_the_status_alone_counts_a_page_does_not(body: bytes) -> None:
    config = PLAIN.replace("id: id, retry_after: wait", "ok: [200, 202]")
    assert (await played(answers(body), config=config)).kind == "unknown"
    assert (await played(answers(b"", "202 Accepted"), config=config)).kind == "accepted"


async def test_case_42_one_byte_per_second_ends_with_the_time_out() -> None:
    hand = Hand()
    found = await played(drips, hand)
    assert (found.kind, found.detail, len(hand.asked)) == ("unknown", "no answer within 3 seconds", 1)


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("Sun, 21 Jun 2026 00:05:00 GMT", 300.0),
        ("-1", None),
        ("1000000000", 3600.0),
        ("soon", None),
    ],
)
async def test_case_37_not_now_with_any_retry_after(header: str, seconds: float | None) -> None:
    for status in ("429 Too Many Requests", "408 Request Timeout", "503 Service Unavailable"):
        found = await played(answers(b"", status, more=f"Retry-After: {header}\r\n"))
        assert (found.kind, found.fault, found.retry_after) == ("refused for now", "provider", seconds)


async def test_how_long_to_wait_may_stand_in_the_body_or_in_a_header_of_their_own() -> None:
    body = answers(b'{"wait": 7}', "429 Too Many Requests")
    assert (await played(body)).retry_after == 7.0
    own = PLAIN.replace("retry_after: wait", "retry_after: header X-Reset")
    found = await played(answers(b"", "429 Too Many Requests", more="X-Reset: 9\r\n"), config=own)
    assert found.retry_after == 9.0


@pytest.mark.parametrize("status", ["401 Unauthorized", "402 Payment Required", "403 Forbidden", "302 Found"])
async def test_case_43_our_own_fault_refuses_nobody(status: str) -> None:
    found = await played(answers(b"{}", status, more="Location: http://127.0.0.1:1/\r\n"))
    assert (found.kind, found.fault) == ("refused for now", "sender")


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "413 Too Large", "422 Unprocessable"])
async def test_another_4xx_is_the_end_of_this_message(status: str) -> None:
    assert (await played(answers(b"{}", status))).kind == "refused"


async def test_words_of_the_provider_decide_before_the_status() -> None:
    config = PLAIN.replace(
        "answer: {{id: id, retry_after: wait}}",
        "answer: {{outcome: errors.*.code, outcomes: {{OK: accepted, gone: bounced, blocked: unsubscribed, "
        "key: our fault,"
        " slow: refused for now, no: refused}}, statuses: {{410: bounced}}, detail: why}}",
    )

    async def said(code: str, status: str = "200 OK") -> Delivery:
        body = orjson.dumps({"errors": [{"x": 1}, {"code": code}], "why": "because"})
        return await played(answers(body, status), config=config)

    assert (await said("ok")).kind == "accepted"
    assert (await said("gone", "404 Not Found")).kind == "bounced"
    blocked = await said("blocked", "403 Forbidden")
    assert (blocked.kind, blocked.closed, blocked.detail) == ("refused", "unsubscribed", "because")
    assert (await said("key")).fault == "sender"
    assert (await said("slow", "500 Oops")).kind == "refused for now"
    assert (await said("no")).kind == "refused"
    assert (await said("never heard of")).kind == "unknown"
    assert (await said("never heard of", "410 Gone")).kind == "bounced"
    assert (await said("never heard of", "500 Oops")).kind == "unknown"


# --- one person, several addresses --------------------------------------------------------------


async def fanned(httpserver: HTTPServer, outcomes: dict[str, int]) -> tuple[Delivery, Hand, list[str]]:
    seen: list[str] = []

    def play(request: Request) -> Response:
        to = orjson.loads(request.data)["to"]
        seen.append(to)
        return Response(orjson.dumps({"id": f"m-{to}"}), outcomes[to])

    httpserver.expect_request("/send").respond_with_handler(play)
    config = PLAIN.replace("id: id,", "id: id, statuses: {{404: bounced}},")
    hand = Hand()
    channel = gateway(config.format(place=f"127.0.0.1:{httpserver.port}"), name="push")
    return await deliver(channel, message("\n".join(outcomes)), hand), hand, seen


@pytest.mark.parametrize(
    ("outcomes", "kind", "dead"),
    [
        ({"a": 404, "b": 200, "c": 404}, "accepted", ("a", "c")),
        ({"a": 200, "b": 500}, "accepted", ()),
        ({"a": 404, "b": 500}, "unknown", ("a",)),
        ({"a": 404, "b": 429}, "refused for now", ("a",)),
        ({"a": 400, "b": 404}, "refused", ("b",)),
        ({"a": 404, "b": 404}, "bounced", ("a", "b")),
    ],
)
async def test_case_46_a_dead_token_leaves_the_others_in_use(
    httpserver: HTTPServer, outcomes: dict[str, int], kind: str, dead: tuple[str, ...]
) -> None:
    found, hand, seen = await fanned(httpserver, outcomes)
    assert (found.kind, found.dead, len(hand.asked), seen) == (kind, dead, 1, list(outcomes))


async def test_a_wrong_key_is_not_tried_on_every_token(httpserver: HTTPServer) -> None:
    found, _, seen = await fanned(httpserver, {"a": 401, "b": 200})
    assert (found.kind, found.fault, seen) == ("refused for now", "sender", ["a"])


# --- keys and secrets ---------------------------------------------------------------------------


async def test_a_provider_that_knows_keys_gets_ours_and_says_for_how_long(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/send").respond_with_json({"id": "1"})
    config = PLAIN + "idempotency: {{header: Idempotency-Key, window: 24}}\n"
    channel = gateway(config.format(place=f"127.0.0.1:{httpserver.port}"))
    assert channel.idempotency_window_ms == 24 * HOUR
    assert channel.same_key_until(NOW) == NOW + 12 * HOUR
    for _ in range(2):
        await deliver(channel, message())
    await deliver(channel, message("a\nb"))
    keys = [request.headers["Idempotency-Key"] for request, _ in httpserver.log]
    assert keys[:2] == ["k-1", "k-1"]
    assert len(set(keys)) == 3
    assert gateway(PLAIN.format(place="127.0.0.1:9")).idempotency_window_ms == 0


async def test_a_secret_comes_back_in_no_answer(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATE_TOKEN", "can/ary-4711")
    monkeypatch.setenv("GATE_KEY", "can/ary-4712")
    httpserver.expect_request("/send/can/ary-4711").respond_with_handler(
        lambda request: Response(
            f"no: {request.headers['Authorization']} {request.url} {request.headers['X-Api-Key']} "
            f"{request.data!r}",
            400,
        )
    )
    config = PLAIN.replace("/send", "/send/{{{{ secret.token }}}}").replace(
        "to:", 'token: "{{{{ secret.token }}}}", to:'
    ) + (
        'token: env:GATE_TOKEN\nheaders: {{Authorization: "Bearer {{{{ secret.token }}}}", X-Api-Key: '
        "env:GATE_KEY}}\n"
    )
    found = await deliver(gateway(config.format(place=f"127.0.0.1:{httpserver.port}")), message())
    assert found.kind == "refused"
    assert "***" in found.raw
    assert "canary" not in repr(found).replace("/", "").replace("%2F", "")
    monkeypatch.delenv("GATE_TOKEN")
    with pytest.raises(UsageError, match="GATE_TOKEN"):
        gateway(config.format(place="127.0.0.1:9"))


async def test_a_secret_in_a_file_is_read_with_every_message(
    httpserver: HTTPServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    token = tmp_path_factory.mktemp("secrets") / "token"
    token.write_text("one\n")
    httpserver.expect_request("/send").respond_with_json({"id": "1"})
    config = (
        PLAIN
        + f'token: file:{token}\nheaders: {{{{Authorization: "Bearer {{{{{{{{ secret.token }}}}}}}}"}}}}\n'
    )
    channel = gateway(config.format(place=f"127.0.0.1:{httpserver.port}"))
    await deliver(channel, message())
    token.write_text("two\n")
    await deliver(channel, message())
    token.unlink()
    found = await deliver(channel, message())
    assert [request.headers["Authorization"] for request, _ in httpserver.log] == ["Bearer one", "Bearer two"]
    assert (found.kind, found.fault) == ("never left", "sender")


def test_callbacks_lead_below_the_configured_url() -> None:
    assert setup(PLAIN.format(place="x.example")).callback_url == "https://news.shop.example/callbacks/sms"


async def test_a_secret_in_the_address_reaches_no_log(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("GATE_TOKEN", "canary4711")
    httpserver.expect_request("/send/canary4711").respond_with_json({"id": "1"})
    config = PLAIN.replace("/send", "/send/{{{{ secret.token }}}}") + "token: env:GATE_TOKEN\n"
    caplog.set_level("DEBUG")
    found = await deliver(gateway(config.format(place=f"127.0.0.1:{httpserver.port}")), message())
    assert found.kind == "accepted"
    said = [record.getMessage() for record in caplog.records if record.name != "werkzeug"]
    assert not any("canary" in line for line in said)
