"""What a replay is made with: the project in the folder or of a revision, and a mapping of foreign events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.output import asides
from engine.command_hints import command
from engine.errors import AuthorError, UsageError

if TYPE_CHECKING:
    from engine.project import Project
    from engine.simulate.replay.mapping import StreamMapping


def project_here(folder: Path) -> Project:
    """The project of the folder. Raises AuthorError where it has mistakes, which are shown."""
    from engine.problem import render_problems
    from engine.project import load

    project = load(folder)
    if project.has_errors:
        wrong = [problem for problem in project.problems if problem.is_error]
        asides.print(render_problems(wrong, project.sources), markup=False, soft_wrap=True)
        raise AuthorError(
            "journeys with mistakes cannot be replayed",
            f"Put them right; `{command('check')}` shows the same",
        )
    return project


def project_at(folder: Path, revision: str) -> tuple[Project, str]:
    """The project as it was where this branch left a revision, and that commit. Raises AuthorError where it
    has mistakes, which are shown, and UsageError where git does not know the revision."""
    from engine.cli.changes.diff import base_commit
    from engine.problem import render_problems
    from engine.project import load_published
    from engine.project_files import files_at

    commit = base_commit(folder, revision)
    former = load_published(files_at(folder, commit), commit)
    if former.has_errors:
        wrong = [problem for problem in former.problems if problem.is_error]
        asides.print(render_problems(wrong, former.sources), markup=False, soft_wrap=True)
        raise AuthorError(
            f"journeys of {commit[:12]} have mistakes and cannot be replayed",
            "Compare with a commit whose files `check` finds good",
        )
    return former, commit


def mapping_of(path: Path, project: Project) -> StreamMapping:
    """How foreign events become ours. Raises UsageError where the file cannot be read, and AuthorError where
    it has mistakes, which are shown."""
    from engine.problem import render_problems
    from engine.simulate.replay.mapping import names_of, read_mapping

    try:
        text = path.read_bytes()
    except OSError as wrong:
        raise UsageError(f"the mapping {path} cannot be read: {wrong.strerror}") from wrong
    mapping, problems = read_mapping(text, str(path), names_of(project.catalogue, project.world.channels))
    if problems:
        shown = render_problems(problems, {str(path): text.decode("utf-8", "replace")})
        asides.print(shown, markup=False, soft_wrap=True)
    if mapping is None:
        raise AuthorError(f"the mapping {path} has mistakes", "Put them right; docs/replay.md has examples")
    return mapping
