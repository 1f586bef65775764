"""Names for things: new ids, secrets, and keys derived from what they stand for.

The only module of the engine that asks for chance. An id or key is 26 characters of a-z and 0-9
without i, l, o and u (Crockford's base32), so it survives URLs, file names and being read aloud.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time

LENGTH = 26

_RFC4648_HEX = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_TO_CROCKFORD = str.maketrans(_RFC4648_HEX, _CROCKFORD)


def new_id() -> str:
    """A new id: 48 bits of the time in milliseconds, then 80 random bits. Later ones sort after earlier ones.

    Within one millisecond the order is open. The time in it is the machine's, whatever clock the engine runs on.
    """
    milliseconds = time.time_ns() // 1_000_000
    return _text(milliseconds.to_bytes(6, "big") + secrets.token_bytes(10))


def new_secret() -> str:
    """A new secret of 256 random bits for API keys and signing, safe in URLs and headers."""
    return secrets.token_urlsafe(32)


def derive(*parts: str | int) -> str:
    """The key of what `parts` say: the same parts in the same order always give the same key, on every machine.

    130 bits of SHA-256 over the parts, each with its length before it, so that ("ab", "c") and ("a", "bc")
    differ. A number counts as its digits.
    """
    digest = hashlib.sha256()
    for part in parts:
        data = str(part).encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return _text(digest.digest())


def _text(data: bytes) -> str:
    return base64.b32hexencode(data).decode("ascii")[:LENGTH].translate(_TO_CROCKFORD)
