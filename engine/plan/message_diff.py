"""What customers read differently: messages as they leave, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import NamedTuple

from engine.plan.difference import Affected, Difference, Sign, SubjectDiff, subject_diff

_RULE = "whoever has not got it yet gets the new one"


class Written(NamedTuple):
    """One message: its template, and which of them. `variant` says the paths of splits that it is for."""

    template: str
    channel: str
    language: str
    variant: str = ""


def message_diffs(
    before: Mapping[Written, str], now: Mapping[Written, str], files: Mapping[Written, str]
) -> Iterator[SubjectDiff]:
    """Of each template whose messages differ. The texts are those of the same made-up customer; `files`:
    where each is written."""
    templates = sorted({written.template for written in (*before, *now)})
    for template in templates:
        mine = sorted({written for written in (*before, *now) if written.template == template})
        changes = (
            change for written in mine for change in _changes(written, before.get(written), now.get(written))
        )
        if (diff := subject_diff("message", template, files.get(mine[0], ""), changes)) is not None:
            yield diff


def _changes(written: Written, before: str | None, now: str | None) -> Iterator[Difference]:
    which = f"{written.channel} {written.language}{written.variant}"
    if before is None or now is None:
        sign, words = (
            (Sign.ADDED, "is written") if now is not None else (Sign.REMOVED, "is not written any more")
        )
        yield Difference(sign, f"{which} {words}", Affected.MESSAGES, _RULE if now is not None else "")
        return
    for sign, line in changed_lines(before, now):
        yield Difference(sign, f"{which}: {line}", Affected.MESSAGES, _RULE)


class ChangedLine(NamedTuple):
    """A line that only one of two texts has."""

    sign: Sign
    line: str


def changed_lines(before: str, now: str) -> Iterator[ChangedLine]:
    """What differs between two texts, without empty lines: what is gone before what came in its place."""
    former, present = before.splitlines(), now.splitlines()
    for how, start, end, first, last in SequenceMatcher(a=former, b=present, autojunk=False).get_opcodes():
        if how == "equal":
            continue
        for sign, lines in ((Sign.REMOVED, former[start:end]), (Sign.ADDED, present[first:last])):
            yield from (ChangedLine(sign, line.strip()) for line in lines if line.strip())
