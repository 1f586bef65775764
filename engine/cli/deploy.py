"""`deploy`: publish what is in the folder. A running daemon takes it within a second."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import PROBLEMS, RUN, Session, app
from engine.cli.output import Format, complain, counted, remark, say, say_json
from engine.invocation import command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.runtime.publish.deploy import Deployment
    from engine.runtime.publish.pool_files import ImportedCodes
    from engine.store.daemon_state import FollowedDeployment
    from engine.store.database import Store

_PATIENCE, _LOOK = 30.0, 0.1
"""Seconds: a daemon looks for deployments every second, then reads the whole of one; a large shop on a small
machine takes its time for that."""


@app.command(rich_help_panel=RUN)
def deploy(
    context: typer.Context,
    form: Annotated[Format, typer.Option("--format", help="text or json")] = Format.text,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Say what `plan` says, ask, and publish the folder to the store: the people inside are matched to the
    new files, then these count."""
    from engine.cli.diff import compare, tell_diff
    from engine.cli.plan import tell_plan
    from engine.cli.stores import daemon_runs, open_project_store, whom
    from engine.project import load
    from engine.runtime.publish.deploy import deploy as publish
    from engine.runtime.publish.planning import plan_deployment
    from engine.runtime.publish.pool_files import import_pool_files
    from engine.values import zone

    session = Session.of(context)
    project = load(session.folder)
    store = open_project_store(project)
    try:
        now = session.clock.now()
        with store.read() as conn:
            coming = plan_deployment(conn, project, now)
        if coming.number and form is Format.text:
            differences = compare(coming.published, coming.project, now)
            if differences.subjects or coming.plan.journeys:
                tell_plan(coming.plan, zone(project.config.timezone))
                tell_diff(differences, f"deployment {coming.number}")
                _ask(yes)
        done = store.write(lambda conn: publish(conn, project, now, whom()))
        filled = import_pool_files(store, project.folder, project.config, now)
        taken = _taken(store, done.number) if daemon_runs(project.config, project.folder) else None
    finally:
        store.close()
    if form is Format.json:
        say_json(
            {
                "number": done.number,
                "changed": done.changed,
                "commit": project.commit,
                "moved": dict(done.moved),
                "counted": list(done.counted),
                "codes": filled,
                "daemon": taken,
            }
        )
    else:
        _tell(done, filled, taken)
    if taken is not None and (taken.refused or not taken.number):
        raise typer.Exit(PROBLEMS)


def _tell(
    done: Deployment,
    filled: Mapping[str, ImportedCodes],
    taken: FollowedDeployment | None,
) -> None:
    if not done.changed:
        say(f"nothing new: deployment {done.number} holds the same files")
    else:
        say(
            f"deployment {done.number} ({done.project.commit or 'no commit'}): "
            f"{counted(len(done.project.journeys.by_name), 'journey')}"
        )
        for journey, people in done.moved.items():
            say(f"  {journey}: {people:,} people inside were matched to the new file")
        for fact in done.counted:
            remark(
                f"{fact} is new or computed in another way: the kept events are counted beside everything"
                f" else, `{command('facts')}` says how far"
            )
    for pool, codes in filled.items():
        say(f"{counted(codes.added, 'code')} added to {pool}")
        for line, why in codes.refused:
            complain(f"line {line:,} of the file of {pool} is no code: {why}")
    if taken is None:
        return
    if not taken.number:
        complain("the running daemon has not taken it yet; its log says why")
    if taken.refused:
        complain(f"the running daemon keeps its channels as they were: {taken.refused}")
    for part in taken.after_restart:
        remark(f"{part} of config.yaml counts after the next start of the daemon")


def _ask(certain: bool) -> None:
    """On a terminal somebody says yes to what was told. A script has said so by running it."""
    if not certain and sys.stdin.isatty():
        typer.confirm("Publish?", abort=True)


def _taken(store: Store, number: int) -> FollowedDeployment:
    """What the running daemon says to this deployment; number 0: nothing within `_PATIENCE` seconds."""
    from engine.store.daemon_state import FollowedDeployment, followed

    pause = threading.Event()
    for _ in range(int(_PATIENCE / _LOOK)):
        with store.read() as conn:
            said = followed(conn)
        if said is not None and said.number >= number:
            return said
        pause.wait(_LOOK)
    return FollowedDeployment(0)
