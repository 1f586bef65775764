"""The daemon's own web server: uvicorn inside our event loop, with our signals and our errors."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial

import uvicorn
from fastapi import FastAPI

from engine.errors import CallerError
from engine.http.connections import (
    KEEP_ALIVE_SECONDS,
    LARGEST_HEAD,
    MOST_CONNECTIONS,
    ConnectionGuard,
    GuardedConnection,
)

GRACE = 5
"""Seconds that requests under way have at a stop."""

RARELY = 60.0
"""Seconds between two equal warnings of the web server."""

_OTHER_FILES = 256
"""File descriptors beside connections: the store, channels, files that are read."""


class HttpServer:
    """Listens from the moment it is made, so that a taken port is told before anything else begins; answers
    in `run`.

    Raises CallerError when nothing can listen there.
    """

    def __init__(self, host: str, port: int) -> None:
        self.url = f"http://{host}:{port}"
        self._server: _Server | None = None
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            self._socket = socket.create_server((host, port), family=family, backlog=2048)
            # What is accepted inherits it. An answer goes out in several writes, and Nagle's algorithm would
            # hold the last one back until the client's delayed acknowledgement, 40 ms later. asyncio sets it
            # only on sockets that were made with the number of TCP, which `create_server` leaves out.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as wrong:
            # `create_server` adds the address to the words of the system, so they are asked for anew; the
            # number of a name that cannot be looked up is none of the system's.
            is_named = not isinstance(wrong, socket.gaierror) and wrong.errno is not None
            why = os.strerror(wrong.errno or 0) if is_named else str(wrong.strerror or wrong)
            raise CallerError(
                f"nothing can listen on {host}:{port}: {why}",
                "stop the process that does, or change http.listen in config.yaml",
            ) from wrong

    async def run(self, app: FastAPI, is_trusted: Callable[[str], bool] = lambda _address: False) -> None:
        """Answers until `stop`. `is_trusted`: whether an address is one of the shop's own proxies."""
        guard = ConnectionGuard(is_trusted)
        guard.most = min(MOST_CONNECTIONS, _files() - _OTHER_FILES)
        config = uvicorn.Config(
            # No access log: the addresses hold the tokens of customers.
            app, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE, server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS, h11_max_incomplete_event_size=LARGEST_HEAD,
            # uvicorn believes every proxy on this machine; which ones we believe stands in config.yaml.
            proxy_headers=False, ws="none", lifespan="off",
            http=partial(_protocol(), guard),  # type: ignore[arg-type]
        )  # fmt: skip
        self._server = _Server(config)
        rarely = _Rarely()
        logging.getLogger("uvicorn.error").addFilter(rarely)
        watching = asyncio.create_task(guard.watch(), name="connections")
        try:
            await self._server.serve([self._socket])
        finally:
            watching.cancel()
            logging.getLogger("uvicorn.error").removeFilter(rarely)

    def stop(self) -> None:
        """Takes no new connection; what is under way is answered."""
        if self._server is not None:
            self._server.should_exit = True

    def close(self) -> None:
        """Frees the port, also when it never ran."""
        self._socket.close()


def _protocol() -> type[GuardedConnection]:
    """What reads a connection: httptools where it is installed."""
    try:
        from engine.http.httptools_protocol import HttpToolsConnection
    except ImportError:
        from engine.http.h11_protocol import H11Connection

        return H11Connection
    return HttpToolsConnection


class _Rarely(logging.Filter):
    """Lets each warning through once a minute, with the number of those that were kept back: uvicorn warns of
    every bad request, which anybody may send as often as they like."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._last: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """What is an error always passes."""
        if record.levelno != logging.WARNING:
            return True
        warned_at, kept_back = self._last.get(record.msg, (-RARELY, 0))
        if self._clock() < warned_at + RARELY:
            self._last[record.msg] = (warned_at, kept_back + 1)
            return False
        self._last[record.msg] = (self._clock(), 0)
        if kept_back:
            record.msg = f"{record.msg} ({kept_back} more like it since the last time)"
        return True


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the daemon has them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _files() -> int:
    """How many files this process may have open. The limit that a shell gives is often 1,024, far below what
    the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * MOST_CONNECTIONS
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    allowed = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        return allowed
    return soft
