"""`report experiments`: a table for each experiment, with what it shows in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import msgspec
from sqlalchemy import Connection

from engine.core.journeys import Journeys
from engine.figures.experiments.experiment import Experiment, experiments_of, in_phases
from engine.figures.experiments.metrics import EXPERIMENT, SINCE
from engine.figures.experiments.people import Participant, arms_at, moment_of, people_by_experiment
from engine.figures.experiments.words import TOO_LATE, Audience, SentenceContext, caveats, verdicts, waiting
from engine.figures.metrics import Value
from engine.figures.period import Period
from engine.figures.report import Row, Table
from engine.statistics.comparison import Arm, ExperimentResult, compare
from engine.statistics.confidence import ConfidenceInterval
from engine.store.counting import daily_counts, experiment_log
from engine.values import DAY, Instant, local_date, zone


class ExperimentVerdict(msgspec.Struct, frozen=True):
    """What one experiment shows, in a line. `split`: "" of a holdout."""

    journey: str
    split: str
    words: str


@dataclass(frozen=True, slots=True)
class ExperimentTables:
    """`empty`: those into which nobody has come; `period`: the days on which people came into the others;
    `verdicts`: of the others, in their order."""

    tables: tuple[Table, ...]
    empty: tuple[str, ...]
    period: Period
    verdicts: tuple[ExperimentVerdict, ...]


def experiments(
    conn: Connection, journeys: Journeys, now: Instant, period: Period | None = None, journey: str = ""
) -> ExperimentTables:
    """All experiments of the shop. `period`: only who came in then, of whom nothing is decided; `journey`:
    only those of this one."""
    shop, place = daily_counts.shop(conn), zone(journeys.timezone)
    found = [one for one in experiments_of(journeys, shop.order) if not journey or one.journey == journey]
    phases = experiment_log.phases(conn) if period is None else {}
    tables: list[Table] = []
    verdicts: list[ExperimentVerdict] = []
    empty: list[str] = []
    first = now
    if period is not None:
        found = [replace(experiment, decide=None, is_part=True) for experiment in found]
    for experiment, everybody in people_by_experiment(conn, found, journeys, journeys.currency):
        some = [one for one in everybody if period is None or local_date(one.at, place) in period]
        if not some:
            empty.append(experiment.title)
            continue
        first = min(first, *(one.at for one in some))
        current, earlier = in_phases(experiment, phases.get(experiment.title, ()))
        for before, ended_at in earlier:
            tables += _earlier(before, ended_at, some, journeys)
        analysed = _analysed(current, some, journeys, now)
        words = f"{experiment.title}: {' '.join(analysed.verdicts)}"
        verdicts.append(ExperimentVerdict(experiment.journey, experiment.split, words))
        tables += _tables(analysed, journeys, now)
    return ExperimentTables(
        tuple(tables), tuple(empty), period or Period(local_date(first, place), local_date(now, place)),
        tuple(verdicts),
    )  # fmt: skip


def _earlier(
    experiment: Experiment, ended_at: Instant, people: Sequence[Participant], journeys: Journeys
) -> list[Table]:
    """What was decided before the shares or the moment were changed: it stays."""
    since = [person for person in people if experiment.since <= person.at < ended_at]
    at = moment_of(since, experiment.names, experiment.decide, journeys.timezone)
    if at is None or not experiment.declared_at < at <= ended_at:
        return []
    return _tables(_analysed(experiment, since, journeys, at), journeys, at)


@dataclass(frozen=True, slots=True)
class _Analysed:
    """One experiment as it was decided at `moment`, or (None) as it stands now; `people`: those who came in
    since its shares are what they are."""

    experiment: Experiment
    people: tuple[Participant, ...]
    moment: Instant | None
    arms: tuple[Arm, ...]
    result: ExperimentResult
    verdicts: tuple[str, ...]
    caveats: tuple[str, ...]


def _analysed(
    experiment: Experiment, everybody: Sequence[Participant], journeys: Journeys, now: Instant
) -> _Analysed:
    people = tuple(person for person in everybody if person.at >= experiment.since)
    at = moment_of(people, experiment.names, experiment.decide, journeys.timezone)
    is_too_late = at is not None and at <= experiment.declared_at
    moment = at if at is not None and at <= now and not is_too_late else None
    until = moment if moment is not None else now
    arms = arms_at(people, experiment, until)
    result = compare(arms, is_moment=moment is not None, planned=experiment.planned, seed=experiment.title)
    waits = "" if moment is not None else TOO_LATE if is_too_late else waiting(arms, experiment)
    # Of a holdout those who are not held out, for it speaks of what the journey brought; of a split
    # everybody, for one path would be for all
    control = experiment.control
    came = [
        person.at for person in people if person.at <= until and (experiment.split or person.arm != control)
    ]
    context = SentenceContext(
        experiment,
        journeys.currency,
        Audience(len(came), (max(came) - min(came)) / DAY if came else 0.0),
        waits,
    )
    said = (verdicts(result, arms, context), caveats(result, context))
    return _Analysed(experiment, people, moment, arms, result, *said)


def _tables(found: _Analysed, journeys: Journeys, now: Instant) -> list[Table]:
    """As it was decided or stands now, and what came in after the decision."""
    experiment, place, moment = found.experiment, zone(journeys.timezone), found.moment
    title = experiment.title
    if moment is not None:
        title += f", decided on {local_date(Instant(moment - 1), place).isoformat()}"
    remarks = [*found.verdicts, *found.caveats]
    if experiment.since:
        first = local_date(experiment.since, place).isoformat()
        remarks.append(f"Of those who came in since {first}, when the shares were changed.")
    effects = {effect.arm: effect for effect in found.result.effects}
    rows = []
    for arm in found.arms:
        effect = effects.get(arm.name)
        rate, money = (effect.rate, effect.money) if effect is not None else (None, None)
        *counts, spent = _counts(arm)
        rows.append(
            Row(
                _label(arm, experiment),
                (*counts, *_bounds(rate), spent, *_bounds(money)),
                (),
                note=effect.verdict.value if effect is not None else "",
            )
        )
    tables = [
        Table(
            experiment.title, title, "arm", EXPERIMENT, tuple(rows), note="against the control",
            remarks=tuple(remarks),
        )
    ]  # fmt: skip
    later = arms_at(found.people, experiment, now, after=moment) if moment is not None else ()
    if any(arm.started for arm in later):
        tables.append(
            Table(
                f"{experiment.title}, since", f"{experiment.title}, people since then", "arm", SINCE,
                tuple(Row(_label(arm, experiment), _counts(arm), ()) for arm in later),
                remarks=("They do not change what was decided.",),
            )
        )  # fmt: skip
    return tables


def _counts(arm: Arm) -> tuple[Value, ...]:
    share = Decimal(arm.goals.part) / arm.goals.whole if arm.goals.whole else None
    spent = _decimal(arm.money.mean) if arm.money.people else None
    return (arm.started, arm.goals.whole, arm.goals.part, share, spent)


def _label(arm: Arm, experiment: Experiment) -> str:
    return f"{arm.name} (control)" if arm.name == experiment.control else arm.name


def _bounds(interval: ConfidenceInterval | None) -> tuple[Value, Value]:
    return (None, None) if interval is None else (_decimal(interval.low), _decimal(interval.high))


def _decimal(value: float) -> Decimal:
    """As many digits as anybody can mean."""
    return Decimal(str(round(value, 10)))
