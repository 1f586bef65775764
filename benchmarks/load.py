"""Load over HTTP from this process: requests whose bytes are ready, on connections that stay open."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence


def request(path: str, key: str, body: bytes) -> bytes:
    """One POST of JSON."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def send_all(port: int, requests: Sequence[bytes], connections: int, rest: float = 0.0) -> list[float]:
    """Sends every request once, each connection the next one as soon as its answer is whole (or `rest`
    seconds later); seconds that each took. Raises AssertionError for an answer that is no 200."""
    return asyncio.run(_send_all(port, iter(requests), connections, rest))


async def _send_all(port: int, requests: Iterator[bytes], connections: int, rest: float) -> list[float]:
    took: list[float] = []

    async def sending() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for content in requests:
            began = time.perf_counter()
            writer.write(content)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            took.append(time.perf_counter() - began)
            assert head.startswith(b"HTTP/1.1 200 "), (head, body)
            if rest:
                await asyncio.sleep(rest)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(sending() for _ in range(connections)))
    return took
