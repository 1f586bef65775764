"""What the store or a snapshot knows of a journey that is drawn: who rests where, and the way of one run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from engine.cli.reports.customer import resting
from engine.cli.reports.times import local
from engine.cli.reports.trace_lines import sentence
from engine.command_hints import command
from engine.core.decision.effects import TraceKind
from engine.core.enrollment import Enrollment, Relocating
from engine.diagram.flowchart import flowchart
from engine.diagram.mermaid import mermaid
from engine.diagram.nodes import Visit, every_node
from engine.diagram.only_changed import only_changed
from engine.diagram.overlays import RunPath, with_people
from engine.errors import UsageError
from engine.language.syntax import JourneyFile
from engine.plan.changed_flowchart import changed_flowchart
from engine.plan.project_diff import ReadJourneys, journeys_of
from engine.runtime.known_customer import KnownCustomer
from engine.store.customers import enrollments
from engine.store.customers.enrollments import InsideCounts
from engine.store.journeys import deployments, traces
from engine.store.meta import bucket_of
from engine.store.streams.snapshot import Snapshot
from engine.values import Instant, iso, local_date, parse_instant

MOST_NODES = 60
"""Of a picture in a comment: of a larger one, only what changed is drawn with its surroundings."""

NOBODY = InsideCounts(0, {}, 0)

_ASIDE: frozenset[TraceKind] = frozenset(("learned", "plan"))
"""What a step thinks before it does something: the next line says what came of it."""


def names_of(file: JourneyFile) -> tuple[str, ...]:
    """The name of a journey, and its former one, under which people may still be inside."""
    return tuple(name.value for name in (file.name, file.was) if name is not None)


def former_of(file: JourneyFile, former: ReadJourneys) -> JourneyFile | None:
    """The journey as it was in another version; None: it is new, or cannot be read there."""
    return next((former.by_name[name] for name in names_of(file) if name in former.by_name), None)


def inside_now(conn: Connection, file: JourneyFile) -> InsideCounts:
    """Who is inside a journey, as `status` counts them."""
    found = (enrollments.inside(conn, name).get(name) for name in names_of(file))
    return next(filter(None, found), NOBODY)


def inside_in(counted: Snapshot, file: JourneyFile) -> InsideCounts:
    """As `inside_now`, when a snapshot was made."""
    journey = next((counted.journeys[name] for name in names_of(file) if name in counted.journeys), None)
    if journey is None:
        return NOBODY
    steps = {place.step: place.people for place in journey.places}
    return InsideCounts(journey.people, steps, journey.people - sum(steps.values()))


def picture_of_change(file: JourneyFile, former: ReadJourneys, counted: Snapshot | None) -> str:
    """What a change does to one journey, in Mermaid, with the people of a snapshot. `former`: the journeys of
    the version before; of one that cannot be read there nothing is marked."""
    before = former_of(file, former)
    is_unread = before is None and file.span.file in former.unread
    drawn = flowchart(file) if is_unread else changed_flowchart(before, file)
    if counted is not None:
        inside = inside_in(counted, file)
        drawn = with_people(drawn, inside.people, inside.holdout, inside.steps)
    if sum(1 for _ in every_node(drawn.nodes)) > MOST_NODES:
        drawn = only_changed(drawn)
    return mermaid(drawn)


def runs_of(conn: Connection, person: KnownCustomer) -> list[Enrollment]:
    """All runs of a customer, in the order in which they began."""
    return enrollments.of_customer(conn, bucket_of(conn, person.id), person.id)


def run_of(everything: Sequence[Enrollment], person: KnownCustomer, journey: str, on: str) -> Enrollment:
    """The run of a customer that began `on` a day of theirs or at a moment, "": the last one. Raises
    UsageError where there is none."""
    runs = [run for run in everything if run.journey == journey]
    if not runs:
        raise UsageError(f'this customer was never in "{journey}":', command(f"show {person.id}"))
    return run_begun(runs, on, {run.id: person.zone for run in runs})


def run_begun(
    runs: Sequence[Enrollment],
    on: str,
    zones: Mapping[str, ZoneInfo],
    begun: Mapping[str, Instant] | None = None,
) -> Enrollment:
    """The last of these runs of a journey that began `on` a day or, where none did, at a moment (ISO 8601);
    "": the last of all. By the id of a run, `zones`: where the customer lived; `begun`: a moment that is
    taken as well. Raises UsageError where there is none."""
    if not on:
        return runs[-1]
    found = [run for run in runs if local_date(run.started_at, zones[run.id]).isoformat() == on]
    if not found and (at := parse_instant(on)) is not None:
        found = [run for run in runs if at in (run.started_at, (begun or {}).get(run.id))]
    if not found:
        began = ", ".join(dict.fromkeys(iso(run.started_at) for run in runs))
        raise UsageError(f"no run of {runs[0].journey} began on {on}:", f"they began {began}")
    return found[-1]


def day_of(run: Enrollment, person: KnownCustomer) -> dt.date:
    """The day on which a run began, where the customer lives."""
    return local_date(run.started_at, person.zone)


@dataclass(frozen=True, slots=True)
class JourneyVersion:
    """The published version of a journey by which a run was decided last. `versions`: how many different ones
    it went through, this one among them."""

    number: int
    text: str
    file: JourneyFile
    versions: int

    def beside(self, here: str) -> str:
        """What a picture of it has to say, where the file of the folder has the text `here`."""
        words = ""
        if here.strip() != self.text.strip():
            words += f"; drawn as deployment {self.number} had it, the file here is another one"
        if self.versions > 1:
            words += f"; the last of {self.versions} versions that it went by"
        return words


def version_of(conn: Connection, run: Enrollment, now: Instant) -> JourneyVersion | None:
    """None where the journey cannot be read in that deployment."""
    held = deployments.between(conn, run.started_at, run.ended_at if run.ended_at is not None else now)
    if not held:
        return None
    number = held[-1][0]
    files = deployments.files(conn, number)
    file = journeys_of(files).by_name.get(run.journey)
    if file is None:
        return None
    hashes = {journeys.get(run.journey) for _, journeys in held} - {None}
    return JourneyVersion(number, files[file.span.file], file, max(1, len(hashes)))


def path_of(conn: Connection, person: KnownCustomer, run: Enrollment) -> RunPath:
    """What a run did, from its trace."""
    lines = [record.line for record in traces.of_customer(conn, person.id)]
    mine = [line for line in lines if line.enrollment == run.id and line.kind not in _ASIDE]
    began = _visit(run.started_at, "enters", person)
    words = f"of {person.id}, began {began.local}"
    if run.ended_at is not None:
        words += f", ended {local(run.ended_at, person.zone)}: {run.outcome}"
    else:
        words += f", {resting(run, person)}"
    if run.goal_at is not None:
        words += f", goal reached {local(run.goal_at, person.zone)}"
    rests_at = ""
    if run.is_open and run.state is not None:
        rests_at = (run.state.step or "") if isinstance(run.state, Relocating) else run.state.step
    until = f" until {local(run.due.at, person.zone)}" if run.due is not None else ""
    return RunPath(
        words, began,
        tuple(
            (line.step, _visit(line.at, sentence(line, person.zone), person)) for line in mine if line.step
        ),
        rests_at, f"rests here{until}" if rests_at else "",
        _visit(run.ended_at, "", person) if run.ended_at is not None and run.outcome == "finish" else None,
    )  # fmt: skip


def _visit(at: Instant, words: str, person: KnownCustomer) -> Visit:
    return Visit(iso(at), local(at, person.zone), words)
