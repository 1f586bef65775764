"""`check`: everything a marketer can get wrong, with file, line, column, reason and fix; then the stories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.app import PROBLEMS, WRITE, Session, app
from engine.cli.authoring.selection import chosen
from engine.cli.output import CheckFormat, say_block, say_json, say_plain
from engine.command_hints import command
from engine.problem import Problem, render_github, render_problems, to_json

if TYPE_CHECKING:
    from engine.cli.reports.learned import LearnedValue
    from engine.language.acceptance import AcceptedWarning
    from engine.project import Project
    from engine.simulate.stories.story_report import StoriesReport
    from engine.values import Instant


@app.command(rich_help_panel=WRITE)
def check(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(help="files or folders; without any: the whole project")
    ] = None,
    form: Annotated[
        CheckFormat, typer.Option("--format", help="text, json, or github annotations")
    ] = CheckFormat.text,
    with_store: Annotated[
        bool,
        typer.Option("--store", help="also what the store tells: events, consents, segments, templates"),
    ] = False,
) -> None:
    """Read every file, say what is wrong and how to mend it, then run the stories."""
    from engine.cli.forges.annotations import placed
    from engine.language.acceptance import told_in_vain
    from engine.problem import in_order
    from engine.project import OF_STORE, load
    from engine.project import check as problems_of
    from engine.project_files import place_in_repository
    from engine.simulate.checking import failures, judge_later, run_sound_stories

    session = Session.of(context)
    project = load(session.folder, session.clock.now())
    wanted = chosen(paths or [], project.folder)
    judged = judge_later(project, _of_store(project, session.clock.now()) if with_store else ())
    found = [*problems_of(project), *judged.open]
    if with_store and not project.has_errors:
        found += told_in_vain(judged, OF_STORE.__contains__)
    problems = in_order(problem for problem in found if wanted(problem.span.file))
    accepted = [each for each in (*project.accepted, *judged.accepted) if wanted(each.problem.span.file)]
    elsewhere = in_order(each for each in found if each.is_error and not wanted(each.span.file))
    report = run_sound_stories(project, found, wanted)
    journeys = sum(is_journey(file) and wanted(file) for file in project.sources)
    learned = _learned(project, wanted)
    if form is CheckFormat.github:
        within = place_in_repository(project.folder)
        for problem in (*problems, *failures(report)):
            say_plain(render_github(placed(problem, within)))
    else:
        _print(form, problems, accepted, project.sources, report, journeys, learned, elsewhere)
    if any(problem.is_error for problem in problems) or report.failed:
        raise typer.Exit(PROBLEMS)


def _of_store(project: Project, now: Instant) -> list[Problem]:
    """What only the customers can tell. Raises what a store raises that cannot be opened."""
    from engine.cli.reports.store_warnings import warnings
    from engine.cli.stores import look_into_store

    with look_into_store(project.folder) as conn:
        return warnings(conn, project, now)


def _learned(project: Project, wanted: Callable[[str], bool]) -> list[LearnedValue]:
    """What the steps that learn would do now; nothing where no step learns, or no store can be asked."""
    from engine.cli.reports.learned import findings
    from engine.cli.stores import learned_there

    chosen = [journey for journey in project.journeys.by_name.values() if wanted(journey.file)]
    if not findings(chosen, project.journeys):
        return []
    known = learned_there(project.config, project.folder)
    return findings(chosen, replace(project.journeys, learned=known)) if known is not None else []


def _print(
    form: CheckFormat,
    problems: Sequence[Problem],
    accepted: Sequence[AcceptedWarning],
    sources: Any,
    report: StoriesReport,
    journeys: int,
    learned: Sequence[LearnedValue],
    elsewhere: Sequence[Problem],
) -> None:
    from engine.simulate.stories.story_report import render_failures, to_data

    if form is CheckFormat.json:
        data = {
            "problems": [to_json(problem) for problem in problems],
            "accepted": [{**to_json(each.problem), "reason": each.reason} for each in accepted],
            "stories": to_data(report),
        }
        if learned:
            data["learned"] = [
                {"file": value.file, "line": value.line, "found": value.found, "why": value.why}
                for value in learned
            ]
        if elsewhere:
            data["elsewhere"] = [to_json(problem) for problem in elsewhere]
        say_json(data)
        return
    for block in (render_problems(problems, sources), render_failures(report, sources)):
        if block:
            say_block(block + "\n")
    for each in learned:
        say_plain(f"{each.file}:{each.line}: {each.found} ({each.why})")
    # W50 is about such a comment itself
    if code := next((each.code for each in problems if not each.is_error and each.code != "W50"), None):
        say_plain(f"A warning that is meant so takes a comment above its line:  # accepted {code}: why")
    if elsewhere:
        # what was asked about may depend on it, and some stories could not run for it
        first = elsewhere[0]
        say_plain(
            f"{_count(len(elsewhere), 'error')} in other files, the first in "
            f"{first.span.file}:{first.span.line}: {first.what}. `{command('check')}` shows all"
        )
    say_block(summary(problems, report, journeys, len(accepted)))


def summary(problems: Sequence[Problem], report: StoriesReport, journeys: int, accepted: int = 0) -> str:
    """The last line: how many journeys, errors, warnings, accepted warnings and stories."""
    errors = sum(problem.is_error for problem in problems)
    warnings = len(problems) - errors
    # A story that fails stops a merge like every other error.
    parts = [
        _count(journeys, "journey"),
        _count(errors + report.failed, "error"),
        _count(warnings, "warning"),
        *([f"{accepted} accepted"] if accepted else []),
    ]
    return f"{', '.join(parts)}. Stories: {report.passed} passed, {report.failed} failed"


def is_journey(file: str) -> bool:
    """Whether this path of a project is the file of a journey."""
    return file.startswith("journeys/") and not file.startswith("journeys/segments/")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
