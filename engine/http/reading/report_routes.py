"""The reports of `report`, for dashboards and notebooks."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path, Query
from sqlalchemy.exc import DatabaseError
from starlette.requests import Request
from starlette.responses import Response

from engine.errors import UsageError
from engine.figures import export
from engine.figures.period import Granularity, Spelling
from engine.figures.report_query import ReportQuery, UnknownReportError, understood
from engine.figures.reports import by_name as reports
from engine.http.console.openapi_reading import REPORT
from engine.http.context import Context, store_is_silent
from engine.http.keys import ApiKeyAuth
from engine.http.problems import Refusal, refuse_unknown
from engine.http.reading.etags import answer_unless_known, tag_of
from engine.http.reading.shared_answers import ReadAnswer, SharedAnswers

PARAMETERS = ("of", "from", "to", "last", "by", "format")

KEPT = 15.0
"""Seconds for which a report that is made is handed out again."""


class ReportForm(StrEnum):
    """In which form a report is answered."""

    json = "json"
    csv = "csv"


def report_routes(context: Context, keys: ApiKeyAuth, shared: SharedAnswers) -> APIRouter:
    """The one."""
    router = APIRouter(tags=["reading"])
    may_read = Depends(keys.needs("read"))

    @router.get("/reports/{name}", responses=REPORT, dependencies=[may_read])
    async def report(
        request: Request,
        name: Annotated[str, Path(description=f"one of {', '.join(reports.NAMES)}")],
        of: Annotated[str, Query(description="of journey: its name; of year: the id of a customer")] = "",
        first: Annotated[str, Query(alias="from", description="the first day, as 2026-03-01")] = "",
        last: Annotated[str, Query(alias="to", description="the last day; today without it")] = "",
        length: Annotated[
            str, Query(alias="last", description='so long until the last day, as "30 days"')
        ] = "",
        by: Annotated[Granularity | None, Query(description="also in parts")] = None,
        form: Annotated[ReportForm, Query(alias="format")] = ReportForm.json,
    ) -> Response:
        """A report by its name, as `report` has them; at most some seconds old. With `If-None-Match` 304
        while its figures are the same."""
        refuse_unknown(request, PARAMETERS)
        asked = ReportQuery(name[:100], of[:200], first[:40], last[:40], length[:40], by)
        answer = await shared.answer((asked, form), lambda: make_report(context, asked, form), KEPT)
        return answer_unless_known(request, answer)

    return router


def make_report(context: Context, asked: ReportQuery, form: ReportForm) -> ReadAnswer:
    """The report as it is sent. Raises Refusal for what cannot be asked."""
    live, now = context.live(), context.clock.now()
    journeys, lost_after = live.intake.journeys, live.config.reports.lost
    try:
        with context.store.read() as conn:
            wanted = understood(conn, asked, journeys, now, lost_after, Spelling.PARAMETER)
            found = reports.report(conn, wanted, journeys, now)
    except UsageError as wrong:
        status = 404 if isinstance(wrong, UnknownReportError) else 400
        raise Refusal(status, wrong.what.rstrip(":"), wrong.cure) from wrong
    except DatabaseError as wrong:
        raise store_is_silent() from wrong
    if form is ReportForm.csv:
        body = export.as_csv(found).encode()
        return ReadAnswer(body, tag_of(body), "text/csv; charset=utf-8")
    told = export.as_json(found)
    # the same figures a moment later are the same report
    return ReadAnswer(orjson.dumps(told), tag_of(orjson.dumps({**told, "made_at": ""})))
