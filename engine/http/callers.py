"""Where a request comes from: the address of the caller, also behind proxies that config.yaml trusts."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache

from starlette.requests import Request

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def caller_of(request: Request) -> str:
    """The address of whoever sends it; "" where there is none. `HttpEdge` has put the right one there."""
    return request.client.host if request.client else ""


def is_trusted(address: str, proxies: Sequence[str]) -> bool:
    """Whether an address is one of these addresses and networks."""
    try:
        wanted = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(wanted, ipaddress.IPv6Address) and wanted.ipv4_mapped is not None:
        wanted = wanted.ipv4_mapped
    return any(wanted in network for network in _networks(tuple(proxies)))


def forwarded_for(peer: str, headers: Iterable[tuple[bytes, bytes]], proxies: Sequence[str]) -> str:
    """The caller behind our proxies: the last address of `X-Forwarded-For` that is none of theirs.

    Read from the right: each proxy adds the address that it saw, and whatever stands to the left of ours was
    written by the caller. From a peer that is not trusted the header says nothing.
    """
    if not is_trusted(peer, proxies):
        return peer
    named = b",".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1")
    caller = peer
    for text in reversed(named.split(",")[-20:]):
        address = _plain(text.strip())
        if address is None:
            break
        caller = address
        if not is_trusted(address, proxies):
            break
    return caller


def _plain(text: str) -> str | None:
    """An address without its port; None for what is none."""
    host = text[1:].partition("]")[0] if text.startswith("[") else text
    # One colon stands before a port, several belong to IPv6.
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


@lru_cache(8)
def _networks(places: tuple[str, ...]) -> tuple[_Network, ...]:
    # Not strict: people write an address of the network with its length behind it.
    return tuple(ipaddress.ip_network(place, strict=False) for place in places)
