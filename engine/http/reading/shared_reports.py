"""Reports for many who ask: made apart from everything else, some at a time, one for all who ask the same."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

import orjson
from sqlalchemy.exc import DatabaseError

from engine.core.journeys import Journeys
from engine.errors import UsageError
from engine.figures import export, reports
from engine.figures.asking import AskedReport, UnknownReportError, understood
from engine.figures.period import Spelling
from engine.http.context import Context
from engine.http.problems import Refusal
from engine.http.reading.etags import tag_of
from engine.values import Instant

AT_ONCE = 2
"""Reports that are made at the same time."""

MOST_WAITING = 16
"""Different reports that are made or wait for it."""

KEPT = 15.0
"""Seconds for which a report that is made is handed out again."""


class ReportForm(StrEnum):
    """In which form a report is answered."""

    json = "json"
    csv = "csv"


@dataclass(frozen=True, slots=True)
class ReportQuestion:
    """What somebody asks for."""

    asked: AskedReport
    form: ReportForm


@dataclass(frozen=True, slots=True)
class ReportAnswer:
    """A report as it is sent. `tag`: the same as long as its figures are."""

    body: bytes
    media_type: str
    tag: str


@dataclass(slots=True)
class _Shared:
    """A report that is being made, or was made until `made_at` (seconds; None: not yet)."""

    answer: asyncio.Future[ReportAnswer]
    made_at: float | None = None


class SharedReports:
    """Makes reports in threads of its own, beside the writer and away from the event loop. Whoever asks for
    what is just being made, or was made a moment ago, gets the same."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._threads = ThreadPoolExecutor(AT_ONCE, "http-report")
        self._shared: dict[ReportQuestion, _Shared] = {}

    async def answer(self, question: ReportQuestion) -> ReportAnswer:
        """The report. Raises Refusal for what cannot be asked, and 503 where too many others are made."""
        oldest = time.monotonic() - KEPT
        self._shared = {
            each: shared
            for each, shared in self._shared.items()
            if shared.made_at is None or shared.made_at > oldest
        }
        shared = self._shared.get(question)
        if shared is None:
            if sum(each.made_at is None for each in self._shared.values()) >= MOST_WAITING:
                raise Refusal(503, "too many reports are being made", "ask again in a moment", retry_after=5)
            shared = self._begin(question)
        # who goes away leaves it to the others
        return await asyncio.shield(shared.answer)

    def _begin(self, question: ReportQuestion) -> _Shared:
        live, now = self._context.live(), self._context.clock.now()
        journeys, lost_after = live.intake.journeys, live.config.reports.lost
        loop = asyncio.get_running_loop()
        made = loop.run_in_executor(self._threads, self._make, question, journeys, lost_after, now)
        shared = self._shared[question] = _Shared(made)

        def done(future: asyncio.Future[ReportAnswer]) -> None:
            shared.made_at = time.monotonic()
            # a refusal is told to those who wait for it, and not kept; looked at, so that none is lost if all
            # of them have gone
            if future.cancelled() or future.exception() is not None:
                del self._shared[question]

        made.add_done_callback(done)
        return shared

    def _make(
        self, question: ReportQuestion, journeys: Journeys, lost_after: int, now: Instant
    ) -> ReportAnswer:
        try:
            with self._context.store.read() as conn:
                wanted = understood(conn, question.asked, journeys, now, lost_after, Spelling.PARAMETER)
                found = reports.report(conn, wanted, journeys, now)
        except UsageError as wrong:
            status = 404 if isinstance(wrong, UnknownReportError) else 400
            raise Refusal(status, wrong.what.rstrip(":"), wrong.cure) from wrong
        except DatabaseError as wrong:
            raise Refusal(503, "the store does not answer", "try again", retry_after=5) from wrong
        if question.form is ReportForm.csv:
            body = export.as_csv(found).encode()
            return ReportAnswer(body, "text/csv; charset=utf-8", tag_of(body))
        told = export.as_json(found)
        # the same figures a moment later are the same report
        tag = tag_of(orjson.dumps({**told, "made_at": ""}))
        return ReportAnswer(orjson.dumps(told), "application/json", tag)
