"""A file of a journey or a segment: nodes in, written syntax and problems out."""

from __future__ import annotations

from pathlib import PurePosixPath

from engine.language.conditions.condition import read_condition
from engine.language.goal import parse_goal
from engine.language.grammar import JOURNEY, SEGMENT, Construct
from engine.language.holdout import parse_holdout
from engine.language.map_reader import JOURNEY_RULES, NAME, MapReader, ReadContext
from engine.language.nodes import Mapping
from engine.language.spelling import Respelling
from engine.language.start import parse_again, parse_starts
from engine.language.step_list import parse_steps
from engine.language.stories.story import parse_tests
from engine.language.syntax import JourneyFile, SegmentFile, Text
from engine.language.wording import quoted, shown
from engine.language.yaml.plain_text import clean
from engine.language.yaml.source import read_clean
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
    reader, source = opened
    journey = _journey(reader, source)
    return journey, in_order([*problems, *reader.context.problems])


def parse_segment(text: str | bytes, file: str) -> tuple[SegmentFile | None, list[Problem]]:
    """One segment as written, or None when the file cannot be read; never raises."""
    opened, problems = _open(text, file, SEGMENT)
    if opened is None:
        return None, problems
    reader, _ = opened
    name = _name(reader, "segment")
    segment = SegmentFile(name, reader.text("about"), read_condition(reader, "who"), reader.at)
    return segment, in_order([*problems, *reader.context.problems])


def respellings(text: str | bytes, file: str) -> list[Respelling]:
    """The words of a journey or a segment that are understood though they are not canonical."""
    source, problems = clean(text, file)
    # words of a file that cannot be read have no places that could be changed
    root = None if problems else read_clean(source, file)[0]
    if not isinstance(root, Mapping):
        return []
    # by what it says and not by its folder: `fmt` is given single files
    is_segment = root.get("segment") is not None and root.get("journey") is None
    construct = SEGMENT if is_segment else JOURNEY
    context = ReadContext(JOURNEY_RULES, file=file, root=root, read_steps=parse_steps)
    reader = MapReader(context, construct, root.entries, root.span)
    if is_segment:
        read_condition(reader, "who")
    else:
        _journey(reader, source)
    return context.respelled


def _open(
    text: str | bytes, file: str, construct: Construct
) -> tuple[tuple[MapReader, str] | None, list[Problem]]:
    source, problems = clean(text, file)
    # what is wrong with the characters of a file hides everything else: YAML would tell of its consequences
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
    context = ReadContext(JOURNEY_RULES, file=file, root=root, read_steps=parse_steps)
    # what is missing is shown at the name
    key = next((e.key.span for e in root.entries if e.key.text == construct.keys[0].name), Span(file, 1, 1))
    return (MapReader(context, construct, root.entries, key), source), problems


def _journey(reader: MapReader, source: str) -> JourneyFile:
    context = reader.context
    start, goal, tests = reader.node("start"), reader.node("goal"), reader.node("tests")
    again = reader.text("again")
    holdout, decide = parse_holdout(reader)
    return JourneyFile(
        name=_name(reader, "journey"),
        span=reader.at,
        was=reader.name("was"),
        about=reader.text("about"),
        owner=reader.text("owner"),
        state=reader.choice("state", _STATES),
        starts=() if start is None else parse_starts(context, start, reader.at_key("start")),
        who=read_condition(reader, "who"),
        again=None if again is None else parse_again(context, again),
        goal=None if goal is None else parse_goal(context, goal, reader.at_key("goal")),
        exit_if=read_condition(reader, "exit_if"),
        policy=reader.text("policy"),
        priority=reader.choice("priority", {"medium": "normal", "default": "normal"}),
        holdout=holdout,
        decide=decide,
        steps=reader.steps("steps") or (),
        tests=None if tests is None else parse_tests(context, tests, reader.at_key("tests")),
        source=source,
    )


def _name(reader: MapReader, key: str) -> Text:
    """The name; the one of the file where it is missing or wrong."""
    stem = _stem(reader.context.file)
    name = reader.name(key, stem if NAME.fullmatch(stem) else "")
    if name is not None and name.value != stem and reader.context.file.endswith((".yaml", ".yml")):
        fix = f"write  {key}: {shown(stem)}  or rename the file"
        if not NAME.fullmatch(stem):
            fix = f"rename the file to  {shown(name.value)}.yaml"
        reader.context.report(
            name.span,
            "E16",
            f"the file is called {quoted(stem)}, and this says {quoted(name.value)}",
            "the name equals the file name, so that it is unique and easily found",
            fix,
        )
    return name or Text(stem, reader.at)


def _stem(file: str) -> str:
    return PurePosixPath(file).stem
