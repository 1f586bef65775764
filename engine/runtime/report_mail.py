"""The overview by mail to the people whom config.yaml names, every day or once a week, each once."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence

import msgspec
import structlog

from engine.backoff import Backoff
from engine.channels.base import Channel
from engine.clock import Clock
from engine.config import Config
from engine.core.decision.effects import Alert
from engine.core.journeys import Journeys
from engine.errors import WorldError
from engine.figures.html import as_html
from engine.figures.report import FiguresReport
from engine.figures.reports import by_name as reports
from engine.figures.reports.by_name import OVERVIEW
from engine.figures.request import ReportRequest
from engine.figures.text import as_text
from engine.runtime import staff_mail
from engine.runtime.staff_mail import SENDING_SECONDS, StaffMail
from engine.store import meta
from engine.store.alerting import alerts, report_mails
from engine.store.alerting.report_mails import ReportMail, ReportMailState
from engine.store.database import Store
from engine.values import MINUTE, SECOND, Instant, at_local, local_date, zone

log = structlog.get_logger("reports")

LOOK = MINUTE
"""Between two looks whether a report is due."""

MORNING = dt.time(7)
"""When it is due, in the zone of the shop. A daemon that did not run then sends it when it is back."""

RETRIES = Backoff(MINUTE, 60 * MINUTE, factor=2, spread=10)
LEASE = int(2 * SENDING_SECONDS * SECOND)
"""Longer than sending can take: then its process is dead."""


def due_day(now: Instant, timezone: str, weekday: int | None) -> dt.date:
    """The day whose morning a report was due last: today or before. `weekday`: 0 is Monday; None: every
    day."""
    place = zone(timezone)
    day = local_date(now, place)
    if now < at_local(day, MORNING, place):
        day -= dt.timedelta(days=1)
    return day if weekday is None else day - dt.timedelta(days=(day.weekday() - weekday) % 7)


def letter(report: FiguresReport, config: Config, address: str, key: str) -> StaffMail:
    """A report as a mail: the page, and the same in text for whoever shows none."""
    shop = config.shop.name or "Perennial"
    return StaffMail(
        key, address, "report", f"[{shop}] {report.title}, {report.period}", as_text(report),
        as_html(report, config.shop.name),
    )  # fmt: skip


class ReportMailer:
    """`config` and `journeys`: of the current deployment; `channel`: by which e-mail leaves, None where there
    is none; `leads`: of several processes on one store, one looks."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        config: Callable[[], Config],
        journeys: Callable[[], Journeys],
        channel: Callable[[], Channel | None],
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._store = store
        self._clock = clock
        self._config = config
        self._journeys = journeys
        self._channel = channel
        self._leads = leads

    async def look(self) -> None:
        """Sends what is due. A report is made in a thread of its own, beside the writer."""
        config, now = self._config(), self._clock.now()
        if not config.reports.mail or not self._leads():
            return
        day = due_day(now, config.timezone, config.reports.weekday)
        known = await asyncio.to_thread(self._known, config.reports.mail)
        fresh = [address for address, mail in known.items() if mail is None]
        if fresh:
            await self._store.awrite(lambda conn: report_mails.begin(conn, fresh, day.isoformat(), now))
        due = [address for address, mail in known.items() if mail and mail.is_due(day.isoformat(), now)]
        if not due:
            return
        report, instance = await asyncio.to_thread(self._make, day, config, now)
        for address in due:
            await self._send(letter(report, config, address, f"report-{instance}-{day}"), day, config)

    def _known(self, addresses: tuple[str, ...]) -> dict[str, ReportMail | None]:
        with self._store.read() as conn:
            return {address: report_mails.get(conn, address) for address in addresses}

    def _make(self, day: dt.date, config: Config, now: Instant) -> tuple[FiguresReport, str]:
        journeys, yesterday = self._journeys(), day - dt.timedelta(days=1)
        wanted = ReportRequest(
            OVERVIEW,
            reports.usual_period(OVERVIEW, yesterday),
            is_usual=True,
            lost_after=config.reports.lost,
        )
        with self._store.read() as conn:
            return reports.report(conn, wanted, journeys, now), meta.instance(conn)

    async def _send(self, mail: StaffMail, day: dt.date, config: Config) -> None:
        """Unless another process has claimed it."""
        address, now = mail.address, self._clock.now()
        claimed = await self._store.awrite(
            lambda conn: report_mails.claim(conn, address, day.isoformat(), now, LEASE)
        )
        if claimed is None:
            return
        if claimed.state is ReportMailState.HANDED:
            await self._tell(f"nobody knows whether the report of {day} reached {address}: a daemon died")
            return

        handed = msgspec.structs.replace(claimed, state=ReportMailState.HANDED)
        try:
            sent = await staff_mail.send(
                mail, self._channel(), config, lambda: self._change(address, claimed, handed)
            )
        except WorldError as wrong:
            await self._put_off(address, (claimed, handed), wrong.what[:300])
            return
        settled = msgspec.structs.replace(claimed, state=ReportMailState.SETTLED)
        if await self._change(address, handed, settled) and sent == "unknown":
            await self._tell(f"nobody knows whether the report of {day} reached {address}: no answer came")
        log.info("report_mailed", day=claimed.day, outcome=sent)

    async def _change(self, address: str, known: ReportMail, now: ReportMail) -> bool:
        return await self._store.awrite(lambda conn: report_mails.change(conn, address, known, now))

    async def _put_off(self, address: str, known: Sequence[ReportMail], why: str) -> None:
        """`known`: as which it may stand, before and after the hand-over; what another process has made of it
        meanwhile stays."""
        day, attempts = known[0].day, known[0].attempts + 1
        again = Instant(self._clock.now() + RETRIES.wait(attempts, f"{address}{attempts}"))
        waiting = ReportMail(day, ReportMailState.WAITING, again, attempts)
        is_ours = [await self._change(address, each, waiting) for each in known]
        log.error("report_not_mailed", day=day, why=why)
        if attempts == 1 and any(is_ours):
            await self._tell(f"the report of {day} cannot be mailed to {address}: {why}")

    async def _tell(self, why: str) -> None:
        now = self._clock.now()
        await self._store.awrite(lambda conn: alerts.raise_alerts(conn, [Alert("", "", why)], now))
