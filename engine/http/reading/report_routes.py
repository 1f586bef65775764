"""The reports of `report`, for dashboards and notebooks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from engine.figures.asking import AskedReport
from engine.figures.period import Granularity
from engine.http.console.openapi_reading import REPORT
from engine.http.context import Context
from engine.http.keys import Keys
from engine.http.problems import Refusal
from engine.http.reading.etags import answer_unless_known
from engine.http.reading.shared_reports import ReportForm, ReportQuestion, SharedReports

PARAMETERS = ("of", "from", "to", "last", "by", "format")


def report_routes(context: Context, keys: Keys) -> APIRouter:
    """The one."""
    router = APIRouter(tags=["reading"])
    may_read, shared = Depends(keys.needs("read")), SharedReports(context)

    @router.get("/reports/{name}", responses=REPORT, dependencies=[may_read])
    async def report(
        request: Request,
        name: str,
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
        unknown = sorted(set(request.query_params) - set(PARAMETERS))
        if unknown:
            raise Refusal(400, f"there is no parameter {unknown[0]!r}", f"they are: {', '.join(PARAMETERS)}")
        said = (name[:100], of[:200], first[:40], last[:40], length[:40])
        answer = await shared.answer(ReportQuestion(AskedReport(*said, by), form))
        return answer_unless_known(request, answer.body, answer.tag, answer.media_type)

    return router
