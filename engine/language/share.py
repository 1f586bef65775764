"""Shares: whole percents."""

from __future__ import annotations

import re

from engine.language.syntax import Text
from engine.language.wording import quoted
from engine.problem import Problem

_SHARE = re.compile(r"(\d{1,3})%", re.ASCII)
_FRACTION = re.compile(r"0?[.,](\d{1,2})")
_BROKEN = re.compile(r"(\d{1,3})[.,]\d+ *(?:%|percent|per cent)")
_NUMBER = re.compile(r"(\d{1,3})(?: *(?:%|percent|per cent))?")


def parse_share(text: Text) -> int | Problem:
    """`45%`."""
    found = _SHARE.fullmatch(text.value)
    if found and int(found[1]) <= 100:
        return int(found[1])
    return Problem(
        text.span,
        "E30",
        f"{quoted(text.value)} is not a share",
        "a share is written in whole percents, 0% to 100%",
        f"write  {_meant(text.value) or '10%'}",
    )


def _meant(written: str) -> str:
    if found := _FRACTION.fullmatch(written):
        return f"{int(found[1].ljust(2, '0'))}%"
    if found := _BROKEN.fullmatch(written):
        return f"{int(found[1])}%" if int(found[1]) <= 100 else ""
    found = _NUMBER.fullmatch(written)
    return f"{int(found[1])}%" if found and int(found[1]) <= 100 else ""
