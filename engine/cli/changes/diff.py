"""`diff`: what a change of the files means, in words: for whom, and what becomes of people in flight."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import TRY, Session, app
from engine.cli.output import (
    Format,
    FormatOption,
    asides,
    counted,
    remark,
    say,
    say_head,
    say_json,
    say_plain,
    say_rows,
)
from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.plan.difference import Affected, Difference, ProjectDiff

MOST_NAMES = 12
"""Of things that change in the same way."""

_COLOURS = {"+": "green", "-": "red", "~": "yellow", ">": "cyan"}


@app.command(rich_help_panel=TRY)
def diff(
    context: typer.Context,
    revision: Annotated[
        str, typer.Argument(help="a commit, branch or tag; without one: where this branch left the main one")
    ] = "",
    pictures: Annotated[
        Path | None,
        typer.Option(
            "--pictures", metavar="DIR", help="what customers see and the journeys, before and after"
        ),
    ] = None,
    form: FormatOption = Format.text,
) -> None:
    """Say in words what differs between the files here and those of an earlier version, and what that does to
    people. Layout, comments and the order of keys are no difference."""
    from engine.cli.changes.compared_versions import compare_versions
    from engine.problem import to_json
    from engine.project import load
    from engine.project_files import files_at

    session = Session.of(context)
    project = load(session.folder)
    commit = base_commit(project.folder, revision)
    compared = compare_versions(files_at(project.folder, commit), project, session.clock.now())
    answer = compared.differences
    made = None
    if pictures is not None:
        from engine.cli.changes.pictures.folder import write_pictures

        made = write_pictures(pictures, compared, commit)
    if form is Format.json:
        say_json(
            {
                "against": commit,
                "affects": answer.affects,
                "subjects": answer.subjects,
                "unread": answer.unread,
                "warnings": [to_json(each) for each in answer.warnings],
                **({"pictures": made} if made is not None else {}),
            }
        )
        return
    tell_diff(answer, commit[:12])
    if made is not None:
        say()
        what = f"{counted(made.messages, 'message')} and {counted(made.journeys, 'journey')}"
        say_plain(f"{what} before and after: {made.page}")
        if made.missing:
            remark(made.missing)


def base_commit(folder: Path, revision: str) -> str:
    """The commit that a change is compared with: where this branch left `revision`, or the main one. Raises
    UsageError where git knows none."""
    from engine.project_files import base_of, is_shallow, main_base

    commit = base_of(folder, revision) if revision else main_base(folder)
    if commit is not None:
        return commit
    if revision and is_shallow(folder):
        raise UsageError(
            f'this clone holds a part of its past, and "{revision}" is not in it',
            "fetch all of it:  git fetch --unshallow ; in a workflow of GitHub  "
            'fetch-depth: 0  for the checkout, in GitLab  GIT_DEPTH: "0"',
        )
    if revision and main_base(folder) is not None:
        raise UsageError(f'git knows no "{revision}" here', "name a commit, a branch or a tag")
    raise UsageError(
        "this folder is not under git, or has no commit yet", "commit the files once, then change them"
    )


def tell_diff(answer: ProjectDiff, against: str) -> None:
    """The differences for people. `against`: the version that they are compared with."""
    from engine.plan.difference import grouped

    if not answer.subjects and not answer.unread:
        say_plain(f"nothing changes against {against}")
        return
    for group in grouped(answer.subjects):
        subject = group.first
        say_head(f"{group.words(MOST_NAMES)}: {_affects(subject.affects)}")
        _lines(subject.changes)
        if subject.folded:
            say("  [dim]moved or renamed[/]")
            _lines(subject.folded)
    for unread in answer.unread:
        asides.print(f"{unread.file} cannot be compared: {unread.why}; {unread.cure}", markup=False)
    if answer.warnings:
        say_head("check warns of what it did not before")
        say_rows([(f"{each.span.file}:{each.span.line}", each.code, each.what) for each in answer.warnings])
    changes = sum(len(subject.changes) + len(subject.folded) for subject in answer.subjects)
    found = [f"{counted(changes, 'change')} against {against}: {_affects(answer.affects)}"] if changes else []
    if answer.unread:
        found.append(f"{counted(len(answer.unread), 'file')} cannot be compared, and may change anything")
    say()
    say_plain("; ".join(found))


def _affects(affects: Sequence[Affected]) -> str:
    from engine.plan.difference import Affected

    if not any(who is not Affected.NOTHING for who in affects):
        return "nothing changes for customers"
    return f"changes {', '.join(affects)}"


def _lines(changes: tuple[Difference, ...]) -> None:
    from rich.markup import escape

    from engine.plan.difference import with_rules
    from engine.printable import printable

    for change, rule in with_rules(changes):
        say(f"  [{_COLOURS[change.sign]}]{change.sign}[/] {escape(printable(change.words))}")
        if rule:
            say(f"      [dim]{escape(rule)}[/]")
