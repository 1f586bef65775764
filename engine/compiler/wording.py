"""The wordings that many messages about names share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.language.syntax import Text
from engine.language.wording import quoted
from engine.problem import Problem, Span, Topic, did_you_mean


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
