"""`deploy`: publish what is in the folder. A running daemon takes it within a second."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import PROBLEMS, RUN, Session, app
from engine.cli.changes.plan import GONE_HELP
from engine.cli.output import Format, FormatOption, complain, counted, remark, say, say_json
from engine.command_hints import command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.plan.in_flight import DeploymentPlan
    from engine.plan.reviewed_plan import ReviewedPlan
    from engine.runtime.publish.deploy import Deployment
    from engine.runtime.publish.planning import ComingDeployment
    from engine.runtime.publish.pool_files import ImportedCodes
    from engine.store.daemon.daemon_state import FollowedDeployment
    from engine.store.database import Store
    from engine.values import Instant

_PATIENCE, _LOOK = 30.0, 0.1
"""Seconds: a daemon looks for deployments every second, then reads the whole of one; a large shop on a small
machine takes its time for that."""


_Yes = Annotated[bool, typer.Option("--yes", help="do not ask")]
_Planned = Annotated[
    Path | None,
    typer.Option("--plan", exists=True, dir_okay=False, help="publish what this file of  plan --out  says"),
]
_Gone = Annotated[list[str] | None, typer.Option("--gone", metavar="JOURNEY.STEP", help=GONE_HELP)]
_Rollback = Annotated[
    bool, typer.Option("--rollback", help="publish again what was published before the last deployment")
]
_Replay = Annotated[
    bool | None,
    typer.Option(
        "--replay/--no-replay",
        help="with or without the recorded events of the last weeks; without either, where it asks",
    ),
]


@app.command(rich_help_panel=RUN)
def deploy(
    context: typer.Context,
    form: FormatOption = Format.text,
    yes: _Yes = False,
    planned: _Planned = None,
    gone: _Gone = None,
    rollback: _Rollback = False,
    replay: _Replay = None,
) -> None:
    """Say what `plan` says, ask, and publish the folder to the store: the people inside are matched to the
    new files, then these count."""
    from engine.cli.changes.compared_versions import compare
    from engine.cli.changes.plan import tell_deployment
    from engine.cli.changes.traffic import is_worth_playing, traffic_of_store
    from engine.cli.stores import daemon_runs, project_store, whom
    from engine.project import load
    from engine.runtime.publish.deploy import Approval
    from engine.runtime.publish.deploy import deploy as publish
    from engine.runtime.publish.last_published import project_before
    from engine.runtime.publish.planning import plan_deployment
    from engine.runtime.publish.pool_files import import_pool_files

    session = Session.of(context)
    reviewed = _reviewed(planned) if planned is not None else None
    certain = yes or reviewed is not None or not sys.stdin.isatty()
    said = {*(gone or ()), *(reviewed.gone if reviewed is not None else ())}
    now = session.clock.now()
    with project_store(session.folder) as store:
        with store.read() as conn:
            # a folder with mistakes does not keep from going back
            project = project_before(conn, session.folder) if rollback else load(session.folder)
            coming = plan_deployment(conn, project, now, said)
        # It takes seconds: who is asked decides by it, a script or a reviewed plan has decided
        plays = replay if replay is not None else not certain and form is Format.text
        sent = None
        if coming.number and (plays or form is Format.text):
            differences = compare(coming.published, coming.project, now)
            if plays and is_worth_playing(differences):
                sent = traffic_of_store(store, coming, differences, now)
            differs = differences.subjects or differences.unread or coming.plan.journeys
            if form is Format.text and differs:
                tell_deployment(coming, differences, sent)
                if not certain:
                    said |= _asked(coming.plan)
        approval = Approval(frozenset(said), reviewed)
        done = store.write(lambda conn: publish(conn, project, now, whom(), approval))
        filled = import_pool_files(store, project.folder, project.config, now)
        taken = _taken(store, done.number) if daemon_runs(project.config, project.folder) else None
    if form is Format.json:
        say_json({
            "number": done.number, "changed": done.changed, "commit": project.commit, "moved": done.moved,
            "happened": done.happened, "counted": list(done.counted),
            "admissions": coming.plan.admissions if done.changed else (), "codes": filled, "traffic": sent,
            "daemon": taken,
        })  # fmt: skip
    else:
        _tell(done, filled, taken)
        if done.changed:
            _tell_admissions(coming, now)
    if taken is not None and (taken.refused or not taken.number):
        raise typer.Exit(PROBLEMS)


def _tell_admissions(coming: ComingDeployment, now: Instant) -> None:
    """Who comes in over a day, since a journey that takes all of its segment goes live."""
    from engine.cli.changes.plan import admission_words
    from engine.values import DAY, Instant, to_datetime, zone

    until = to_datetime(Instant(now + DAY), zone(coming.project.config.timezone))
    for each in coming.plan.admissions:
        remark(f"{each.journey}: {admission_words(each, f'over 24 hours, until {until:%Y-%m-%d %H:%M}')}")


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
            if people:
                say(f"  {journey}: {people:,} people inside were moved")
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


def _reviewed(file: Path) -> ReviewedPlan:
    from engine.plan.reviewed_plan import MOST, read

    with file.open("rb") as opened:
        return read(opened.read(MOST + 1), str(file))


def _asked(plan: DeploymentPlan) -> set[str]:
    """Asks on the terminal whether to publish; the steps of which somebody said that none took their
    place."""
    said = {
        doubt.name for doubt in plan.doubts
        if typer.confirm(f"Is {doubt.name} gone, and no other step took its place?")
    }  # fmt: skip
    if len(said) == len(plan.doubts):  # else the refusal says what to write
        typer.confirm("Publish?", abort=True)
    return said


def _taken(store: Store, number: int) -> FollowedDeployment:
    """What the running daemon says to this deployment; number 0: nothing within `_PATIENCE` seconds."""
    from engine.store.daemon.daemon_state import FollowedDeployment, followed

    pause = threading.Event()
    for _ in range(int(_PATIENCE / _LOOK)):
        with store.read() as conn:
            said = followed(conn)
        if said is not None and said.number >= number:
            return said
        pause.wait(_LOOK)
    return FollowedDeployment(0)
