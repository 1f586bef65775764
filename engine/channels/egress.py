"""Where we may connect to on behalf of the author's files: the public internet, and what config.yaml allows.

A name is resolved once, every address it has is checked, and the connection goes to the checked address;
so neither a private address in disguise nor a name that changes its mind is reached (design/threats T10). A
request that failed says whether it can have arrived (design/reliability 2.2).
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import ssl
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Protocol, TypeAlias
from urllib.parse import SplitResult, urlsplit

import httpx2

from engine import faults
from engine.channels.answer_heads import BoundedTransport
from engine.errors import WorldError
from engine.values import Instant

_PORTS = frozenset({80, 443})
_MOST_ADDRESSES = 3
LARGEST_ANSWER = 65_536
"""Bytes of an answer that are read; the rest is not taken from the wire."""

SECONDS = 10.0
_CONNECTING = 5.0
_OK = 200
_PACKED = ("gzip", "x-gzip", "deflate")

for _name in ("httpx2", "httpcore2"):  # they log addresses and headers, and secrets stand in both
    logging.getLogger(_name).setLevel(logging.WARNING)

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Gate = Callable[[], Awaitable[bool]]
"""Asked when the connection stands, just before the first byte; False: nothing is written."""


class EgressError(WorldError):
    """The address must not be reached. Never tried again."""

    def __init__(self, what: str) -> None:
        super().__init__(what, permanent=True)


class NotSentError(WorldError):
    """The request did not leave as a whole: nobody can have acted on it."""

    def __init__(self, what: str) -> None:
        super().__init__(what, permanent=False)


class WithheldError(NotSentError):
    """The gate said no."""


class LostError(WorldError):
    """The request was written, and its answer is not known."""

    def __init__(self, what: str) -> None:
        super().__init__(what, permanent=False)


class Sink(Protocol):
    """Where the body of a good answer goes that is too large for the memory."""

    async def take(self, chunk: bytes) -> None:
        """The next bytes, as they came over the wire. Raises what ends the request."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `seconds`: for all of it, from the name to the last byte of the answer. `sink`: takes the
    body of an answer 200, which is not in the answer then."""

    method: str
    url: str = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: float = SECONDS
    sink: Sink | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body`: its first 64 KB; `is_whole`: that was all of it. `headers`: names in lower
    case."""

    status: int
    retry_after: str = ""
    body: bytes = field(default=b"", repr=False)
    is_whole: bool = True
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Egress:
    """Makes requests that leave the house. `allow`: `host:port`, `address:port`, an address or a network."""

    def __init__(self, allow: Sequence[str] = ()) -> None:
        pairs = (place.rpartition(":") for place in allow if _is_place(place))
        self._places = frozenset((host.strip("[]").casefold(), int(port)) for host, _, port in pairs)
        self._networks: tuple[_Network, ...] = tuple(
            ipaddress.ip_network(network, strict=False) for network in allow if not _is_place(network)
        )
        self._clients: dict[str, httpx2.AsyncClient] = {}

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """One POST. Raises EgressError, NotSentError or LostError."""
        return await self.exchange(Request("POST", url, body, headers))

    async def exchange(self, request: Request, gate: Gate | None = None) -> Answer:
        """One request and its answer; no redirect is followed. Raises EgressError or NotSentError when it did
        not leave, LostError when it may have."""
        try:
            parts = urlsplit(request.url)
        except ValueError as wrong:  # `https://[::1`: it never was an address
            raise EgressError(f"this is no URL: {wrong}") from wrong
        host, port = _place(parts)
        progress = _Progress(gate, bool(request.body))
        try:
            # one time for all of it: a name that resolves slowly takes from the time of the answer
            async with asyncio.timeout(request.seconds):
                addresses = await self._checked(host, port)
                return await self._first(request, parts, host, port, addresses, progress)
        except TimeoutError as late:
            if progress.may_have_left:
                raise LostError(f"no answer within {request.seconds:g} seconds") from late
            raise NotSentError(f"no connection within {request.seconds:g} seconds") from late

    async def checked(self, host: str, port: int) -> str:
        """The address to connect to. Raises EgressError when one of the addresses of this name is not
        public."""
        return (await self._checked(host, port))[0]

    def is_allowed(self, host: str, address: str, port: int) -> bool:
        """True for public addresses on the ports of the web, and for what config.yaml names."""
        if self.is_named(host, port) or self.is_named(address, port):
            return True
        return port in _PORTS and is_public(ipaddress.ip_address(address))

    def is_named(self, host: str, port: int) -> bool:
        """Config.yaml names this place, or the network of this address."""
        if (host.casefold(), port) in self._places:
            return True
        try:
            parsed = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)

    async def close(self) -> None:
        """Closes idle connections."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    async def _checked(self, host: str, port: int) -> list[str]:
        try:
            entries = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as mistake:
            raise NotSentError(f"the name {host} cannot be resolved") from mistake
        addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in entries))
        if not addresses:
            raise NotSentError(f"the name {host} has no address")
        # also those that are not tried: a name with one private address is no name of the internet
        for address in addresses:
            if not self.is_allowed(host, address, port):
                raise EgressError(
                    f"{host} leads to an address that is not public; "
                    f"config.yaml may name it:  egress: {{allow: [{host}:{port}]}}"
                )
        return addresses[:_MOST_ADDRESSES]

    async def _first(
        self, request: Request, parts: SplitResult, host: str, port: int, addresses: Sequence[str],
        progress: _Progress,
    ) -> Answer:  # fmt: skip
        """The answer of the first address that takes a connection."""
        for last, address in enumerate(addresses, 1 - len(addresses)):
            try:
                return await self._one(request, parts, host, port, address, progress)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as mistake:
                if last == 0:
                    raise NotSentError(f"no connection to {host}:{port}") from mistake
            except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as mistake:
                what = type(mistake).__name__  # not its words: what a stranger answers is not kept
                if progress.may_have_left:
                    raise LostError(f"the connection was lost before the answer ({what})") from mistake
                raise NotSentError(f"the request could not be written ({what})") from mistake
        raise NotSentError(f"no connection to {host}:{port}")

    async def _one(
        self, request: Request, parts: SplitResult, host: str, port: int, address: str, progress: _Progress
    ) -> Answer:  # fmt: skip
        # the checked address is called, never the name again: it may have changed its mind since
        literal = f"[{address}]" if ":" in address else address
        target = parts._replace(netloc=f"{literal}:{port}", fragment="").geturl()
        # one for each place: a connection that was opened (and proved by its certificate) for one name
        # carries no request for another that happens to have the same address
        origin = f"{parts.scheme}://{host}:{port}"
        if origin not in self._clients:
            self._clients[origin] = httpx2.AsyncClient(
                transport=BoundedTransport(_trusted()),
                trust_env=False,
                timeout=httpx2.Timeout(None, connect=_CONNECTING),
                headers={"User-Agent": "Perennial"},
            )
        client = self._clients[origin]
        asked = client.build_request(
            request.method,
            target,
            content=request.body,
            # Host comes last: a header of config.yaml cannot send the request to another tenant
            headers={"Accept-Encoding": "identity", **request.headers, "Host": parts.netloc},
            extensions={"sni_hostname": host, "trace": progress},
        )
        response = await client.send(asked, stream=True, follow_redirects=False)
        try:
            body = bytearray()
            is_whole = True
            sink = request.sink if response.status_code == _OK else None
            async for chunk in response.aiter_raw():
                if sink is not None:
                    await sink.take(chunk)
                    continue
                body += chunk
                if len(body) > LARGEST_ANSWER:  # an answer without end must not fill the memory
                    is_whole = False
                    break
        finally:
            await response.aclose()
        headers = {name.casefold(): value for name, value in response.headers.items()}
        content = bytes(body[:LARGEST_ANSWER])
        if sink is None and is_whole and headers.get("content-encoding", "").strip().casefold() in _PACKED:
            content, is_whole = _unpacked(content)
        return Answer(response.status_code, headers.get("retry-after", ""), content, is_whole, headers)


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates that are trusted, read once (65 ms). It may be shared: it holds no state of a
    connection, and the name that a certificate must have is given with each of them."""
    return httpx2.create_ssl_context(trust_env=False)


