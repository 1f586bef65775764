"""Two versions of a project: journeys, segments, settings and messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from engine.language.nodes import Node
from engine.language.parse import parse_journey, parse_segment
from engine.language.syntax import JourneyFile, SegmentFile
from engine.language.yaml.source import read
from engine.plan.difference import Affected, ProjectDiff, SubjectDiff, UnreadFile
from engine.plan.journey_diff import journey_diff, segment_diff
from engine.plan.settings_diff import settings_diff
from engine.problem import Problem

SETTINGS = ("config.yaml", "schemas/customer.yaml", "schemas/events.yaml", "schemas/product.yaml")
_JOURNEYS, _SEGMENTS, _YAML = "journeys/", "journeys/segments/", (".yaml", ".yml")

_File = TypeVar("_File", JourneyFile, SegmentFile)
_Files = Mapping[str, str]
"""Path in the project -> text."""


def project_diff(before: _Files, now: _Files, messages: Sequence[SubjectDiff] = ()) -> ProjectDiff:
    """What differs, what affects people in flight first. `messages`: as `message_diffs` finds them. A file
    that cannot be read in one of the versions is named, and compared with nothing."""
    unread: dict[str, str] = {}
    subjects = [
        *_journeys(before, now, unread), *_segments(before, now, unread),
        *(_settings(file, before.get(file, ""), now.get(file, ""), unread) for file in SETTINGS), *messages,
    ]  # fmt: skip
    order = list(Affected)
    told = sorted(filter(None, subjects), key=lambda subject: order.index(subject.affects[0]))
    # one that is as it was hides nothing
    hiding = sorted((file, why) for file, why in unread.items() if _text(before, file) != _text(now, file))
    return ProjectDiff(tuple(told), tuple(UnreadFile(file, why) for file, why in hiding))


def _text(files: _Files, file: str) -> str:
    return files.get(file, "").removeprefix("\ufeff").replace("\r\n", "\n").strip()


def _settings(file: str, before: str, now: str, unread: dict[str, str]) -> SubjectDiff | None:
    trees: list[Node | None] = []
    for text in (before, now):
        node, problems = read(text.encode(), file)
        if node is None and text.strip():
            unread[file] = _why(problems)
            return None
        trees.append(node)
    return settings_diff(file, *trees)


class ReadJourneys(NamedTuple):
    """The journeys of a version, by name; `unread`: the files that cannot be read, and why."""

    by_name: Mapping[str, JourneyFile]
    unread: Mapping[str, str]


def journeys_of(files: _Files) -> ReadJourneys:
    """The journeys among the files of a version."""
    unread: dict[str, str] = {}
    return ReadJourneys(_parsed(files, _is_journey, parse_journey, unread), unread)


def _journeys(before: _Files, now: _Files, unread: dict[str, str]) -> list[SubjectDiff | None]:
    former = _parsed(before, _is_journey, parse_journey, unread)
    present = _parsed(now, _is_journey, parse_journey, unread)
    renamed = {file.was.value: name for name, file in present.items() if file.was is not None}
    diffs = []
    for name, file in present.items():
        was = former.get(name) or (former.get(file.was.value) if file.was is not None else None)
        # where the former version cannot be read, the journey is not new
        if was is not None or file.span.file not in unread:
            diffs.append(journey_diff(was, file))
    diffs += [
        journey_diff(file, None)
        for name, file in former.items()
        if name not in present and name not in renamed and file.span.file not in unread
    ]
    return diffs


def _segments(before: _Files, now: _Files, unread: dict[str, str]) -> list[SubjectDiff | None]:
    former = _parsed(before, _is_segment, parse_segment, unread)
    present = _parsed(now, _is_segment, parse_segment, unread)
    diffs = []
    for name in [*present, *(name for name in former if name not in present)]:
        was, is_now = former.get(name), present.get(name)
        one = was or is_now
        if (was is not None and is_now is not None) or (one is not None and one.span.file not in unread):
            diffs.append(segment_diff(was, is_now))
    return diffs


def _is_journey(file: str) -> bool:
    return file.startswith(_JOURNEYS) and not file.startswith(_SEGMENTS) and file.endswith(_YAML)


def _is_segment(file: str) -> bool:
    return file.startswith(_SEGMENTS) and file.endswith(_YAML)


def _parsed(
    files: _Files,
    wanted: Callable[[str], bool],
    parse: Callable[[bytes, str], tuple[_File | None, list[Problem]]],
    unread: dict[str, str],
) -> dict[str, _File]:
    """By name; what cannot be read goes into `unread`."""
    parsed: dict[str, _File] = {}
    for name, text in sorted(files.items()):
        if not wanted(name):
            continue
        file, problems = parse(text.encode(), name)
        if file is None:
            unread[name] = _why(problems)
        else:
            parsed.setdefault(file.name.value, file)
    return parsed


def _why(problems: Sequence[Problem]) -> str:
    return problems[0].what if problems else "it cannot be read"
