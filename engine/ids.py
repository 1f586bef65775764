"""Names for things: new ids, secrets, and keys derived from what they stand for.

The only module of the engine that asks for chance. An id is 26 characters of a-z and 0-9 without i, l, o
and u (Crockford's base32), a derived key 32 hexadecimal digits: both survive URLs and file names.
"""

from __future__ import annotations

import base64
import hashlib
import math
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

LENGTH = 26

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _CROCKFORD for second in _CROCKFORD]
_BYTES = 17
_SHIFTS = range(5 * LENGTH - 10, -1, -10)

_chance: Callable[[int], bytes] = secrets.token_bytes


def new_id() -> str:
    """A new id: 48 bits of the time in milliseconds, then 80 random bits. Later ones sort after earlier ones.

    Within one millisecond the order is open. The time in it is the machine's, whatever clock the engine runs
    on.
    """
    milliseconds = time.time_ns() // 1_000_000 if _chance is secrets.token_bytes else 0
    return _text(milliseconds.to_bytes(6, "big") + _chance(10))


def new_secret() -> str:
    """A new secret of 256 random bits for API keys and signing, safe in URLs and headers."""
    return base64.urlsafe_b64encode(_chance(32)).rstrip(b"=").decode()


@contextmanager
def drawn_from(chance: Callable[[int], bytes]) -> Iterator[None]:
    """Inside the block, ids and secrets come from `chance` (so many bytes) and from no clock, so that a
    simulation with the same seed has the same ones. For the whole process, and nothing that is kept."""
    global _chance  # noqa: PLW0603
    before, _chance = _chance, chance
    try:
        yield
    finally:
        _chance = before


def derive(*parts: str | int) -> str:
    """The key of what `parts` say: the same parts in the same order always give the same key, on every
    machine.

    128 bits of SHA-256 in hexadecimal over the parts, each with its length before it, so that ("ab", "c") and
    ("a", "bc") differ. A number counts as its digits.
    """
    message = ""
    for part in parts:
        text = str(part)
        message += f"{len(text)}:{text}"
    # `surrogatepass`: JSON may hold half a pair, and a key must come of any text.
    return hashlib.sha256(message.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _text(data: bytes) -> str:
    """The first 130 bits, ten at a time: what base32 says, several times as fast."""
    number = int.from_bytes(data[:_BYTES].ljust(_BYTES, b"\0"), "big") >> (8 * _BYTES - 5 * LENGTH)
    pairs = _PAIRS
    return "".join([pairs[number >> shift & 1023] for shift in _SHIFTS])


_BITS = 52


def unit(*parts: str) -> float:
    """A number strictly between 0 and 1, uniform over `parts`; the same on every machine.

    SHA-256 over the parts, each with its length before it, so that ("ab", "c") and ("a", "bc") differ.
    """
    texts = [part.encode("utf-8", "surrogatepass") for part in parts]
    message = b"".join([len(text).to_bytes(8, "big") + text for text in texts])
    number = int.from_bytes(hashlib.sha256(message).digest()[:8], "big") >> (64 - _BITS)
    # 52 bits and a half, for a float holds 53: neither 0 nor 1, whose logarithms `choose_path` could not use.
    return (number + 0.5) / float(1 << _BITS)


def in_holdout(customer: str, journey: str, percent: int) -> bool:
    """Whether a customer belongs to the holdout of a journey; a larger share keeps everybody who was in a
    smaller."""
    return unit("holdout", journey, customer) * 100 < percent


def in_global_holdout(customer: str, percent: int) -> bool:
    """Whether a customer belongs to the holdout of the shop (marketing policies only)."""
    return unit("global holdout", customer) * 100 < percent


def choose_path(customer: str, journey: str, salt: str, paths: Sequence[tuple[str, int]]) -> str:
    """The path of a split (name, share in percent): the largest `-share / ln(u)`.

    Weighted rendezvous: raising one share takes evenly from the others and moves nobody else.
    """
    return max(paths, key=lambda path: -path[1] / math.log(unit("split", customer, journey, salt, path[0])))[
        0
    ]
