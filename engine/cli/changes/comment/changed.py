"""What changes, in words: of a few things each change with what it means, of many one line for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.changes.comment.markdown import code_text, cut_list, safe
from engine.cli.changes.comment.verdict import affected_words
from engine.cli.output import counted
from engine.plan.difference import Affected, SubjectGroup, by_rule, grouped, with_rules

if TYPE_CHECKING:
    from engine.cli.changes.comment.line_budget import LineBudget
    from engine.cli.changes.pictures.folder import ChangePictures
    from engine.cli.changes.reviewed_change import ReviewedChange
    from engine.plan.difference import Difference, SubjectDiff

MOST_NAMES, MOST_ALIKE = 12, 3
"""Of more journeys and the like than there is room for the names come first, so many of those that affect one
group. `MOST_ALIKE`: names of what changes in the same way."""

MOST_OF_ONE = 4
"""Changes of one journey or the like in its one line."""


def changes_part(change: ReviewedChange, budget: LineBudget) -> str:
    """With its heading, as far as the budget goes; "" where nothing changes."""
    weighty, aside = _by_weight(change.differences.subjects)
    unread = [
        f"- `{code_text(each.file)}` cannot be compared: {safe(f'{each.why}; {each.cure}')}"
        for each in change.differences.unread
    ]
    groups = grouped(weighty)
    lines = [*brief_lines(groups), *unread]
    if not lines:
        return ""
    many, overview, most = "", "", budget.changes
    if not budget.in_detail and len(groups) > 1:
        many = f": {len(weighty)} things, what affects most first"
        lines = [*map(_in_one_line, groups), *unread]
        if len(groups) > most:
            overview = _names(weighty)
            most -= overview.count("\n")
    told = cut_list(lines, most, "all of it is in the first fold")
    rest = f"- {_aside(aside)}\n" if aside else ""
    # behind a list that is cut, and behind headings, it is a list of its own
    between = "\n" if rest and not told.splitlines()[-1].startswith("- ") else ""
    return f"### What changes{many}\n\n{overview}{told}{between}{rest}"


def tells_enough(change: ReviewedChange, budget: LineBudget) -> bool:
    """Whether a budget in detail leaves no change to a fold; one without detail may."""
    lines = brief_lines(grouped(_by_weight(change.differences.subjects)[0]))
    return not budget.in_detail or cut_list(lines, None, "") == cut_list(lines, budget.changes, "")


def is_whole(change: ReviewedChange, budget: LineBudget) -> bool:
    """Whether that part tells each change by itself, with all names."""
    groups = grouped(_by_weight(change.differences.subjects)[0])
    is_told = budget.in_detail or len(groups) == 1
    return is_told and cut_list(all_lines(groups), None, "") == cut_list(
        brief_lines(groups), budget.changes, ""
    )


def all_lines(groups: Sequence[SubjectGroup]) -> list[str]:
    """Every change but those of tests and words for readers, with all names."""
    return [line for group in groups for line in _group_lines(group, len(group.names))]


def brief_lines(groups: Sequence[SubjectGroup]) -> list[str]:
    """As `all_lines`, of what changes in the same way with a few names."""
    return [line for group in groups for line in _group_lines(group, MOST_ALIKE)]


def aside_lines(subjects: Sequence[SubjectDiff]) -> list[str]:
    """The changes that affect nobody, as those of tests and words for readers."""
    lines = []
    for group in grouped(subjects):
        found = [each for each in group.first.changes if each.affected is Affected.NOTHING]
        if found:
            lines.append(f"**{safe(group.words(MOST_ALIKE))}**")
            lines += [f"- {change_line(each, rule)}" for each, rule in with_rules(found)]
    return lines


def change_line(change: Difference, rule: str) -> str:
    """A difference, and what it means."""
    return f"`{change.sign}` {safe(change.words)}" + (f" _{safe(rule, longest=None)}_" if rule else "")


def pictures_line(made: ChangePictures, page: str) -> str:
    """How many pictures there are, and where. `page`: where the files of this run are, "" if nowhere."""
    many = counted(made.messages, "message"), counted(made.journeys, "journey")
    # the name alone: where the machine that made them keeps them tells a reader nothing
    place = f"{Path(made.folder).resolve().name}/{made.index}"
    where = f", among [the files of this run]({page})" if page else ""
    return f"Before and after: {many[0]} and {many[1]} side by side in `{code_text(place)}`{where}\n"


def _by_weight(subjects: Sequence[SubjectDiff]) -> tuple[Sequence[SubjectDiff], Sequence[SubjectDiff]]:
    """Those that affect somebody, and the others; all are told where none does."""
    weighty = [each for each in subjects if each.affects != (Affected.NOTHING,)]
    return (weighty, [each for each in subjects if each not in weighty]) if weighty else (subjects, ())


def _aside(subjects: Sequence[SubjectDiff]) -> str:
    """What affects nobody, in one line."""
    names = [each.name for each in subjects]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"tests, names and words for readers alone: {', '.join(map(safe, names[:MOST_NAMES]))}{more}"


def _group_lines(group: SubjectGroup, most: int) -> Iterator[str]:
    """What changes in the same way, with so many names: a heading, and an item for each change. Those that
    affect nobody beside others that do are only counted: the expectations of a few tests are longer than what
    a reviewer has to decide."""
    subject = group.first
    told, aside = _weighty(subject)
    yield _heading(group, most)
    for change, rule in with_rules(told):
        yield f"- {change_line(change, rule)}"
    if aside:
        yield f"- {_affects_nobody(aside)}"
    if subject.folded:
        yield f"- moved or renamed: {len(subject.folded)}"


def _in_one_line(group: SubjectGroup) -> str:
    """An item: what changes of a journey or the like, as far as one line should hold it."""
    subject = group.first
    told, aside = _weighty(subject)
    parts = []
    for row in by_rule(told[:MOST_OF_ONE]):
        # behind all of them: in a line it would be read as that of the first alone
        words = "; ".join(change_line(change, "") for change in row.changes)
        parts.append(f"{words} _{safe(row.rule, longest=None)}_" if row.rule else words)
    parts += [f"{len(told) - MOST_OF_ONE} more"] if len(told) > MOST_OF_ONE else []
    parts += [_affects_nobody(aside)] if aside else []
    parts += [f"moved or renamed: {len(subject.folded)}"] if subject.folded else []
    return f"- {_heading(group, MOST_ALIKE)}: {'; '.join(parts)}"


def _heading(group: SubjectGroup, most: int) -> str:
    affects = affected_words(group.first.affects) or str(Affected.NOTHING)
    return f"**{', '.join(map(safe, group.words(most).split(', ')))}** ({safe(affects)})"


def _weighty(subject: SubjectDiff) -> tuple[Sequence[Difference], int]:
    """The changes that affect somebody, and how many others stand beside them; all where none does."""
    told = [change for change in subject.changes if change.affected is not Affected.NOTHING]
    return (told, len(subject.changes) - len(told)) if told else (subject.changes, 0)


def _affects_nobody(lines: int) -> str:
    return f"{counted(lines, 'line')} of tests and words for readers"


def _names(subjects: Sequence[SubjectDiff]) -> str:
    """Of a change of many things, which ones they are, by whom they affect most."""
    lines = []
    for who in dict.fromkeys(subject.affects[0] for subject in subjects):
        names = [subject.name for subject in subjects if subject.affects[0] is who]
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        lines.append(f"- **{safe(str(who))}**: {', '.join(map(safe, names[:MOST_NAMES]))}{more}\n")
    return f"{''.join(lines)}\n"
