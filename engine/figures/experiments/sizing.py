"""`report experiments --size 2% --from 8%`: how many people it takes to find an effect, and how many days."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from math import ceil

from sqlalchemy import Connection

from engine.core.journeys import Journeys
from engine.errors import UsageError
from engine.figures.experiments.experiment import Experiment, experiments_of
from engine.figures.experiments.metrics import SIZE
from engine.figures.experiments.people import Participant, arms_at, people_by_experiment
from engine.figures.metrics import Value
from engine.figures.report import Row, Table
from engine.statistics.confidence import ALPHA
from engine.statistics.sample_size import people_needed
from engine.store.counting import daily_counts
from engine.values import DAY, Instant

PACE = 30
"""Days by which it is said how many come in a day."""

_SHARE = re.compile(r"(\d{1,2}(?:\.\d{1,3})?) *%?")


def asked_share(text: str, option: str) -> float:
    """`2%` as a part of one. Raises `UsageError` for what is no share between 0 and 100."""
    found = _SHARE.fullmatch(text.strip())
    if found is None or not float(found[1]):
        raise UsageError(f"{option} {text} is not a share:", f"write  {option} 2%")
    return float(found[1]) / 100


def sizes(conn: Connection, journeys: Journeys, now: Instant, rise: float, base: float | None) -> Table:
    """A line for two halves (where `base` is said), and one for each experiment: `base` of the control, or
    what its control shows now, raised by `rise` (both as parts of one). Raises `UsageError` where that is
    more than everybody."""
    if base is not None and base + rise >= 1:
        raise UsageError(
            "more than everybody cannot reach a goal:", "--from and --size are below 100% together"
        )
    found = experiments_of(journeys, daily_counts.shop(conn).order)
    lines = []
    if base is not None:
        each = people_needed(base, base + rise)
        lines.append(Row("two halves", (*_rates(base, rise), each, 2 * each, None, None), ()))
    for experiment, people in people_by_experiment(conn, found, journeys, journeys.currency):
        seen = base if base is not None else _seen(experiment, people, now)
        if seen is None or not 0 < seen < 1 - rise:
            continue
        each, starts = _needed(experiment, seen, seen + rise)
        # Who came in on a day, by the last ones; of an experiment that is younger, since it began
        since = max(min((person.at for person in people), default=now), now - PACE * DAY)
        a_day = sum(person.at >= since for person in people) / max(1.0, (now - since) / DAY)
        days = ceil(starts / a_day) + ceil(experiment.within.roughly() / DAY) if a_day else None
        pace = Decimal(str(round(a_day, 1))) if a_day else None
        lines.append(Row(experiment.title, (*_rates(seen, rise), each, starts, pace, days), ()))
    remark = (
        "An effect of this size is found in four of five cases. Write  decide: after ... people each  with "
        "the number of the column `people each`. An effect half as large takes four times as many people."
    )
    return Table("size", "How many people it takes", "experiment", SIZE, tuple(lines), remarks=(remark,))


def _rates(base: float, rise: float) -> tuple[Value, Value]:
    return Decimal(str(round(base, 6))), Decimal(str(round(base + rise, 6)))


def _needed(experiment: Experiment, base: float, changed: float) -> tuple[int, int]:
    """People in the smallest arm, and people who have to come in until all arms have enough."""
    (_, control), *others = experiment.arms
    whole = control + sum(share for _, share in others)
    alpha = ALPHA / len(others)  # of several arms, as Holm asks of the first
    starts = max(
        ceil(people_needed(base, changed, share / control, alpha=alpha) * whole / control)
        for _, share in others
        if share
    )
    return ceil(starts * min(share for _, share in experiment.arms if share) / whole), starts


def _seen(experiment: Experiment, people: Sequence[Participant], now: Instant) -> float | None:
    control = arms_at(people, experiment, now)[0].goals
    return control.rate if control.whole else None
