"""W27: something was renamed without `was:`, and an earlier version of the files knows its former name.

People are inside by name: a journey of another name is another journey, whose people start anew, and a place
of another name is one at which nobody rests (design/language 2.14, 2.15). Only what is beyond doubt is told:
the file of a journey is gone and a new one has the same steps, or a step with the same words at the same
place has another id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.compiler.walk import every_step
from engine.language.conditions.condition_words import condition_text
from engine.language.parse import parse_journey, parse_segment
from engine.language.syntax import AllOf, JourneyFile, SegmentFile, Text
from engine.language.wording import quoted
from engine.problem import Problem

_SEGMENTS = "journeys/segments/"


def renamed(
    former: Mapping[str, str], journeys: Mapping[str, JourneyFile], segments: Mapping[str, SegmentFile]
) -> list[Problem]:
    """What was renamed since `former`: the text of every journey and segment then, by its path."""
    known = {name.value for file in journeys.values() for name in (file.name, file.was) if name is not None}
    problems: list[Problem] = []
    gone: dict[str, JourneyFile] = {}
    for path, text in former.items():
        if path.startswith(_SEGMENTS):
            continue
        before, _ = parse_journey(text, path)
        if before is None:
            continue
        now = journeys.get(before.name.value)
        if now is not None:
            problems.extend(_steps(before, now))
        elif before.name.value not in known:
            gone[before.name.value] = before
    at_that_time = {path.rpartition("/")[2].removesuffix(".yaml") for path in former}
    for file in journeys.values():
        if file.was is not None or file.name.value in at_that_time:
            continue
        same = next((before for before in gone.values() if _places(before) == _places(file) != ()), None)
        if same is not None:
            problems.append(_problem("journey", file.name, same.name.value, "under  journey:"))
    return [*problems, *_segments(former, segments, at_that_time)]


def _places(file: JourneyFile) -> tuple[str, ...]:
    return tuple(step.words() for step in every_step(file.steps))


def _steps(before: JourneyFile, now: JourneyFile) -> Iterator[Problem]:
    """The same words at the same place under another id, where the former one is nowhere any more."""
    then, steps = list(every_step(before.steps)), list(every_step(now.steps))
    ids = {name.value for step in steps for name in (step.resting_id, step.was) if name is not None}
    for former, step in zip(then, steps, strict=False):
        was, new = former.resting_id, step.resting_id
        if was is None or new is None or step.was is not None:
            continue
        if was.value != new.value and was.value not in ids and former.words() == step.words():
            yield _problem("place", new, was.value, "under this step")


def _segments(
    former: Mapping[str, str], segments: Mapping[str, SegmentFile], at_that_time: set[str]
) -> Iterator[Problem]:
    """A segment has no `was:`: the new one starts nobody who is in it already."""
    gone: dict[str, AllOf] = {}
    for path, text in former.items():
        if not path.startswith(_SEGMENTS):
            continue
        before, _ = parse_segment(text, path)
        if before is not None and before.name.value not in segments and before.who is not None:
            gone[before.name.value] = before.who
    for name, segment in segments.items():
        words = condition_text(segment.who) if segment.who is not None else None
        same = next((was for was, who in gone.items() if condition_text(who) == words), None)
        if name in at_that_time or same is None:
            continue
        yield Problem(
            segment.name.span, "W27", f"the segment {quoted(same)} seems to be called {quoted(name)} now",
            "for the engine it is a new one: whoever is in it counts as a member from the beginning, and no "
            "journey starts for them until they have left it and come back",
            f"keep the name {same}, unless that is meant", "warning",
        )  # fmt: skip


def _problem(what: str, name: Text, was: str, where: str) -> Problem:
    return Problem(
        name.span, "W27", f"the {what} {quoted(was)} seems to be called {quoted(name.value)} now",
        "people are inside by name: without its former one nobody knows that they belong here",
        f"write  was: {was}  {where}", "warning",
    )  # fmt: skip