class _Progress:
    """How far a request has come; httpcore tells."""

    def __init__(self, gate: Gate | None, has_body: bool) -> None:
        self._gate = gate
        self._is_message = gate is not None
        self._has_body = has_body
        self.may_have_left = False

    async def __call__(self, event: str, info: Mapping[str, object]) -> None:
        """One event of httpcore's trace."""
        match event.partition(".")[2]:
            case "send_request_headers.started":
                # once for all addresses of the host: a message is handed over once, however often it is tried
                gate, self._gate = self._gate, None
                if gate is not None and not await gate():
                    raise WithheldError("the hand-over was not given")
                if self._is_message:
                    faults.reach("before the last byte")
                self.may_have_left = not self._has_body
            case "send_request_body.started":
                self.may_have_left = True
            case "send_request_headers.failed" | "send_request_body.failed":
                if type(info.get("exception")).__name__ == "WriteError":  # broken before all of it was taken
                    self.may_have_left = False
            case "send_request_body.complete" if self._is_message:
                faults.reach("after the last byte")
            case _:
                pass


def _unpacked(body: bytes) -> tuple[bytes, bool]:
    """An answer that was packed although nobody asked for it, as far as an answer is read; and whether that
    is all."""
    unpack = zlib.decompressobj(32 + zlib.MAX_WBITS)
    try:
        plain = unpack.decompress(body, LARGEST_ANSWER + 1)
    except zlib.error:
        return body, True
    return plain[:LARGEST_ANSWER], unpack.eof and len(plain) <= LARGEST_ANSWER


