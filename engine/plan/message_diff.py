"""What customers read differently: messages as they leave, line by line."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
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
    lines = {key: tuple(changed_lines(before[key], now[key])) for key in sorted(before.keys() & now.keys())}
    # what several templates change in the same way comes of a setting, and says nothing of other channels
    told_by: dict[tuple[str, _Lines], set[str]] = {}
    for key, changed in lines.items():
        told_by.setdefault((key.channel, changed), set()).add(key.template)
    for template in sorted({written.template for written in (*before, *now)}):
        mine = sorted({written for written in (*before, *now) if written.template == template})
        changes: list[Difference] = []
        # What changes in the same way in several languages, as the sender does, is told once
        languages: dict[tuple[str, str, _Lines], list[str]] = {}
        for written in mine:
            if written in lines:
                which_lines = (written.channel, written.variant, lines[written])
                languages.setdefault(which_lines, []).append(written.language)
                continue
            which = f"{written.channel} {written.language}{written.variant}"
            if written in now:
                changes.append(Difference(DiffSign.ADDED, f"{which} is written", Affected.MESSAGES, _RULE))
            else:
                words = f"{which} is not written any more"
                changes.append(Difference(DiffSign.REMOVED, words, Affected.MESSAGES))
        own = {channel for channel, _, found in languages if found and told_by[channel, found] == {template}}
        unchanged = _unchanged(languages, own)
        for (channel, variant, found), some in languages.items():
            # whoever reads "email en" alone cannot know that the others are written, and stay
            same = unchanged if channel in own else ()
            rest = f"; unchanged: {'; '.join(same)}: look whether all still say the same" if same else ""
            changes += [
                Difference(
                    sign, f"{channel} {', '.join(some)}{variant}: {line}", Affected.MESSAGES, _RULE + rest
                )
                for sign, line in found
            ]
        if (diff := subject_diff("message", template, files.get(mine[0], ""), changes)) is not None:
            yield replace(diff, unchanged=unchanged)


def _unchanged(
    languages: Mapping[tuple[str, str, _Lines], list[str]], own: Collection[str]
) -> tuple[str, ...]:
    """`push`, `email bg, de`: what stays of a message that says something else in one of its `own` channels;
    nothing where there is none."""
    if not own:
        return ()
    touched = {channel for channel, _, found in languages if found}
    stays = [(channel, variant, some) for (channel, variant, found), some in languages.items() if not found]
    return tuple(
        dict.fromkeys(
            f"{channel} {', '.join(some)}{variant}" if channel in touched else channel
            for channel, variant, some in stays
        )
    )


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


_Lines = tuple[ChangedLine, ...]
