"""The sinks, processes of their own that are never killed: they write down every message before they answer.

`python -m tools.crashtest.sinks smtp|http FOLDER SEED` says its port on stdout, appends a line of JSON for
each message to FOLDER/smtp.log or FOLDER/http.log, answers a random moment later, and ends when its stdin
does.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import random
import re
import signal
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

SLOWEST = 0.03
"""Seconds until the answer, at most: a process that is killed within them does not hear that its message
arrived."""

BUSY = 0.005
"""The share of mails that are told to come back later."""

_HEADER = re.compile(rb"(?im)^(subject|message-id): *([^\r\n]*)")


class Sink:
    """Counts. A line is with the operating system before the answer leaves, so no death of a sender takes it
    back."""

    def __init__(self, file: Path, seed: str, slowest: float = SLOWEST, busy: float = BUSY) -> None:
        self.counted: list[dict[str, Any]] = []
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._dice = random.Random(seed)
        self._slowest = slowest
        self._busy = busy
        self._fsync: asyncio.Task[None] | None = None

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        raise NotImplementedError

    def forget(self) -> None:
        """Counts from nothing again."""
        self.counted = []

    async def count(self, line: dict[str, Any]) -> None:
        """One message has arrived; over when it is on disk and the moment of the answer has come."""
        os.write(self._file, json.dumps(line).encode() + b"\n")
        self.counted.append(line)
        if self._fsync is None or self._fsync.done():
            self._fsync = asyncio.create_task(asyncio.to_thread(os.fdatasync, self._file))
        await asyncio.sleep(self._dice.random() * self._slowest)
        await self._fsync

    def is_busy(self) -> bool:
        """Whether this one is told to come back later."""
        return self._dice.random() < self._busy


class SmtpSink(Sink):
    """Enough of SMTP for one sender: a mail counts at its final dot."""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        recipients: list[str] = []
        writer.write(b"220 sink ESMTP\r\n")
        while line := await reader.readline():
            verb = line[:4].upper().strip()
            answer = b"250 ok"
            if verb == b"EHLO":
                answer = b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME"
            elif verb == b"MAIL":
                recipients = []
            elif verb == b"RCPT":
                recipients.append(line.partition(b"<")[2].partition(b">")[0].decode("ascii", "replace"))
            elif verb == b"DATA":
                writer.write(b"354 go on\r\n")
                answer = await self._mail(await reader.readuntil(b"\r\n.\r\n"), recipients)
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            writer.write(answer + b"\r\n")

    async def _mail(self, data: bytes, recipients: list[str]) -> bytes:
        if self.is_busy():
            return b"451 4.3.0 come back in a moment"
        head, _, body = data.partition(b"\r\n\r\n")
        headers = {name.lower(): value.decode("ascii", "replace") for name, value in _HEADER.findall(head)}
        line = {
            "to": recipients,
            "title": headers.get(b"subject", ""),
            "id": headers.get(b"message-id", ""),
            "body": hashlib.sha256(body).hexdigest(),
        }
        await self.count(line)
        return b"250 2.0.0 ok"


class HttpSink(Sink):
    """Enough of HTTP for one sender: a message counts when its request has come in whole. A repetition with
    the same idempotency key is written down as `again`, and answered like the first."""

    def __init__(self, file: Path, seed: str, slowest: float = SLOWEST, busy: float = BUSY) -> None:
        super().__init__(file, seed, slowest, busy)
        self._seen: set[str] = set()

    def forget(self) -> None:
        """Counts from nothing again."""
        super().forget()
        self._seen = set()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (
                    line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:]
                )
            }
            body = await reader.readexactly(int(headers.get("content-length") or 0))
            key = headers.get("idempotency-key", "")
            await self._message(key, body)
            answer = json.dumps({"id": hashlib.sha256(key.encode()).hexdigest()[:16]}).encode()
            start = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
            writer.write(f"{start}{len(answer)}\r\n\r\n".encode() + answer)

    async def _message(self, key: str, body: bytes) -> None:
        try:
            message = json.loads(body)
        except ValueError:
            message = {}
        line = {
            "to": [str(message.get("to", ""))],
            "title": str(message.get("text", "")),
            "id": key,
            "body": hashlib.sha256(body).hexdigest(),
            "again": key in self._seen,
        }
        self._seen.add(key)
        await self.count(line)


async def talk_with(sink: Sink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection of a sender that may die in the middle of it."""
    gone = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
    with contextlib.suppress(*gone):  # cancelled: asyncio.streams would tell of it as of an error
        await sink.talk(reader, writer)
    with contextlib.suppress(ConnectionError):
        writer.close()
        await writer.wait_closed()


async def serve(kind: str, folder: Path, seed: str) -> None:
    """Says the port, then counts until stdin ends."""
    sink = (SmtpSink if kind == "smtp" else HttpSink)(folder / f"{kind}.log", f"{seed}/{kind}")
    server = await asyncio.start_server(partial(talk_with, sink), "127.0.0.1", 0, limit=4_000_000)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.buffer.read)


@contextlib.asynccontextmanager
async def sink(kind: str, folder: Path, seed: str, environment: dict[str, str]) -> AsyncIterator[int]:
    """A running sink; its port. It ends with the block, and also when this process ends in any other way."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tools.crashtest.sinks", kind, str(folder), seed,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=environment,
        start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            port = await process.stdout.readline()
        yield int(port)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
