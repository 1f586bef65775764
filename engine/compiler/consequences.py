"""One message for the cause, none for what follows from it: what the form of a file says against what its names say."""

from __future__ import annotations

from collections.abc import Sequence

from engine.language.syntax import JourneyFile
from engine.problem import Problem

_NEAR = 6
"""Lines of one `send`."""


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
