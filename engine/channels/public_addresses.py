"""Which addresses belong to the public internet, in whatever way they are written (design/threats T10)."""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SIX_TO_FOUR = ipaddress.ip_network("2002::/16")
_UNICAST = ipaddress.ip_network("2000::/3")
"""All that was ever given out of IPv6; what lies outside leads to this machine, this house or nowhere."""

_NEVER = tuple(
    ipaddress.ip_network(one)
    for one in ("192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4", "2001::/23", "3fff::/20")
)


def is_public(one: Address) -> bool:
    """An address of the public internet, seen through the ways of writing an IPv4 address as an IPv6 one."""
    if isinstance(one, ipaddress.IPv6Address):
        inner = _inner(one)
        if inner is not None:
            return is_public(inner)
        if one not in _UNICAST:
            return False
    return one.is_global and not one.is_multicast and not any(one in network for network in _NEVER)


def _inner(one: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that is meant: mapped, by NAT64, by 6to4."""
    if one in _NAT64:
        return ipaddress.IPv4Address(int(one) & 0xFFFFFFFF)
    if one in _SIX_TO_FOUR:
        return ipaddress.IPv4Address((int(one) >> 80) & 0xFFFFFFFF)
    return one.ipv4_mapped
