"""`report journeys` and `report journey NAME`: what journeys did, and where in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from engine.compiler.walk import step_in_words
from engine.core.journey import Journey
from engine.core.journeys import Journeys
from engine.figures import metrics as m
from engine.figures.metrics import SumMetric, Totals
from engine.figures.period import Granularity, Period
from engine.figures.report import Table, row
from engine.figures.sums import Sums, add, added, by_granularity
from engine.store.counting.daily_counts import Count, GoalKind
from engine.store.counting.period_sums import Column, date_of, sums
from engine.store.customers import enrollments
from engine.store.journeys.journey_renames import names_now

OVERVIEW: tuple[SumMetric, ...] = (
    m.STARTED, m.REFUSED, m.INSIDE, m.GOALS, m.GOAL_RATE, m.SENT, m.DELIVERED, m.OPENED, m.CLICKED,
    m.UNSUBSCRIBED, m.ORDERS, m.REVENUE, m.COST,
)  # fmt: skip
ONE: tuple[SumMetric, ...] = (
    m.STARTED, m.REFUSED, m.INSIDE, m.GOALS, m.GOAL_RATE, m.ENDED, m.SENT, m.DELIVERED, m.BOUNCED,
    m.COMPLAINED, m.OPENED, m.CLICKED, m.CLICK_RATE, m.UNSUBSCRIBED, m.FAILED, m.UNKNOWN,
    m.ORDERS, m.REVENUE, m.CONVERSION, m.SERVICE_ORDERS, m.COST,
)  # fmt: skip
STEPS: tuple[SumMetric, ...] = (
    m.REACHED, m.SKIPPED, m.SENT, m.DELIVERED, m.BOUNCED, m.OPENED, m.CLICKED, m.CLICK_RATE, m.UNSUBSCRIBED,
    m.ORDERS, m.REVENUE, m.COST,
)  # fmt: skip
PARTS: tuple[SumMetric, ...] = (
    m.STARTED, m.GOALS, m.GOAL_RATE, m.SENT, m.DELIVERED, m.CLICKED, m.ORDERS, m.REVENUE, m.COST,
)  # fmt: skip

_GOALS: Mapping[str, str] = {
    GoalKind.COUNTED: "after a message",
    GoalKind.BEFORE: "before the first message: the journey had no part in it",
    GoalKind.AFTER: "after the run had ended otherwise",
    GoalKind.LATE: "after `within`: not counted",
    GoalKind.HOLDOUT: "of the holdout",
}


def all_journeys(
    conn: Connection, period: Period, before: Period, journeys: Journeys, by: Granularity | None
) -> tuple[Table, ...]:
    """A line for each journey that did anything, and one for all of them."""
    renamed = names_now(conn, journeys.by_name)
    now, then = _by_journey(conn, period, renamed), _by_journey(conn, before, renamed)
    inside = enrollments.taking_part(conn)
    trends = _trends(conn, period, renamed)
    names = sorted({*now, *then, *inside})
    lines = [
        row(
            name, OVERVIEW, Totals(now.get(name, {}), inside.get(name, 0)),
            Totals(then.get(name, {})), trends.get(name, ()),
        )
        for name in names
    ]  # fmt: skip
    everybody = sum(inside.values())
    whole = row(
        "all journeys", OVERVIEW, Totals(added(now.values()), everybody),
        Totals(added(then.values())), tuple(map(sum, zip(*trends.values(), strict=True))),
    )  # fmt: skip
    table = Table("journeys", "Journeys", "journey", OVERVIEW, (*lines, whole), m.STARTED.title)
    return (table, *by_granularity(conn, period, by, PARTS))


def one_journey(
    conn: Connection, name: str, period: Period, before: Period, journeys: Journeys, by: Granularity | None
) -> tuple[Table, ...]:
    """One journey: the whole of it, each step, why starts were refused, how runs ended, which goals count."""
    renamed = names_now(conn, journeys.by_name)
    names = names_of(conn, name, journeys)
    by_step = [_by_step(conn, each, names) for each in (period, before)]
    now, then = (added(steps.values()) for steps in by_step)
    inside = enrollments.taking_part(conn, name).get(name, 0)
    trend = _trends(conn, period, renamed, names).get(name, ())
    whole = row(name, ONE, Totals(now, inside), Totals(then), trend)
    return (
        Table("journey", f"The journey {name}", "journey", ONE, (whole,), m.STARTED.title, is_whole=True),
        _steps(journeys.by_name.get(name), *by_step),
        _reasons("refused", "Refused starts", "reason", Count.REFUSED, now, then),
        _reasons("ended", "Ends", "outcome", Count.ENDED, now, then),
        _reasons("goals", "Goals", "when", Count.GOAL, now, then, _GOALS),
        *by_granularity(conn, period, by, PARTS, names),
    )


def _by_step(conn: Connection, period: Period, names: Sequence[str]) -> dict[str, Sums]:
    """What was counted of a journey under all its names, by step; "": of none."""
    found: dict[str, Sums] = {}
    for name in names:
        by: tuple[Column, ...] = ("step", "what", "why")
        for (step, what, why), total in sums(conn, period.first, period.last, by, name).items():
            add(found.setdefault(str(step), {}), (str(what), str(why)), total)
    return found


def _steps(journey: Journey | None, *by_step: Mapping[str, Sums]) -> Table:
    """The funnel of this period and the one before, in the order of the file; steps that are no longer in it
    stand at the end."""
    ids = {step.id for step in journey.steps} if journey is not None else set()
    was = {step.was: step.id for step in (journey.steps if journey is not None else ()) if step.was}
    halves: list[dict[str, Sums]] = []
    for steps in by_step:
        found: dict[str, Sums] = {}
        for step, its_sums in steps.items():
            place = step if step in ids else was.get(step, step)
            for key, total in its_sums.items() if place else ():
                add(found.setdefault(place, {}), key, total)
        halves.append(found)
    now, then = halves
    order = [step.id for step in journey.steps] if journey is not None else []
    gone = sorted({*now, *then} - set(order))
    lines = []
    for step in (*order, *gone):
        totals = Totals(now.get(step, {}))
        note = "no longer in the file" if step in gone and journey is not None else ""
        skipped = [
            f"{why} {found.n:,}"
            for (what, why), found in sorted(totals.sums.items())
            if what == Count.SKIPPED
        ]
        note = "; ".join(filter(None, (note, "skipped: " + ", ".join(skipped) if skipped else "")))
        lines.append(row(step_in_words(step), STEPS, totals, Totals(then.get(step, {})), note=note))
    return Table("steps", "Steps", "step", STEPS, tuple(lines), note="remarks")


def _reasons(
    name: str,
    title: str,
    label: str,
    what: Count,
    now: Sums,
    then: Sums,
    words: Mapping[str, str] | None = None,
) -> Table:
    """How often each `why` of something, the most frequent first."""
    metric = {Count.REFUSED: m.REFUSED, Count.ENDED: m.ENDED, Count.GOAL: m.GOALS_OF_KIND}[what]
    whys = {why for found in (now, then) for (each, why) in found if each == what}
    lines = [
        row(
            (words or {}).get(why, why), (metric,),
            Totals({key: found for key, found in now.items() if key == (what, why)}),
            Totals({key: found for key, found in then.items() if key == (what, why)}),
        )
        for why in whys
    ]  # fmt: skip
    ordered = sorted(lines, key=lambda line: (-int(line.now[0] or 0), line.label))
    return Table(name, title, label, (metric,), tuple(ordered))


def _by_journey(conn: Connection, period: Period, renamed: Mapping[str, str]) -> dict[str, Sums]:
    found: dict[str, Sums] = {}
    by: tuple[Column, ...] = ("journey", "what", "why")
    totals = sums(conn, period.first, period.last, by, of_journeys=True)
    for (journey, what, why), total in totals.items():
        name = renamed.get(str(journey), str(journey))
        add(found.setdefault(name, {}), (str(what), str(why)), total)
    return found


def _trends(
    conn: Connection, period: Period, renamed: Mapping[str, str], only: Sequence[str] | None = None
) -> dict[str, tuple[int, ...]]:
    """How many started on each day of the period, by journey; `only`: of these."""
    started: dict[str, Counter[int]] = {}
    for old in only if only is not None else (None,):
        found = sums(conn, period.first, period.last, ("journey", "day"), old, Count.STARTED)
        for (journey, day), total in found.items():
            name = renamed.get(str(journey), str(journey))
            started.setdefault(name, Counter())[(date_of(int(day)) - period.first).days] += total.n
    return {name: tuple(days[day] for day in range(period.days)) for name, days in started.items()}


def names_of(conn: Connection, name: str, journeys: Journeys) -> list[str]:
    """The name of a journey, and those that it had before."""
    return [name, *(old for old, new in names_now(conn, journeys.by_name).items() if new == name)]
