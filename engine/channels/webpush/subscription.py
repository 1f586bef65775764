"""What a browser gives a shop so that it can push: an endpoint and two keys (Push API, RFC 8291), read as a
stranger's.

At the door (intake, the route for browsers) `refusal_of` says what is wrong with it; the channel takes it
apart again, since what lies in a store may be older than the door.
"""

from __future__ import annotations

import binascii
import ipaddress
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

from engine.channels.egress import Egress

LONGEST = 4_096
"""Characters of a subscription; those of browsers have about 500."""

LONGEST_ENDPOINT = 2_048
_POINT, _SECRET = 65, 16
"""Bytes of a point of P-256 that is not compressed, and of the secret (RFC 8291 3.1, 3.2)."""

_NO_PLACES = ("localhost", "local", "internal", "localdomain", "home.arpa", "invalid", "test", "onion")
"""Names that lead nowhere on the internet (RFC 6761, RFC 6762, RFC 8375)."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One browser of one person. `document`: what the library that encrypts wants."""

    endpoint: str
    scheme: str
    host: str
    port: int
    document: Mapping[str, Any]


def read_subscription(text: str) -> Subscription:
    """Raises ValueError that says what is wrong: its form, its address, the length of its keys."""
    # before parsing: browsers of strangers send it
    if not 0 < len(text) <= LONGEST:
        raise ValueError(f"a push subscription has 1 to {LONGEST} characters")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise ValueError("this is no PushSubscription; send subscription.toJSON()") from wrong
    endpoint = document.get("endpoint") if isinstance(document, dict) else None
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(endpoint, str) or not isinstance(keys, dict):
        raise ValueError("a PushSubscription has an endpoint and keys; send subscription.toJSON()")  # noqa: TRY004 - a mistake in a document
    scheme, host, port = _place(endpoint)
    secret = _decoded(keys.get("auth"), "auth")
    if len(secret) != _SECRET:
        raise ValueError(f"the key auth has {len(secret)} bytes, it needs {_SECRET}")
    point = _decoded(keys.get("p256dh"), "p256dh")
    if len(point) != _POINT:
        raise ValueError(f"the key p256dh has {len(point)} bytes, it needs {_POINT}")
    try:
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
    except ValueError as wrong:
        raise ValueError("the key p256dh is no point of the curve P-256") from wrong
    return Subscription(endpoint, scheme, host, port, document)


def refusal_of(text: str, allow: Sequence[str] = ()) -> str:
    """Why a subscription is not taken; "" when it is. `allow`: what config.yaml lets be called beside the
    public internet (`egress: {allow: ...}`). No name is resolved: the door is quick, and the sending
    asks again."""
    try:
        subscription = read_subscription(text)
    except ValueError as wrong:
        return str(wrong)
    host, port = subscription.host, subscription.port
    try:
        literal = str(ipaddress.ip_address(host))
    except ValueError:
        literal = ""
    # what config.yaml names may be http, and inside the house
    egress = Egress(allow)
    if egress.is_named(host, port):
        return ""
    if subscription.scheme != "https":
        return "the endpoint of a push subscription begins with https://"
    # an address that is written out can be judged without asking anybody
    if literal:
        is_inside = not egress.is_allowed(host, literal, port)
    else:
        is_inside = "." not in host.rstrip(".") or host.rstrip(".").endswith(_NO_PLACES)
    return "the endpoint is no address of the public internet" if is_inside else ""


def _place(endpoint: str) -> tuple[str, str, int]:
    """Scheme, host and port of an endpoint. Raises ValueError."""
    if (
        len(endpoint) > LONGEST_ENDPOINT
        or not (endpoint.isascii() and endpoint.isprintable())
        or " " in endpoint
    ):
        raise ValueError(f"an endpoint is a URL of at most {LONGEST_ENDPOINT} printable ASCII characters")
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError as wrong:
        raise ValueError(f"the endpoint is no URL: {wrong}") from wrong
    if parts.scheme not in ("https", "http") or not host or "@" in parts.netloc or "\\" in parts.netloc:
        raise ValueError("the endpoint is no URL that begins with https://")
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80)


def _decoded(key: object, name: str) -> bytes:
    if not isinstance(key, str):
        raise ValueError(f"the key {name} is missing")  # noqa: TRY004 - it is a mistake in a document
    try:
        return urlsafe_b64decode(key.rstrip("=") + "=" * (-len(key.rstrip("=")) % 4))
    except (binascii.Error, ValueError) as wrong:
        raise ValueError(f"the key {name} is no base64url") from wrong
