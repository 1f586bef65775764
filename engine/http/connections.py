"""Connections of strangers: how many there may be, how long each may take, and which heads are refused.

uvicorn's own limit (`limit_concurrency`) answers 503 to everybody once it is reached, also to whoever has
been served a moment ago. Here the connection that has been idle longest makes room for a new one, so that
idle ones never keep the others out.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

MOST_CONNECTIONS = 1_000
MOST_PER_ADDRESS = 100
"""Of one address (IPv6: one /64) at once; a trusted proxy speaks for many and has no such limit."""

HEAD_SECONDS = 10.0
"""From the opening of a connection, or from the first byte of a further request, to the end of its head."""

REQUEST_SECONDS = 120.0
"""From the end of a head to the end of the answer, whatever takes long: the body, the store, or a client that
does not read."""

KEEP_ALIVE_SECONDS = 75
"""Idle between two requests. Longer than the 60 seconds of nginx and of most load balancers: the side that
sends must be the one that closes, else a request may meet a connection that is just being closed."""

LARGEST_HEAD = 32_768
"""Bytes: a link token fits in many times; the rest is for cookies of other programs on the host."""

MOST_HEADERS = 100
FREE_CHUNKS = 200
SMALLEST_CHUNK = 16
"""Bytes that chunks of a body must have on average once there are many: each costs its own parsing."""

_READ_AT_ONCE = 16_384
"""Bytes: what one turn of the event loop reads of one connection, so that its parsing stays short."""

_FRAMING = re.compile(
    rb"^(content-length|transfer-encoding)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE
)
_END = re.compile(rb"\r?\n\r?\n")
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 5\r\n"
    b'connection: close\r\n\r\n{"type": "about:blank", "title": "too many connections", "status": 503}'
)


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


class GuardedProtocol(H11Protocol):
    """One connection, watched by a guard. `since`: when its present state began, by the event loop's
    clock."""

    def __init__(self, guard: ConnectionGuard, **options: Any) -> None:
        super().__init__(**options)
        self.conn = StrictHttp()
        self.guard = guard
        self.address = ""
        self.since = 0.0

    @property
    def is_busy(self) -> bool:
        """A request is being answered."""
        # uvicorn's types say that there always is one; before the first request there is none.
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        transport.max_size = _READ_AT_ONCE  # type: ignore[attr-defined]  # of asyncio's selector transport
        super().connection_made(transport)
        self.address = _place_of(self.client[0] if self.client else "")
        self.guard.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.guard.closed(self)

    def data_received(self, data: bytes) -> None:
        # What was refused at its opening is not read.
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.is_busy:
            self.guard.began(self)
        elif not self.transport.is_closing():
            self.guard.waits_for_head(self)

    def on_response_complete(self) -> None:
        # May begin with the next request, where several were sent in one go.
        super().on_response_complete()
        self.guard.answered(self)

    def send_400_response(self, msg: str) -> None:
        try:
            super().send_400_response(msg)
        except h11.LocalProtocolError:  # the answer has begun already: nothing can be said any more
            self.transport.abort()

    def refuse(self) -> None:
        """Says that there is no room, and closes."""
        self.transport.write(_FULL)
        self.transport.close()

    def drop(self) -> None:
        """Ends it at once, without a word."""
        self.transport.abort()


class ConnectionGuard:
    """All connections of a server, each in one of three states, the longest in it first."""

    def __init__(self, is_trusted: Callable[[str], bool] = lambda _address: False) -> None:
        self.most, self.most_per_address = MOST_CONNECTIONS, MOST_PER_ADDRESS
        self.dropped = 0
        self._is_trusted = is_trusted
        self._heads: OrderedDict[GuardedProtocol, None] = OrderedDict()
        self._resting: OrderedDict[GuardedProtocol, None] = OrderedDict()
        self._busy: OrderedDict[GuardedProtocol, None] = OrderedDict()
        self._of: dict[str, OrderedDict[GuardedProtocol, None]] = {}

    def __len__(self) -> int:
        return len(self._heads) + len(self._resting) + len(self._busy)

    def opened(self, connection: GuardedProtocol) -> None:
        """Makes room for it, or refuses it when everybody else is busy."""
        of_address = self._of.setdefault(connection.address, OrderedDict())
        is_one_of_many = connection.client is not None and self._is_trusted(connection.client[0])
        if len(of_address) >= self.most_per_address and not is_one_of_many:
            idle = next((other for other in of_address if not other.is_busy), None)
        elif len(self) >= self.most:
            oldest = [next(iter(state)) for state in (self._heads, self._resting) if state]
            idle = min(oldest, key=lambda other: other.since, default=None)
        else:
            self._enter(connection, self._heads)
            return
        self.dropped += 1
        if idle is None:
            connection.refuse()
            return
        self.closed(idle)
        idle.drop()
        self._enter(connection, self._heads)

    def began(self, connection: GuardedProtocol) -> None:
        """The head of a request is whole."""
        if connection not in self._busy:
            self._enter(connection, self._busy)

    def waits_for_head(self, connection: GuardedProtocol) -> None:
        """The first bytes of a further request have come, and not the whole head. Later bytes of it win no
        time."""
        if connection not in self._heads:
            self._enter(connection, self._heads)

    def answered(self, connection: GuardedProtocol) -> None:
        """An answer is complete; the next request may have begun already."""
        if not connection.transport.is_closing():
            self._enter(connection, self._busy if connection.is_busy else self._resting)

    def closed(self, connection: GuardedProtocol) -> None:
        """It is gone."""
        for state in (self._heads, self._resting, self._busy):
            state.pop(connection, None)
        of_address = self._of.get(connection.address)
        if of_address is not None:
            of_address.pop(connection, None)
            if not of_address:
                del self._of[connection.address]

    async def watch(self) -> None:
        """Ends what takes too long, until it is cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(1)
            # A connection that rests too long is ended by uvicorn's own timer.
            for state, seconds in ((self._heads, HEAD_SECONDS), (self._busy, REQUEST_SECONDS)):
                while state and (oldest := next(iter(state))).since < clock() - seconds:
                    self.dropped += 1
                    self.closed(oldest)
                    oldest.drop()

    def _enter(self, connection: GuardedProtocol, state: OrderedDict[GuardedProtocol, None]) -> None:
        for other in (self._heads, self._resting, self._busy):
            other.pop(connection, None)
        connection.since = connection.loop.time()
        state[connection] = None
        of_address = self._of.setdefault(connection.address, OrderedDict())
        of_address[connection] = None
        of_address.move_to_end(connection)


def _place_of(host: str) -> str:
    """What is counted as one address: with IPv6 the /64, of which one machine has all addresses."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host
