"""Mistakes and failing stories as forges show them beside the lines of a change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine.ids import derive
from engine.problem import Problem, Topic, escaped, plain_fix, render_github

MOST = 10
"""Errors, and warnings, that GitHub shows of one step; it drops the rest without a word."""


_NAMES: Mapping[Topic, str] = {"story": "story-fails", "deployment": "deployment-refused"}
"""What a report calls that of which the code alone says too little."""


def workflow_commands(problems: Sequence[Problem], within: str = "") -> Iterator[str]:
    """Commands of a GitHub workflow, as many as are shown, and a notice of the rest. `within`: the place of
    the project in the repository, "" or ending in `/`."""
    shown: list[Problem] = []
    for level in ("error", "warning"):
        shown += [problem for problem in problems if problem.level == level][:MOST]
    for problem in shown:
        yield render_github(placed(problem, within))
    if rest := len(problems) - len(shown):
        yield f"::notice::{rest:,} more stand in the comment, under what check says"


def workflow_error(what: str) -> str:
    """The command of a GitHub workflow for a mistake that stands in no file."""
    return f"::error::{escaped(what)}"


def code_quality(problems: Sequence[Problem], within: str = "") -> list[Mapping[str, Any]]:
    """GitLab's report of code quality. A fingerprint is of the file, the code and the words, not of the line:
    what only moved is no new mistake."""
    seen: dict[str, int] = {}
    rows: list[Mapping[str, Any]] = []
    for problem in problems:
        file = placed(problem, within).span.file
        key = derive(file, problem.code, problem.what)
        seen[key] = seen.get(key, 0) + 1
        rows.append(
            {
                "description": " ".join(filter(None, (f"{problem.what}.", plain_fix(problem)))),
                "check_name": _NAMES.get(problem.topic, problem.code),
                "fingerprint": derive(key, seen[key]),
                "severity": "major" if problem.is_error else "minor",
                "location": {"path": file, "lines": {"begin": problem.span.line}},
            }
        )
    return rows


def placed(problem: Problem, within: str) -> Problem:
    """The problem at the place that its file has in the repository."""
    span = problem.span
    return replace(problem, span=type(span)(within + span.file, span.line, span.column, span.length))
