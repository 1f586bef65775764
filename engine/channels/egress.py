"""Where we may connect to on behalf of the author's files: the public internet, and what config.yaml allows.

A name is resolved once, every address it has is checked, and the connection goes to the checked address;
so neither a private address in disguise nor a name that changes its mind is reached (RELIABILITY T10).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2

from engine.errors import WorldError

_PORTS = frozenset({80, 443})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SIX_TO_FOUR = ipaddress.ip_network("2002::/16")
_NEVER = tuple(
    ipaddress.ip_network(one)
    for one in ("192.0.0.0/24", "64:ff9b:1::/48", "2001::/23", "fec0::/10", "240.0.0.0/4")
)
LARGEST_ANSWER = 65_536
SECONDS = 10.0

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class EgressError(WorldError):
    """The address must not be reached. Never tried again."""

    def __init__(self, what: str) -> None:
        super().__init__(what, permanent=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status and the wait the other side asks for. The body is read to an end and thrown away."""

    status: int
    retry_after: str = ""


class Egress:
    """Makes requests that leave the house. `allow`: `host:port`, `address:port`, an address or a network."""

    def __init__(self, allow: Sequence[str] = ()) -> None:
        self._places = frozenset(one for one in allow if _is_place(one))
        self._networks: tuple[_Network, ...] = tuple(
            ipaddress.ip_network(one, strict=False) for one in allow if not _is_place(one)
        )
        self._client: httpx2.AsyncClient | None = None

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        """One POST, no redirects, ten seconds in all. Raises EgressError, or httpx2's errors."""
        parts = urlsplit(url)
        host = parts.hostname
        if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
            raise EgressError(f"{parts.scheme}://{host or ''} is no address that may be called")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = await self.checked(host, port)
        literal = f"[{address}]" if ":" in address else address
        target = parts._replace(netloc=f"{literal}:{port}", fragment="").geturl()
        request = self._open().build_request(
            "POST",
            target,
            content=body,
            headers={**headers, "Host": parts.netloc},
            extensions={"sni_hostname": host},
        )
        async with asyncio.timeout(SECONDS):
            response = await self._open().send(request, stream=True, follow_redirects=False)
            try:
                size = 0
                async for chunk in response.aiter_raw():
                    size += len(chunk)
                    if size > LARGEST_ANSWER:
                        break
                return Answer(response.status_code, response.headers.get("retry-after", ""))
            finally:
                await response.aclose()

    async def checked(self, host: str, port: int) -> str:
        """The address to connect to. Raises EgressError when one of the addresses of this name is not public."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as mistake:
            raise WorldError(f"the name {host} cannot be resolved", permanent=False) from mistake
        addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
        if not addresses:
            raise WorldError(f"the name {host} has no address", permanent=False)
        for address in addresses:
            if not self.is_allowed(host, address, port):
                raise EgressError(
                    f"{host} leads to an address that is not public; config.yaml may name it:  egress: {{allow: [{host}:{port}]}}"
                )
        return addresses[0]

    def is_allowed(self, host: str, address: str, port: int) -> bool:
        """True for public addresses on the ports of the web, and for what config.yaml names."""
        one = ipaddress.ip_address(address)
        if f"{host}:{port}" in self._places or f"{address}:{port}" in self._places:
            return True
        if any(one in network for network in self._networks):
            return True
        return port in _PORTS and is_public(one)

    async def close(self) -> None:
        """Closes idle connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _open(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = httpx2.AsyncClient(
                trust_env=False, timeout=SECONDS, headers={"User-Agent": "Perennial"}
            )
        return self._client


def is_public(one: _Address) -> bool:
    """An address of the public internet, seen through the ways of writing an IPv4 address as an IPv6 one."""
    if isinstance(one, ipaddress.IPv6Address):
        inner = one.ipv4_mapped
        if one in _NAT64:
            inner = ipaddress.IPv4Address(int(one) & 0xFFFFFFFF)
        elif one in _SIX_TO_FOUR:
            inner = ipaddress.IPv4Address((int(one) >> 80) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return one.is_global and not one.is_multicast and not any(one in network for network in _NEVER)


def _is_place(text: str) -> bool:
    host, colon, port = text.rpartition(":")
    return bool(colon and host and port.isdigit() and (":" not in host or host.startswith("[")))
