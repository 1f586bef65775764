"""`plan`: what `deploy` would do: to the people inside, to segments, and in words to everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import PROBLEMS, RUN, Session, app
from engine.cli.output import Format, counted, say, say_head, say_json, say_plain, say_rows
from engine.errors import UsageError
from engine.invocation import command

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from engine.runtime.publish.planning import DeploymentPlan, JourneyPlan, PlaceInFlight

PENDING = 4
"""Exit code with `--exit-code` where a deployment would change something."""


@app.command(rich_help_panel=RUN)
def plan(
    context: typer.Context,
    form: Annotated[Format, typer.Option("--format", help="text or json")] = Format.text,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="leave with 4 where deploy would change something")
    ] = False,
) -> None:
    """Say what publishing the folder would do: how many people are where, what becomes of them, who leaves at
    once, how segments change, and what differs in words. Changes nothing."""
    from engine.cli.diff import compare, plain_diff, tell_diff
    from engine.cli.stores import look_into_store
    from engine.project import load
    from engine.runtime.publish.deploy import published_journeys
    from engine.runtime.publish.planning import plan as planned
    from engine.store.journeys import deployments
    from engine.values import zone

    session = Session.of(context)
    project = load(session.folder)
    if project.has_errors:
        raise UsageError("the project has errors", f"`{command('check')}` shows them")
    now = session.clock.now()
    with look_into_store(session.folder) as conn:
        number, old = deployments.current_number(conn), published_journeys(conn)
        if old is None:
            raise UsageError("nothing was deployed yet", f"`{command('deploy')}` publishes the folder")
        published = deployments.files(conn, number)
        coming = planned(conn, old, project.journeys, now)
    differences = compare(published, project, now)
    if form is Format.json:
        say_json({"against": number, "people": coming, **plain_diff(differences)})
    else:
        _tell(coming, zone(project.config.timezone))
        tell_diff(differences, f"deployment {number}")
    if coming.is_refused:
        raise typer.Exit(PROBLEMS)
    if exit_code and (differences.subjects or differences.unread):
        raise typer.Exit(PENDING)


def _tell(coming: DeploymentPlan, zone: ZoneInfo) -> None:
    for journey in coming.journeys:
        say_head(f"journey {journey.journey}: {_people(journey.people)} inside")
        if journey.is_gone:
            say("  [bold red]refused[/]: its file is gone, and they would be without waits and goals")
            say("  First deploy it with  state: closing  (they finish) or  state: stopped  (they leave now)")
            continue
        say_rows([_row(place, zone) for place in journey.places])
        _tell_who_leaves(journey)
    for segment in coming.segments:
        say_head(f"segment {segment.segment}: {segment.enters:,} more, {segment.leaves:,} fewer")
        say_plain(
            "  they were in it, or not, from the beginning: nobody enters a journey by the change alone"
        )


def _tell_who_leaves(journey: JourneyPlan) -> None:
    for people, question in ((journey.reaches_goal, "goal"), (journey.leaves_early, "exit_if")):
        if people:
            leave = "leaves" if people == 1 else "leave"
            why = f"the changed {question} holds already"
            say_plain(f"  {_people(people)} of them {leave} at the next event or step: {why}")


def _people(number: int) -> str:
    return "1 person" if number == 1 else counted(number, "people").removesuffix("s")


def _row(place: PlaceInFlight, zone: ZoneInfo) -> list[str]:
    from engine.runtime.publish.planning import Fate
    from engine.values import to_datetime

    words = str(place.fate)
    if place.to is not None:
        words += f" {'at' if place.fate is not Fate.GOES_ON else 'to'} {place.to}"
    if place.until is not None and place.fate in (Fate.KEEPS_MOMENT, Fate.GOES_ON, Fate.FINISHES):
        words += f"; the last of them is due {to_datetime(place.until, zone):%Y-%m-%d %H:%M}"
    return [f"{place.people:>7,}", f"at {place.step or 'no step'}", words]
