"""The reports by name: what each is made of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.core.journeys import Journeys
from engine.figures.channels import channels
from engine.figures.experiments.tables import experiments
from engine.figures.journeys import all_journeys, one_journey
from engine.figures.period import Granularity, Period
from engine.figures.report import FiguresReport, Table
from engine.store import counting_past
from engine.store.counting import daily_counts
from engine.store.counting.daily_counts import ShopFacts
from engine.store.counting.reading import counted_journeys, first_day
from engine.values import HOUR, Instant, iso, local_date, zone

NAMES: Mapping[str, str] = {
    "journeys": "what each journey did",
    "journey": "one journey, step by step (with its name)",
    "channels": "what became of the messages on each channel",
    "experiments": "what holdouts and splits show, and how sure that is",
}


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """Which report, of what, over which days. `by`: also in parts. `is_usual`: nobody has said which days."""

    name: str
    period: Period
    of: str = ""
    by: Granularity | None = None
    is_usual: bool = False


def report(conn: Connection, wanted: ReportRequest, journeys: Journeys, now: Instant) -> FiguresReport:
    """The report, from one moment of the store. `wanted.name` is one of `NAMES`."""
    if wanted.name == "experiments":
        return _experiments(conn, wanted, journeys, now)
    period = wanted.period
    before = period.before()
    tables, title = _tables(conn, wanted, before, journeys)
    return FiguresReport(
        wanted.name,
        title,
        period,
        before,
        journeys.currency,
        journeys.timezone,
        iso(now),
        tables,
        tuple(_notes(conn, before)),
    )


def _experiments(conn: Connection, wanted: ReportRequest, journeys: Journeys, now: Instant) -> FiguresReport:
    """Over all the time that they run, where nobody has said which days."""
    found = experiments(conn, journeys, now, None if wanted.is_usual else wanted.period)
    notes: tuple[str, ...] = _EXPERIMENT_NOTES if found.tables else ()
    if found.empty:
        notes += (f"Nobody has come in yet: {'; '.join(found.empty)}.",)
    return FiguresReport(
        wanted.name,
        "Experiments",
        found.period,
        None,
        journeys.currency,
        journeys.timezone,
        iso(now),
        found.tables,
        notes or ("No journey has a holdout or a split.",),
    )


_EXPERIMENT_NOTES = (
    (
        "Everybody is looked at for the same time from their first start on, in every arm: who is still "
        "within it is not counted yet."
    ),
    "Orders are all orders of these people, whether they clicked a message or not; gross.",
)


def _tables(
    conn: Connection, wanted: ReportRequest, before: Period, journeys: Journeys
) -> tuple[tuple[Table, ...], str]:
    match wanted.name:
        case "journeys":
            return all_journeys(conn, wanted.period, before, journeys, wanted.by), "Journeys"
        case "journey":
            found = one_journey(conn, wanted.of, wanted.period, before, journeys, wanted.by)
            return found, f"The journey {wanted.of}"
        case _:
            return channels(conn, wanted.period, before, wanted.by), "Channels"


def _notes(conn: Connection, before: Period) -> list[str]:
    """What the reader has to know of the age of these figures."""
    notes = [
        (
            "What becomes of a message counts on the day on which it was handed over: the last days still "
            "change."
        ),
        _attribution(daily_counts.shop(conn)),
    ]
    past = counting_past.progress(conn)
    if past is not None:
        notes.append(
            f"What happened before the last upgrade is still being counted ({past.percent}%): earlier days "
            "will grow."
        )
    first = first_day(conn)
    if first is not None and first > before.first:
        notes.append(f"Counted since {first.isoformat()}: the period before is not whole.")
    return notes


def _attribution(shop: ShopFacts) -> str:
    """The rule by which orders belong to messages."""
    hours = shop.click // HOUR
    within = f"{hours // 24} days" if hours % 24 == 0 else f"{hours} hours"
    return (
        f"An order belongs to the last message that its customer clicked within {within} before it, once; "
        "messages of service apart. It does not say that the order would not have come without the message."
    )


def today(now: Instant, journeys: Journeys) -> dt.date:
    """The present day of the shop's calendar."""
    return local_date(now, zone(journeys.timezone))


def known_journeys(conn: Connection, journeys: Journeys) -> set[str]:
    """Every journey of which a report may be asked: those that are published, and those of which something
    was counted."""
    return {*journeys.by_name, *counted_journeys(conn)}