def _place(parts: SplitResult) -> tuple[str, int]:
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        raise EgressError(f"{parts.scheme}://{host or ''} is no address that may be called")
    try:
        return host, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as wrong:
        raise EgressError(f"{parts.scheme}://{host} has no port that exists") from wrong


def _is_place(text: str) -> bool:
    host, colon, port = text.rpartition(":")
    return bool(colon and host and port.isdigit() and (":" not in host or host.startswith("[")))


Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SIX_TO_FOUR = ipaddress.ip_network("2002::/16")
_UNICAST = ipaddress.ip_network("2000::/3")
"""All that was ever given out of IPv6; what lies outside leads to this machine, this house or nowhere."""

_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4", "2001::/23", "3fff::/20")
)


def is_public(address: Address) -> bool:
    """An address of the public internet, seen through the ways of writing an IPv4 address as an IPv6 one."""
    if isinstance(address, ipaddress.IPv6Address):
        # The IPv4 address that is meant: mapped, by NAT64, by 6to4
        if address in _NAT64:
            inner: ipaddress.IPv4Address | None = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        elif address in _SIX_TO_FOUR:
            inner = ipaddress.IPv4Address((int(address) >> 80) & 0xFFFFFFFF)
        else:
            inner = address.ipv4_mapped
        if inner is not None:
            return is_public(inner)
        if address not in _UNICAST:
            return False
    is_reserved = address.is_multicast or any(address in network for network in _NEVER)
    return address.is_global and not is_reserved


LONGEST_WAIT = 3_600.0
"""Seconds. A provider that asks for more is asked again after this: a header of 10^9 must not bury a message,
and a message that is too old by then goes back to its journey anyway."""


def retry_after_seconds(header: str | None, now: Instant) -> float | None:
    """Seconds to wait by RFC 9110 10.2.3: a number of seconds or an HTTP date (GMT), never below 0 nor above
    LONGEST_WAIT. None: there is no header or it says nothing (`soon`, `-1`); the caller backs off as
    usual."""
    text = (header or "").strip()
    if not text or len(text) > 64:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:  # `-0000`: a moment in GMT of which nobody knows where
        moment = moment.replace(tzinfo=UTC)
    return min(max(moment.timestamp() - now / 1000, 0.0), LONGEST_WAIT)
