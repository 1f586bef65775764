"""Differences between two versions of a project, each in a line of words, and whom each affects."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.problem import Span


class Sign(StrEnum):
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


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `words`: what is different; `rule`: what that means for people (design/language 2.15).
    `place`: where it stands in the newer version, in the older one where it is gone."""

    sign: Sign
    words: str
    affected: Affected
    rule: str = ""
    place: Span | None = None


@dataclass(frozen=True, slots=True)
class SubjectDiff:
    """The differences of one journey, segment, file of settings or template. `kind` and `name` together are
    unique. `folded`: moves and renames, which change nothing by themselves."""

    kind: str
    name: str
    file: str
    changes: tuple[Difference, ...]
    folded: tuple[Difference, ...] = ()

    @property
    def affects(self) -> tuple[Affected, ...]:
        """Whom it affects, each once, the weightiest first; nobody where nothing but words for readers
        changed."""
        found = {change.affected for change in (*self.changes, *self.folded)}
        some = tuple(who for who in Affected if who in found and who is not Affected.NOTHING)
        return some or (Affected.NOTHING,)


@dataclass(frozen=True, slots=True)
class ProjectDiff:
    """Everything that differs between two versions; what has no differences is left out. `unread`: files of
    either version that cannot be compared, with why."""

    subjects: tuple[SubjectDiff, ...]
    unread: tuple[tuple[str, str], ...] = ()
