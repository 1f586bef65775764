"""How the author's own words are shown inside a message, and the wordings that many messages share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from engine.language.syntax import Text
from engine.problem import Problem, Span, Topic, did_you_mean

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


def unknown(
    code: str,
    text: Text,
    kind: str,
    choices: Iterable[str],
    why: str,
    otherwise: str = "",
    topic: Topic = "name",
) -> Problem:
    """`there is no KIND called "x"`, with the choice that was probably meant, else a short list of all."""
    known = list(choices)
    return Problem(
        text.span,
        code,
        f"there is no {kind} called {quoted(text.value)}",
        why,
        did_you_mean(text.value, known, otherwise or use_one_of(known)),
        topic=topic,
        subject=text.value,
    )


def use_one_of(choices: Sequence[str], most: int = 12) -> str:
    """`use one of: a, b, c`, shortened."""
    if not choices:
        return ""
    shown = ", ".join(choices[:most])
    return f"use one of: {shown}{', ...' if len(choices) > most else ''}"


def either(words: Sequence[str], joined: str = "or") -> str:
    """`a, b or c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {joined} {words[-1]}"


def at(span: Span, length: int) -> Span:
    """The same place with another length."""
    return Span(span.file, span.line, span.column, max(1, length))
