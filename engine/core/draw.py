"""Draws that always come out the same: holdouts and split paths by hash (design/language 2.3, 2.10)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

_BITS = 52


def unit(*parts: str) -> float:
    """A number strictly between 0 and 1, uniform over `parts`; the same on every machine.

    SHA-256 over the parts, each with its length before it, so that ("ab", "c") and ("a", "bc") differ.
    """
    texts = [part.encode("utf-8", "surrogatepass") for part in parts]
    whole = b"".join([len(text).to_bytes(8, "big") + text for text in texts])
    number = int.from_bytes(hashlib.sha256(whole).digest()[:8], "big") >> (64 - _BITS)
    return (number + 0.5) / float(1 << _BITS)


def in_holdout(customer: str, journey: str, percent: int) -> bool:
    """Whether a customer belongs to the holdout of a journey; a larger share keeps everybody who was in a smaller."""
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
