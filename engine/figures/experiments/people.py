"""The people of an experiment, and its arms as they stand at a moment.

Everybody is looked at for the same time, from the moment at which they came in: who is still within it does
not count yet. So what counts at a moment is known at that moment, and later days do not change it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

import msgspec
from sqlalchemy import Connection

from engine.core.journey import DecisionMoment
from engine.core.journeys import Journeys
from engine.figures.experiments.experiment import Experiment, sources_of
from engine.ids import in_global_holdout, in_holdout
from engine.statistics.comparison import Arm
from engine.statistics.means import MoneySample
from engine.statistics.proportions import Proportion
from engine.store.amounts import MONEY
from engine.store.counting import arms
from engine.store.counting.arms import HELD_OUT, TREATED, ArmMember, ArmOrder
from engine.values import Instant, at_local, plus, zone


class Participant(msgspec.Struct, frozen=True, gc=False):
    """One person. `over_at`: when their time ends; `spent`: within it, in the currency of the shop."""

    arm: str
    at: Instant
    over_at: Instant
    has_goal: bool
    spent: float


def people_of(
    conn: Connection, experiments: Sequence[Experiment], journeys: Journeys, currency: str
) -> list[list[Participant]]:
    """Everybody who ever came into each experiment, also along paths that are no more."""
    found: list[list[Participant]] = [[] for _ in experiments]
    for member in arms.members(conn, sources_of(experiments), currency):
        experiment = experiments[member.experiment]
        arm = _arm(member, experiment, journeys) if not experiment.split else member.arm
        if arm is None:
            continue
        over_at = plus(member.at, experiment.within, zone(member.zone))
        orders = _ORDERS.decode(member.orders) if member.orders is not None else ()
        # the statement knows how long the longest time is, but not when the local day of each person ends
        inside = [order.amount for order in orders if order.at <= over_at]
        has_goal = (
            bool(inside) if experiment.is_global else member.goal_at is not None and member.goal_at <= over_at
        )
        spent = sum(inside) / MONEY
        found[member.experiment].append(Participant(arm, member.at, over_at, has_goal, spent))
    return found


def people_by_experiment(
    conn: Connection, experiments: Sequence[Experiment], journeys: Journeys, currency: str
) -> Iterator[tuple[Experiment, list[Participant]]]:
    """Each experiment with its people, as `people_of`. One journey after the other, so that nobody holds the
    people of all journeys at once, and no transaction waits for what is made of them."""
    for _, group in groupby(experiments, key=lambda experiment: experiment.journey):
        some = list(group)
        yield from zip(some, people_of(conn, some, journeys, currency), strict=True)


_ORDERS = msgspec.json.Decoder(list[ArmOrder])


def _arm(member: ArmMember, experiment: Experiment, journeys: Journeys) -> str | None:
    """A run says that it is held out, not by which of the two holdouts: that follows from the hashes by which
    both were drawn. Where they do not tell (two ids became one, a share was lowered), it is the journey's
    own, if it has one."""
    if member.arm != HELD_OUT:
        return member.arm
    journey = journeys.by_name.get(member.journey)
    own = journey.holdout if journey is not None else 0
    is_own = own > 0 and in_holdout(member.customer, member.journey, own)
    by_shop = in_global_holdout(member.customer, journeys.global_holdout) or (not is_own and own == 0)
    if experiment.is_global:
        return HELD_OUT if by_shop else TREATED
    return None if by_shop and journeys.global_holdout else HELD_OUT


def moment_of(
    people: Iterable[Participant], names: Sequence[str], decide: DecisionMoment | None, timezone: str
) -> Instant | None:
    """When the experiment is decided: the end of a day, or when the last arm has so many people whose time is
    over. None: nobody has fixed it, or it is not known yet."""
    if decide is None:
        return None
    if decide.on is not None:
        return at_local(decide.on + dt.timedelta(days=1), dt.time(), zone(timezone))
    assert decide.people is not None
    ends: Mapping[str, list[Instant]] = {name: [] for name in names}
    for person in people:
        if person.arm in ends:
            ends[person.arm].append(person.over_at)
    if any(len(some) < decide.people for some in ends.values()):
        return None
    return max(sorted(some)[decide.people - 1] for some in ends.values())


def arms_at(
    people: Iterable[Participant], experiment: Experiment, until: Instant, after: Instant | None = None
) -> tuple[Arm, ...]:
    """The arms by those whose time was over at `until`, and (with `after`) was not yet then."""
    by_arm: dict[str, list[Participant]] = {name: [] for name, _ in experiment.arms}
    for person in people:
        if person.arm in by_arm and person.at <= until and (after is None or person.over_at > after):
            by_arm[person.arm].append(person)
    found = []
    for name, share in experiment.arms:
        started = by_arm[name]
        over = [person for person in started if person.over_at <= until]
        goals = Proportion(sum(person.has_goal for person in over), len(over))
        money = MoneySample(len(over), tuple(person.spent for person in over if person.spent))
        found.append(Arm(name, share, len(started), goals, money))
    return tuple(found)
