"""A wire between the channels and the sinks that breaks at the n-th operation: a connection, or a piece of data either way."""

from __future__ import annotations

import asyncio
import contextlib


class Wire:
    """Forwards to a port until `cut_at` operations have come by, then cuts that connection off; later ones are whole again.

    The piece that would be the n-th does not arrive any more. `cut_at` 0: never. `passed` counts.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._server: asyncio.Server | None = None
        self.passed = 0
        self.cut_at = 0

    async def open(self) -> int:
        """Listens; on which port."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Takes no new connection."""
        if self._server is not None:
            self._server.close()

    def reset(self, cut_at: int) -> None:
        """Counts from the start."""
        self.passed, self.cut_at = 0, cut_at

    def _is_cut(self) -> bool:
        self.passed += 1
        return self.passed == self.cut_at

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut():
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
                if self._is_cut():
                    for end in both:
                        end.transport.abort()
                    return
                writer.write(data)
                await writer.drain()
