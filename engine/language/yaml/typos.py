"""Lines in which YAML sees nothing wrong and the next line fails because of them: a dash, a space or a colon is missing."""

from __future__ import annotations

import re
from typing import NamedTuple

from engine.language.steps.register import VERBS
from engine.language.wording import quoted, shown
from engine.problem import Problem, Span

_DASH_OF_TEXT = re.compile(r"([–—−•*]) +(\S.*)")
_TIGHT_DASH = re.compile(r"-([A-Za-z_]\w*:(?: .*|))$")
_TIGHT_COLON = re.compile(r"([A-Za-z_]\w*):([^\s:/].*)")
_NO_COLON = re.compile(r"([A-Za-z_]\w*)(?: +([^:]*[^:\s]))?$")
_ITEM = re.compile(rf"({'|'.join(VERBS)}|test|day \d+ \d+:\d+):(?: |$)")


class Line(NamedTuple):
    """A line of a file; `number` counts from 1, `start` are the spaces in front."""

    file: str
    number: int
    start: int
    words: str


def line_of(lines: list[str], row: int, file: str) -> Line:
    """The line `row` (from 0) without its comment."""
    text = lines[row]
    words = text.strip()
    words = "" if words.startswith("#") else words.split(" #")[0].rstrip()
    return Line(file, row + 1, len(text) - len(text.lstrip(" ")), words)


def above(lines: list[str], row: int, file: str) -> Line | None:
    """The nearest line with words above the line `row`."""
    found = (line_of(lines, each, file) for each in range(row - 1, -1, -1))
    return next((line for line in found if line.words), None)


def slip_in(line: Line, *, in_list: bool = False) -> Problem | None:
    """What is wrong in this line, if it is one of these slips. `in_list`: a step without a dash is one too."""
    found = _DASH_OF_TEXT.match(line.words)
    if found:
        return _problem(
            line, 1, f"{quoted(found[1])} is not the dash of a list", "YAML knows only the short dash of the keyboard", f"write  - {shown(found[2])}",
        )  # fmt: skip
    found = _TIGHT_DASH.match(line.words)
    if found:
        return _problem(
            line, 1, "there is no space behind this dash", "a dash begins an item only with a space behind it", f"write  - {shown(found[1])}",
        )  # fmt: skip
    found = _ITEM.match(line.words)
    if found and in_list:
        return _problem(
            line, len(found[1]), f"there is no dash in front of {quoted(found[1])}",
            "each item of a list stands behind a dash of its own", f"write  - {shown(line.words)}",
        )  # fmt: skip
    dash = "- " if line.words.startswith("- ") else ""
    line = line._replace(start=line.start + len(dash), words=line.words[len(dash) :])
    found = _TIGHT_COLON.fullmatch(line.words)
    if found:
        return _problem(
            line, len(line.words), "there is no space behind the colon",
            'a line is written as "name: text", with a space behind the colon', f"write  {dash}{shown(found[1])}: {shown(found[2])}",
        )  # fmt: skip
    found = _NO_COLON.fullmatch(line.words)
    if found:
        value = f" {shown(found[2])}" if found[2] else ""
        return _problem(
            line, len(line.words), 'this line has no ": " in it',
            'a line is written as "name: text", with a space behind the colon', f"write  {dash}{found[1]}:{value}",
        )  # fmt: skip
    return None


def _problem(line: Line, length: int, what: str, why: str, fix: str) -> Problem:
    return Problem(Span(line.file, line.number, line.start + 1, max(1, length)), "E03", what, why, fix)
