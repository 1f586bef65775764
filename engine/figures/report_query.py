"""A report as somebody asks for it, by a command or over HTTP: which one, of what, over which days."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.command_hints import command
from engine.core.journeys import Journeys
from engine.errors import UsageError
from engine.figures import period
from engine.figures.period import Granularity, Spelling
from engine.figures.reports import by_name as reports
from engine.figures.reports.by_name import ReportTopic
from engine.figures.request import ReportRequest
from engine.problem import did_you_mean
from engine.store.customers import batches
from engine.store.meta import bucket_of
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """What was said; "" where nothing was."""

    name: str
    of: str = ""
    first: str = ""
    last: str = ""
    length: str = ""
    by: Granularity | None = None


class UnknownReportError(UsageError):
    """There is no report of this name, or nothing of the name that it is to be of."""


def check_words(asked: ReportQuery, today: dt.date, spelling: Spelling = Spelling.OPTION) -> None:
    """What can be said of the words without a store. Raises as `understood`."""
    name, of = asked.name, asked.of
    if name not in reports.NAMES:
        known = tuple(reports.NAMES)
        raise UnknownReportError(
            f"there is no report {name!r}:", did_you_mean(name, known, f"the reports are {', '.join(known)}")
        )
    kind = reports.KINDS[name]
    if kind.of and not of:
        place = "NAME" if kind.of is ReportTopic.JOURNEY else "CUSTOMER"
        cure = command(f"report {name} {place}") if spelling is Spelling.OPTION else f"write  of={place}"
        raise UsageError(f"report {name} needs the name of one:", cure)
    if of and not kind.of:
        cure = command(f"report {name}") if spelling is Spelling.OPTION else "leave  of  out"
        raise UsageError(f"report {name} is of all:", cure)
    days = (asked.first, asked.last, asked.length)
    if not kind.has_period and (any(days) or asked.by is not None):
        cure = "--as-of 2026-03-31" if spelling is Spelling.OPTION else "leave  from, to, last  and  by  out"
        raise UsageError(f"report {name} is of all facts that look ahead, as of one day:", cure)
    period.asked(today, *days, spelling=spelling)


def understood(
    conn: Connection,
    asked: ReportQuery,
    journeys: Journeys,
    now: Instant,
    lost_after: int,
    spelling: Spelling = Spelling.OPTION,
) -> ReportRequest:
    """What is meant. `lost_after`: days without an order after which a customer is lost. Raises UsageError in
    the spelling of whoever asks, UnknownReportError for names."""
    today, days = reports.today(now, journeys), (asked.first, asked.last, asked.length)
    check_words(asked, today, spelling)
    name, of, kind = asked.name, asked.of, reports.KINDS[asked.name]
    if of and kind.of is ReportTopic.JOURNEY and of not in (names := reports.known_journeys(conn, journeys)):
        otherwise = f"the journeys are {', '.join(journeys.by_name)}"
        raise UnknownReportError(f"there is no journey {of!r}:", did_you_mean(of, names, otherwise))
    if of and kind.of is ReportTopic.CUSTOMER and not batches.exists(conn, bucket_of(conn, of), of):
        raise UnknownReportError(
            f"nobody is known as {of!r}:", "name a customer by the id that the shop gave"
        )
    is_usual = not any(days)
    wanted = reports.usual_period(name, today) if is_usual else period.asked(today, *days, spelling=spelling)
    if asked.last and not asked.first and not asked.length:
        usual = kind.usual(wanted.last)
        # the usual length until that day, where the usual days are those until a day
        wanted = usual if usual.last == wanted.last else wanted
    return ReportRequest(name, wanted, of, asked.by, is_usual=is_usual, lost_after=lost_after)
