"""The text of one file as an editor counts it: lines from 0, characters in the units that it asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lsprotocol.types import Position, Range

from engine.problem import Span, split_lines

Units = Literal["utf-8", "utf-16", "utf-32"]
"""In what an editor counts the characters of a line; UTF-16 where it says nothing."""


class Document:
    """Lines are those of `Span`, which are those of the protocol too: only line feeds and carriage returns
    divide."""

    def __init__(self, text: str, units: Units) -> None:
        self.text = text
        self.lines = split_lines(text)
        self._units = units
        # spans do not count the mark that editors of Windows put in front
        self._mark = 1 if text.startswith("\ufeff") else 0

    def line(self, number: int) -> str:
        """A line by its number from 0; "" outside of the file."""
        return self.lines[number] if 0 <= number < len(self.lines) else ""

    def range(self, span: Span) -> Range:
        """The place of a problem or a name. What lies outside of the text ends at its border."""
        number = min(max(span.line, 1), len(self.lines)) - 1
        start = span.column - 1 if span.line <= len(self.lines) else len(self.lines[number])
        return Range(self.position(number, start), self.position(number, start + max(1, span.length)))

    def position(self, line: int, character: int) -> Position:
        """Of a character (from 0) of a line (from 0)."""
        before = self.line(line)[: max(0, character)]
        return Position(line, self._width(before) + (self._mark if line == 0 else 0))

    def character(self, position: Position) -> int:
        """Which character of its line stands there, from 0; the end of the line where it is shorter."""
        line = self.line(position.line)
        units = position.character - (self._mark if position.line == 0 else 0)
        for character, letter in enumerate(line):
            if units <= 0:
                return character
            units -= self._width(letter)
        return len(line)

    def whole(self) -> Range:
        """From the first character to the last."""
        last = len(self.lines) - 1
        return Range(Position(0, 0), self.position(last, len(self.lines[last])))

    def _width(self, text: str) -> int:
        match self._units:
            case "utf-8":
                return len(text.encode("utf-8", "replace"))
            case "utf-16":
                return len(text) + sum(letter > "\uffff" for letter in text)
            case "utf-32":
                return len(text)


@dataclass(frozen=True, slots=True)
class DocumentEdit:
    """Other text in the place of a stretch of a file: lines and characters from 0, the end outside."""

    line: int
    start: int
    last_line: int
    end: int
    text: str

    def applied(self, lines: list[str]) -> str:
        """The file with it."""
        before, behind = lines[self.line][: self.start], lines[self.last_line][self.end :]
        changed = f"{before}{self.text}{behind}"
        return "\n".join([*lines[: self.line], changed, *lines[self.last_line + 1 :]])


def replacement(before: list[str], after: list[str]) -> DocumentEdit | None:
    """The one edit that turns these lines into those, without what is equal at the top and the bottom; None:
    nothing differs."""
    if before == after:
        return None
    least = min(len(before), len(after))
    top = next((n for n in range(least) if before[n] != after[n]), least)
    bottom = next((n for n in range(least - top) if before[-1 - n] != after[-1 - n]), least - top)
    old, new = before[top : len(before) - bottom], after[top : len(after) - bottom]
    if old and new:
        return DocumentEdit(top, 0, top + len(old) - 1, len(old[-1]), "\n".join(new))
    if new:  # lines come in
        if top < len(before):
            return DocumentEdit(top, 0, top, 0, "".join(f"{line}\n" for line in new))
        return DocumentEdit(
            top - 1, len(before[-1]), top - 1, len(before[-1]), "".join(f"\n{line}" for line in new)
        )
    if bottom:  # lines go
        return DocumentEdit(top, 0, top + len(old), 0, "")
    return DocumentEdit(top - 1, len(before[top - 1]), len(before) - 1, len(before[-1]), "")
