"""The daemon's own web server: uvicorn inside our event loop, with our signals and our errors."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from engine.errors import CallerError

GRACE = 5
"""Seconds that requests under way have at a stop."""

# Bytes: a link token fits in many times; the rest is for cookies of other programs on the host.
LARGEST_HEAD = 32_768
MOST_CONNECTIONS = 1_000


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
        except OSError as wrong:
            # `create_server` adds the address to the words of the system, so they are asked for anew; the
            # number of a name that cannot be looked up is none of the system's.
            is_named = not isinstance(wrong, socket.gaierror) and wrong.errno is not None
            why = os.strerror(wrong.errno or 0) if is_named else str(wrong.strerror or wrong)
            raise CallerError(
                f"nothing can listen on {host}:{port}: {why}",
                "stop the process that does, or change http.listen in config.yaml",
            ) from wrong

    async def run(self, app: FastAPI) -> None:
        """Answers until `stop`."""
        config = uvicorn.Config(
            # No access log: the addresses hold the tokens of customers.
            app, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE, server_header=False,
            limit_concurrency=MOST_CONNECTIONS, h11_max_incomplete_event_size=LARGEST_HEAD,
        )  # fmt: skip
        self._server = _Server(config)
        await self._server.serve([self._socket])

    def stop(self) -> None:
        """Takes no new connection; what is under way is answered."""
        if self._server is not None:
            self._server.should_exit = True

    def close(self) -> None:
        """Frees the port, also when it never ran."""
        self._socket.close()


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the daemon has them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
