"""Two versions of a project, compared: an earlier one and the folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.cli.samples.written import MessageVersions
    from engine.plan.difference import ProjectDiff
    from engine.problem import Problem
    from engine.project import Project
    from engine.values import Instant


@dataclass(frozen=True, slots=True)
class ComparedVersions:
    """A version before (path -> text) and the folder. `messages`: of the templates that may read
    differently."""

    before: Mapping[str, str]
    project: Project
    differences: ProjectDiff
    messages: MessageVersions


def compare(before: Mapping[str, str], project: Project, now: Instant) -> ProjectDiff:
    """An earlier version (path -> text) and the folder, with the messages that read differently."""
    return compare_versions(before, project, now).differences


def compare_versions(before: Mapping[str, str], project: Project, now: Instant) -> ComparedVersions:
    """As `compare`, with the messages themselves."""
    from engine.cli.samples.written import message_versions
    from engine.plan.message_diff import message_diffs
    from engine.plan.project_diff import project_diff
    from engine.project import load_published
    from engine.project_files import AUTHORED

    files = {name: text for name, text in project.sources.items() if name.startswith(AUTHORED)}
    former = load_published(before)
    messages = message_versions(former, project, _touched_templates(former, project, before, files), now)
    differences = project_diff(before, files, list(message_diffs(*messages.texts(), messages.files)))
    differences = replace(differences, warnings=_new_warnings(former, project))
    return ComparedVersions(before, project, differences, messages)


def _new_warnings(former: Project, project: Project) -> tuple[Problem, ...]:
    """What `check` warns of in the folder and not before; one that only stands in another line is none."""
    known = {(problem.code, problem.what) for problem in former.problems}
    return tuple(
        problem for problem in project.problems
        if not problem.is_error and (problem.code, problem.what) not in known
    )  # fmt: skip


def _touched_templates(
    former: Project, project: Project, before: Mapping[str, str], files: Mapping[str, str]
) -> set[str]:
    """The templates that may read differently: their own files, or what all of them are made with."""
    touched = {
        name for name in before.keys() | files.keys() if name.startswith("templates/")
        and (before.get(name) or "").strip() != (files.get(name) or "").strip()
    }  # fmt: skip
    if any("/_" in name for name in touched) or former.config.shop != project.config.shop:
        return {*former.templates.by_name, *project.templates.by_name}
    return {name.removeprefix("templates/").partition(".")[0] for name in touched}
