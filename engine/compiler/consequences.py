"""One message for the cause, none for what follows from it: what the form of a file says against what its names say."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from engine.language.syntax import JourneyFile
from engine.problem import Problem

_NEAR = 6
"""Lines of one `send`."""

_FOUNDATIONS = ("config.yaml", "schemas/")

_OF_NAMES = frozenset({"E10", "E11", "E60", "E61", "E62", "E63", "E64", "E65", "E74", "T20"})
_OF_CONFIG = frozenset({"W02", "W05", "W15", "W16"})
_CALLED = re.compile(r'"([^"]+)"')
_KEY = re.compile(r"([A-Za-z_]\w*)[\"']?\s*:")
_CURRENCY = re.compile(r"\s*currency\b")


def is_foundation(file: str) -> bool:
    """config.yaml and the schemas: what stands in them decides what every journey means."""
    return file.startswith(_FOUNDATIONS)


def causes_only(
    problems: Iterable[Problem], sources: Mapping[str, str], names: frozenset[str] = frozenset()
) -> list[Problem]:
    """Without what only follows from a mistake in config.yaml or in a schema.

    A name that a broken file defines is not unknown elsewhere; prices, quiet hours and the currency are not held
    against anybody while they are wrong themselves. `names`: of segments whose
    file is there, whatever stands in it.
    """
    told = list(problems)
    broken = {each.span.file for each in told if each.is_error and is_foundation(each.span.file)}
    defined = {file: frozenset(_KEY.findall(sources.get(file, ""))) for file in broken} | {"": names}
    no_currency = any(_is_of_currency(each, sources) for each in told)
    return [each for each in told if not _follows(each, defined, no_currency)]


def without_names(problems: Iterable[Problem], unreadable: Collection[str]) -> list[Problem]:
    """Only what can be known while these files of names cannot be read."""
    return [each for each in problems if each.span.file in unreadable or each.code not in _OF_NAMES]


def _follows(problem: Problem, defined: Mapping[str, frozenset[str]], no_currency: bool) -> bool:
    if problem.code in _OF_CONFIG:
        return "config.yaml" in defined
    if no_currency and " is not in " in problem.what:
        return True
    called = _CALLED.findall(problem.what) if problem.code in _OF_NAMES else []
    name = called[0].rpartition(".")[2] if called else ""
    return any(name in names for file, names in defined.items() if file != problem.span.file)


def _is_of_currency(problem: Problem, sources: Mapping[str, str]) -> bool:
    file = problem.span.file
    line = sources.get(file, "").split("\n")[problem.span.line - 1 :][:1] if file == "config.yaml" else []
    return problem.is_error and any(_CURRENCY.match(each) for each in line)


def steps_are_whole(file: JourneyFile, forms: Sequence[Problem]) -> bool:
    """False when a mistake of form lies between `steps:` and `tests:`: a step may be missing from the tree."""
    lines = file.source.split("\n")
    begin = _line_of(lines, "steps:", len(lines))
    end = _line_of(lines, "tests:", len(lines) + 1)
    return not any(problem.is_error and begin <= problem.span.line < end for problem in forms)


def _line_of(lines: list[str], key: str, otherwise: int) -> int:
    return next((number for number, line in enumerate(lines, 1) if line.startswith(key)), otherwise)


def told_once(forms: Sequence[Problem], names: Sequence[Problem]) -> list[Problem]:
    """Both, without a `next_after` that only seems not to belong because the channels above it are wrong."""
    wrong_channels = [problem.span.line for problem in names if problem.code in ("E61", "E65")]
    kept = [
        problem
        for problem in forms
        if not (
            problem.code == "E17"
            and problem.what.startswith('"next_after"')
            and any(0 < problem.span.line - line < _NEAR for line in wrong_channels)
        )
    ]
    return [*kept, *names]
