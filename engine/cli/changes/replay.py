"""`replay`: a recorded event stream through the project's journeys, on a virtual clock and without a
network."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import FINE, PROBLEMS, TRY, Session, app
from engine.cli.changes.replay_inputs import mapping_of, project_at, project_here
from engine.cli.output import Format, answers, asides, remark, say, say_json, say_plain
from engine.errors import UsageError
from engine.problem import did_you_mean

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

    from engine.cli.changes.replay_comparison import ReplayArguments
    from engine.core.journeys import Journeys
    from engine.project import Project
    from engine.simulate.replay.comparison import ReplayComparison
    from engine.simulate.replay.replay_report import ReplayReport
    from engine.simulate.replay.result import ReplayResult


WIDE = 140
"""Columns of a table that goes into a file or a pipe."""


_Events = Annotated[
    list[Path], typer.Option("--events", help="JSON Lines, gzipped or not; several are merged by time.")
]
_Mapping = Annotated[
    Path | None, typer.Option("--mapping", help="How foreign events become ours (docs/replay.md).")
]
_Journeys = Annotated[
    list[str] | None, typer.Option("--journey", help="Only this journey; may be given several times.")
]
_Out = Annotated[
    Path | None, typer.Option("--out", help="Folder for starts.jsonl, messages.jsonl and ends.jsonl.")
]
_Strict = Annotated[
    bool,
    typer.Option("--strict", help="Nobody is reachable without an address and a consent in the stream."),
]
_Against = Annotated[
    str | None,
    typer.Option("--against", help="Play the files of a commit, branch or tag as well, and compare."),
]
_OneIn = Annotated[
    int, typer.Option("--one-in", min=1, help="With --against: play only one of so many customers.")
]
_Days = Annotated[bool, typer.Option("--days/--no-days", help="With or without the table of every day.")]
_Output = Annotated[Format, typer.Option("--format", help="How the answer is written.")]


@app.command("replay", rich_help_panel=TRY)
def run_replay(
    context: typer.Context,
    events: _Events,
    mapping: _Mapping = None,
    journeys: _Journeys = None,
    out: _Out = None,
    strict: _Strict = False,
    against: _Against = None,
    one_in: _OneIn = 1,
    days: _Days = True,
    output: _Output = Format.text,
) -> None:
    """Say what today's journeys would have sent to the people of a recorded event stream.

    Recorded purchases and visits stay as they were: this is what would have been sent, not what people would
    have done.
    """
    from engine.simulate.replay.replay import ReplayOptions, replay
    from engine.simulate.replay.replay_report import report

    session = Session.of(context)
    project = project_here(session.folder)
    read = mapping_of(mapping, project) if mapping is not None else None
    chosen = _chosen(project, journeys or [])
    result: ReplayResult
    if one_in > 1 and against is None:
        raise UsageError("a sample has no margin of its own:", "--one-in goes with  --against REV")
    with _bar() as bar:
        task = bar.add_task("replay", total=events[0].stat().st_size if events[0].is_file() else None)

        def progress(done: int) -> None:
            bar.update(task, completed=done)

        options = ReplayOptions(strict, out, progress, one_in=one_in)
        if against is not None:
            from engine.simulate.replay.comparison import compare_replays

            former, commit = project_at(project.folder, against)
            before = (_chosen(former, journeys or [], must_have=False), former.world)
            compared, result = compare_replays(before, (chosen, project.world), events, read, options)
        else:
            result = replay(chosen, project.world, events, read, options)
    if against is not None:
        from engine.cli.changes.replay_comparison import ReplayArguments

        played = ReplayArguments([str(file) for file in events], str(mapping or ""), against, strict)
        _say_compared(compared, commit, result, played, output, days=days)
        raise typer.Exit(_code(result))
    answer = report(result)
    if output is Format.json:
        say_json(answer)
    else:
        _show(answer, result, days=days)
    if out is not None:
        remark(f"starts.jsonl, messages.jsonl and ends.jsonl are in {out}")
    raise typer.Exit(_code(result))


def _code(result: ReplayResult) -> int:
    return PROBLEMS if result.lines and result.bad == result.lines else FINE


def _say_compared(
    answer: ReplayComparison,
    commit: str,
    result: ReplayResult,
    stream: ReplayArguments,
    output: Format,
    *,
    days: bool,
) -> None:
    from engine.cli.changes.replay_comparison import show_comparison
    from engine.simulate.replay.replay_report import notes

    if output is Format.json:
        say_json({"against": commit, "comparison": answer})
        return
    show_comparison(answer, stream, commit[:12], result.currency, result.figures.zone, days=days)
    for note in notes(result):
        say_plain(note)


def _chosen(project: Project, names: list[str], *, must_have: bool = True) -> Journeys:
    """All journeys, or only those that were named. `must_have`: a name that is unknown is an error."""
    from dataclasses import replace

    known = project.journeys.by_name
    for name in names:
        if name not in known and must_have:
            near = did_you_mean(name, known, f"there are: {', '.join(sorted(known))}")
            raise UsageError(f'there is no journey "{name}"', near)
    if not names:
        return project.journeys
    return replace(project.journeys, by_name={name: known[name] for name in names if name in known})


def _bar() -> Progress:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn(),
        console=asides, transient=True, disable=not asides.is_terminal,
    )  # fmt: skip


def _show(answer: ReplayReport, result: ReplayResult, *, days: bool) -> None:
    from engine.simulate.replay.replay_report import notes

    if answer.first_at is None or answer.last_at is None:
        say("There was no event in the stream.")
    else:
        say(
            f"{answer.lines:,} lines, {sum(answer.events.values()):,} events of ours, "
            f"{answer.customers:,} customers, "
            f"{answer.first_at} to {answer.last_at}"
        )
    # Rich would fold the tables to 80 columns where nobody looks at a terminal
    if not answers.is_terminal:
        answers.width = WIDE
    tables = [_totals(answer), _messages(answer), *([_days(answer)] if days else [])]
    for table in tables if answer.journeys else []:
        answers.print(table)
    for note in notes(result):
        say_plain(note)


def _table(title: str, *heads: str) -> Table:
    from rich import box
    from rich.table import Table

    return Table(*heads, box=box.SIMPLE, title=title, title_justify="left")


def _totals(answer: ReplayReport) -> Table:
    table = _table("journeys", "journey")
    for name in ("starts", "messages", "skipped", "goals", "still inside", f"cost in {answer.currency}"):
        table.add_column(name, justify="right")
    table.add_column("ends")
    for journey in answer.journeys:
        sent = sum(count.messages for count in journey.messages)
        sums = (journey.starts, sent, journey.skipped, journey.goals, journey.open)
        table.add_row(
            journey.journey, *(f"{number:,}" for number in sums), f"{Decimal(journey.cost):,.2f}",
            _ends(journey.outcomes),
        )  # fmt: skip
    return table


def _messages(answer: ReplayReport) -> Table:
    table = _table("messages", "journey", "message", "channel")
    table.add_column("sent", justify="right")
    for journey in answer.journeys:
        for count in journey.messages:
            same = count.step == count.template
            name = count.template if same else f"{count.template} ({count.step})"
            table.add_row(journey.journey, name, count.channel, f"{count.messages:,}")
    return table


def _days(answer: ReplayReport) -> Table:
    table = _table(f"days ({answer.timezone})", "day", "journey")
    for name in ("starts", "messages", "goals", f"cost in {answer.currency}"):
        table.add_column(name, justify="right")
    table.add_column("ends")
    rows = [(day.day, journey.journey, day) for journey in answer.journeys for day in journey.days]
    for date, name, day in sorted(rows, key=lambda row: (row[0], row[1])):
        sums = (day.starts, sum(count.messages for count in day.messages), day.goals)
        table.add_row(
            date, name, *(f"{number:,}" for number in sums), f"{Decimal(day.cost):,.2f}", _ends(day.outcomes)
        )
    return table


def _ends(outcomes: Mapping[str, int]) -> str:
    return ", ".join(f"{outcome} {count:,}" for outcome, count in sorted(outcomes.items()))
