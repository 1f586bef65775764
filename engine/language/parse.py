"""A file of a journey or a segment: nodes in, written syntax and problems out."""

from __future__ import annotations

from pathlib import PurePosixPath

from engine.language.again import parse_again
from engine.language.condition import parse_condition
from engine.language.goal import parse_goal
from engine.language.grammar import JOURNEY, SEGMENT, Construct
from engine.language.nodes import Mapping
from engine.language.parts import Parts
from engine.language.plain_text import clean
from engine.language.reading import Reading
from engine.language.source import read_clean
from engine.language.start import parse_starts
from engine.language.step_list import parse_steps
from engine.language.story import parse_tests
from engine.language.syntax import AllOf, JourneyFile, SegmentFile, Text
from engine.language.wording import quoted, shown
from engine.problem import Problem, Span, in_order

_STATES = {
    "active": "live",
    "on": "live",
    "enabled": "live",
    "off": "stopped",
    "disabled": "paused",
    "ending": "closing",
}


def parse_journey(text: str | bytes, file: str) -> tuple[JourneyFile | None, list[Problem]]:
    """One journey as written, or None when the file cannot be read; never raises."""
    opened, problems = _open(text, file, JOURNEY)
    if opened is None:
        return None, problems
    parts, source = opened
    journey = _journey(parts, source)
    return journey, in_order([*problems, *parts.reading.problems])


def parse_segment(text: str | bytes, file: str) -> tuple[SegmentFile | None, list[Problem]]:
    """One segment as written, or None when the file cannot be read; never raises."""
    opened, problems = _open(text, file, SEGMENT)
    if opened is None:
        return None, problems
    parts, _ = opened
    name = _name(parts, "segment")
    segment = SegmentFile(name, parts.text("about"), _condition(parts, "who"), parts.at)
    return segment, in_order([*problems, *parts.reading.problems])


def _open(
    text: str | bytes, file: str, construct: Construct
) -> tuple[tuple[Parts, str] | None, list[Problem]]:
    source, problems = clean(text, file)
    if problems:
        return None, problems
    root, problems = read_clean(source, file)
    if root is None:
        return None, problems
    if not isinstance(root, Mapping):
        what = f"this file is not {construct.noun}"
        why = f'it consists of lines of the form "name: text"; the parts are: {construct.parts}'
        begin = construct.keys[0].name
        return None, [*problems, Problem(root.span, "E07", what, why, f"begin with  {begin}: {_stem(file)}")]
    reading = Reading(file, root, parse_steps)
    key = next((e.key.span for e in root.entries if e.key.text == construct.keys[0].name), Span(file, 1, 1))
    return (Parts(reading, construct, root.entries, key), source), problems


def _journey(parts: Parts, source: str) -> JourneyFile:
    reading = parts.reading
    start, goal, tests = parts.node("start"), parts.node("goal"), parts.node("tests")
    again = parts.text("again")
    return JourneyFile(
        name=_name(parts, "journey"),
        span=parts.at,
        was=parts.name("was"),
        about=parts.text("about"),
        owner=parts.text("owner"),
        state=parts.choice("state", _STATES),
        starts=() if start is None else parse_starts(reading, start, parts.at_key("start")),
        who=_condition(parts, "who"),
        again=None if again is None else parse_again(reading, again),
        goal=None if goal is None else parse_goal(reading, goal, parts.at_key("goal")),
        exit_if=_condition(parts, "exit_if"),
        policy=parts.text("policy"),
        priority=parts.choice("priority", {"medium": "normal", "default": "normal"}),
        holdout=parts.share("holdout") or 0,
        steps=parts.steps("steps") or (),
        tests=None if tests is None else parse_tests(reading, tests, parts.at_key("tests")),
        source=source,
    )


def _condition(parts: Parts, key: str) -> AllOf | None:
    node = parts.node(key)
    return None if node is None else parse_condition(parts.reading, node, parts.at_key(key), key)


def _name(parts: Parts, key: str) -> Text:
    """The name; the one of the file where it is missing or wrong."""
    name, stem = parts.name(key), _stem(parts.reading.file)
    if name is not None and name.value != stem and parts.reading.file.endswith((".yaml", ".yml")):
        parts.reading.report(
            name.span,
            "E16",
            f"the file is called {quoted(stem)}, and this says {quoted(name.value)}",
            "the name equals the file name, so that it is unique and easily found",
            f"write  {key}: {shown(stem)}  or rename the file",
        )
    return name or Text(stem, parts.at)


def _stem(file: str) -> str:
    return PurePosixPath(file).stem
