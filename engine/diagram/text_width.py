"""How wide a text will be in a picture, as far as one can say without the font, and lines that fit."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache

SIZE = 13
"""Pixels of the font."""

_NARROW, _WIDE = frozenset("iljtfrI.,:;|!'`()[]{} -"), frozenset("mwMW@%&#~<>=+_")


@cache
def _letter(letter: str) -> float:
    """In parts of the size of the font, a little more than common fonts need."""
    if unicodedata.combining(letter):
        return 0
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.08
    if letter in _NARROW:
        return 0.4
    if letter in _WIDE:
        return 0.98
    return 0.74 if letter.isupper() else 0.62


def text_width(text: str, size: int = SIZE) -> float:
    """Pixels."""
    return sum(map(_letter, text)) * size


def wrapped(text: str, pixels: float, size: int = SIZE) -> list[str]:
    """Lines that are no wider, broken between words where it can be; at least one."""
    return list(_lines(text, pixels, size)) or [""]


def shortened(text: str, pixels: float, size: int = SIZE) -> str:
    """The beginning of a text that is not wider."""
    if text_width(text, size) <= pixels:
        return text
    lines = wrapped(text, pixels - size, size)
    return f"{lines[0]}…"


def _lines(text: str, pixels: float, size: int) -> Iterator[str]:
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if text_width(longer, size) <= pixels:
            line = longer
            continue
        if line:
            yield line
        line = ""
        for letter in word:  # of a word that is wider than a line
            # what combines with the letter before stays with it
            if line and not unicodedata.combining(letter) and text_width(line + letter, size) > pixels:
                yield line
                line = ""
            line += letter
    if line:
        yield line
