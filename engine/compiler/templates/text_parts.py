"""How many parts a text message is sent as, which is what is paid for: GSM 03.38, else UCS-2."""

from __future__ import annotations

import gsm0338  # noqa: F401  # registers the codec

_GSM_WHOLE, _GSM_PART = 160, 153
_UCS_WHOLE, _UCS_PART = 70, 67


def parts(text: str) -> int:
    """How many messages the network makes of a text; at least 1.

    A part of several holds 153 septets of the GSM alphabet or 67 UTF-16 units of any other (the rest is the
    header that puts them together, 3GPP TS 23.040 9.2.3.24.1). What takes two of them (`€`, `[`, an emoji)
    is never cut apart, so that a part may stay one short.
    """
    odd = outside(text)
    whole, several = (_UCS_WHOLE, _UCS_PART) if odd else (_GSM_WHOLE, _GSM_PART)
    size = _units if odd else _septets
    sizes = [size(character) for character in text]
    if sum(sizes) <= whole:
        return 1
    count, used = 1, 0
    for each in sizes:
        if used + each > several:
            count, used = count + 1, 0
        used += each
    return count


def outside(text: str) -> str:
    """The first character that the GSM alphabet lacks; empty: none."""
    try:
        text.encode("gsm03.38")
    except UnicodeError:
        return next((character for character in text if not _septets(character)), "")
    return ""


def _septets(character: str) -> int:
    """1, 2 with an escape before it, 0 where the alphabet lacks it."""
    try:
        return len(character.encode("gsm03.38"))
    except UnicodeError:
        return 0


def _units(character: str) -> int:
    return 2 if ord(character) > 0xFFFF else 1
