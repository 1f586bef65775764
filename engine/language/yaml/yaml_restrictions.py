"""What YAML can do and the language does not take: each with its own message."""

from __future__ import annotations

import re

from engine.command_hints import command
from engine.language.nodes import Scalar
from engine.language.steps.register import VERBS
from engine.language.wording import quoted, shown
from engine.problem import Problem, Span

_CONDITIONS = frozenset({"who", "where", "when", "exit_if", "if", "any", "all", "none"})


def twice_problem(key: Scalar, first: int, above: list[str]) -> Problem:
    """A key that stands twice in one map; `above` are the keys around that map."""
    fix = "keep one"
    if above and above[-1] in _CONDITIONS:
        fix = "keep one; for two limits on one attribute write  between A and B, or list them under  all:"
    elif key.text in VERBS and above:
        fix = f"keep one, or begin a new step with a dash:  - {key.text}: ..."
    return Problem(
        key.span,
        "E04",
        f"{quoted(key.text)} is written twice here (first in line {first})",
        "the second one would silently replace the first",
        fix,
    )


def anchor_problem(span: Span, name: str) -> Problem:
    """`&name`."""
    return Problem(
        Span(span.file, span.line, span.column, len(name) + 1),
        "E05",
        f'there are no anchors: "&{name}"',
        "a reviewer should see every value where it is used",
        f'remove "&{name}", or put the text in quotes if it begins with &',
    )


def alias_problem(span: Span, name: str) -> Problem:
    """`*name`."""
    return Problem(
        Span(span.file, span.line, span.column, len(name) + 1),
        "E05",
        f'there are no aliases: "*{name}"',
        "a reviewer should see every value where it is used",
        "write the value itself, or put the text in quotes if it begins with *",
    )


def merge_problem(span: Span) -> Problem:
    """`<<:`."""
    return Problem(
        span,
        "E05",
        'there are no merge keys: "<<"',
        "a reviewer should see every value where it is used",
        "write the lines themselves",
    )


def tag_problem(span: Span, tag: str, text: str) -> Problem:
    """`!name`, or a sign such as `!= 2` that YAML takes for one."""
    line = text.split("\n", span.line)[span.line - 1]
    written = line[span.column - 1 :].split(" #")[0].strip()
    if written.startswith("!="):
        return Problem(
            Span(span.file, span.line, span.column, max(1, len(written))),
            "E26",
            f"{quoted(written)} uses a sign",
            "conditions are written in words so that everybody can review them",
            f"write  not {written[2:].strip()}".rstrip(),
        )
    word, _, value = written.split(",")[0].rstrip("]} ").partition(" ")
    word = word or tag
    # `!gold` denies in other languages, `!!int 2` says the type of what follows
    denied = word[1:] if not value and not word.startswith("!!") else ""
    meant = f"not {denied}" if denied else value.strip()
    length = len(word) if denied or not meant else len(f"{word} {value}")
    return Problem(
        Span(span.file, span.line, span.column, max(1, length)),
        "E05",
        f"there are no tags: {quoted(word)}",
        "every value is read as text, and its place decides the type",
        f"write  {meant}" if meant else "put the text in quotes if it begins with !",
    )


def directive_problem(span: Span) -> Problem:
    """`%YAML`, `%TAG`."""
    return Problem(
        span,
        "E05",
        "there are no directives",
        "every file is read by the same rules",
        "remove the lines that begin with %",
    )


def documents_problem(span: Span) -> Problem:
    """`---` in the middle."""
    return Problem(
        Span(span.file, span.line, span.column, 3),
        "E05",
        "a second document begins here",
        "one file is one journey, named like the file",
        "remove the line  ---  or move what follows into a file of its own",
    )


def comma_problem(key: Scalar, value: Scalar, rest: Scalar) -> Problem:
    """`{total: at least 20,50 EUR}`: a decimal comma where a comma divides."""
    return Problem(
        rest.span,
        "E03",
        f"the comma in front of {quoted(rest.text)} ends the value",
        "inside one-line braces a comma divides; decimals stand behind a point",
        f"write  {shown(key.text)}: {shown(value.text)}.{shown(rest.text)}",
    )


def key_problem(span: Span, text: str) -> Problem:
    """A map or list in the place of a key."""
    line = text.split("\n", span.line)[span.line - 1][span.column - 1 :]
    # `[silver, bronze]:` is how a list of paths is written elsewhere
    names = re.match(r"\[([^\[\]{}]+)\](?=:)", line)
    return Problem(
        Span(span.file, span.line, span.column, len(names[0])) if names else span,
        "E07",
        "a key must be a word",
        "what stands in front of a colon is a name, not a list or a block",
        f"write  {names[1].strip()}:" if names else "put the text in quotes if the bracket belongs to it",
    )


def too_deep_problem(span: Span) -> Problem:
    """More than twenty levels."""
    return Problem(
        span,
        "E09",
        "this is nested more than 20 levels deep",
        "nobody can review it",
        "make the inner part a journey of its own that starts from the event  journey_finished",
    )


def too_many_problem(span: Span) -> Problem:
    """More parts than a file of 1 MB can sensibly have."""
    return Problem(
        span,
        "E09",
        "this file has too many parts",
        "a journey that people can review is a few hundred lines long",
        "split it into several journeys",
    )


def empty_problem(file: str) -> Problem:
    """Nothing but comments."""
    return Problem(
        Span(file, 1, 1),
        "E09",
        "this file is empty",
        "a file in this folder is read as a part of the project",
        f"write it, for example with  {command('new')} , or delete the file",
    )
