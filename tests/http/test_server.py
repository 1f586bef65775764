"""The sockets of our web server."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from pathlib import Path

from fastapi import FastAPI

from engine.http.server import HttpServer


def _accepted(client: socket.socket) -> socket.socket:
    """The other end of a connection, which is in this process as well."""
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError), socket.socket(fileno=os.dup(int(descriptor.name))) as other:
            if other.getpeername() == client.getsockname():
                return other.dup()
    raise AssertionError("nobody has accepted the connection")


def test_an_answer_does_not_wait_for_the_acknowledgement_of_its_first_part() -> None:
    asyncio.run(_look_at_the_other_end())


async def _look_at_the_other_end() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = HttpServer("127.0.0.1", port)
    running = asyncio.create_task(server.run(FastAPI()))
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readline()
        with _accepted(writer.get_extra_info("socket")) as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        writer.close()
    finally:
        server.stop()
        await running
        server.close()
