"""DKIM signatures (RFC 6376) with dkimpy, an extra: most shops let their provider sign."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any

from engine.errors import InstallationError, UsageError

_PEM = re.compile(r"-----BEGIN [A-Z ]+-----\n[A-Za-z0-9+/=\n]+\n-----END [A-Z ]+-----\Z")
_HEADER = re.compile(rb"(?m)^([!-9;-~]+):")
_SELECTOR = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)*\Z")
_ONCE = (b"from", b"to", b"subject", b"date", b"message-id", b"list-unsubscribe", b"list-unsubscribe-post")
"""Signed once more than they are there, so that nobody adds a second one on the way."""

_RSA = bytes.fromhex("06092a864886f70d010101") + b"\x05\0"
"""The name of the algorithm in a public key (RFC 3279)."""

_SMALLEST = 1024
"""Bits; receivers take no smaller key (RFC 8301)."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for `domain` with the key whose public part stands in DNS below `selector`."""

    domain: str
    selector: str
    key: bytes = field(repr=False)

    def signed(self, mail: bytes) -> bytes:
        """The mail with its signature before the other headers. Every header of ours is covered, both of
        one-click unsubscribe among them (RFC 8058). Some milliseconds of arithmetic: not for the event
        loop."""
        import dkim

        head = mail.partition(b"\r\n\r\n")[0]
        names = [name.lower() for name in _HEADER.findall(head)]
        signature: bytes = dkim.sign(
            mail,
            self.selector.encode(),
            self.domain.encode(),
            self.key,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[*names, *(name for name in _ONCE if name in names)],
        )
        return signature + mail

    @property
    def record_name(self) -> str:
        """Where the public key stands in DNS."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        """The TXT record to publish under `record_name`."""
        from dkim.crypto import parse_pem_private_key

        key = parse_pem_private_key(self.key)
        numbers = _der(0x30, _whole(key["modulus"]) + _whole(key["publicExponent"]))
        public = _der(0x30, _der(0x30, _RSA) + _der(0x03, b"\0" + numbers))
        return f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode('ascii')}"

    def matches(self, record: str) -> bool:
        """Is the public key of this TXT record the other half of our key?"""
        from dkim.crypto import UnparsableKeyError, parse_pem_private_key, parse_public_key

        tags = dict(part.strip().partition("=")[::2] for part in record.split(";") if "=" in part)
        # DNS holds a long record in pieces, which may be joined with blanks
        published = "".join({name.strip(): value for name, value in tags.items()}.get("p", "").split())
        try:
            theirs = parse_public_key(base64.b64decode(published, validate=True))
        except (UnparsableKeyError, ValueError, IndexError, AssertionError):
            return False
        ours = parse_pem_private_key(self.key)
        return bool(theirs["modulus"] == ours["modulus"])


def open_signer(channel: str, domain: str, selector: str, key: str) -> Signer | None:
    """The signer of a channel; None when nothing of it is configured. Raises UsageError with the cure for
    half a configuration, a missing extra, and a key that signs nothing."""
    if not (domain or selector or key):
        return None
    # half a configuration is a slip: mail without a signature would go out unseen
    missing = [
        name
        for name, value in (("dkim_domain", domain), ("dkim_selector", selector), ("dkim_key", key))
        if not value
    ]
    if missing:
        raise UsageError(
            f'the channel "{channel}" is to sign its mail, and {" and ".join(missing)} is missing',
            "Write  dkim_domain: shop.example, dkim_selector: p1, dkim_key: file:/path/to/key.pem",
        )
    if not _SELECTOR.match(selector) or not _SELECTOR.match(domain):
        raise UsageError(
            f'the channel "{channel}" cannot sign for "{selector}" at "{domain}"',
            "Write  dkim_domain: shop.example, dkim_selector: p1  (letters, digits and - only)",
        )
    # with real line ends: an environment variable often holds `\\n` in two characters
    pem = "\n".join(line.strip() for line in key.replace("\\n", "\n").split("\n") if line.strip())
    if not _PEM.match(pem):
        raise _bad_key(channel, "it is no private key in PEM form")
    signer = Signer(domain.lower(), selector, pem.encode("ascii"))
    _try(channel, signer)
    return signer


def _try(channel: str, signer: Signer) -> None:
    """Signs a small mail, so that a bad key is told now and not with the first customer."""
    try:
        from dkim import DKIMException
        from dkim.crypto import parse_pem_private_key
    except ModuleNotFoundError as missing:
        raise InstallationError(
            f'the channel "{channel}" signs its mail, which needs the extra "dkim"',
            "Install it:  uv sync --extra dkim  or  pip install 'perennial[dkim]'",
        ) from missing
    try:
        signer.signed(b"From: a@b.example\r\n\r\n\r\n")
        key: dict[str, Any] = parse_pem_private_key(signer.key)
    except (DKIMException, ValueError, ArithmeticError, LookupError, TypeError, AssertionError) as wrong:
        raise _bad_key(channel, "it is no RSA key in PEM form") from wrong
    if int(key["modulus"]).bit_length() < _SMALLEST:
        raise _bad_key(channel, f"it has fewer than {_SMALLEST} bits")


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _whole(number: int) -> bytes:
    return _der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _bad_key(channel: str, why: str) -> UsageError:
    return UsageError(
        f'the dkim_key of the channel "{channel}" cannot sign: {why}',
        "Make one:  openssl genrsa -out dkim.pem 2048",
    )
