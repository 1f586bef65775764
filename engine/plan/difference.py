"""Differences between two versions of a project, each in a line of words, and whom each affects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from engine.problem import Problem, Span


class DiffSign(StrEnum):
    """How something differs, as reviews mark it."""

    ADDED = "+"
    REMOVED = "-"
    CHANGED = "~"
    MOVED = ">"


class Affected(StrEnum):
    """Whom a difference affects. The first of several is what a reviewer looks at first."""

    IN_FLIGHT = "people in flight"
    MESSAGES = "messages"
    POLICY = "policy"
    NEWCOMERS = "only newcomers"
    NOTHING = "nobody"


class Consequence(NamedTuple):
    """Whom a difference affects, and what that means for them (design/language 2.15)."""

    affected: Affected
    rule: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `words`: what is different; `rule`: what that means for people (design/language 2.15).
    `place`: where it stands in the newer version, in the older one where it is gone."""

    sign: DiffSign
    words: str
    affected: Affected
    rule: str = ""
    place: Span | None = None


class RuledChanges(NamedTuple):
    """Differences in a row that mean the same for people, and what they mean."""

    changes: tuple[Difference, ...]
    rule: str


def by_rule(changes: Sequence[Difference]) -> Iterator[RuledChanges]:
    """Differences in their order, those beside each other with the same rule together. Of several the rule
    says that it is that of all; what came in the place of something else is one change with it."""
    for rule, row in groupby(changes, key=lambda change: change.rule):
        same = tuple(row)
        are_several = len(same) > 1 and {each.sign for each in same} != {DiffSign.REMOVED, DiffSign.ADDED}
        many = ("both" if len(same) == 2 else f"all {len(same)}") if are_several else ""
        yield RuledChanges(same, f"{many}: {rule}" if rule and many else rule)


def with_rules(changes: Sequence[Difference]) -> Iterator[tuple[Difference, str]]:
    """As `by_rule`, each difference by itself: the last of a row has the rule, the others ""."""
    for row in by_rule(changes):
        yield from ((each, "") for each in row.changes[:-1])
        yield row.changes[-1], row.rule


@dataclass(frozen=True, slots=True)
class SubjectDiff:
    """The differences of one journey, segment, file of settings or template. `kind` and `name` together are
    unique. `affects`: whom, each once, the weightiest first. `folded`: moves and renames, which change
    nothing by themselves. `unchanged`: of a message that says something else in part, what stays as it is."""

    kind: str
    name: str
    file: str
    affects: tuple[Affected, ...]
    changes: tuple[Difference, ...]
    folded: tuple[Difference, ...] = ()
    unchanged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SubjectGroup:
    """Subjects of one kind that differ in the same words: the first, and the names of all of them."""

    first: SubjectDiff
    names: tuple[str, ...]

    def words(self, most: int) -> str:
        """`message hello, thanks and 41 more`, with so many names."""
        more = f" and {len(self.names) - most} more" if len(self.names) > most else ""
        return f"{self.first.kind} {', '.join(self.names[:most])}{more}"


def grouped(subjects: Iterable[SubjectDiff]) -> list[SubjectGroup]:
    """Subjects with those beside them that differ in the same way, in the order of the first ones: what a
    setting changes in every message is told once."""
    groups: dict[object, list[SubjectDiff]] = {}
    for subject in subjects:
        # Where a difference stands is another place in each file
        changes, folded = (
            tuple(replace(each, place=None) for each in differences)
            for differences in (subject.changes, subject.folded)
        )
        groups.setdefault((subject.kind, changes, folded), []).append(subject)
    return [SubjectGroup(group[0], tuple(each.name for each in group)) for group in groups.values()]


def subject_diff(
    kind: str, name: str, file: str, changes: Iterable[Difference], folded: Iterable[Difference] = ()
) -> SubjectDiff | None:
    """The differences of one subject; None without any. Where nothing but words for readers changed, they
    affect nobody."""
    told, aside = tuple(changes), tuple(folded)
    if not told and not aside:
        return None
    affects = _weighed(change.affected for change in (*told, *aside))
    return SubjectDiff(kind, name, file, affects, told, aside)


def _weighed(affected: Iterable[Affected]) -> tuple[Affected, ...]:
    """Each once, the weightiest first; nobody only where there is nobody else."""
    found = set(affected)
    return tuple(who for who in Affected if who in found - {Affected.NOTHING}) or tuple(found)


MOST_MISTAKES = 3
"""Of a file that cannot be compared that are told."""


@dataclass(frozen=True, slots=True)
class UnreadFile:
    """A file that cannot be compared, since one version of it cannot be read as a whole. `why`: its
    mistakes, those of the newer version where that has some; `cure`: what to do."""

    file: str
    why: str
    cure: str


def unread_file(file: str, now: Sequence[Problem], before: Sequence[Problem]) -> UnreadFile:
    """By the mistakes of both versions, one of which has some."""
    mistakes = now or before
    told = [
        f"{'line ' if each.span.file == file else f'{each.span.file}:'}{each.span.line}: {each.what}"
        for each in mistakes[:MOST_MISTAKES]
    ]
    told += [f"and {len(mistakes) - MOST_MISTAKES} more"] if len(mistakes) > MOST_MISTAKES else []
    if now:
        return UnreadFile(file, "; ".join(told), "mend it, then compare again")
    return UnreadFile(
        file,
        f"the version before has mistakes, {'; '.join(told)}",
        "compare with a version that has none, or read the change in the file itself",
    )


@dataclass(frozen=True, slots=True)
class ProjectDiff:
    """Everything that differs between two versions; what has no differences is left out. `unread`: files of
    either version that cannot be compared. `warnings`: what `check` warns of now and did not before."""

    subjects: tuple[SubjectDiff, ...]
    unread: tuple[UnreadFile, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def affects(self) -> tuple[Affected, ...]:
        """Whom all of it affects, each once, the weightiest first; nothing where nothing differs."""
        return _weighed(who for subject in self.subjects for who in subject.affects)

    @property
    def changed_journeys(self) -> list[str]:
        """Those that are new or do something else than before."""
        return [
            subject.name for subject in self.subjects
            if subject.kind == "journey" and subject.affects != (Affected.NOTHING,)
        ]  # fmt: skip
