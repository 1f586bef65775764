"""What customers read differently: messages as they leave, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import NamedTuple

from engine.plan.difference import Affected, Difference, DiffSign, SubjectDiff, subject_diff

_RULE = "whoever has not got it yet gets the new one"


class MessageKey(NamedTuple):
    """One message: its template, and which of them. `variant` says the paths of splits that it is for."""

    template: str
    channel: str
    language: str
    variant: str = ""


def message_diffs(
    before: Mapping[MessageKey, str], now: Mapping[MessageKey, str], files: Mapping[MessageKey, str]
) -> Iterator[SubjectDiff]:
    """Of each template whose messages differ. The texts are those of the same made-up customer; `files`:
    where each is written."""
    templates = sorted({written.template for written in (*before, *now)})
    for template in templates:
        mine = sorted({written for written in (*before, *now) if written.template == template})
        changes: list[Difference] = []
        # What changes in the same way in several languages, as the sender does, is told once
        languages: dict[tuple[str, str, tuple[ChangedLine, ...]], list[str]] = {}
        for written in mine:
            was, is_now = before.get(written), now.get(written)
            if was is not None and is_now is not None:
                lines = tuple(changed_lines(was, is_now))
                languages.setdefault((written.channel, written.variant, lines), []).append(written.language)
                continue
            which = f"{written.channel} {written.language}{written.variant}"
            if was is None:
                changes.append(Difference(DiffSign.ADDED, f"{which} is written", Affected.MESSAGES, _RULE))
            else:
                words = f"{which} is not written any more"
                changes.append(Difference(DiffSign.REMOVED, words, Affected.MESSAGES))
        for (channel, variant, lines), some in languages.items():
            # whoever reads "email en" alone cannot know that the others are written, and stay
            same = languages.get((channel, variant, ()), [])
            reads = f"{', '.join(same)} {'reads' if len(same) == 1 else 'read'} as before"
            rest = f"; {reads}: look whether all still say the same" if same else ""
            changes += [
                Difference(
                    sign, f"{channel} {', '.join(some)}{variant}: {line}", Affected.MESSAGES, _RULE + rest
                )
                for sign, line in lines
            ]
        if (diff := subject_diff("message", template, files.get(mine[0], ""), changes)) is not None:
            yield diff


class ChangedLine(NamedTuple):
    """A line that only one of two texts has."""

    sign: DiffSign
    line: str


def changed_lines(before: str, now: str) -> Iterator[ChangedLine]:
    """What differs between two texts, without empty lines: what is gone before what came in its place."""
    former, present = before.splitlines(), now.splitlines()
    for how, start, end, first, last in SequenceMatcher(a=former, b=present, autojunk=False).get_opcodes():
        if how == "equal":
            continue
        for sign, lines in ((DiffSign.REMOVED, former[start:end]), (DiffSign.ADDED, present[first:last])):
            yield from (ChangedLine(sign, line.strip()) for line in lines if line.strip())
