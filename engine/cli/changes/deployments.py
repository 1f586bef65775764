"""`deployments`: what was published when, by whom, from which commit, and what each changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import LOOK, Session, app
from engine.cli.changes.plan import MOVED
from engine.cli.output import Format, FormatOption, say_head, say_json, say_plain, say_rows

if TYPE_CHECKING:
    from engine.cli.reports.deployments import DeploymentChange

_SHOWN = 6


@app.command(rich_help_panel=LOOK)
def deployments(
    context: typer.Context,
    last: Annotated[int, typer.Option("--last", min=1, max=1000, help="so many of them")] = 20,
    form: FormatOption = Format.text,
) -> None:
    """What was published: when, by whom, from which commit, which files each changed, and what became of the
    people inside beside what was planned. Newest first."""
    from engine.cli.reports.deployments import changes
    from engine.cli.stores import look_into_store

    session = Session.of(context)
    with look_into_store(session.folder) as conn:
        answer = changes(conn, last)
    if form is Format.json:
        say_json(answer)
    elif not answer:
        say_plain("nothing was deployed yet")
    else:
        say_rows([_row(each) for each in answer], indent=0)
        told = [row for each in answer for row in _people(each)]
        if told:
            say_head("People who were inside, by what became of them")
            say_rows([["number", "journey", "planned", "happened", ""], *told])


def _row(change: DeploymentChange) -> list[str]:
    # a commit of a folder with changes of its own has its mark behind the 40 signs of the hash
    commit = f"{change.commit[:12]}{change.commit[40:]}" if change.commit else "no commit"
    return [str(change.number), change.at, change.whom, commit, _words(change)]


def _people(change: DeploymentChange) -> list[list[str]]:
    return [
        [str(change.number), moved.journey, f"{moved.planned:,}", f"{moved.happened:,}", MOVED[moved.rule]]
        for moved in change.people
    ]


def _words(change: DeploymentChange) -> str:
    if change.is_first:
        return f"the first: {len(change.added):,} files"
    parts = [
        f"{sign}{name}"
        for sign, names in (("+", change.added), ("~", change.changed), ("-", change.removed))
        for name in names
    ]
    more = f", and {len(parts) - _SHOWN:,} more" if len(parts) > _SHOWN else ""
    return ", ".join(parts[:_SHOWN]) + more or "the same files, with another program"
