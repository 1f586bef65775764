"""One connection, read by httptools (llhttp in C): as strict as `StrictHttp` of h11."""

from __future__ import annotations

from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from engine.http.connections import (
    FREE_CHUNKS,
    LARGEST_HEAD,
    MOST_AHEAD,
    MOST_HEADERS,
    READ_AT_ONCE,
    SMALLEST_CHUNK,
    GuardedConnection,
)

_LENGTH, _ENCODING = b"content-length", b"transfer-encoding"


class _Refused(Exception):  # noqa: N818 - it ends in the parser, which tells it as its own error
    """The parser goes no further."""


class StrictHttpTools(HttpToolsProtocol):
    """llhttp, and more is refused: a head that two readers may understand differently, since a proxy before
    us may be the other one (RFC 9112, 6.3 and 11.2), heads beyond the bounds, and bodies in crumbs."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._in_head = True  # between two requests as well
        self._raw = 0  # bytes since the last request, in whole parts
        self._head = self._lines = self._chunks = self._bytes = 0
        self._framing: list[tuple[bytes, bytes]] = []
        self._is_over = False  # nothing of this connection is read any more
        self._is_told = False  # the parser reads a head once more that was told already

    def data_received(self, data: bytes) -> None:
        """Parses what has come, part by part."""
        self._unset_keepalive_if_required()
        for start in range(0, len(data), READ_AT_ONCE):
            if self._is_over or self.transport.is_closing():
                return
            part = data[start : start + READ_AT_ONCE]
            try:
                self._feed(part)
            except httptools.HttpParserError:
                self._refuse()
            else:
                self._raw = self._raw + len(part) if self._in_head else 0
                # A line that does not end is not told by the parser. The first part may hold the end of the
                # request before.
                if self._raw > LARGEST_HEAD + READ_AT_ONCE:
                    self._refuse()

    def _feed(self, part: bytes) -> None:
        try:
            self.parser.feed_data(part)
        except httptools.HttpParserUpgrade as wish:
            # Java's client asks for HTTP/2 in its first request. We go on as if it had not; llhttp has ended
            # the request at its head, so another parser reads the body.
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
            if self._framing:
                self._is_told = True
                self.parser.feed_data(b"POST / HTTP/1.1\r\n%s: %s\r\n\r\n" % self._framing[0])
                self._is_told = False
            self._feed(part[wish.args[0] :])

    def on_message_begin(self) -> None:
        if self._is_told:
            return
        # Each costs a place in memory before it is looked at.
        if len(self.pipeline) >= MOST_AHEAD:
            raise _Refused
        super().on_message_begin()
        self._raw = self._head = self._lines = self._chunks = self._bytes = 0
        self._framing = []

    def on_url(self, url: bytes) -> None:
        if self._is_told:
            return
        self._head += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_told:
            return
        self._lines += 1
        self._head += len(name) + len(value) + len(b": \r\n")
        if self._lines > MOST_HEADERS:
            raise _Refused
        # Behind the last chunk of a body headers may come as well: they are passed over.
        if self._in_head:
            if name.lower() in (_LENGTH, _ENCODING):
                self._framing.append((name.lower(), value.strip()))
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._is_told:
            return
        self._in_head = False
        if self._head > LARGEST_HEAD or len(self._framing) > 1:
            raise _Refused
        for name, value in self._framing:
            if name == _LENGTH and not value.isdigit():
                raise _Refused
            # HTTP/1.0 has no chunks: whoever stands before us would read another end of the body.
            is_chunked = value.lower() == b"chunked" and self.parser.get_http_version() == "1.1"
            if name == _ENCODING and not is_chunked:
                raise _Refused
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._chunks += 1
        self._bytes += len(body)
        if self._chunks > FREE_CHUNKS and self._bytes < SMALLEST_CHUNK * self._chunks:
            raise _Refused
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade() and self._framing:
            return
        super().on_message_complete()
        self._in_head, self._raw = True, 0

    def _refuse(self) -> None:
        self._is_over = True
        self.logger.warning("Invalid HTTP request received.")
        cycle: RequestResponseCycle | None = self.cycle  # none before the first request
        if cycle is None or cycle.response_complete:
            self.send_400_response("Invalid HTTP request received.")
        elif self.pipeline or (cycle.response_started and cycle.more_body):
            self.transport.abort()
        elif cycle.more_body:
            self.send_400_response("Invalid HTTP request received.")
        else:
            # It stands behind a request that is being answered: what we say now would be taken for that
            # answer.
            cycle.keep_alive = False


class HttpToolsConnection(GuardedConnection, StrictHttpTools):
    """A guarded connection that reads by llhttp."""
