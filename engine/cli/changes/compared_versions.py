"""Two versions of a project, compared: an earlier one and the folder."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import PurePath
from typing import TYPE_CHECKING

from engine.core.journey import SendStep

if TYPE_CHECKING:
    from engine.cli.samples.message_versions import MessageVersions
    from engine.plan.difference import ProjectDiff, UnreadFile
    from engine.plan.message_diff import MessageKey
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
    from engine.cli.samples.message_versions import message_versions
    from engine.plan.message_diff import message_diffs
    from engine.plan.project_diff import project_diff
    from engine.project import load_published
    from engine.project_files import AUTHORED

    files = {name: text for name, text in project.sources.items() if name.startswith(AUTHORED)}
    former = load_published(before)
    touched = _touched_templates(former, project, before, files)
    mistakes = _mistaken_messages(project), _mistaken_messages(former)
    # of what is not written by mistake nobody can say that it is not written any more
    messages = message_versions(former, project, touched, now).without({*mistakes[0], *mistakes[1]})
    differences = project_diff(before, files, list(message_diffs(*messages.texts(), messages.files)))
    unread = [*differences.unread, *_unread_messages(touched, *mistakes)]
    differences = replace(
        differences,
        unread=tuple(sorted(unread, key=lambda each: each.file)),
        warnings=_new_warnings(former, project),
    )
    return ComparedVersions(before, project, differences, messages)


@dataclass(frozen=True, slots=True)
class _MistakenMessage:
    """A message that cannot be read as customers get it, where it is written, and why."""

    file: str
    mistakes: Sequence[Problem]


def _mistaken_messages(project: Project) -> dict[MessageKey, _MistakenMessage]:
    """By template, channel and language: those with mistakes of their own, or made with a part that has."""
    from engine.plan.message_diff import MessageKey

    errors = [problem for problem in project.problems if problem.is_error]
    found: dict[MessageKey, _MistakenMessage] = {}
    for file in chain.from_iterable(project.templates.by_name.values()):
        language = file.language or project.templates.languages[0]
        mistakes = [each for each in errors if each.span.file == file.file]
        if not mistakes and language not in project.messages.of.get((file.name, file.channel), {}):
            mistakes = [each for each in errors if each.span.file.startswith("templates/_")] or errors
        if mistakes:
            found[MessageKey(file.name, file.channel, language)] = _MistakenMessage(file.file, mistakes)
    return found


def _unread_messages(
    touched: Container[str],
    now: Mapping[MessageKey, _MistakenMessage],
    before: Mapping[MessageKey, _MistakenMessage],
) -> Iterator[UnreadFile]:
    """`touched`: the templates that may read differently."""
    from engine.plan.difference import unread_file

    for key in now.keys() | before.keys():
        if key.template in touched:
            is_now, was = now.get(key), before.get(key)
            file = is_now or was
            assert file is not None
            yield unread_file(file.file, is_now.mistakes if is_now else (), was.mistakes if was else ())


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
    """The templates that may read differently: by their own files, by what journeys give them, or by what all
    of them are made with. Which of them do is seen when both versions are rendered."""
    touched = {
        name for name in before.keys() | files.keys()
        if (before.get(name) or "").strip() != (files.get(name) or "").strip()
    }  # fmt: skip
    own = {
        name.removeprefix("templates/").partition(".")[0]
        for name in touched if name.startswith("templates/")
    }  # fmt: skip
    every = {*former.templates.by_name, *project.templates.by_name}
    if any(name.startswith("templates/") and "/_" in name for name in touched):
        return every
    # Fields come from the schemas; words of codes, senders, languages and products from the settings
    if any(PurePath(name).match("schemas/*.yaml") for name in touched) or _settings_differ(former, project):
        candidates = every
    else:
        candidates = _sent(former, touched) | _sent(project, touched)
    # Of a message that only one version sends, the other one does not know what it would be given
    return own | (candidates - (_sent(former) ^ _sent(project)))


def _sent(project: Project, files: Container[str] | None = None) -> set[str]:
    """Templates that journeys send: of these files, or of all."""
    return {
        step.template
        for journey in project.compiled.values() if files is None or journey.file in files
        for step in journey.steps if isinstance(step, SendStep)
    }  # fmt: skip


def _settings_differ(former: Project, project: Project) -> bool:
    """Of what cannot be read in one version, what is missing tells nothing of messages."""
    broken = any(
        each.is_error and each.span.file == "config.yaml" for each in (*former.problems, *project.problems)
    )
    return not broken and former.config != project.config
