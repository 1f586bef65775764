"""`report experiments`: a table for each experiment, with what it shows in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlalchemy import Connection

from engine.core.journeys import Journeys
from engine.figures.experiments.metrics import EXPERIMENT, SINCE
from engine.figures.experiments.people import Person, arms_at, moment_of, people_of
from engine.figures.experiments.trial import Trial, in_phases, trials
from engine.figures.experiments.words import TOO_LATE, Audience, Scene, sentences, waiting
from engine.figures.metrics import Value
from engine.figures.period import Period
from engine.figures.report import Row, Table
from engine.statistics.bounds import Bounds
from engine.statistics.comparison import Arm, Comparison, Difference, compare
from engine.store.counting import daily_counts, trial_log
from engine.values import DAY, Instant, local_date, zone


@dataclass(frozen=True, slots=True)
class Experiments:
    """`empty`: those into which nobody has come; `period`: the days on which people came into the others."""

    tables: tuple[Table, ...]
    empty: tuple[str, ...]
    period: Period


def experiments(conn: Connection, journeys: Journeys, now: Instant, period: Period | None) -> Experiments:
    """All experiments of the shop. `period`: only who came in then, of whom nothing is decided."""
    shop, place = daily_counts.shop(conn), zone(journeys.timezone)
    found = trials(journeys, shop.order)
    people = people_of(conn, found, journeys, journeys.currency)
    if period is not None:
        found = [replace(trial, decide=None, is_part=True) for trial in found]
        people = [[one for one in some if local_date(one.at, place) in period] for some in people]
    phases = trial_log.phases(conn)
    tables: list[Table] = []
    for trial, some in zip(found, people, strict=True):
        if not some:
            continue
        current, earlier = in_phases(trial, phases.get(trial.title, ()) if period is None else ())
        for before, ended_at in earlier:
            tables += _earlier(before, ended_at, some, journeys)
        tables += tables_of(current, some, journeys, now)
    empty = tuple(trial.title for trial, some in zip(found, people, strict=True) if not some)
    first = min((one.at for some in people for one in some), default=now)
    return Experiments(
        tuple(tables), empty, period or Period(local_date(first, place), local_date(now, place))
    )


def lines_of(conn: Connection, journeys: Journeys, now: Instant, name: str) -> list[str]:
    """What the experiments of one journey say, each in a sentence."""
    found = [one for one in trials(journeys, daily_counts.shop(conn).order) if one.journey == name]
    phases = trial_log.phases(conn)
    said = []
    for trial, some in zip(found, people_of(conn, found, journeys, journeys.currency), strict=True):
        if some:
            current, _ = in_phases(trial, phases.get(trial.title, ()))
            said.append(f"{trial.title}: {tables_of(current, some, journeys, now)[0].remarks[0]}")
    return said


def _earlier(trial: Trial, ended_at: Instant, people: Sequence[Person], journeys: Journeys) -> list[Table]:
    """What was decided before the shares or the moment were changed: it stays."""
    since = [person for person in people if trial.since <= person.at < ended_at]
    at = moment_of(since, [name for name, _ in trial.arms], trial.decide, journeys.timezone)
    if at is None or not trial.declared_at < at <= ended_at:
        return []
    return tables_of(trial, since, journeys, at)


def tables_of(trial: Trial, everybody: Sequence[Person], journeys: Journeys, now: Instant) -> list[Table]:
    """One experiment: as it was decided or stands now, and what came in after the decision."""
    people = [person for person in everybody if person.at >= trial.since]
    at = moment_of(people, [name for name, _ in trial.arms], trial.decide, journeys.timezone)
    is_too_late = at is not None and at <= trial.declared_at
    moment = at if at is not None and at <= now and not is_too_late else None
    until = moment if moment is not None else now
    arms = arms_at(people, trial, until)
    comparison = compare(arms, is_moment=moment is not None, planned=trial.planned, seed=trial.title)
    day = local_date(Instant(moment - 1), zone(journeys.timezone)) if moment is not None else None
    waits = "" if moment is not None else TOO_LATE if is_too_late else waiting(arms, trial)
    scene = Scene(trial, journeys.currency, _audience(people, trial, until), waits)
    title = trial.title if day is None else f"{trial.title}, decided on {day.isoformat()}"
    first = local_date(trial.since, zone(journeys.timezone))
    is_anew = f"Of those who came in since {first.isoformat()}, when the shares were changed."
    found = [
        Table(
            trial.title,
            title,
            "arm",
            EXPERIMENT,
            tuple(_rows(trial, arms, comparison)),
            note="against the control",
            remarks=(*sentences(comparison, arms, scene), *([is_anew] if trial.since else [])),
        )
    ]
    later = arms_at(people, trial, now, after=moment)
    if moment is not None and any(arm.started for arm in later):
        rows = tuple(Row(_label(arm, trial), _counts(arm), ()) for arm in later)
        name, title = f"{trial.title}, since", f"{trial.title}, people since then"
        remarks = ("They do not change what was decided.",)
        found.append(Table(name, title, "arm", SINCE, rows, remarks=remarks))
    return found


def _rows(trial: Trial, arms: Sequence[Arm], comparison: Comparison) -> list[Row]:
    by_arm = {difference.arm: difference for difference in comparison.differences}
    return [_row(trial, arm, by_arm.get(arm.name)) for arm in arms]


def _row(trial: Trial, arm: Arm, difference: Difference | None) -> Row:
    rate = difference.rate if difference is not None else None
    money = difference.money if difference is not None else None
    *counts, spent = _counts(arm)
    return Row(
        _label(arm, trial),
        (*counts, *_bounds(rate), spent, *_bounds(money)),
        (),
        note=difference.verdict.value if difference is not None else "",
    )


def _counts(arm: Arm) -> tuple[Value, ...]:
    share = Decimal(arm.goals.part) / arm.goals.whole if arm.goals.whole else None
    spent = _decimal(arm.money.mean) if arm.money.people else None
    return (arm.started, arm.goals.whole, arm.goals.part, share, spent)


def _label(arm: Arm, trial: Trial) -> str:
    return f"{arm.name} (control)" if arm.name == trial.arms[0][0] else arm.name


def _bounds(interval: Bounds | None) -> tuple[Value, Value]:
    return (None, None) if interval is None else (_decimal(interval.low), _decimal(interval.high))


def _decimal(value: float) -> Decimal:
    """As many digits as anybody can mean."""
    return Decimal(str(round(value, 10)))


def _audience(people: Sequence[Person], trial: Trial, until: Instant) -> Audience:
    """Of a holdout those who are not held out, for it speaks of what the journey brought; of a split
    everybody, for one path would be for all."""
    control = trial.arms[0][0]
    came = [person.at for person in people if person.at <= until and (trial.split or person.arm != control)]
    return Audience(len(came), (max(came) - min(came)) / DAY if came else 0.0)
