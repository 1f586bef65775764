"""Fast ends of the line for messages, each a process of its own: SMTP with PIPELINING, and HTTP.

`python -m benchmarks.sinks smtp|http` says its port on stdout and ends when its stdin does. They read what
comes and answer at once; nothing is kept.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import uvloop

_END = b"\r\n.\r\n"


class SmtpSink(asyncio.Protocol):
    """Enough of SMTP for one sender (RFC 5321 with PIPELINING, RFC 2920)."""

    def __init__(self) -> None:
        self._waiting = b""
        self._is_mail = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greets."""
        self._transport = cast("asyncio.WriteTransport", transport)  # of uvloop, which are no subclass
        self._transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Answers everything that is whole, with one write."""
        waiting, answers = self._waiting + data, []
        while True:
            head, end, rest = waiting.partition(_END if self._is_mail else b"\r\n")
            if not end:
                break
            waiting = rest
            answers.append(self._answer(head))
        self._waiting = waiting
        if answers:
            self._transport.write(b"".join(answers))

    def _answer(self, line: bytes) -> bytes:
        if self._is_mail:
            self._is_mail = False
            return b"250 2.0.0 Ok: queued as 4XkR8t2gzQz\r\n"
        match line[:4].upper():
            case b"EHLO":
                return b"250-sink\r\n250-PIPELINING\r\n250-SIZE 40000000\r\n250 8BITMIME\r\n"
            case b"DATA":
                self._is_mail = True
                return b"354 go on\r\n"
            case b"QUIT":
                return b"221 2.0.0 bye\r\n"
            case _:
                return b"250 2.1.0 ok\r\n"


class HttpSink(asyncio.Protocol):
    """Enough of HTTP/1.1 for one sender whose requests have a length."""

    _ANSWER = (
        b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n"
        b'{"id":"a1b2c3d4"}'
    )

    def __init__(self) -> None:
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The first request follows."""
        self._transport = cast("asyncio.WriteTransport", transport)  # of uvloop, which are no subclass

    def data_received(self, data: bytes) -> None:
        """Answers each request that is whole."""
        self._waiting += data
        while True:
            head, end, rest = self._waiting.partition(b"\r\n\r\n")
            if not end:
                return
            _, _, after = head.lower().partition(b"content-length:")
            length = int(after.split(b"\r\n", 1)[0] or 0)
            if len(rest) < length:
                return
            self._waiting = rest[length:]
            self._transport.write(self._ANSWER)


@contextmanager
def sink(kind: str) -> Iterator[int]:
    """A sink for as long as the block lasts; its port."""
    command = [sys.executable, "-m", "benchmarks.sinks", kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


async def _serve(kind: str) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server({"smtp": SmtpSink, "http": HttpSink}[kind], "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1]))
