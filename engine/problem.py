"""Problems in the author's files: where, what, why and how to fix it, as data."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a file: 1-based line and column (in characters), and how many characters it is long."""

    file: str
    line: int
    column: int
    length: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake of the author: `what` is wrong, `why` it matters, `fix` is text to type. Codes are stable."""

    span: Span
    code: str
    what: str
    why: str = ""
    fix: str = ""
    level: Level = "error"

    @property
    def is_error(self) -> bool:
        """Errors stop a merge, warnings don't."""
        return self.level == "error"


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Sorted by place, each once."""
    return sorted(set(problems), key=lambda p: (p.span, p.level != "error", p.code, p.what))


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that the author probably meant, or None."""
    known = {choice.casefold(): choice for choice in choices}
    found = difflib.get_close_matches(word.casefold(), known, n=1, cutoff=0.6)
    return known[found[0]] if found else None


def did_you_mean(word: str, choices: Iterable[str], otherwise: str = "") -> str:
    """The one wording of the fix for a word that is not known."""
    near = nearest(word, choices)
    return f'did you mean "{near}"?' if near else otherwise
