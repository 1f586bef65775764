"""`story`: a run as a test of its journey, so that a complaint, or what a change does to a customer of a
replay, becomes one that stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import LOOK, Session, app
from engine.cli.output import asides, remark, say_block
from engine.errors import UsageError
from engine.problem import did_you_mean

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from engine.core.enrollment import Enrollment
    from engine.core.journey import Journey
    from engine.project import Project
    from engine.runtime.known_customer import KnownCustomer
    from engine.simulate.replay.one_customer import ReplayedCustomer
    from engine.simulate.stories.customer_timeline import CustomerTimeline
    from engine.simulate.stories.story_check import JourneyUnderTest
    from engine.simulate.stories.story_lines import ComparedRow


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which run is told, and what the test is called; "": the last one, and by the day of the run."""

    customer: str
    journey: str
    on: str
    name: str


@app.command(rich_help_panel=LOOK)
def story(
    context: typer.Context,
    customer: Annotated[
        str, typer.Argument(help="an id, an e-mail address or a telephone number; with --events the id alone")
    ],
    journey: Annotated[str, typer.Argument(help="the journey that they are or were in")],
    on: Annotated[
        str,
        typer.Option("--on", help="the run that began on this day, or at this moment; else the last one"),
    ] = "",
    name: Annotated[str, typer.Option("--name", help="what the test is called")] = "",
    events: Annotated[
        list[Path] | None,
        typer.Option("--events", help="a customer of this stream, as `replay` plays it, not of the store"),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option("--mapping", help="with --events: how foreign events become ours")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="with --events: nobody is reachable unless the stream says so")
    ] = False,
    revision: Annotated[
        str, typer.Option("--rev", help="with --events: as the files of a commit, branch or tag play it")
    ] = "",
) -> None:
    """Print a run of a customer as a test of its journey: what was given, what happened, what was decided.
    Nobody is named in it. It is tried at once, and what comes out otherwise is said on stderr."""
    session, wanted = Session.of(context), _Wanted(customer, journey, on, name)
    if not events:
        if mapping is not None or strict or revision:
            what = "--mapping, --strict and --rev are about a recorded stream:"
            raise UsageError(what, "name it with  --events FILE")
        _of_store(session, wanted)
        return
    from engine.cli.changes.replay_inputs import mapping_of, project_at, project_here
    from engine.simulate.replay.one_customer import replay_customer

    here = project_here(session.folder)
    project = project_at(here.folder, revision)[0] if revision else here
    compiled = _journey(project, journey)
    read = mapping_of(mapping, project) if mapping is not None else None
    played = replay_customer(customer, project.journeys, project.world, events, read, strict=strict)
    _of_replay(wanted, project, compiled, played, revision)


def _of_store(session: Session, wanted: _Wanted) -> None:
    from engine.cli.reports.diagram_data import day_of, run_of, runs_of
    from engine.cli.stores import known_person, look_into_store
    from engine.project import load
    from engine.simulate.stories.story_check import check_story
    from engine.simulate.stories.story_source import StorySource

    project = load(session.folder)
    compiled = _journey(project, wanted.journey)
    with look_into_store(session.folder) as conn:
        person = known_person(conn, wanted.customer, session)
        runs = runs_of(conn, person)
        run = run_of(runs, person, wanted.journey, wanted.on)
        timeline = _timeline(conn, person, runs)
    source = StorySource(
        run=run, timeline=timeline, journey=compiled, journeys=project.journeys, catalogue=project.catalogue,
        zone=person.zone, until=session.clock.now(),
    )  # fmt: skip
    name = wanted.name or f"a run of {day_of(run, person)}"
    checked = check_story(source, _under_test(project, compiled), name, "has not happened yet", is_kept=True)
    say_block(checked.story.text.rstrip("\n"))
    if checked.passes:
        _tell_where(wanted.journey)
    elif checked.result is None:
        remark("it cannot be run as it stands")
    else:
        remark("with the files here, and with this journey alone, it comes out otherwise:")
        _tell_rows(checked.result.rows)
        for problem in checked.result.problems:
            asides.print(f"  {problem.what}", markup=False)


