"""All that `check` finds in a project: its files, what was renamed since git knows them, its stories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from engine.command_hints import command
from engine.compiler.follow_up_problems import is_foundation
from engine.compiler.renames import renamed
from engine.language.acceptance import Judgement, judge
from engine.problem import Problem
from engine.project import Project, check
from engine.project_files import former_files
from engine.simulate.stories.story_report import (
    CONFIG_FILE,
    StoriesReport,
    render_rows,
    report_of_words,
    run_stories,
)


def find_problems(project: Project) -> list[Problem]:
    """What is wrong in the files, and what was renamed without `was:`; git is asked for their former text."""
    return [*check(project), *judge_later(project).open]


def judge_later(project: Project, more: Iterable[Problem] = ()) -> Judgement:
    """What the files alone do not tell: what was renamed since git knows them, and what others found `more`;
    which of it is accepted."""
    former = former_files(project.folder, "journeys")
    return judge([*renamed(former, project.files, project.world.segments), *more], project.acceptances)


def run_sound_stories(
    project: Project, problems: Sequence[Problem], wanted: Callable[[str], bool] = lambda _: True
) -> StoriesReport:
    """The stories of the files that are `wanted`, without those of a file that is wrong itself: they would
    only tell the same again. `problems`: what is known to be wrong."""
    files = [
        file
        for file in project.files.values()
        if wanted(file.span.file) and file.span.file not in project.broken
    ]
    # As those of journeys: in a world that is half written no story means anything.
    is_sound = not any(problem.is_error and is_foundation(problem.span.file) for problem in problems)
    report = run_stories(files, project.journeys, project.world, of_points=is_sound and wanted(CONFIG_FILE))
    if not is_sound:
        return report
    # a mistake of a story shows at once, and not only when the journey above it is mended
    broken = [
        report_of_words(file, project.world)
        for file in project.files.values()
        if wanted(file.span.file) and file.span.file in project.broken
    ]
    return replace(report, journeys=(*report.journeys, *(each for each in broken if each.results)))


def failures(report: StoriesReport) -> list[Problem]:
    """Failed stories as problems at the place of the story; each with its diff."""
    return [
        Problem(
            result.story.name.span,
            "E59",
            f'the story "{result.story.name.value}" fails',
            render_rows(result.story.name.value, result.rows, result.notes)
            if result.rows
            # Without rows the story itself could not be read
            else "\n".join(f"line {each.span.line}: {each.what}; {each.fix}" for each in result.problems),
            f"mend the journey, or the story where it is meant so; `{command('test')}` shows the same",
            topic="story",
        )
        for journey in report.journeys
        for result in journey.results
        if not result.passed
    ]
