"""Connections of strangers: how many there may be, how long each may take, and which heads are refused.

uvicorn's own limit (`limit_concurrency`) answers 503 to everybody once it is reached, also to whoever has
been served a moment ago. Here the connection that has been idle longest makes room for a new one, so that
idle ones never keep the others out.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

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
MOST_AHEAD = 2
"""Requests of a connection that wait behind the one that is being answered: clients rarely send one ahead.
The event loop takes one new connection a turn, and in each turn answers a request of everybody who waits: so
this multiplies how long the many connections of one address hold up the next caller."""

FREE_CHUNKS = 200
SMALLEST_CHUNK = 16
"""Bytes that chunks of a body must have on average once there are many: each costs its own parsing."""

READ_AT_ONCE = 16_384
"""Bytes: what one turn of the event loop reads of one connection, so that its parsing stays short."""

_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 5\r\n"
    b'connection: close\r\n\r\n{"type": "about:blank", "title": "too many connections", "status": 503}'
)


class GuardedConnection(asyncio.Protocol):
    """One connection, watched by a guard; beside a protocol of uvicorn's, which does the rest. `since`: when
    its present state began, by the event loop's clock."""

    # Of uvicorn's protocol.
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    client: tuple[str, int] | None
    cycle: Any

    def __init__(self, guard: ConnectionGuard, **options: Any) -> None:
        super().__init__(**options)
        self.guard = guard
        self.address = ""
        self.since = 0.0

    @property
    def is_busy(self) -> bool:
        """A request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if hasattr(transport, "max_size"):  # of asyncio's selector transport
            transport.max_size = READ_AT_ONCE
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
        """uvicorn calls it; it may begin with the next request, where several were sent in one go."""
        super().on_response_complete()  # type: ignore[misc]
        self.guard.answered(self)

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
        self._heads: OrderedDict[GuardedConnection, None] = OrderedDict()
        self._resting: OrderedDict[GuardedConnection, None] = OrderedDict()
        self._busy: OrderedDict[GuardedConnection, None] = OrderedDict()
        self._of: dict[str, OrderedDict[GuardedConnection, None]] = {}

    def __len__(self) -> int:
        return len(self._heads) + len(self._resting) + len(self._busy)

    def opened(self, connection: GuardedConnection) -> None:
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

    def began(self, connection: GuardedConnection) -> None:
        """The head of a request is whole."""
        if connection not in self._busy:
            self._enter(connection, self._busy)

    def waits_for_head(self, connection: GuardedConnection) -> None:
        """The first bytes of a further request have come, and not the whole head. Later bytes of it win no
        time."""
        if connection not in self._heads:
            self._enter(connection, self._heads)

    def answered(self, connection: GuardedConnection) -> None:
        """An answer is complete; the next request may have begun already."""
        if not connection.transport.is_closing():
            self._enter(connection, self._busy if connection.is_busy else self._resting)

    def closed(self, connection: GuardedConnection) -> None:
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

    def _enter(self, connection: GuardedConnection, state: OrderedDict[GuardedConnection, None]) -> None:
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
