"""Reports that look at every customer, as they were made once a day: what a shop of many customers reads,
since nobody waits so long."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from engine.figures.content import ReportContent
from engine.figures.experiments.tables import ExperimentVerdict
from engine.figures.period import Period
from engine.store.customers import batches
from engine.store.journeys import deployments
from engine.store.learning import learned
from engine.values import DAY, HOUR, Instant, iso

FRESH = 36 * HOUR
"""One that is older is not shown: the daemon does not run."""

EVERY = DAY


class NightlyReport(msgspec.Struct, frozen=True):
    """A report as of `at`, of the days of `period`, under the deployment of this number.
    `verdicts`: what experiments show."""

    at: Instant
    deployment: int
    period: Period
    content: ReportContent
    verdicts: tuple[ExperimentVerdict, ...] = ()

    @property
    def note(self) -> str:
        """What its reader has to know."""
        return (
            f"As of {iso(self.at)}: of so many customers this is made once a day. Where other days are said "
            "(--from, --to, --last) it is made at once, which takes its time."
        )


def find(conn: Connection, name: str, now: Instant) -> NightlyReport | None:
    """The report of this name that was made last. None: there is none, it is old, another version of the
    engine made it, or other files are published since."""
    text = learned.document(conn, f"{learned.REPORT}{name}")
    if text is None:
        return None
    try:
        found = msgspec.json.decode(text, type=NightlyReport)
    except msgspec.ValidationError:
        return None  # of the shape that reports had in another version
    is_fresh = now - FRESH < found.at <= now
    return found if is_fresh and found.deployment == deployments.current_number(conn) else None


def is_due(conn: Connection, name: str, now: Instant, most: int) -> bool:
    """Whether it is to be made again. `most`: so many customers are looked at while somebody waits."""
    last = find(conn, name, now)
    return (last is None or now - last.at >= EVERY) and batches.count(conn) > most


def keep(conn: Connection, name: str, report: NightlyReport) -> None:
    """Keeps a report in place of the one before."""
    text = msgspec.json.encode(report).decode()
    learned.put_documents(conn, {f"{learned.REPORT}{name}": text}, report.at)
