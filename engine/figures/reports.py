"""The reports by name: what each is made of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

from sqlalchemy import Connection

from engine.core.journeys import Journeys
from engine.figures.channels import channels
from engine.figures.cohorts import cohorts
from engine.figures.cohorts import usual_period as cohorts_until
from engine.figures.experiments.sizing import sizes
from engine.figures.experiments.tables import experiments, verdicts_of
from engine.figures.journeys import all_journeys, one_journey
from engine.figures.overview import customers, overview
from engine.figures.period import Period, asked
from engine.figures.points import points
from engine.figures.report import FiguresReport, Table
from engine.figures.request import ReportRequest
from engine.store import counting_past
from engine.store.counting import daily_counts
from engine.store.counting.daily_counts import ShopFacts
from engine.store.counting.reading import counted_journeys, first_day
from engine.values import HOUR, Instant, iso, local_date, zone

OVERVIEW = "overview"

NAMES: Mapping[str, str] = {
    OVERVIEW: "the whole shop, against the period before and the same a year before (also without a name)",
    "customers": "who orders again, how often, how soon, and what",
    "cohorts": "customers by the month of their first order",
    "journeys": "what each journey did",
    "journey": "one journey, step by step (with its name)",
    "channels": "what became of the messages on each channel",
    "points": "what was issued, spent and expired, and what customers still have",
    "experiments": "what holdouts and splits show, and how sure that is",
}


def report(conn: Connection, wanted: ReportRequest, journeys: Journeys, now: Instant) -> FiguresReport:
    """The report, from one moment of the store. `wanted.name` is one of `NAMES`."""
    if wanted.name == "experiments":
        return _experiments(conn, wanted, journeys, now)
    period = wanted.period
    before = period.before()
    tables, title = _tables(conn, wanted, before, journeys, today(now, journeys))
    effects = verdicts_of(conn, journeys, now, wanted.of) if wanted.name == "journey" else []
    year_before = (
        period.year_before() if any(row.year_before for each in tables for row in each.rows) else None
    )
    return FiguresReport(
        wanted.name,
        title,
        period,
        before,
        journeys.currency,
        journeys.timezone,
        iso(now),
        tables,
        (*effects, *_notes(conn, wanted, journeys, year_before or before)),
        year_before,
    )


def _experiments(conn: Connection, wanted: ReportRequest, journeys: Journeys, now: Instant) -> FiguresReport:
    """Over all the time that they run, where nobody has said which days."""
    notes: tuple[str, ...] = ()
    if wanted.rise is not None:
        title, period = "Size of experiments", wanted.period
        tables: tuple[Table, ...] = (sizes(conn, journeys, now, wanted.rise, wanted.base),)
    else:
        found = experiments(conn, journeys, now, None if wanted.is_usual else wanted.period)
        title, tables, period = "Experiments", found.tables, found.period
        notes = _EXPERIMENT_NOTES if tables else ()
        if found.empty:
            notes += (f"Nobody has come in yet: {'; '.join(found.empty)}.",)
        notes = notes or ("No journey has a holdout or a split.",)
    place = journeys.timezone
    return FiguresReport(
        wanted.name, title, period, None, journeys.currency, place, iso(now), tables, notes
    )  # fmt: skip


_EXPERIMENT_NOTES = (
    (
        "Everybody is looked at for the same time from their first start on, in every arm: who is still "
        "within it is not counted yet."
    ),
    "Orders are all orders of these people, whether they clicked a message or not; gross.",
)


def _tables(
    conn: Connection, wanted: ReportRequest, before: Period, journeys: Journeys, day: dt.date
) -> tuple[tuple[Table, ...], str]:
    match wanted.name:
        case "overview":
            return overview(conn, wanted, day), "The shop"
        case "customers":
            return customers(conn, wanted, day), "Customers"
        case "cohorts":
            return cohorts(conn, wanted.period), "Cohorts"
        case "journeys":
            return all_journeys(conn, wanted.period, before, journeys, wanted.by), "Journeys"
        case "journey":
            found = one_journey(conn, wanted.of, wanted.period, before, journeys, wanted.by)
            return found, f"The journey {wanted.of}"
        case "points":
            return points(conn, wanted, _worth_of_point(journeys)), "Points"
        case _:
            return channels(conn, wanted.period, before, wanted.by), "Channels"


def _notes(conn: Connection, wanted: ReportRequest, journeys: Journeys, earliest: Period) -> list[str]:
    """What the reader has to know of the age of these figures, and of rules that the shop can choose."""
    shop = daily_counts.shop(conn)
    notes = []
    if wanted.name not in ("customers", "cohorts", "points"):
        notes.append(
            "What becomes of a message counts on the day on which it was handed over: the last days still "
            "change."
        )
        notes.append(_attribution(shop))
    if wanted.name in (OVERVIEW, "customers"):
        notes.append(
            f"A customer is lost after {wanted.lost_after:,} days without an order; another time is said with"
            "  reports: {lost: after 180 days}  in config.yaml."
        )
    if wanted.name == OVERVIEW and not shop.less:
        notes.append(
            "Nothing says what takes orders back (a fact that is the sum of them, with `less`): net is gross."
        )
    if wanted.name == "points" and _worth_of_point(journeys) is None:
        notes.append(
            "Nothing says what a point is worth: with  worth: 0.01 EUR  under points: in config.yaml what is "
            "outstanding is shown in money."
        )
    past = counting_past.progress(conn)
    if past is not None:
        notes.append(
            f"What happened before the last upgrade is still being counted ({past.percent}%): earlier days "
            "will grow."
        )
    first = first_day(conn)
    if first is not None and first > earliest.first and wanted.name != "cohorts":
        notes.append(f"Counted since {first.isoformat()}: what lies before is not whole.")
    return notes


def _worth_of_point(journeys: Journeys) -> Decimal | None:
    rules = journeys.loyalty.points if journeys.loyalty is not None else None
    return rules.worth.amount if rules is not None and rules.worth is not None else None


def _attribution(shop: ShopFacts) -> str:
    """The rule by which orders belong to messages."""
    hours = shop.click // HOUR
    within = f"{hours // 24} days" if hours % 24 == 0 else f"{hours} hours"
    return (
        f"An order belongs to the last message that its customer clicked within {within} before it, once; "
        "messages of service apart. It does not say that the order would not have come without the message."
    )


def usual_period(name: str, day: dt.date) -> Period:
    """What a report is about where nothing is said: the last 30 days, of cohorts the last twelve months."""
    return cohorts_until(day) if name == "cohorts" else asked(day)


def today(now: Instant, journeys: Journeys) -> dt.date:
    """The present day of the shop's calendar."""
    return local_date(now, zone(journeys.timezone))


def known_journeys(conn: Connection, journeys: Journeys) -> set[str]:
    """Every journey of which a report may be asked: those that are published, and those of which something
    was counted."""
    return {*journeys.by_name, *counted_journeys(conn)}
