"""What was published last, read back from the store, and a folder as it would be published next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection

from engine import project as projects
from engine.command_hints import command
from engine.config.file import read_config
from engine.core.journeys import Journeys
from engine.errors import AuthorError, UsageError
from engine.project import Project
from engine.runtime.publish import one_off
from engine.store import meta
from engine.store.journeys import deployments

_REVIEWED = "reviewed plans"
"""A fact about the database."""


def published_project(conn: Connection) -> tuple[int, Project] | None:
    """The project as it was published last, compiled from the files in the store; None before the first
    deployment."""
    last = deployments.current(conn)
    if last is None:
        return None
    project = projects.load_published(deployments.files(conn, last.number), last.commit)
    journeys = one_off.sealed_as_stored(conn, project.journeys)
    return last.number, replace(project, journeys=journeys)


def project_before(conn: Connection, folder: Path) -> Project:
    """The project as it was published before the last deployment. `folder`: of the project, for files that
    are no part of a publication. Raises `UsageError` when there is no such deployment."""
    last = deployments.latest(conn, 2)
    if len(last) < 2:
        raise UsageError("there is no deployment before the last one", "`deploy` publishes the folder")
    project = projects.load_published(deployments.files(conn, last[1].number), last[1].commit)
    return replace(project, folder=folder.resolve())


def note_review(conn: Connection) -> None:
    """A reviewed plan was published: from now on plans are what counts here."""
    meta.put(conn, _REVIEWED, "yes")


def is_by_hand(conn: Connection) -> bool:
    """Whether nothing but `deploy` publishes: as what is published says, else once a reviewed plan was. The
    first publication is anybody's."""
    number = deployments.current_number(conn)
    if not number:
        return False
    said = read_config(deployments.files(conn, number).get("config.yaml", ""))[0].deploys
    return said == "manual" or (said is None and meta.get(conn, _REVIEWED) is not None)


def published_journeys(conn: Connection) -> Journeys | None:
    """The journeys that were published last, without their templates; None before the first deployment."""
    number = deployments.current_number(conn)
    if not number:
        return None
    files = deployments.files(conn, number)
    return one_off.sealed_as_stored(conn, projects.load_published_journeys(files))


def deployable(conn: Connection, project: Project) -> Project:
    """A folder with the one-off sends that are under way. Raises `AuthorError` when it has errors, or
    when one of these sends does not fit it."""
    errors = [problem for problem in project.problems if problem.is_error]
    if errors:
        first = errors[0]
        many = len(errors) > 1
        raise AuthorError(
            f"the project cannot be published, it has {len(errors)} error{'s' if many else ''}, "
            f"{'the first in ' if many else ''}{first.span.file}:{first.span.line}: {first.what}",
            f"`{command('check')}` shows {'them' if many else 'it'}",
        )
    return one_off.merged(conn, project)