def _of_replay(
    wanted: _Wanted, project: Project, compiled: Journey, played: ReplayedCustomer, revision: str
) -> None:
    from engine.simulate.stories.story_check import check_story
    from engine.simulate.stories.story_source import StorySource

    run = _played_run(played, wanted)
    assert played.until is not None  # else there were no run
    source = StorySource(
        run=run, timeline=played.timeline, journey=compiled, journeys=project.journeys,
        catalogue=project.catalogue, zone=played.zones[run.id], until=played.until,
    )  # fmt: skip
    name = wanted.name or f"a replayed run of {source.day_0}"
    later = "after the last recorded event"
    checked = check_story(source, _under_test(project, compiled), name, later, is_kept=False)
    say_block(checked.story.text.rstrip("\n"))
    if checked.differs:
        remark(
            "among the other journeys (caps, who is inside), or by what came late, the replay did otherwise;"
        )
        remark("with this one alone, and all in time, it comes to what the story expects:")
        _tell_rows(checked.differs)
    if checked.passes:
        if revision:
            remark(f"with the files of {revision} it passes; with those here it shows what they change")
        _tell_where(wanted.journey, passes=not revision)
        return
    remark("it cannot be run as it stands")
    for problem in checked.result.problems if checked.result is not None else ():
        asides.print(f"  {problem.what}", markup=False)


def _played_run(played: ReplayedCustomer, wanted: _Wanted) -> Enrollment:
    from engine.cli.reports.diagram_data import run_begun

    runs = [run for run in played.timeline.runs if run.journey == wanted.journey]
    if not runs:
        what = f'in this replay the customer "{wanted.customer}" never comes into "{wanted.journey}":'
        others = sorted({run.journey for run in played.timeline.runs})
        raise UsageError(what, f"they come into {', '.join(others)}" if others else "nothing begins for them")
    return run_begun(runs, wanted.on, played.zones, played.begun)


def _journey(project: Project, name: str) -> Journey:
    known = project.journeys.by_name
    if name not in known:
        near = did_you_mean(name, known, f"there are: {', '.join(sorted(known))}")
        raise UsageError(f'there is no journey "{name}"', near)
    return known[name]


def _under_test(project: Project, compiled: Journey) -> JourneyUnderTest:
    from engine.simulate.stories.story_check import JourneyUnderTest

    return JourneyUnderTest(compiled, project.sources[compiled.file], project.journeys, project.world)


def _timeline(conn: Connection, person: KnownCustomer, runs: Sequence[Enrollment]) -> CustomerTimeline:
    from engine.core.happening import ProfileChanged, SegmentChanged
    from engine.simulate.stories.customer_timeline import CustomerTimeline
    from engine.store.customers import events
    from engine.store.journeys import traces
    from engine.store.meta import bucket_of
    from engine.store.serialization import load

    past = events.of_customer(conn, bucket_of(conn, person.id), person.id)
    profile, memberships = [], []
    for event in past:
        if event.name not in ("$changed", "$entered", "$left"):
            continue
        document = str(event.fields["document"])
        if event.name == "$changed":
            said = events.stored_change(document)
            consents = {(channel, "marketing"): state for channel, state in said.consents.items()}
            change = ProfileChanged(
                number=event.number, at=event.occurred_at, values=said.attributes, addresses=said.addresses,
                consents=consents,
            )  # fmt: skip
            profile.append(change)
        else:
            segment, enters = str(load(document)["segment"]), event.name == "$entered"
            memberships.append(SegmentChanged(event.number, event.occurred_at, segment, enters))
    return CustomerTimeline(
        events=[event for event in past if not event.name.startswith("$")], profile=profile,
        memberships=memberships, traces=[record.line for record in traces.of_customer(conn, person.id)],
        ledger=person.state.facts.values, runs=runs,
    )  # fmt: skip


def _tell_where(journey: str, *, passes: bool = True) -> None:
    remark(f"{'it passes: ' if passes else ''}paste it under  tests:  of journeys/{journey}.yaml")


def _tell_rows(rows: Sequence[ComparedRow]) -> None:
    for row in rows:
        asides.print(f"  {row.mark} {row.at.label}: {row.expected or row.happened}", markup=False)
