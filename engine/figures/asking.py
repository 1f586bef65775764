"""A report as somebody asks for it, by a command or over HTTP: which one, of what, over which days."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.core.journeys import Journeys
from engine.errors import UsageError
from engine.figures import period, reports
from engine.figures.period import Granularity, Spelling
from engine.figures.request import ReportRequest
from engine.invocation import command
from engine.problem import did_you_mean
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class AskedReport:
    """What was said; "" where nothing was."""

    name: str
    of: str = ""
    first: str = ""
    last: str = ""
    length: str = ""
    by: Granularity | None = None


class UnknownReportError(UsageError):
    """There is no report of this name, or nothing of the name that it is to be of."""


def understood(
    conn: Connection,
    asked: AskedReport,
    journeys: Journeys,
    now: Instant,
    lost_after: int,
    spelling: Spelling = Spelling.OPTION,
    others: Iterable[str] = (),
) -> ReportRequest:
    """What is meant. `lost_after`: days without an order after which a customer is lost; `others`: reports
    that are made elsewhere. Raises UsageError in the spelling of whoever asks, UnknownReportError for
    names."""
    name, of = asked.name, asked.of
    if name not in reports.NAMES:
        known = (*reports.NAMES, *others)
        raise UnknownReportError(
            f"there is no report {name!r}:", did_you_mean(name, known, f"the reports are {', '.join(known)}")
        )
    if name == "journey" and not of:
        cure = command("report journey NAME") if spelling is Spelling.OPTION else "write  of=NAME"
        raise UsageError("report journey needs the name of one:", cure)
    if name != "journey" and of:
        cure = command(f"report {name}") if spelling is Spelling.OPTION else "leave  of  out"
        raise UsageError(f"report {name} is of all:", cure)
    if of and of not in (known_journeys := reports.known_journeys(conn, journeys)):
        otherwise = f"the journeys are {', '.join(journeys.by_name)}"
        raise UnknownReportError(f"there is no journey {of!r}:", did_you_mean(of, known_journeys, otherwise))
    today, days = reports.today(now, journeys), (asked.first, asked.last, asked.length)
    is_usual = not any(days)
    wanted = reports.usual_period(name, today) if is_usual else period.asked(today, *days, spelling=spelling)
    return ReportRequest(name, wanted, of, asked.by, is_usual=is_usual, lost_after=lost_after)
