"""A wire between the channels and the sinks that breaks at the n-th operation: a connection, or a piece of
data either way."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass


@dataclass(slots=True)
class Count:
    """Operations on all wires together: how many have `passed`, and which one is cut (0: none)."""

    passed: int = 0
    cut_at: int = 0

    def is_cut(self) -> bool:
        """One more comes by; whether it is the one."""
        self.passed += 1
        return self.passed == self.cut_at


class Wire:
    """Forwards to a port; the connection of the operation that `count` cuts is cut off, and what it carried
    does not arrive any more. Later connections are whole again."""

    def __init__(self, port: int, count: Count) -> None:
        self._port = port
        self._count = count
        self._server: asyncio.Server | None = None

    async def open(self) -> int:
        """Listens; on which port."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Takes no new connection."""
        if self._server is not None:
            self._server.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._count.is_cut():
            writer.transport.abort()
            return
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._port, limit=4_000_000)
        both = (writer, there_writer)
        ways = [
            asyncio.create_task(self._pass(reader, there_writer, both)),
            asyncio.create_task(self._pass(there_reader, writer, both)),
        ]
        try:
            with contextlib.suppress(
                asyncio.CancelledError
            ):  # asyncio.streams tells of cancelled servers as of errors
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in both:
                end.close()

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        both: tuple[asyncio.StreamWriter, ...],
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1_000_000):
                if self._count.is_cut():
                    for end in both:
                        end.transport.abort()
                    return
                writer.write(data)
                await writer.drain()
