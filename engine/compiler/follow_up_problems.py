"""One message for the cause, none for what follows from it: what the form of a file says against what its
names say."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from engine.language.syntax import JourneyFile
from engine.problem import Problem

_FOUNDATIONS = ("config.yaml", "schemas/")

_LINES_OF_A_SEND = 6

_KEY = re.compile(r"([A-Za-z_]\w*)[\"']?\s*:")


def is_foundation(file: str) -> bool:
    """config.yaml and the schemas: what stands in them decides what every journey means."""
    return file.startswith(_FOUNDATIONS)


def causes_only(
    problems: Iterable[Problem], sources: Mapping[str, str], segments: frozenset[str] = frozenset()
) -> list[Problem]:
    """Without what only follows from a mistake in config.yaml or in a schema.

    A name that a broken file defines is not unknown elsewhere; prices, quiet hours and the currency are not
    held against anybody while they are wrong themselves. `segments`: those whose file is there and
    cannot be read.
    """
    problems = list(problems)
    broken = {
        problem.span.file for problem in problems if problem.is_error and is_foundation(problem.span.file)
    }
    # a broken file has no tree to ask, so every word before a colon counts as a name that it may define
    defined = {file: frozenset(_KEY.findall(sources.get(file, ""))) for file in broken} | {"": segments}
    no_currency = any(
        problem.is_error and problem.span.file == "config.yaml" and problem.subject == "currency"
        for problem in problems
    )

    def follows(problem: Problem) -> bool:
        match problem.topic:
            case "shop":
                return "config.yaml" in broken
            case "currency":
                return no_currency
            case "name" | "channel":
                name = problem.subject.rpartition(".")[2]  # trigger.total: the field may be defined
                return any(name in names for file, names in defined.items() if file != problem.span.file)
            case "form" | "file" | "story" | "deployment":
                return False

    return [problem for problem in problems if not follows(problem)]


def without_names(problems: Iterable[Problem], unreadable: Collection[str]) -> list[Problem]:
    """Only what can be known while these files of names cannot be read."""
    return [
        problem
        for problem in problems
        if problem.span.file in unreadable or problem.topic not in ("name", "channel")
    ]


def steps_are_whole(file: JourneyFile, forms: Sequence[Problem]) -> bool:
    """False when a mistake of form lies between `steps:` and `tests:`: a step may be missing in the tree."""
    lines = file.source.split("\n")

    def line_of(key: str, otherwise: int) -> int:
        return next((number for number, line in enumerate(lines, 1) if line.startswith(key)), otherwise)

    begin, end = line_of("steps:", len(lines)), line_of("tests:", len(lines) + 1)
    return not any(problem.is_error and begin <= problem.span.line < end for problem in forms)


def causes_first(forms: Sequence[Problem], names: Sequence[Problem]) -> list[Problem]:
    """Both, without a `next_after` that only seems not to belong because the channels above it are wrong."""
    wrong_channels = [problem.span.line for problem in names if problem.topic == "channel"]
    true_forms = [
        problem
        for problem in forms
        if problem.subject != "next_after"
        or problem.code != "E17"
        or not any(0 < problem.span.line - line < _LINES_OF_A_SEND for line in wrong_channels)
    ]
    return [*true_forms, *names]
