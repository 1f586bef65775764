"""The sockets of our web server, and what it reads from them, with httptools and without it."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from engine.http.connections import LARGEST_HEAD, MOST_AHEAD, MOST_HEADERS
from engine.http.server import HttpServer

HEAD = b"POST /taken HTTP/1.1\r\nHost: x\r\n"
CRUMBS = b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 5_000 + b"0\r\n\r\n"
GET = b"GET /taken HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(params=["httptools", "h11"], autouse=True)
def protocol(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What reads the connections of this test."""
    if request.param == "h11":  # as where httptools does not install
        monkeypatch.delitem(sys.modules, "engine.http.httptools_protocol", raising=False)
        monkeypatch.setitem(sys.modules, "httptools", None)
    return str(request.param)


async def answering(scope: Any, receive: Any, send: Any) -> None:
    """Says how long the body is; without a body, after a moment."""
    length, more = 0, scope["type"] == "http"
    while more:
        message = await receive()
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    if not length:
        await asyncio.sleep(0.05)
    body = b"%d" % length
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def serving(client: Callable[[int], Awaitable[None]]) -> None:
    """Runs a client against a server of this process."""

    async def run() -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server, app = HttpServer("127.0.0.1", port), FastAPI()
        app.mount("/", answering)
        running = asyncio.create_task(server.run(app))
        try:
            await client(port)
        finally:
            server.stop()
            await running
            server.close()

    asyncio.run(run())


