"""E73: a segment cannot be made of itself."""

from __future__ import annotations

from collections.abc import Iterator

from engine.compiler.check_input import ProjectCheckInput
from engine.compiler.walk import every_line
from engine.language import syntax
from engine.language.syntax import AllOf, Text
from engine.language.wording import quoted
from engine.problem import Problem


def check(checked: ProjectCheckInput) -> list[Problem]:
    """Every circle once, at the segment whose name comes first."""
    segments = checked.world.segments
    named = {name: list(_named(file.who)) if file.who else [] for name, file in segments.items()}
    problems: list[Problem] = []
    reported: set[str] = set()
    for name in sorted(segments):
        if name in reported:
            continue
        way = _way_back(name, named)
        if way:
            reported.update(way)
            first = next(text for text in named[name] if text.value == way[1])
            problems.append(_problem(first, way))
    return problems


def _way_back(start: str, named: dict[str, list[Text]]) -> list[str]:
    """The shortest way from a segment to itself, both ends included; empty: there is none."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for text in named.get(way[-1], []):
            if text.value == start:
                return [*way, start]
            if text.value not in seen:
                seen.add(text.value)
                ways.append([*way, text.value])
    return []


def _named(condition: AllOf) -> Iterator[Text]:
    for line in every_line(condition):
        if isinstance(line, syntax.InSegment):
            yield from line.names


def _problem(text: Text, way: list[str]) -> Problem:
    return Problem(
        text.span, "E73", f"the segment {quoted(way[0])} is made of itself: {' -> '.join(way)}",
        "nobody could say who belongs to it", "write the condition itself instead of the name of the segment",
    )  # fmt: skip
