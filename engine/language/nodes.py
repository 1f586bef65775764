"""The shape of a file before it means anything: scalars, maps and lists, each with its position.

They are records of msgspec, which are made ten times as fast as frozen dataclasses: a file is
hundreds of them.
"""

from __future__ import annotations

import msgspec

from engine.language.syntax import Text
from engine.problem import Span


class Scalar(msgspec.Struct, frozen=True):
    """A word or sentence, always text. `plain`: it stood without quotes."""

    text: str
    span: Span
    plain: bool

    def whole(self) -> Text:
        """The text with its position."""
        return Text(self.text, self.span)


class Entry(msgspec.Struct, frozen=True):
    """One `key: value` of a map."""

    key: Scalar
    value: Node


class Mapping(msgspec.Struct, frozen=True):
    """`key: value` lines, each key once. `span` is its first character."""

    entries: tuple[Entry, ...]
    span: Span

    def get(self, key: str) -> Node | None:
        """The value of a key."""
        for entry in self.entries:
            if entry.key.text == key:
                return entry.value
        return None


class Sequence(msgspec.Struct, frozen=True):
    """A list. `span` is its first character."""

    items: tuple[Node, ...]
    span: Span


Node = Scalar | Mapping | Sequence


def is_empty(node: Node) -> bool:
    """True for `key:` with nothing behind it, `[]` and `{}`."""
    match node:
        case Scalar():
            return node.plain and not node.text
        case Mapping():
            return not node.entries
        case Sequence():
            return not node.items


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
