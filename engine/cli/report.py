"""`report`: what journeys and channels brought, by day, against the period before."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import LOOK, Session, app
from engine.cli.output import say_block, say_head, say_json, say_plain, say_rows, say_table
from engine.figures.period import Granularity
from engine.invocation import command

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from engine.figures.report import FiguresReport


class ReportFormat(StrEnum):
    """`--format` of reports."""

    text = "text"
    json = "json"
    csv = "csv"


@app.command(rich_help_panel=LOOK)
def report(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="journeys, journey, channels, experiments")],
    of: Annotated[str, typer.Argument(help="of journey: its name")] = "",
    first: Annotated[str, typer.Option("--from", help="the first day, as 2026-03-01")] = "",
    last: Annotated[str, typer.Option("--to", help="the last day; today without it")] = "",
    length: Annotated[str, typer.Option("--last", help='so long until the last day, as "30 days"')] = "",
    by: Annotated[Granularity | None, typer.Option("--by", help="also by day, week or month")] = None,
    form: Annotated[ReportFormat, typer.Option("--format", help="text, json or csv")] = ReportFormat.text,
) -> None:
    """Figures of journeys and channels, against the period before, with how each is counted."""
    from engine.cli.stores import look_into_store
    from engine.figures.export import as_csv, as_json

    session = Session.of(context)
    with look_into_store(session.folder) as conn:
        answer = _made(session, conn, name, of, (first, last, length), by)
    match form:
        case ReportFormat.json:
            say_json(as_json(answer))
        case ReportFormat.csv:
            say_block(as_csv(answer).rstrip("\n"))
        case ReportFormat.text:
            _print(answer)


def _made(
    session: Session,
    conn: Connection,
    name: str,
    of: str,
    days: tuple[str, str, str],
    by: Granularity | None,
) -> FiguresReport:
    from engine.cli.stores import journeys_of
    from engine.errors import UsageError
    from engine.figures import period, reports
    from engine.problem import did_you_mean

    if name not in reports.NAMES:
        raise UsageError(
            f"there is no report {name!r}:",
            did_you_mean(name, reports.NAMES, f"the reports are {', '.join(reports.NAMES)}"),
        )
    if name == "journey" and not of:
        raise UsageError("report journey needs the name of one:", command("report journey NAME"))
    if name != "journey" and of:
        raise UsageError(f"report {name} is of all:", command(f"report {name}"))
    now, journeys = session.clock.now(), journeys_of(conn, session)
    if of and of not in reports.known_journeys(conn, journeys):
        raise UsageError(f"there is no journey {of!r}:", f"the journeys are {', '.join(journeys.by_name)}")
    asked = period.asked(reports.today(now, journeys), *days)
    wanted = reports.ReportRequest(name, asked, of, by, is_usual=not any(days))
    return reports.report(conn, wanted, journeys, now)


def _print(answer: FiguresReport) -> None:
    from engine.cli.reports import figures_text

    say_plain(figures_text.heading(answer))
    for table, remarks in figures_text.tables(answer):
        say_plain("")
        say_table(table)
        for remark in remarks:
            say_plain(remark)
    for note in answer.notes:
        say_plain(note)
    say_head("How they are counted")
    say_rows(figures_text.definitions(answer))
