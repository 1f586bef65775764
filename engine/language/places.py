"""The position of a part of a text."""

from __future__ import annotations

from engine.language.syntax import Text
from engine.problem import Span


def part(text: Text, start: int, length: int) -> Text:
    """`length` characters from `start` with their own place, where the file shows them as they are."""
    word = text.value[start : start + length]
    span = text.span
    match span.length - len(text.value):
        case 0:
            column = span.column + start
        case 2:  # in quotes, nothing escaped
            column = span.column + 1 + start
        case _:  # escapes, or several lines: the whole is the nearest true place
            return Text(word, span)
    return Text(word, Span(span.file, span.line, column, max(1, length)))


def tail(text: Text, start: int) -> Text:
    """What stands behind `start`, without spaces around it."""
    rest = text.value[start:]
    begin = start + len(rest) - len(rest.lstrip())
    return part(text, begin, len(rest.strip()))
