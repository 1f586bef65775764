"""One connection, read by h11: in plain Python, where httptools does not install."""

from __future__ import annotations

import re
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from engine.http.connections import (
    FREE_CHUNKS,
    LARGEST_HEAD,
    MOST_HEADERS,
    SMALLEST_CHUNK,
    ConnectionGuard,
    GuardedConnection,
)

_FRAMING = re.compile(
    rb"^(content-length|transfer-encoding)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE
)
_END = re.compile(rb"\r?\n\r?\n")


class StrictHttp(h11.Connection):
    """h11, and more is refused: a head that two readers may understand differently, since a proxy before us
    may be the other one (RFC 9112, 6.3 and 11.2), and bodies in crumbs."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, LARGEST_HEAD)
        self._chunks = self._bytes = 0

    def next_event(self) -> type[h11.NEED_DATA | h11.PAUSED] | h11.Event:
        """The next part of a request. Raises RemoteProtocolError for what is refused."""
        # Before the parser: it takes each line of a head apart, and joins equal lengths into one before
        # anybody can see that there were two.
        framing = self._check_head() if self.their_state is h11.IDLE else []
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._chunks = self._bytes = 0
            # HTTP/1.0 has no chunks: whoever stands before us would read another end of the body.
            if framing and framing[0][0].lower() != b"content-length" and event.http_version != b"1.1":
                self._refuse("a transfer encoding needs HTTP/1.1")
        elif isinstance(event, h11.Data):
            self._chunks += 1
            self._bytes += len(event.data)
            if self._chunks > FREE_CHUNKS and self._bytes < SMALLEST_CHUNK * self._chunks:
                self._refuse("the body comes in crumbs")
        return event

    def _check_head(self) -> list[tuple[bytes, bytes]]:
        """The headers that say where the body ends, at most one; none while the head is not whole."""
        raw = self.trailing_data[0]
        end = _END.search(raw)
        if raw.count(b"\n", 0, end.start() if end else len(raw)) > MOST_HEADERS:
            self._refuse("too many header lines")
        if end is None:
            return []
        framing = _FRAMING.findall(raw, 0, end.start())
        if len(framing) > 1:
            self._refuse("more than one header says where the body ends")
        if framing and framing[0][0].lower() == b"content-length" and not framing[0][1].strip().isdigit():
            self._refuse("the length of the body is no number")
        return framing

    def _refuse(self, why: str) -> None:
        # What h11 does at a fault that it finds itself: nothing of this connection is read any more.
        self._process_error(self.their_role)
        raise h11.RemoteProtocolError(why)


class H11Connection(GuardedConnection, H11Protocol):
    """A guarded connection that reads by `StrictHttp`."""

    def __init__(self, guard: ConnectionGuard, **options: Any) -> None:
        super().__init__(guard, **options)
        self.conn = StrictHttp()

    def send_400_response(self, msg: str) -> None:
        try:
            super().send_400_response(msg)
        except h11.LocalProtocolError:  # the answer has begun already: nothing can be said any more
            self.transport.abort()
