"""`report deployments`: figures before and after each deployment, and what its journeys did against their
holdout."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain

from engine.figures import customer_metrics as c
from engine.figures import metrics as m
from engine.figures.content import ReportContent, ReportScope
from engine.figures.experiments.experiment import Experiment, experiments_of
from engine.figures.experiments.people import Participant, people_by_experiment
from engine.figures.metrics import Metric, SumMetric, Totals, Value
from engine.figures.period import Period
from engine.figures.report import Row, Table
from engine.figures.shop import SHOP
from engine.figures.sums import Sums, add
from engine.statistics.proportions import Proportion, change_against
from engine.store.counting import daily_counts
from engine.store.counting.arms import HELD_OUT, TREATED
from engine.store.counting.period_sums import sums
from engine.store.journeys import deployments as published
from engine.store.journeys.deployments import DeploymentRecord
from engine.values import local_date, zone

DAYS = 14
"""So many whole days before and after a deployment are compared at most."""

MOST = 30
"""Deployments that are told of, the newest ones."""

_COMPARED: tuple[SumMetric, ...] = (c.ALL_REVENUE, c.TRIGGER_REVENUE, m.SENT, m.CLICKED, m.UNSUBSCRIBED)
_WHEN = "whole days before and after the day of the deployment, so many on both sides"


def _metric(name: str, title: str, formula: str, counts: str, unit: m.Unit, of: str = "") -> Metric:
    return Metric(name, title, unit, formula, counts, _WHEN, of)


COMPARED_DAYS = _metric(
    "compared_days",
    "days each",
    f"days on both sides, {DAYS} at most, as far as they are over",
    "days",
    "count",
)
BEFORE_AND_AFTER: tuple[Metric, ...] = tuple(
    _metric(
        f"{each.name}_{side}", f"{each.title} a day, {side}", f"`{each.name}` of these days / days",
        each.counts,
        "money" if each.unit == "money" else "number",
    )
    for each in _COMPARED
    for side in ("before", "after")
)  # fmt: skip
DEPLOYMENTS: tuple[Metric, ...] = (COMPARED_DAYS, *BEFORE_AND_AFTER)

_PEOPLE = "people, each once, who came in on these days and whose time (`within` of the goal) is over"
RUN_BEFORE = _metric(
    "run_before", "people before", "who came in before, without the holdout", _PEOPLE, "count"
)
RUN_AFTER = _metric("run_after", "people after", "who came in after, without the holdout", _PEOPLE, "count")
RATE_BEFORE = _metric("rate_before", "goal before", "with goal / people before", _PEOPLE, "share", "people")
RATE_AFTER = _metric("rate_after", "goal after", "with goal / people after", _PEOPLE, "share", "people")
HELD_BEFORE = _metric(
    "held_before", "holdout before", "the same, of the holdout", _PEOPLE, "share", "holdout"
)
HELD_AFTER = _metric("held_after", "holdout after", "the same, of the holdout", _PEOPLE, "share", "holdout")
CHANGE_LOW = _metric(
    "change_low", "change from",
    "lower bound of the 95% interval of (goal after - goal before) - (holdout after - holdout before), in "
    "points: from the intervals of R. G. Newcombe, Statistics in Medicine 17 (1998), method 10, put together "
    "by the same method (MOVER)", _PEOPLE, "share", "people",
)  # fmt: skip
CHANGE_HIGH = _metric("change_high", "to", "upper bound of the same interval", _PEOPLE, "share", "people")
CONTROLLED: tuple[Metric, ...] = (
    RUN_BEFORE, RUN_AFTER, RATE_BEFORE, RATE_AFTER, HELD_BEFORE, HELD_AFTER, CHANGE_LOW, CHANGE_HIGH,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ComparedDays:
    """The days before a deployment and after it, as many of each; `changed`: journeys that it changed."""

    record: DeploymentRecord
    changed: tuple[str, ...]
    before: Period
    after: Period


def deployments(scope: ReportScope) -> ReportContent:
    """A line for each deployment of the period, the newest first; below, one for each journey with a holdout
    that it changed."""
    compared, empty = _compared(scope)
    place = zone(scope.journeys.timezone)
    rows: list[Row] = []
    against: list[list[Row]] = [[] for _ in compared]
    for one in compared:
        before, after = (_totals(scope, period) for period in (one.before, one.after))
        values: list[Value] = [one.before.days]
        for metric in _COMPARED:
            values += [Decimal(metric.value(each) or 0) / one.before.days for each in (before, after)]
        note = ", ".join(one.changed) or "no journey"
        title = f"#{one.record.number}, {local_date(one.record.at, place).isoformat()}, {one.record.whom}"
        rows.append(Row(title, tuple(values), (), note=note))
    experiments = [
        one for one in experiments_of(scope.journeys, daily_counts.shop(scope.conn).order)
        if not one.split and not one.is_global and any(one.journey in each.changed for each in compared)
    ]  # fmt: skip
    currency = scope.journeys.currency
    for experiment, people in people_by_experiment(scope.conn, experiments, scope.journeys, currency):
        for lines, one in zip(against, compared, strict=True):
            if experiment.journey in one.changed:
                lines.append(_against_holdout(scope, one, experiment, people))
    tables = (
        Table(
            "deployments", "Before and after", "deployment", DEPLOYMENTS, tuple(rows), note="journeys changed"
        ),
        Table("controlled", "With the holdout as control", "deployment", CONTROLLED, tuple(chain(*against))),
    )
    notes = (
        [*_NOTES]
        if rows
        else [
            "No deployment of these days can be compared: it needs one before it, and a whole day behind it."
        ]
    )
    if empty and rows:
        notes.append(f"Without another one before them, or a whole day behind: {', '.join(empty)}.")
    return ReportContent(tables, tuple(notes))


_NOTES = (
    (
        "Before and after differ by more than the deployment: the days of the week, the season, what else "
        "was changed. What a journey did is told by the line with its holdout, which had the same days."
    ),
    (
        "Where the interval of the change holds 0, nobody can tell that the deployment changed anything; of "
        "several lines one of twenty is wrong by chance."
    ),
)


def _compared(scope: ReportScope) -> tuple[list[ComparedDays], list[str]]:
    """Those of the period that have days on both sides, and the numbers of the others."""
    place, today = zone(scope.journeys.timezone), scope.today
    records = published.latest(scope.conn, MOST + 1)
    found, empty = [], []
    for place_in_list, record in enumerate(records[:MOST]):
        day = local_date(record.at, place)
        if day not in scope.wanted.period:
            continue
        former = records[place_in_list + 1] if place_in_list + 1 < len(records) else None
        known: Mapping[str, str] = former.journeys if former is not None else {}
        changed = tuple(
            sorted(name for name, hash_ in record.journeys.items() if name in known and known[name] != hash_)
        )
        days = min(DAYS, (today - day).days - 1)
        if days < 1 or former is None:
            empty.append(f"#{record.number}")
            continue
        one = dt.timedelta(days=1)
        before = Period(day - days * one, day - one)
        found.append(ComparedDays(record, changed, before, Period(day + one, day + days * one)))
    return found, empty


def _totals(scope: ReportScope, period: Period) -> Totals:
    whole: Sums = {}
    found = sums(scope.conn, period.first, period.last, ("what", "why"), what=SHOP)
    for (what, why), total in found.items():
        add(whole, (str(what), str(why)), total)
    return Totals(whole)


def _against_holdout(
    scope: ReportScope, one: ComparedDays, experiment: Experiment, people: Sequence[Participant]
) -> Row:
    over = [person for person in people if person.over_at <= scope.now]
    shares = {
        (arm, side): _share(scope, over, arm, period)
        for arm in (TREATED, HELD_OUT)
        for side, period in (("before", one.before), ("after", one.after))
    }
    treated, held = ((shares[arm, "before"], shares[arm, "after"]) for arm in (TREATED, HELD_OUT))
    has_people = all(share.whole for share in shares.values())
    change = change_against(*treated, *held) if has_people else None
    return Row(
        f"#{one.record.number}, {experiment.journey}",
        (
            treated[0].whole, treated[1].whole, *map(_rate, (*treated, *held)),
            _points(change.low) if change is not None else None,
            _points(change.high) if change is not None else None,
        ),
        (),
    )  # fmt: skip


def _share(scope: ReportScope, people: Iterable[Participant], arm: str, period: Period) -> Proportion:
    span = scope.span(period)
    inside = [person for person in people if person.arm == arm and span.begin <= person.at < span.end]
    return Proportion(sum(person.has_goal for person in inside), len(inside))


def _rate(share: Proportion) -> Value:
    return Decimal(share.part) / share.whole if share.whole else None


def _points(value: float) -> Decimal:
    return Decimal(str(round(value, 10)))
