"""How the author's own words are shown inside a message."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"\s+|[\x00-\x1f\x7f-\x9f]")


def quoted(text: str, longest: int = 60) -> str:
    """The word in double quotes, on one line and not longer than a message can bear."""
    return f'"{shown(text, longest)}"'


def shown(text: str, longest: int = 60) -> str:
    """The word on one line, shortened."""
    flat = _CONTROL.sub(" ", text[: longest * 4])
    return flat if len(flat) <= longest else flat[: longest - 3] + "..."


def as_list(words: tuple[str, ...] | list[str]) -> str:
    """`a, b, c`."""
    return ", ".join(words)