async def answer_to(port: int, *parts: bytes) -> bytes:
    """Everything that comes back until the connection is closed, or a second long."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    with suppress(ConnectionError, TimeoutError):
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)
        async with asyncio.timeout(1):
            while received := await reader.read(65_536):
                answer += received
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    return answer


def _accepted(client: socket.socket) -> socket.socket:
    """The other end of a connection, which is in this process as well."""
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError), socket.socket(fileno=os.dup(int(descriptor.name))) as other:
            if other.getpeername() == client.getsockname():
                return other.dup()
    raise AssertionError("nobody has accepted the connection")


def test_an_answer_does_not_wait_for_the_acknowledgement_of_its_first_part() -> None:
    async def client(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await reader.readline()
        with _accepted(writer.get_extra_info("socket")) as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        writer.close()

    serving(client)


CLOSE = b"Connection: close\r\n"
UPGRADE = b"Connection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAE\r\n"
LONG = b"X: " + b"y" * (LARGEST_HEAD - 200) + b"\r\n"
TAKEN: dict[str, tuple[list[bytes], bytes]] = {
    "a body": ([HEAD + CLOSE + b"Content-Length: 5\r\n\r\n12345"], b"5"),
    "a body in parts": ([HEAD + CLOSE + b"Content-Length: 4\r\n\r\n", b"12", b"34"], b"4"),
    "a large body": ([HEAD + CLOSE + b"Content-Length: 900000\r\n\r\n" + b"x" * 900_000], b"900000"),
    "chunks": ([HEAD + CLOSE + b"Transfer-Encoding: chunked\r\n\r\n3\r\n123\r\n0\r\n\r\n"], b"3"),
    "headers behind the chunks": (
        [HEAD + CLOSE + b"Transfer-Encoding: Chunked\r\n\r\n3\r\n123\r\n0\r\nX: 9\r\n\r\n"],
        b"3",
    ),
    "a long head": ([HEAD + CLOSE + LONG + b"Content-Length: 1\r\n\r\n1"], b"1"),
    "a head in parts": ([HEAD[:9], HEAD[9:] + CLOSE, LONG[:9_000], LONG[9_000:] + b"\r\n"], b"0"),
    "many headers": ([HEAD + CLOSE + b"X: y\r\n" * (MOST_HEADERS - 5) + b"\r\n"], b"0"),
    "another protocol": (
        [HEAD + UPGRADE + b"Content-Length: 4\r\n\r\n12", b"34"],
        b"4",
    ),
    "another protocol in chunks": (
        [HEAD + UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n1\r\n", b"1\r\n2\r\n23\r\n0\r\n\r\n"],
        b"3",
    ),
    "another protocol without a body": ([HEAD + UPGRADE + b"\r\n"], b"0"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_within_the_bounds_is_read(name: str) -> None:
    parts, body = TAKEN[name]

    async def client(port: int) -> None:
        answer = await answer_to(port, *parts)
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        assert answer.endswith(b"\r\n\r\n" + body)

    serving(client)


BODY = b"12345" + GET
REFUSED = {
    "two lengths": b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n" + BODY,
    "a length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET,
    "two lengths in one": b"Content-Length: 5, 5\r\n\r\n" + BODY,
    "a length with a sign": b"Content-Length: +5\r\n\r\n" + BODY,
    "a space before the colon": b"Content-Length : 5\r\n\r\n" + BODY,
    "no length": b"Content-Length:\r\n\r\n" + BODY,
    "an encoding before chunks": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + GET,
    "an encoding behind chunks": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + GET,
    "an unknown encoding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + GET,
    "a line that only seems to end": b"X: y\rContent-Length: 5\r\n\r\n" + BODY,
    "chunks that say no length": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + GET,
    "crumbs": CRUMBS,
    "a large head": LONG + LONG + b"\r\n",
    "a line without end": b"X: " + b"y" * 3 * LARGEST_HEAD,
    "an address without end": b"",
    "too many headers": b"X: y\r\n" * (MOST_HEADERS + 1) + b"\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_ends_the_connection_and_nothing_behind_it_is_answered(name: str) -> None:
    request = HEAD + REFUSED[name] if REFUSED[name] else b"GET /" + b"x" * 3 * LARGEST_HEAD

    async def client(port: int) -> None:
        answer = await answer_to(port, request)
        # Where more was on its way the connection is reset, and takes the answer along.
        assert answer == b"" or answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 ")), answer
        assert answer.count(b"HTTP/1.1 ") <= 1
        assert b"HTTP/1.1 200" in await answer_to(port, GET.replace(b"\r\n\r\n", b"\r\n" + CLOSE + b"\r\n"))

    serving(client)


def test_chunks_of_http_1_0_are_refused() -> None:
    async def client(port: int) -> None:
        answer = await answer_to(
            port, (HEAD + CRUMBS[:30] + b"\r\n\r\n0\r\n\r\n").replace(b"/1.1", b"/1.0", 1)
        )
        assert answer.startswith(b"HTTP/1.1 400 ")

    serving(client)


def test_requests_that_come_together_are_answered_in_their_order() -> None:
    async def client(port: int) -> None:
        several = b"".join(HEAD + b"Content-Length: %d\r\n\r\n%s" % (n, b"x" * n) for n in (7, 1, 3))
        answer = await answer_to(port, several)
        assert [line[-1:] for line in answer.split(b"HTTP/1.1 200 ")[1:]] == [b"7", b"1", b"3"]

    serving(client)


def test_what_is_refused_behind_a_request_takes_nothing_from_its_answer() -> None:
    async def client(port: int) -> None:
        answer = await answer_to(port, GET + HEAD + b"Content-Length: no\r\n\r\n")
        # The answer to the first comes first, whatever is said of the second.
        assert answer.startswith(b"HTTP/1.1 200 "), answer

    serving(client)


def test_a_flood_of_requests_ahead_of_their_answers_ends_and_others_are_answered(protocol: str) -> None:
    async def client(port: int) -> None:
        flood = asyncio.create_task(answer_to(port, GET * 100 * MOST_AHEAD))
        others = [
            await answer_to(port, GET.replace(b"\r\n\r\n", b"\r\n" + CLOSE + b"\r\n")) for _ in range(3)
        ]
        assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in others)
        assert (await flood).startswith(b"HTTP/1.1 200 ") or protocol == "httptools"

    serving(client)


def test_bad_requests_are_warned_of_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Servers of other tests may have been started with uvicorn's own setting of its loggers.
    for name in ("uvicorn", "uvicorn.error"):
        for attribute, value in (("propagate", True), ("disabled", False), ("level", logging.NOTSET)):
            monkeypatch.setattr(logging.getLogger(name), attribute, value)

    async def client(port: int) -> None:
        for _ in range(5):
            await answer_to(port, b"no request\r\n\r\n")

    with caplog.at_level(logging.WARNING):
        serving(client)
    assert [record.getMessage() for record in caplog.records] == ["Invalid HTTP request received."]
