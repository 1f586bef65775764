"""The heads of answers from outside: read in small pieces, with a bound on the informational ones before the
answer itself.

h11 is plain Python and takes 0.15 ms for one `100 Continue`, and httpcore gives it 64 KB at a time: 2,600 of
them, for which nothing else runs in the daemon, and then the next 64 KB until the time is over. A client may
ignore informational answers (RFC 9110 15.2), so a few are; nobody needs many.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore2
import httpx2

MOST_INFORMATIONAL = 20
"""Informational answers (100 to 199, not 101) before the answer to one request."""

PIECE = 1_024
"""Bytes that are read at once until the head of the answer is whole: at most 64 heads for h11."""

_CONNECTIONS = 100
_IDLE_CONNECTIONS = 20
_IDLE_SECONDS = 5.0

_HEAD_END = re.compile(rb"\n\r?\n")
_INFORMATIONAL = re.compile(rb"HTTP/\d\.\d 1(?!01)\d\d")  # 101 ends HTTP: it is the answer


class TooManyInformationalError(ValueError):
    """More informational answers than anybody needs, and no answer."""


class BoundedTransport(httpx2.AsyncHTTPTransport):
    """httpx's transport over connections whose answers have bounded heads."""

    def __init__(self, trusted: ssl.SSLContext) -> None:
        super().__init__(verify=trusted, trust_env=False)
        # httpx has no argument for the network of its pool, so the pool is exchanged before it is used
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=trusted,
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_IDLE_CONNECTIONS,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=_BoundedNetwork(),
        )


class _BoundedNetwork(httpcore2.AnyIOBackend):
    """Opens connections on which the heads of answers are bounded."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to this address."""
        stream = await super().connect_tcp(
            host, port, timeout=timeout, local_address=local_address, socket_options=socket_options
        )
        return _BoundedStream(stream)


class _BoundedStream(httpcore2.AsyncNetworkStream):
    """One connection. What is read after something was written begins with the head of an answer."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream
        self._begin_answer()

    def _begin_answer(self) -> None:
        self._head = bytearray()  # what was read of the head that is not whole yet
        self._informational = 0
        self._is_in_body = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """The next bytes. Raises TooManyInformationalError, and what httpcore raises."""
        if self._is_in_body:
            return await self._stream.read(max_bytes, timeout=timeout)
        # everybody else first: what TLS has decrypted already is read without giving the loop a turn
        await asyncio.sleep(0)
        piece = await self._stream.read(min(max_bytes, PIECE), timeout=timeout)
        # an end may lie across two pieces; what lies further back was looked at
        begin = max(0, len(self._head) - 2)
        self._head += piece
        while (end := _HEAD_END.search(self._head, begin)) is not None:
            if _INFORMATIONAL.match(self._head) is None:
                self._is_in_body = True
                self._head.clear()
                break
            self._informational += 1
            if self._informational > MOST_INFORMATIONAL:
                raise TooManyInformationalError
            del self._head[: end.end()]
            begin = 0
        return piece

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Writes a part of a request."""
        self._begin_answer()
        await self._stream.write(buffer, timeout=timeout)

    async def aclose(self) -> None:
        """Closes the connection."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> httpcore2.AsyncNetworkStream:
        """The same connection, encrypted."""
        return _BoundedStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks about the connection below."""
        return self._stream.get_extra_info(info)
