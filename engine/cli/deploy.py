"""`deploy`: publish what is in the folder. A running daemon takes it within a second."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli.app import RUN, Session, app
from engine.cli.output import Format, counted, say, say_json


@app.command(rich_help_panel=RUN)
def deploy(
    context: typer.Context,
    form: Annotated[Format, typer.Option("--format", help="text or json")] = Format.text,
) -> None:
    """Publish the folder to the store: the people inside are matched to the new files, then these count."""
    from engine.cli.stores import open_project_store, whom
    from engine.project import load
    from engine.runtime.publish.deploy import deploy as publish

    session = Session.of(context)
    project = load(session.folder)
    store = open_project_store(project)
    try:
        now = session.clock.now()
        done = store.write(lambda conn: publish(conn, project, now, whom()))
    finally:
        store.close()
    if form is Format.json:
        say_json(
            {
                "number": done.number,
                "changed": done.changed,
                "commit": project.commit,
                "moved": dict(done.moved),
            }
        )
    elif not done.changed:
        say(f"nothing new: deployment {done.number} holds the same files")
    else:
        say(
            f"deployment {done.number} ({project.commit or 'no commit'}): "
            f"{counted(len(project.journeys.by_name), 'journey')}"
        )
        for journey, people in done.moved.items():
            say(f"  {journey}: {people:,} people inside were matched to the new file")
