"""A provider that misbehaves on a real socket: says what it is told to, byte for byte, or nothing at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Play = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class OddServer:
    """`requests`: what arrived, heads and bodies."""

    port: int = 0
    requests: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"


@asynccontextmanager
async def odd_server(play: Play) -> AsyncIterator[OddServer]:
    """Reads one request of each connection, then plays."""
    odd = OddServer()
    ended = asyncio.Event()
    serving: set[asyncio.Task[None] | None] = set()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            size = next(
                (int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:")),
                0,
            )
            odd.requests.append((head, await reader.readexactly(size)))
            playing = asyncio.ensure_future(play(writer))
            await asyncio.wait(
                [playing, asyncio.ensure_future(ended.wait())], return_when=asyncio.FIRST_COMPLETED
            )
            playing.cancel()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    odd.port = server.sockets[0].getsockname()[1]
    try:
        yield odd
    finally:
        ended.set()
        server.close()
        # a connection that is open when the loop ends is told of in the next test
        served = [task for task in serving if task is not None]
        if served:
            _, late = await asyncio.wait(served, timeout=1)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            await asyncio.sleep(0)


def says(text: bytes) -> Play:
    """Writes this and closes."""

    async def play(writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()

    return play


def answers(body: bytes, status: str = "200 OK", kind: str = "application/json", more: str = "") -> Play:
    """A whole answer."""
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        f"{more}Connection: close\r\n\r\n"
    )
    return says(head.encode() + body)


async def hangs_up(writer: asyncio.StreamWriter) -> None:
    """Closes without a word."""
    writer.close()


async def drips(writer: asyncio.StreamWriter) -> None:
    """One byte, and again, for as long as somebody listens."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3600\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def floods(writer: asyncio.StreamWriter) -> None:
    """Ten megabytes."""
    writer.write(
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10485760\r\n\r\n{"id": "'
    )
    for _ in range(160):
        writer.write(b"x" * 65_536)
        await writer.drain()
