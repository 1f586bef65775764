"""Problems in the author's files: where, what, why and how to fix it, as data."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from inspect import cleandoc
from typing import Literal

import msgspec

from engine.typos import typo_distance

Level = Literal["error", "warning"]

Topic = Literal["form", "name", "channel", "file", "shop", "currency", "story", "deployment"]
"""What a mistake is about, for telling a cause from what follows. `form`: how something is written; `name`:
nothing is called so; `channel`: the same of a channel; `file`: the same of a file; `shop`: a journey does
not go with what config.yaml says; `currency`: an amount is in another one; `story`: one that fails;
`deployment`: it would be refused."""


class Span(msgspec.Struct, frozen=True, order=True):
    """A place in a file: 1-based line and column (in characters), and how many characters it is long."""

    file: str
    line: int
    column: int
    length: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake of the author: `what` is wrong, `why` it matters, `fix` is text to type. Codes are
    stable."""

    span: Span
    code: str
    what: str
    why: str = ""
    fix: str = ""
    level: Level = "error"
    hidden: bool = False
    """The place holds a secret: whoever shows it shows asterisks."""
    topic: Topic = "form"
    subject: str = ""
    """The name or the key that it is about, where there is one."""

    @property
    def is_error(self) -> bool:
        """Errors stop a merge, warnings don't."""
        return self.level == "error"


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Sorted by place, each once."""
    return sorted(set(problems), key=lambda p: (p.span, p.level != "error", p.code, p.what))


MOST_OF_A_FILE = 100
"""Mistakes of one file that are told; nobody reads more, and the first ones often cause the others."""


def bounded(problems: Iterable[Problem]) -> list[Problem]:
    """In order, at most a hundred of a file: then how many more there are, at the place of the first."""
    kept: list[Problem] = []
    of_file: dict[str, list[Problem]] = {}
    for problem in in_order(problems):
        in_file = of_file.setdefault(problem.span.file, [])
        in_file.append(problem)
        if len(in_file) <= MOST_OF_A_FILE:
            kept.append(problem)
    for in_file in of_file.values():
        rest = in_file[MOST_OF_A_FILE:]
        if rest:
            level: Level = "error" if any(problem.is_error for problem in rest) else "warning"
            what = f"and {len(rest):,} more mistakes in this file"
            why = f"of one file the first {MOST_OF_A_FILE} are told"
            kept.append(Problem(rest[0].span, "E23", what, why, "mend those above first", level))
    return in_order(kept)


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that a slip of the pen turned into `word`, or None.

    A slip changes two letters at most, and no more than a fifth of the word. Another number, a whole part
    more or less (`welcome_offer_b`) and an opposite (`unsubscribed`) are no slips: they mean something else.
    """
    written = word.casefold()
    best: tuple[int, str] | None = None
    for choice in choices:
        distance = typo_distance(written, choice.casefold())
        if distance is not None and (best is None or distance < best[0]):
            best = (distance, choice)
    return best[1] if best else None


def did_you_mean(word: str, choices: Iterable[str], otherwise: str = "") -> str:
    """The one wording of the fix for a word that is not known."""
    near = nearest(word, choices)
    return f'did you mean "{near}"?' if near else otherwise


# --- how people and programs read them ----------------------------------------------------------

_LONGEST_LINE = 160
_UNSEEN = re.compile(r"[^\S \t]|[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def render_text(problem: Problem, source_line: str | None) -> str:
    """What, the line with the place underlined, why, fix. `source_line` None: the file has no such line."""
    span = problem.span
    lines = [f"{span.file}:{span.line}:{span.column}: {problem.level} {problem.code}: {problem.what}"]
    if source_line is not None:
        source = _masked(span, source_line) if problem.hidden else source_line
        start = span.column - 1
        # of a very long line only the part around the place is shown
        cut = max(0, start - _LONGEST_LINE // 2) if len(source) > _LONGEST_LINE else 0
        shown = _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", source[cut : cut + _LONGEST_LINE])
        before, marked = shown[: start - cut], shown[start - cut : start - cut + span.length]
        lines += [
            f"{span.line:6} | {shown}".rstrip(" "),
            f"       | {_blank(before)}{'^' * max(1, _width(marked))}",
        ]
    if problem.why:
        lines.append(f"  why: {problem.why}")
    if problem.fix:
        lines.append(f"  fix: {problem.fix}")
    return "\n".join(lines)


def render_problems(problems: Iterable[Problem], sources: Mapping[str, str]) -> str:
    """All of them in order, an empty line between two. `sources` is the text of each file by its name."""
    lines = {file: split_lines(text) for file, text in sources.items()}
    ordered = in_order(problems)
    for problem in ordered:
        if problem.hidden:  # a secret is hidden from what is said about its neighbours on the line, too
            _hide(problem.span, lines.get(problem.span.file, []))
    texts = []
    for problem in ordered:
        file = lines.get(problem.span.file, [])
        inside = 0 < problem.span.line <= len(file)
        texts.append(render_text(problem, file[problem.span.line - 1] if inside else None))
    return "\n\n".join(texts)


def split_lines(text: str) -> list[str]:
    """The lines as spans count them: only line feeds divide, with or without a carriage return."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def render_github(problem: Problem) -> str:
    """A workflow command that GitHub shows beside the line of a pull request."""
    span = problem.span
    where = f"file={_property(span.file)},line={span.line},col={span.column}"
    where += f",endColumn={span.column + span.length}"
    body = "\n".join(
        part for part in (problem.what, problem.why, problem.fix and f"fix: {plain_fix(problem)}") if part
    )
    return f"::{problem.level} {where},title={_property(problem.code)}::{escaped(body)}"


def plain_fix(problem: Problem) -> str:
    """The fix without the indentation that it has below a problem in a terminal."""
    return cleandoc(problem.fix)


def to_json(problem: Problem) -> dict[str, str | int]:
    """For editors: the place in lines and columns from 1, and the words."""
    span = problem.span
    return {
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "length": span.length,
        "level": problem.level,
        "code": problem.code,
        "what": problem.what,
        "why": problem.why,
        "fix": plain_fix(problem),
    }


def _hide(span: Span, lines: list[str]) -> None:
    if 0 < span.line <= len(lines):
        lines[span.line - 1] = _masked(span, lines[span.line - 1])


def _masked(span: Span, source: str) -> str:
    start = span.column - 1
    return source[:start] + "*" * len(source[start : start + span.length]) + source[start + span.length :]


def _blank(text: str) -> str:
    """As wide as the text: tabs stay tabs, wide characters take two places."""
    return "".join("\t" if character == "\t" else " " * _width(character) for character in text)


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def escaped(text: str) -> str:
    """Text as it stands in a command of a GitHub workflow."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return escaped(text).replace(":", "%3A").replace(",", "%2C")
