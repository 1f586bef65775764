"""`story`: a real run as a test of its journey, so that a complaint becomes one that stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import LOOK, Session, app
from engine.cli.output import asides, remark, say_block
from engine.errors import UsageError
from engine.problem import did_you_mean

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from engine.core.enrollment import Enrollment
    from engine.project import Project
    from engine.runtime.known_customer import KnownCustomer
    from engine.simulate.stories.run_story import StoryResult
    from engine.simulate.stories.story_of_run import RecordedTimeline


@app.command(rich_help_panel=LOOK)
def story(
    context: typer.Context,
    customer: Annotated[str, typer.Argument(help="an id, an e-mail address or a telephone number")],
    journey: Annotated[str, typer.Argument(help="the journey that they are or were in")],
    on: Annotated[str, typer.Option("--on", help="the run that began on this day; else the last one")] = "",
    name: Annotated[str, typer.Option("--name", help="what the test is called")] = "",
) -> None:
    """Print a run of a customer as a test of its journey: what was given, what happened, what was decided.
    Nobody is named in it. It is tried at once, and what comes out otherwise is said on stderr."""
    from engine.cli.reports.drawn import day_of, run_of
    from engine.cli.stores import known_person, look_into_store
    from engine.project import load
    from engine.simulate.stories.story_of_run import story_of_run

    session = Session.of(context)
    project = load(session.folder)
    compiled = project.journeys.by_name.get(journey)
    if compiled is None:
        known = project.journeys.by_name
        near = did_you_mean(journey, known, f"there are: {', '.join(sorted(known))}")
        raise UsageError(f'there is no journey "{journey}"', near)
    with look_into_store(session.folder) as conn:
        person = known_person(conn, customer, session)
        run = run_of(conn, person, journey, on)
        timeline = _timeline(conn, person)
    called = name or f"a run of {day_of(run, person)}"
    text = story_of_run(
        run, timeline, compiled, project.journeys, project.catalogue, person.zone, called, session.clock.now()
    )
    tried = _tried(project, journey, text)
    if tried is not None and run.is_open and (coming := _coming(tried, run, person)):
        head = text.removesuffix("  expect: nothing\n")
        head = head if head == text else f"{head}  expect:\n"
        text = head + "".join(f"    - {line}   # has not happened yet\n" for line in coming)
        tried = _tried(project, journey, text)
    say_block(text.rstrip("\n"))
    _tell(tried, journey)


def _coming(tried: StoryResult, run: Enrollment, person: KnownCustomer) -> list[str]:
    """What the story says of the time after now: the run is not over."""
    from engine.cli.reports.drawn import day_of
    from engine.values import to_datetime

    here = to_datetime(person.now, person.zone)
    now = ((here.date() - day_of(run, person)).days, here.hour * 60 + here.minute)
    later = (row for row in tried.rows if row.mark == "+" and (row.at.day, row.at.minute) > now)
    return [f"{row.at.label}: {row.happened}" for row in later]


def _timeline(conn: Connection, person: KnownCustomer) -> RecordedTimeline:
    from engine.simulate.stories.story_of_run import ProfileChange, RecordedTimeline, SegmentMove
    from engine.store.customers import events
    from engine.store.journeys import traces
    from engine.store.meta import bucket_of
    from engine.store.serialization import load

    past = events.of_customer(conn, bucket_of(conn, person.id), person.id)
    profile, moves = [], []
    for event in past:
        if event.name not in ("$changed", "$entered", "$left"):
            continue
        document = str(event.fields["document"])
        if event.name == "$changed":
            said = events.stored_change(document)
            change = ProfileChange(
                event.occurred_at, event.number, said.attributes, said.addresses, said.consents
            )
            profile.append(change)
        else:
            segment, enters = str(load(document)["segment"]), event.name == "$entered"
            moves.append(SegmentMove(event.occurred_at, event.number, segment, enters))
    return RecordedTimeline(
        [event for event in past if not event.name.startswith("$")], profile, moves,
        [record.line for record in traces.of_customer(conn, person.id)], person.state.facts.values,
    )  # fmt: skip


def _tried(project: Project, journey: str, text: str) -> StoryResult | None:
    """What the story comes to in the folder; None where it cannot be read."""
    from engine.language.parse import parse_journey
    from engine.simulate.stories.run_story import run_story

    compiled = project.journeys.by_name[journey]
    before = _without_tests(project.sources[compiled.file], compiled.file)
    item = "".join(f"  {line}\n" for line in text.splitlines())
    file, _ = parse_journey(f"{before.rstrip()}\n\ntests:\n{item}", compiled.file)
    if file is None or not file.tests:
        return None
    return run_story(compiled, project.journeys, file.tests[0], project.world)


def _without_tests(text: str, path: str) -> str:
    from engine.language.nodes import Mapping
    from engine.language.yaml.source import read

    root, _ = read(text, path)
    if not isinstance(root, Mapping):
        return text
    begins = {entry.key.text: entry.key.span.line for entry in root.entries}
    at = begins.get("tests")
    if at is None:
        return text
    lines = text.split("\n")
    after = min((line for line in begins.values() if line > at), default=len(lines) + 1)
    return "\n".join([*lines[: at - 1], *lines[after - 1 :]])


def _tell(result: StoryResult | None, journey: str) -> None:
    if result is None:
        remark("it cannot be run as it stands")
        return
    if result.passed:
        remark(f"it passes: paste it under  tests:  of journeys/{journey}.yaml")
        return
    remark("with the files here, and with this journey alone, it comes out otherwise:")
    for row in result.rows:
        asides.print(f"  {row.mark} {row.at.label}: {row.expected or row.happened}", markup=False)
    for problem in result.problems:
        asides.print(f"  {problem.what}", markup=False)
