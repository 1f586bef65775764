"""What a report is made from and what it is made of, before it is told in text, JSON, CSV or as a page."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.core.journeys import Journeys
from engine.figures.period import Period
from engine.figures.report import Table
from engine.figures.request import ReportRequest
from engine.values import Instant, at_local, local_date, zone


@dataclass(frozen=True, slots=True)
class ReportScope:
    """One moment of a store, and what is asked of it."""

    conn: Connection
    wanted: ReportRequest
    journeys: Journeys
    now: Instant

    @property
    def today(self) -> dt.date:
        """The present day of the shop's calendar."""
        return local_date(self.now, zone(self.journeys.timezone))

    @property
    def before(self) -> Period:
        """What the period is compared with."""
        return self.wanted.period.before()

    def span(self, period: Period) -> TimeSpan:
        """From the first moment of a period to the one after its last, where the shop is."""
        place = zone(self.journeys.timezone)
        end = period.last + dt.timedelta(days=1)
        return TimeSpan(at_local(period.first, dt.time(), place), at_local(end, dt.time(), place))


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A stretch of time; `end` is the first moment behind it."""

    begin: Instant
    end: Instant


@dataclass(frozen=True, slots=True)
class ReportContent:
    """Tables, and what their reader has to know. `title`, `period`: where they are not those of the kind of
    report and of the request."""

    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()
    title: str = ""
    period: Period | None = None
