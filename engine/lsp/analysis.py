"""A project as it stands in an editor, looked through by the same checker as `check`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import AuthorError
from engine.problem import Problem, in_order
from engine.project import Project, check, load_unsaved
from engine.project_files import AUTHORED
from engine.simulate.checking import failures, find_problems, run_sound_stories
from engine.simulate.stories.run_story import StoryResult
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class ProjectAnalysis:
    """`failed`: the stories that did not pass when they last ran, of files that are still as they were then;
    `failed_as`: the same as problems."""

    project: Project
    problems: tuple[Problem, ...]
    failed: tuple[StoryResult, ...]
    failed_as: tuple[Problem, ...]

    def by_file(self) -> dict[str, list[Problem]]:
        """Everything that is to be shown, by file."""
        found: dict[str, list[Problem]] = {}
        for problem in in_order((*self.problems, *self.failed_as)):
            found.setdefault(problem.span.file, []).append(problem)
        return found


def analyse(
    root: Path, unsaved: Mapping[str, str], now: Instant, before: ProjectAnalysis | None, *, stories: bool
) -> ProjectAnalysis | None:
    """Reads the project with the text of its open files. Without `stories` none runs: what failed `before`
    stands while its file is the same. None: the folder is no project any more."""
    try:
        project = load_unsaved(root, unsaved, now)
    except AuthorError:
        return None
    problems = find_problems(project)
    failed: tuple[StoryResult, ...]
    if stories:
        report = run_sound_stories(project, problems)
        failed = tuple(r for journey in report.journeys for r in journey.results if not r.passed)
        return ProjectAnalysis(project, tuple(problems), failed, tuple(failures(report)))
    if before is None:
        return ProjectAnalysis(project, tuple(problems), (), ())
    same = {name for name, text in before.project.sources.items() if project.sources.get(name) == text}
    failed = tuple(result for result in before.failed if result.story.span.file in same)
    failed_as = tuple(problem for problem in before.failed_as if problem.span.file in same)
    return ProjectAnalysis(project, tuple(problems), failed, failed_as)


def problems_with(root: Path, texts: Mapping[str, str], now: Instant) -> list[Problem]:
    """What would be wrong in the files with these texts: for trying out a fix. Git and stories are not
    asked."""
    try:
        return check(load_unsaved(root, texts, now))
    except AuthorError:
        return []


def project_of(path: Path) -> Path | None:
    """The folder of the project that a file is a part of: the nearest one above it that holds config.yaml,
    else journeys/, and has the file where authors write. None: the file belongs to no project."""
    folders = [f for f in path.parents if path.relative_to(f).as_posix().startswith(AUTHORED)]
    with_config = (folder for folder in folders if (folder / "config.yaml").is_file())
    return next(with_config, None) or next((f for f in folders if (f / "journeys").is_dir()), None)


def projects_in(folders: Iterable[Path]) -> list[Path]:
    """Those of the folders that are projects themselves, each once."""
    return [
        folder
        for folder in dict.fromkeys(folders)
        if (folder / "config.yaml").is_file() or (folder / "journeys").is_dir()
    ]
