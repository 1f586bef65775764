"""`diagram`: a journey as a flowchart, with what a change does to it, who is where, or the way of one run."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import WRITE, Session, app
from engine.cli.authoring.test import chosen
from engine.cli.output import remark, say_block, writing
from engine.command_hints import command
from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.diagram.nodes import Flowchart
    from engine.language.syntax import JourneyFile
    from engine.plan.project_diff import ReadJourneys
    from engine.project import Project


class DiagramFormat(StrEnum):
    """`--format` of flowcharts."""

    text = "text"
    mermaid = "mermaid"
    svg = "svg"
    json = "json"


_Journey = Annotated[str, typer.Argument(help="A journey, by name or file.")]
_Against = Annotated[
    str,
    typer.Option(
        "--against",
        help="mark what differs from this commit, branch or tag; main: where the branch left it",
    ),
]
_People = Annotated[bool, typer.Option("--people", help="how many people rest at each step now")]
_Snapshot = Annotated[
    Path | None, typer.Option("--snapshot", help="the people, as a file of  snapshot  counted them")
]
_Run = Annotated[
    str, typer.Option("--run", metavar="CUSTOMER", help="the way of their run: an id, an e-mail, a telephone")
]
_On = Annotated[
    str,
    typer.Option("--on", help="with --run: the one that began on this day, or at this moment; else the last"),
]
_Output = Annotated[
    DiagramFormat | None,
    typer.Option("--format", help="How it is drawn; without it, as the ending of --out says, else text."),
]
_Out = Annotated[Path | None, typer.Option("--out", help="Write it to this file: .svg, .mmd, .json or .txt.")]


@app.command(rich_help_panel=WRITE)
def diagram(
    context: typer.Context,
    journey: _Journey,
    against: _Against = "",
    people: _People = False,
    snapshot: _Snapshot = None,
    run: _Run = "",
    on: _On = "",
    output: _Output = None,
    out: _Out = None,
) -> None:
    """Draw a journey: as a tree for the terminal, as Mermaid for a pull request or a wiki, as SVG for a
    page; with what a change does to it, who is where, or the way of one run."""
    from engine.project import load

    if run and against:
        raise UsageError("a run and a change are two pictures:", "leave --run or --against away")
    if people and snapshot is not None:
        raise UsageError("the people are those of the store or of a snapshot:", "leave one of both away")
    session = Session.of(context)
    project = load(session.folder)
    if run:
        drawn, file = _run_drawn(project, session, Path(journey).stem, run, on)
    else:
        drawn, file = _drawn(project, journey, against)
    drawn = _overlaid(drawn, file, session, people, snapshot)
    endings = {".svg": DiagramFormat.svg, ".mmd": DiagramFormat.mermaid, ".json": DiagramFormat.json}
    form = output or (endings.get(out.suffix, DiagramFormat.text) if out else DiagramFormat.text)
    if out is not None:
        with writing(out):
            out.write_text(_text(drawn, form), encoding="utf-8")
        remark(f"wrote {out}")
    elif form is DiagramFormat.text:
        from rich.console import Console

        from engine.diagram.terminal import tree

        # Not the console of other answers: it never wraps, and a tree has to know its width.
        Console(highlight=False).print(tree(drawn))
    else:
        say_block(_text(drawn, form).rstrip("\n"))


def _text(drawn: Flowchart, form: DiagramFormat) -> str:
    """A flowchart as it stands in a file."""
    import msgspec
    from rich.console import Console

    from engine.diagram.mermaid import mermaid
    from engine.diagram.svg import svg
    from engine.diagram.terminal import tree

    match form:
        case DiagramFormat.mermaid:
            return mermaid(drawn)
        case DiagramFormat.svg:
            return svg(drawn)
        case DiagramFormat.json:
            return msgspec.json.format(msgspec.json.encode(drawn), indent=2).decode() + "\n"
        case DiagramFormat.text:
            console = Console(width=120, color_system=None)
            with console.capture() as written:
                console.print(tree(drawn))
            return written.get()


def _one(project: Project, journey: str) -> JourneyFile:
    files = chosen(project, [journey])
    if len(files) != 1:
        names = ", ".join(file.name.value for file in files)
        raise UsageError(
            f'"{journey}" is {"more than one journey: " + names if files else "a file with mistakes"}:',
            "name one of them" if files else f"see  {command(f'check {journey}')}",
        )
    return files[0]


def _drawn(project: Project, journey: str, against: str) -> tuple[Flowchart, JourneyFile]:
    """The journey, and what is drawn of it; one that is gone as it was."""
    from engine.cli.changes.diff import base_commit
    from engine.cli.reports.diagram_data import former_of
    from engine.diagram.flowchart import flowchart
    from engine.plan.changed_flowchart import changed_flowchart, former_flowchart
    from engine.plan.project_diff import journeys_of
    from engine.project_files import files_at

    if not against:
        file = _one(project, journey)
        return flowchart(file), file
    before = journeys_of(files_at(project.folder, base_commit(project.folder, against)))
    if (gone := _gone(project, journey, before)) is not None:
        return former_flowchart(gone, None), gone
    file = _one(project, journey)
    former = former_of(file, before)
    if former is None and (why := before.unread.get(file.span.file)):
        raise UsageError(f"{file.span.file} of {against} cannot be read: {why}.", "leave --against away")
    return changed_flowchart(former, file), file


def _gone(project: Project, journey: str, before: ReadJourneys) -> JourneyFile | None:
    """The journey of the version before that no file here holds, under whatever name."""
    from engine.cli.reports.diagram_data import names_of

    name = Path(journey).stem
    here = {Path(file).stem for file in project.broken}
    for file in project.files.values():
        here |= {Path(file.span.file).stem, *names_of(file)}
    return before.by_name.get(name) if name not in here else None


def _overlaid(
    drawn: Flowchart, file: JourneyFile, session: Session, people: bool, snapshot: Path | None
) -> Flowchart:
    from engine.cli.reports.diagram_data import inside_in, inside_now
    from engine.cli.stores import look_into_store
    from engine.diagram.overlays import with_people
    from engine.store.streams.snapshot import read_snapshot

    if snapshot is not None:
        inside = inside_in(read_snapshot(snapshot)[0], file)
    elif people:
        with look_into_store(session.folder, needed=True) as conn:
            inside = inside_now(conn, file)
    else:
        return drawn
    return with_people(drawn, inside.people, inside.holdout, inside.steps)


def _run_drawn(
    project: Project, session: Session, journey: str, customer: str, on: str
) -> tuple[Flowchart, JourneyFile]:
    """The way of a run over the version by which it was decided last, which may not be that of the folder."""
    from engine.cli.reports.diagram_data import path_of, run_of, runs_of, version_of
    from engine.cli.stores import known_person, look_into_store
    from engine.diagram.flowchart import flowchart
    from engine.diagram.overlays import with_run

    with look_into_store(session.folder, needed=True) as conn:
        person = known_person(conn, customer, session)
        run = run_of(runs_of(conn, person), person, journey, on)
        path = path_of(conn, person, run)
        version = version_of(conn, run, person.now)
    if version is None:
        file = _one(project, journey)
    else:
        file = version.file
        path = replace(path, words=path.words + version.beside(project.sources.get(file.span.file, "")))
    return with_run(flowchart(file), path), file
