"""Fixes that need another file: a message or a segment that is not there yet, a line in config.yaml or in a
schema. As those in the file itself, they are tried out on the checker first.

Messages say where in one of two ways, which are read back: `make FILE`, and `add to FILE, under  KEY:` with
the lines below it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from engine.compiler.templates.starters import new_message
from engine.lsp.document import DocumentEdit
from engine.lsp.fixes import is_told_less, told_more
from engine.problem import Problem, split_lines

_MAKE_MESSAGE = re.compile(r"make +templates/(?P<name>[\w-]+)\.(?P<channel>\w+)\.\w+")
_MAKE_SEGMENT = re.compile(r"make +(?P<file>journeys/segments/(?P<name>\w+)\.yaml)")
_ADD = re.compile(
    r"add to (?P<file>[\w/]+\.yaml), under  (?P<key>\w+):(?P<more>[^\n]*)\n(?P<text>.+)", re.DOTALL
)
_ADD_CHANNEL = re.compile(r"add to (?P<key>channels): in (?P<file>config\.yaml) +(?P<text>\S.*)")
_SEGMENT = "segment: {name}\nabout: Who this is, in a sentence.\nwho:\n  email: is set\n"


@dataclass(frozen=True, slots=True)
class FileEdit:
    """An edit of one file of the project; `is_new`: it is not there yet."""

    file: str
    edit: DocumentEdit
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class CrossFileFix:
    """Edits that mend a problem together."""

    title: str
    edits: tuple[FileEdit, ...]


def find_cross_file_fix(
    problem: Problem,
    sources: Mapping[str, str],
    channels: Sequence[str],
    problems_with: Callable[[Mapping[str, str]], Sequence[Problem]],
    before: Sequence[Problem],
) -> CrossFileFix | None:
    """The first that takes the problem away and makes no error. `sources`: the files of the project by their
    path; `channels`: those that messages can be written for; `problems_with`: what is wrong when some files
    have another text; `before`: what is wrong now."""
    if problem.hidden:
        return None
    for fix in _candidates(problem, sources, channels):
        edits = {each.file: each.edit.applied(split_lines(sources.get(each.file, ""))) for each in fix.edits}
        after = problems_with(edits)
        worse = any(each.is_error for each in told_more(after, before))
        if is_told_less(problem, after, before) and not worse:
            return fix
    return None


def _candidates(
    problem: Problem, sources: Mapping[str, str], channels: Sequence[str]
) -> Iterator[CrossFileFix]:
    if match := _MAKE_MESSAGE.match(problem.fix):
        asked, name = match["channel"], match["name"]
        # of a message that is not there at all nobody knows what else the step sends it through
        several = [channels, *([channel] for channel in channels)] if problem.code == "E31" else []
        for some in ([asked], *several):
            written = {channel: new_message(channel) for channel in some if channel in channels}
            edits = [
                _new(f"templates/{name}.{channel}.{end}", text) for channel, (end, text) in written.items()
            ]
            if edits:
                yield CrossFileFix(f"write the message {name} for {' and '.join(written)}", tuple(edits))
    elif match := _MAKE_SEGMENT.match(problem.fix):
        text = _SEGMENT.format(name=match["name"])
        yield CrossFileFix(f"make the segment {match['name']}", (_new(match["file"], text),))
    elif match := _ADD.match(problem.fix) or _ADD_CHANNEL.match(problem.fix):
        file, key, text = match["file"], match["key"], textwrap.dedent(match["text"]).strip("\n")
        if "..." not in text and "\n" not in text.strip():
            title = f"add {text} to {PurePosixPath(file).name}"
            yield CrossFileFix(title, (_added(file, key, text, sources.get(file)),))


def _new(file: str, text: str) -> FileEdit:
    return FileEdit(file, DocumentEdit(0, 0, 0, 0, text), is_new=True)


def _added(file: str, key: str, typed: str, text: str | None) -> FileEdit:
    """As the first line below a key, as far to the right as the present one; or below the key at the end of
    the file."""
    lines = split_lines(text or "")
    for row, line in enumerate(lines):
        if match := re.match(rf"( *){key}: *(?:#.*)?$", line):
            first = next((below for below in lines[row + 1 :] if below.split("#")[0].strip()), "")
            margin = first[: len(first) - len(first.lstrip(" "))]
            margin = margin if len(margin) > len(match[1]) else f"{match[1]}  "
            return FileEdit(file, DocumentEdit(row, len(line), row, len(line), f"\n{margin}{typed}"))
    last, width = len(lines) - 1, len(lines[-1])
    line_end = "\n" if lines[-1] else ""
    added = f"{line_end}{key}:\n  {typed}\n"
    return FileEdit(file, DocumentEdit(last, width, last, width, added), is_new=text is None)
