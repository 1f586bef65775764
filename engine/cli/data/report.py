"""`report`: what the shop, its customers, journeys and channels brought, against the periods before."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import LOOK, Session, app
from engine.cli.output import say_block, say_head, say_plain, say_rows, say_table, writing
from engine.command_hints import command
from engine.figures.period import Granularity

if TYPE_CHECKING:
    import datetime as dt

    from sqlalchemy import Connection

    from engine.config import Config
    from engine.figures.report import FiguresReport
    from engine.figures.report_query import ReportQuery


class ReportFormat(StrEnum):
    """`--format` of reports."""

    text = "text"
    json = "json"
    csv = "csv"
    html = "html"


_Name = Annotated[
    str,
    typer.Argument(
        help="overview, customers, cohorts, journeys, journey, channels, points, experiments, segments, "
        "codes, recommendations, deployments, audit, year, forecast"
    ),
]
_Of = Annotated[str, typer.Argument(help="of journey: its name; of year: the id of a customer")]
_First = Annotated[
    str, typer.Option("--from", help="the first day, as 2026-03-01; with --size a share, as 8%")
]
_Last = Annotated[str, typer.Option("--to", help="the last day; today without it")]
_Length = Annotated[str, typer.Option("--last", help='so long until the last day, as "30 days"')]
_Size = Annotated[
    str, typer.Option("--size", help="of experiments: how many people it takes to see such a rise, as 2%")
]
_By = Annotated[Granularity | None, typer.Option("--by", help="also by day, week or month")]
_AsOf = Annotated[str, typer.Option("--as-of", help="of forecast: as if it were the end of this day")]
_Form = Annotated[ReportFormat, typer.Option("--format", help="text, json, csv or html")]
_Out = Annotated[Path | None, typer.Option("--out", help="write a file in this folder")]
_Mail = Annotated[
    bool, typer.Option("--mail", help="send it now to those whom reports: in config.yaml names")
]


@app.command(rich_help_panel=LOOK)
def report(
    context: typer.Context,
    name: _Name = "overview",
    of: _Of = "",
    first: _First = "",
    last: _Last = "",
    length: _Length = "",
    size: _Size = "",
    by: _By = None,
    as_of: _AsOf = "",
    form: _Form = ReportFormat.text,
    out: _Out = None,
    mail: _Mail = False,
) -> None:
    """Figures of the shop, its customers, journeys and channels, with how each is counted."""
    from engine.cli.stores import look_into_store
    from engine.errors import UsageError
    from engine.figures.report_query import ReportQuery
    from engine.project import load_config
    from engine.store import meta
    from engine.values import local_date, zone

    session = Session.of(context)
    if name == "forecast":
        if of or first or last or length or by:
            raise UsageError(
                "report forecast is of all facts that look ahead, as of one day:", "--as-of 2026-03-31"
            )
        if form is ReportFormat.text and out is None and not mail:
            _forecasts(session, as_of)
            return
    elif as_of:
        raise UsageError("--as-of is of report forecast alone:", "the others take --from and --to")
    if mail and (form is not ReportFormat.text or out is not None):
        raise UsageError("a mail holds the page and the text:", "leave --format and --out away")
    config = load_config(session.folder)
    if mail and not config.reports.mail:
        raise UsageError(
            "config.yaml names nobody who gets reports by mail:",
            "write  reports: {mail: [owner@shop.example]}",
        )
    asked = ReportQuery(name, of, first, last, length, by)
    # Before the store is looked for: who mistyped a word hears of it, and not of a store that is not there
    _check_words(asked, size, local_date(session.clock.now(), zone(config.timezone)))
    with look_into_store(session.folder, needed=True) as conn:
        answer = _made(session, conn, config, asked, size=size, as_of=as_of)
        secret = meta.secret(conn)
    if mail:
        _mail(session, config, secret, answer)
        return
    if form is ReportFormat.text and out is None:
        _print(answer)
        return
    text = _as(form, answer, config.shop.name)
    if out is None:
        say_block(text.rstrip("\n"))
    else:
        say_plain(str(_written(out, form, answer.name, of, text)))


def _as(form: ReportFormat, answer: FiguresReport, shop: str) -> str:
    """The report in one of its forms that are files."""
    import orjson

    from engine.figures.export import as_csv, as_json
    from engine.figures.html import as_html

    match form:
        case ReportFormat.json:
            return orjson.dumps(as_json(answer), option=orjson.OPT_INDENT_2).decode()
        case ReportFormat.csv:
            return as_csv(answer)
        case _:
            return as_html(answer, shop)


def _written(folder: Path, form: ReportFormat, name: str, of: str, text: str) -> Path:
    """The file, named after the report."""
    import re

    # a page is what is meant where nothing is said
    ending = "html" if form is ReportFormat.text else form.value
    # an id of the shop may hold anything, and the file stays in the folder
    file = folder / f"{name}{'-' + re.sub(r'[^A-Za-z0-9_.@+-]', '_', of) if of else ''}.{ending}"
    with writing(file, "Name another folder"):
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return file


def _mail(session: Session, config: Config, secret: str, report: FiguresReport) -> None:
    """Sends it now, whatever the daemon has sent. Raises WorldError with those who did not get it."""
    import asyncio
    from dataclasses import replace

    from engine.channels.registry import open_channels
    from engine.errors import WorldError
    from engine.ids import new_id
    from engine.runtime import staff_mail
    from engine.runtime.report_mail import letter

    alone = replace(config, channels={"email": config.channels["email"]})

    async def send() -> list[str]:
        (channel,) = open_channels(alone, session.folder.resolve(), secret, session.clock).values()
        failed = []
        try:
            for address in config.reports.mail:
                try:
                    sent = await staff_mail.send(
                        letter(report, config, address, f"report-{new_id()}"), channel, config
                    )
                except WorldError as wrong:
                    failed.append(f"{address}: {wrong.what}")
                else:
                    doubt = "" if sent == "accepted" else ", but nobody knows whether it arrived"
                    say_plain(f"mailed to {address}{doubt}")
        finally:
            await channel.close()
        return failed

    failed = asyncio.run(send())
    if failed:
        raise WorldError(f"the report was not mailed to {'; '.join(failed)}", permanent=False)


def _forecasts(session: Session, as_of: str) -> None:
    """What is kept of the last night, or made anew as of a day: in sentences, which say more at a glance than
    the tables of its page."""
    from engine.cli.reports import forecasts as told
    from engine.cli.stores import journeys_of, look_into_store
    from engine.figures.reports.forecasts import NO_FACT, not_yet
    from engine.runtime.advance import forecasting

    with look_into_store(session.folder) as conn:
        journeys = journeys_of(conn, session)
        if as_of:
            found = forecasting.as_if(conn, journeys, _past_day(as_of, session, journeys.timezone))
        else:
            known = forecasting.last_forecasts(conn)
            found = [known[rule.name] for rule in journeys.facts if rule.name in known]
        waiting = [rule.name for rule in journeys.facts if rule.is_forecast]
    answer = told.ForecastsReport.of(found, journeys.timezone, journeys.currency)
    for forecast in found:
        say_head(told.title(forecast))
        say_rows(answer.lines(forecast))
    if not waiting:
        say_plain(NO_FACT)
    elif not found:
        say_plain(not_yet(waiting))


def _past_day(text: str, session: Session, timezone: str) -> dt.date:
    import datetime as dt

    from engine.errors import UsageError
    from engine.values import local_date, zone

    try:
        day = dt.date.fromisoformat(text)
    except ValueError as wrong:
        raise UsageError(f"--as-of {text} is not a date:", "write  --as-of 2026-03-31") from wrong
    if not dt.date(1970, 1, 2) <= day <= local_date(session.clock.now(), zone(timezone)):
        raise UsageError(f"--as-of {text}: nothing is known of that day", "name today or a day before")
    return day


def _check_words(asked: ReportQuery, size: str, today: dt.date) -> None:
    from engine.errors import UsageError
    from engine.figures.experiments.sizing import asked_share
    from engine.figures.report_query import check_words
    from engine.figures.reports import by_name as reports

    if not size:
        check_words(asked, today)
        return
    if asked.name != reports.EXPERIMENTS or asked.of or asked.last or asked.length or asked.by:
        raise UsageError(
            "--size is of experiments, with --from alone:", command("report experiments --size 2% --from 8%")
        )
    asked_share(size, "--size")
    if asked.first:
        asked_share(asked.first, "--from")


def _made(
    session: Session, conn: Connection, config: Config, asked: ReportQuery, *, size: str, as_of: str
) -> FiguresReport:
    from dataclasses import replace

    from engine.cli.stores import journeys_of
    from engine.figures import period
    from engine.figures.experiments.sizing import asked_share
    from engine.figures.report_query import understood
    from engine.figures.reports import by_name as reports
    from engine.figures.request import ReportRequest
    from engine.runtime.advance import forecasting

    now, journeys = session.clock.now(), journeys_of(conn, session)
    if not size:
        wanted = understood(conn, asked, journeys, now, config.reports.lost)
        if as_of:
            day = _past_day(as_of, session, journeys.timezone)
            wanted = replace(wanted, forecasts=tuple(forecasting.as_if(conn, journeys, day)))
        return reports.report(conn, wanted, journeys, now)
    usual = period.asked(reports.today(now, journeys))
    rise, base = asked_share(size, "--size"), asked_share(asked.first, "--from") if asked.first else None
    wanted = ReportRequest(asked.name, usual, rise=rise, base=base)
    return reports.report(conn, wanted, journeys, now)


def _print(answer: FiguresReport) -> None:
    from engine.figures import text

    say_tables(answer)
    for note in answer.notes:
        say_plain(note)
    say_head("How they are counted")
    say_rows(text.definitions(answer))


def say_tables(answer: FiguresReport) -> None:
    """What it is about, and its tables with what is said below each."""
    from engine.figures import text

    say_plain(text.heading(answer))
    for table, remarks in text.tables(answer):
        say_plain("")
        say_table(table)
        for remark in remarks:
            say_plain(remark)
