"""The reports by name: what each is made of, and what its reader has to know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum, StrEnum, auto

from sqlalchemy import Connection

from engine.core.journeys import Journeys
from engine.figures.content import ReportContent, ReportScope
from engine.figures.experiments.experiment import GLOBAL
from engine.figures.experiments.sizing import sizes
from engine.figures.experiments.tables import ExperimentTables, ExperimentVerdict, experiments
from engine.figures.number_format import time_shown
from engine.figures.period import Period, asked, last_year
from engine.figures.report import FiguresReport
from engine.figures.reports import nightly
from engine.figures.reports.audit import audit
from engine.figures.reports.channels import channels
from engine.figures.reports.codes import codes
from engine.figures.reports.cohorts import cohorts
from engine.figures.reports.cohorts import usual_period as cohorts_until
from engine.figures.reports.deployments import deployments
from engine.figures.reports.domains import domains
from engine.figures.reports.forecasts import forecast
from engine.figures.reports.forecasts import usual_period as forecasts_until
from engine.figures.reports.forecasts_section import forecasts_beside
from engine.figures.reports.journeys import all_journeys, names_of, one_journey
from engine.figures.reports.nightly import NightlyReport
from engine.figures.reports.other_currencies import other_currencies
from engine.figures.reports.overview import customers, overview
from engine.figures.reports.points import points
from engine.figures.reports.reach import reach
from engine.figures.reports.reaction_times import times_to_click
from engine.figures.reports.recommendations import recommendations
from engine.figures.reports.segments import segments
from engine.figures.reports.year import usual_period as year_until
from engine.figures.reports.year import year
from engine.figures.request import ReportRequest
from engine.store import count_backfill
from engine.store.counting import daily_counts
from engine.store.counting.daily_counts import Count, ShopFacts
from engine.store.counting.period_sums import counted_journeys, first_day, last_day
from engine.store.journeys import deployments as deployments_log
from engine.values import Instant, iso, local_date, zone

OVERVIEW = "overview"
EXPERIMENTS = "experiments"
COHORTS = "cohorts"
FORECAST = "forecast"


class ReportNote(Enum):
    """What has to be known of the age of figures, and of rules that the shop can choose."""

    MESSAGES = auto()  # the last days still change
    ATTRIBUTION = auto()  # which orders belong to messages
    LOST = auto()  # when a customer is lost
    NET = auto()  # what takes orders back
    WORTH = auto()  # what a point is worth
    FILLING = auto()  # what happened before is still being counted
    SINCE = auto()  # nothing is counted of earlier days


_EVERYTHING: frozenset[Count] = frozenset()
_OF_JOURNEYS = frozenset((
    Count.STARTED, Count.REFUSED, Count.REACHED, Count.SKIPPED, Count.GOAL, Count.ENDED, Count.SENT,
    Count.ATTRIBUTED,
))  # fmt: skip
_OF_MESSAGES = frozenset((ReportNote.MESSAGES, ReportNote.ATTRIBUTION, ReportNote.FILLING, ReportNote.SINCE))


class ReportTopic(StrEnum):
    """What a report is about one of, whose name is said then."""

    ALL = ""
    JOURNEY = "journey"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class ReportKind:
    """One of the reports. `about`: what it holds, in words. `usual`: the days where nobody says which.
    `counts`: which daily counts it is made of, all of them where it holds none; None: of something else.
    `has_period`: it can be asked of some days. `most_customers`: of more than so many it is made at night;
    None: never. `at_night`: the days of which it is made then, where the usual ones take no time; None: the
    usual ones."""

    about: str
    title: str
    content: Callable[[ReportScope], ReportContent]
    notes: frozenset[ReportNote] = frozenset()
    of: ReportTopic = ReportTopic.ALL
    usual: Callable[[dt.date], Period] = asked
    counts: frozenset[Count] | None = None
    has_period: bool = True
    most_customers: int | None = None
    at_night: Callable[[dt.date], Period] | None = None

    def is_of_night(self, wanted: ReportRequest, day: dt.date) -> bool:
        """Whether what is asked for on this day is what is made at night, where customers are many."""
        if self.most_customers is None or wanted.rise is not None:
            return False
        return wanted.is_usual if self.at_night is None else wanted.period == self.at_night(day)


def _overview(scope: ReportScope) -> ReportContent:
    shop, *parts = overview(scope.conn, scope.wanted, scope.today)
    apart = other_currencies(scope, Count.ORDER)
    effects = _effects(scope, GLOBAL) if scope.journeys.global_holdout else (_NO_HOLDOUT,)
    return ReportContent((shop, *apart, reach(scope), *parts), effects)


_NO_HOLDOUT = (
    "No holdout of the whole shop (`holdout:` in config.yaml): nobody knows what of the revenue of triggers "
    "would have come without them. What a journey with a holdout of its own brought says `report journeys`."
)


def _effects(scope: ReportScope, journey: str = "") -> tuple[str, ...]:
    """What experiments show, each in a line: those of one journey, or the holdouts of all, since what one
    path of a split has before another one is no effect of the journey. It stands beside what is attributed to
    clicks, of which nobody knows whether it would have come anyhow."""
    made = nightly.find(scope.conn, EXPERIMENTS, scope.now)
    if made is None:
        verdicts = experiments(scope.conn, scope.journeys, scope.now, journey=journey).verdicts
    else:
        verdicts = made.verdicts
    lines = tuple(one.words for one in verdicts if (one.journey == journey if journey else not one.split))
    as_of = f"What experiments show is as of {iso(made.at)}." if made is not None and lines else ""
    return (*lines, *filter(None, (as_of,)))


def _customers(scope: ReportScope) -> ReportContent:
    whole, *others = customers(scope.conn, scope.wanted, scope.today)
    apart = other_currencies(scope, Count.ORDER)
    return ReportContent((whole, *apart, *forecasts_beside(scope), *others))


def _cohorts(scope: ReportScope) -> ReportContent:
    tables = cohorts(scope.conn, scope.wanted.period)
    return ReportContent(tables, () if tables else ("Nobody ordered for the first time in these months.",))


def _journeys(scope: ReportScope) -> ReportContent:
    wanted = scope.wanted
    whole, *parts = all_journeys(scope.conn, wanted.period, scope.before, scope.journeys, wanted.by)
    apart = other_currencies(scope, Count.ATTRIBUTED)
    return ReportContent((whole, *apart, *parts), _effects(scope))


def _journey(scope: ReportScope) -> ReportContent:
    name, period = scope.wanted.of, scope.wanted.period
    names = names_of(scope.conn, name, scope.journeys)
    whole, steps, *others = one_journey(
        scope.conn, name, period, scope.before, scope.journeys, scope.wanted.by
    )
    times = times_to_click(scope, names, scope.journeys.by_name.get(name))
    apart = other_currencies(scope, Count.ATTRIBUTED, names)
    return ReportContent((whole, steps, times, *apart, *others), _effects(scope, name), f"The journey {name}")


def _channels(scope: ReportScope) -> ReportContent:
    whole, *parts = channels(scope.conn, scope.wanted.period, scope.before, scope.wanted.by)
    apart = other_currencies(scope, Count.ATTRIBUTED)
    return ReportContent((whole, *domains(scope), *apart, *parts))


def _points(scope: ReportScope) -> ReportContent:
    return ReportContent(points(scope.conn, scope.wanted, _worth_of_point(scope.journeys)))


def _experiments(scope: ReportScope) -> ReportContent:
    """Over all the time that they run, where nobody has said which days."""
    conn, wanted, journeys, now = scope.conn, scope.wanted, scope.journeys, scope.now
    if wanted.rise is not None:
        return ReportContent(
            (sizes(conn, journeys, now, wanted.rise, wanted.base),), (), "Size of experiments"
        )
    return _of_experiments(experiments(conn, journeys, now, None if wanted.is_usual else wanted.period))


def _of_experiments(found: ExperimentTables) -> ReportContent:
    notes: tuple[str, ...] = _EXPERIMENT_NOTES if found.tables else ()
    if found.empty:
        notes += (f"Nobody has come in yet: {'; '.join(found.empty)}.",)
    notes = notes or ("No journey has a holdout or a split.",)
    return ReportContent(found.tables, notes, period=found.period)


_EXPERIMENT_NOTES = (
    (
        "Everybody is looked at for the same time from their first start on, in every arm: who is still "
        "within it is not counted yet."
    ),
    "Orders are all orders of these people, whether they clicked a message or not; gross.",
)

KINDS: Mapping[str, ReportKind] = {
    OVERVIEW: ReportKind(
        "the whole shop, against the period before and the same a year before (also without a name)",
        "The shop", _overview, frozenset(ReportNote) - {ReportNote.WORTH},
        counts=_EVERYTHING,
    ),
    "customers": ReportKind(
        "who orders again, how often, how soon, and what", "Customers", _customers,
        frozenset((ReportNote.LOST, ReportNote.FILLING, ReportNote.SINCE)), counts=frozenset((Count.ORDER,)),
    ),
    COHORTS: ReportKind(
        "customers by the month of their first order", "Cohorts", _cohorts, frozenset((ReportNote.FILLING,)),
        usual=cohorts_until, counts=frozenset((Count.ORDER,)),
    ),
    "journeys": ReportKind(
        "what each journey did", "Journeys", _journeys, _OF_MESSAGES, counts=_OF_JOURNEYS
    ),
    "journey": ReportKind(
        "one journey, step by step (with its name)", "Journey", _journey, _OF_MESSAGES, ReportTopic.JOURNEY,
        counts=_EVERYTHING,
    ),
    "channels": ReportKind(
        "what became of the messages on each channel, and by the domain of the recipients", "Channels",
        _channels, _OF_MESSAGES,
        counts=frozenset((Count.SENT, Count.ATTRIBUTED, Count.SERVICE_ORDER)),
    ),
    "points": ReportKind(
        "what was issued, spent and expired, and what customers still have", "Points", _points,
        frozenset((ReportNote.WORTH, ReportNote.FILLING, ReportNote.SINCE)),
        counts=frozenset((Count.POINTS,)),
    ),
    EXPERIMENTS: ReportKind(
        "what holdouts and splits show, and how sure that is", "Experiments", _experiments,
        most_customers=10_000,
    ),
    "segments": ReportKind(
        "who came into each segment, and who left it", "Segments", segments,
        counts=frozenset((Count.ENTERED, Count.LEFT)),
    ),
    "codes": ReportKind("promo codes: given, used, and what was bought with them", "Promo codes", codes),
    "recommendations": ReportKind(
        "recommended products: shown, clicked, bought", "Recommendations", recommendations,
        most_customers=100_000, at_night=last_year,
    ),
    "deployments": ReportKind(
        "figures before and after each deployment, with the holdout as control", "Deployments", deployments,
        frozenset((ReportNote.SINCE,)),
    ),
    "audit": ReportKind(
        "for a shop that begins: who and what is there, and what journeys could bring", "Audit", audit,
        most_customers=100_000,
    ),
    "year": ReportKind(
        "the year of one customer (with the id)", "The year", year, of=ReportTopic.CUSTOMER,
        usual=year_until,
    ),
    FORECAST: ReportKind(
        "facts that look ahead: what was expected of the last days, and what came", "Forecasts", forecast,
        usual=forecasts_until, has_period=False,
    ),
}  # fmt: skip

NAMES: Mapping[str, str] = {name: kind.about for name, kind in KINDS.items()}
"""What each holds, in words."""


def report(conn: Connection, wanted: ReportRequest, journeys: Journeys, now: Instant) -> FiguresReport:
    """The report, from one moment of the store. `wanted.name` is one of `NAMES`."""
    kind = KINDS[wanted.name]
    is_of_night = kind.is_of_night(wanted, today(now, journeys))
    made = nightly.find(conn, wanted.name, now) if is_of_night else None
    if made is not None:
        wanted = replace(wanted, period=made.period)  # that of its own day, which may be over
    scope = ReportScope(conn, wanted, journeys, now)
    content = made.content if made is not None else kind.content(scope)
    rows = [row for table in content.tables for row in table.rows]
    year_before = wanted.period.year_before() if any(row.year_before for row in rows) else None
    notes = (
        *_nothing(scope, kind), *content.notes, *((made.note,) if made is not None else ()),
        *_notes(scope, kind.notes, year_before or scope.before),
    )  # fmt: skip
    return FiguresReport(
        wanted.name,
        content.title or kind.title,
        content.period or wanted.period,
        scope.before if any(row.before for row in rows) else None,
        journeys.currency,
        journeys.timezone,
        iso(made.at if made is not None else now),
        content.tables,
        notes,
        year_before,
    )


def made_at_night(conn: Connection, name: str, journeys: Journeys, now: Instant) -> NightlyReport:
    """A report as it is kept for those who ask for it by day."""
    kind, day = KINDS[name], today(now, journeys)
    period = (kind.at_night or kind.usual)(day)
    wanted = ReportRequest(name, period, is_usual=kind.at_night is None)
    verdicts: tuple[ExperimentVerdict, ...] = ()
    if name == EXPERIMENTS:
        found = experiments(conn, journeys, now)
        content, verdicts = _of_experiments(found), found.verdicts
    else:
        content = kind.content(ReportScope(conn, wanted, journeys, now))
    return NightlyReport(now, deployments_log.current_number(conn), wanted.period, content, verdicts)


def _notes(scope: ReportScope, notes: frozenset[ReportNote], earliest: Period) -> list[str]:
    conn, wanted = scope.conn, scope.wanted
    shop = daily_counts.shop(conn)
    found = []
    if ReportNote.MESSAGES in notes:
        found.append(
            "What becomes of a message counts on the day on which it was handed over: the last days still "
            "change."
        )
    if ReportNote.ATTRIBUTION in notes:
        found.append(_attribution(shop))
    if ReportNote.LOST in notes:
        found.append(
            f"A customer is lost after {wanted.lost_after:,} days without an order; another time is said with"
            "  reports: {lost: after 180 days}  in config.yaml."
        )
    if ReportNote.NET in notes and not shop.less:
        found.append(
            "Nothing says what takes orders back (a fact that is the sum of them, with `less`): net is gross."
        )
    if ReportNote.WORTH in notes and _worth_of_point(scope.journeys) is None:
        found.append(
            "Nothing says what a point is worth: with  worth: 0.01 EUR  under points: in config.yaml what is "
            "outstanding is shown in money."
        )
    past = count_backfill.progress(conn) if ReportNote.FILLING in notes else None
    if past is not None:
        found.append(
            f"What happened before the last upgrade is still being counted ({past.percent}%): earlier days "
            "will grow."
        )
    first = first_day(conn) if ReportNote.SINCE in notes else None
    if first is not None and first > earliest.first:
        found.append(f"Counted since {first.isoformat()}: what lies before is not whole.")
    return found


def _nothing(scope: ReportScope, kind: ReportKind) -> list[str]:
    """That there was nothing in these days, and when there was something last."""
    if kind.counts is None:
        return []
    of = scope.wanted.of if kind.of is ReportTopic.JOURNEY else ""
    period = scope.wanted.period
    last = last_day(scope.conn, period.last, kind.counts, of)
    if last is None:
        return [f"Nothing is counted of these days, nor of any day before {period.first.isoformat()}."]
    if last in period:
        return []
    return [f"Nothing is counted of these days; the last day of which anything is was {last.isoformat()}."]


def _worth_of_point(journeys: Journeys) -> Decimal | None:
    rules = journeys.loyalty.points if journeys.loyalty is not None else None
    return rules.worth.amount if rules is not None and rules.worth is not None else None


def _attribution(shop: ShopFacts) -> str:
    """The rule by which orders belong to messages."""
    return (
        f"An order belongs to the last message that its customer clicked within {time_shown(shop.click)} "
        "before it, once; messages of service apart. It does not say that the order would not have come "
        "without the message."
    )


def usual_period(name: str, day: dt.date) -> Period:
    """What a report is about where nothing is said: mostly the last 30 days."""
    return KINDS[name].usual(day)


def today(now: Instant, journeys: Journeys) -> dt.date:
    """The present day of the shop's calendar."""
    return local_date(now, zone(journeys.timezone))


def known_journeys(conn: Connection, journeys: Journeys) -> set[str]:
    """Every journey of which a report may be asked: those that are published, and those of which something
    was counted."""
    return {*journeys.by_name, *counted_journeys(conn)}
