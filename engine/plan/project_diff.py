"""Two versions of a project: journeys, segments, settings and messages."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from engine.language.parse import parse_journey, parse_segment
from engine.language.syntax import JourneyFile, SegmentFile
from engine.language.yaml.source import read
from engine.plan.beside_others import beside_others
from engine.plan.difference import Affected, ProjectDiff, SubjectDiff, UnreadFile, subject_diff, unread_file
from engine.plan.journey_diff import first_taken, journey_diff, segment_diff
from engine.plan.settings_diff import settings_diff
from engine.problem import Problem

SETTINGS = ("config.yaml", "schemas/customer.yaml", "schemas/events.yaml", "schemas/product.yaml")
_JOURNEYS, _SEGMENTS, _YAML = "journeys/", "journeys/segments/", (".yaml", ".yml")

_File = TypeVar("_File", JourneyFile, SegmentFile)
_Files = Mapping[str, str]
"""Path in the project -> text."""


def project_diff(before: _Files, now: _Files, messages: Sequence[SubjectDiff] = ()) -> ProjectDiff:
    """What differs, what affects people in flight first. `messages`: as `message_diffs` finds them. A file
    that one of the versions could not read as a whole is named, and compared with nothing: what is missing of
    it would seem to be gone, or to be as it was."""
    former, present = _version(before), _version(now)
    unread = _unread(before, now, former, present)
    subjects = [
        *_journeys(former.journeys, present.journeys, unread),
        *_segments(former, present, unread),
        *(_settings(file, before, now) for file in SETTINGS if file not in unread),
        *messages,
    ]
    order = list(Affected)
    told = sorted(filter(None, subjects), key=lambda subject: order.index(subject.affects[0]))
    return ProjectDiff(tuple(told), tuple(unread[file] for file in sorted(unread)))


def _settings(file: str, before: _Files, now: _Files) -> SubjectDiff | None:
    return settings_diff(file, *(read(files.get(file, "").encode(), file)[0] for files in (before, now)))


class ReadJourneys(NamedTuple):
    """The journeys of a version, by name; `unread`: the files that cannot be read, and why."""

    by_name: Mapping[str, JourneyFile]
    unread: Mapping[str, str]


def journeys_of(files: _Files) -> ReadJourneys:
    """The journeys among the files of a version."""
    read_files = _parsed(files, _is_journey, parse_journey)
    by_file = {file.span.file for file in read_files.by_name.values()}
    unread = {
        name: problems[0].what if problems else "it cannot be read"
        for name, problems in read_files.mistakes.items() if name not in by_file
    }  # fmt: skip
    return ReadJourneys(read_files.by_name, unread)


@dataclass(frozen=True, slots=True)
class _ReadFiles(Generic[_File]):
    """The journeys or the segments of a version by name, and what is wrong with their files: some of what
    stands there is then missing in them, or all of it."""

    by_name: Mapping[str, _File]
    mistakes: Mapping[str, Sequence[Problem]]


@dataclass(frozen=True, slots=True)
class _Version:
    journeys: _ReadFiles[JourneyFile]
    segments: _ReadFiles[SegmentFile]
    settings: Mapping[str, Sequence[Problem]]

    def mistakes(self, file: str) -> Sequence[Problem]:
        of_settings = self.settings.get(file, ())
        return self.journeys.mistakes.get(file) or self.segments.mistakes.get(file) or of_settings


def _version(files: _Files) -> _Version:
    return _Version(
        _parsed(files, _is_journey, parse_journey),
        _parsed(files, _is_segment, parse_segment),
        {
            file: [each for each in read(text.encode(), file)[1] if each.is_error]
            for file in SETTINGS if (text := files.get(file, "")).strip()
        },
    )  # fmt: skip


def _unread(before: _Files, now: _Files, former: _Version, present: _Version) -> dict[str, UnreadFile]:
    """By file. One that is as it was hides nothing."""
    unread = {}
    for file in before.keys() | now.keys():
        mistakes = tuple(present.mistakes(file)), tuple(former.mistakes(file))
        if any(mistakes) and _is_different(file, before.get(file, ""), now.get(file, "")):
            unread[file] = unread_file(file, *mistakes)
    return unread


def _is_different(file: str, before: str, now: str) -> bool:
    """Whether a file says something else; layout, comments and the order of keys say nothing."""
    if _lines(before) == _lines(now):
        return False
    trees = [read(text.encode(), file) for text in (before, now)]
    # of what is no YAML, or has a key twice, the tree is not all
    if any(node is None or problems for node, problems in trees):
        return True
    return settings_diff(file, *(node for node, _ in trees)) is not None


def _lines(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").strip()


def _journeys(
    before: _ReadFiles[JourneyFile], now: _ReadFiles[JourneyFile], unread: Container[str]
) -> Iterator[SubjectDiff | None]:
    # what stands in a file with mistakes may send or start anything
    beside = beside_others(before.by_name, now.by_name) if not (before.mistakes or now.mistakes) else {}
    for was, file in _pairs(before, now):
        if any(each is not None and each.span.file in unread for each in (was, file)):
            continue
        diff = journey_diff(was, file)
        if diff is not None and diff.name in beside:
            changes = (*diff.changes, *beside[diff.name])
            diff = subject_diff(diff.kind, diff.name, diff.file, changes, diff.folded)
        yield diff


def _pairs(
    before: _ReadFiles[JourneyFile], now: _ReadFiles[JourneyFile]
) -> Iterator[tuple[JourneyFile | None, JourneyFile | None]]:
    """Each journey in both versions, also where it has another name by now."""
    renamed = {file.was.value for file in now.by_name.values() if file.was is not None}
    for name, file in now.by_name.items():
        was = before.by_name.get(name)
        yield was or (before.by_name.get(file.was.value) if file.was is not None else None), file
    yield from (
        (file, None)
        for name, file in before.by_name.items()
        if name not in now.by_name and name not in renamed
    )


def _segments(former: _Version, present: _Version, unread: Container[str]) -> Iterator[SubjectDiff | None]:
    taken_by: dict[str, list[str]] = {}
    for before, now in _pairs(former.journeys, present.journeys):
        # of a version that cannot be read nobody knows whether it was live
        if now is not None and now.span.file not in unread:
            for segment in dict.fromkeys(first_taken(before, now)):
                taken_by.setdefault(segment, []).append(now.name.value)
    for name in dict.fromkeys([*present.segments.by_name, *former.segments.by_name]):
        was, is_now = former.segments.by_name.get(name), present.segments.by_name.get(name)
        if not any(each is not None and each.span.file in unread for each in (was, is_now)):
            yield segment_diff(was, is_now, taken_by.get(name, ()))


def _is_journey(file: str) -> bool:
    return file.startswith(_JOURNEYS) and not file.startswith(_SEGMENTS) and file.endswith(_YAML)


def _is_segment(file: str) -> bool:
    return file.startswith(_SEGMENTS) and file.endswith(_YAML)


def _parsed(
    files: _Files,
    wanted: Callable[[str], bool],
    parse: Callable[[bytes, str], tuple[_File | None, list[Problem]]],
) -> _ReadFiles[_File]:
    by_name: dict[str, _File] = {}
    mistakes: dict[str, Sequence[Problem]] = {}
    for name, text in sorted(files.items()):
        if not wanted(name):
            continue
        file, problems = parse(text.encode(), name)
        if file is not None:
            by_name.setdefault(file.name.value, file)
        if file is None or any(each.is_error for each in problems):
            mistakes[name] = [each for each in problems if each.is_error]
    return _ReadFiles(by_name, mistakes)
