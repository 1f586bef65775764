"""The nightly look at reactions: how long they take, on which channels and at what hours they come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from engine.core.facts.learned import Learned
from engine.core.journey import SendStep, WaitStep
from engine.core.journeys import Journeys
from engine.store import watermarks
from engine.store.database import Store
from engine.store.learning import learned
from engine.values import Instant, local_date, zone

SWEEP = "learned"
"""The kind of these looks in the table of sweeps."""


@dataclass(frozen=True, slots=True)
class LearningNeeds:
    """What the published journeys ask for; only that is looked up."""

    intervals: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """What is waited for -> templates."""
    rates: bool = False
    hours: bool = False


def wanted_by(journeys: Journeys) -> LearningNeeds:
    """The steps that learn: `next_after: auto`, `via: cheapest likely`, `their hour`."""
    intervals: defaultdict[str, set[str]] = defaultdict(set)
    rates = hours = False
    for journey in journeys.by_name.values():
        for step in journey.steps:
            if isinstance(step, SendStep):
                rates = rates or step.likely
                if step.learns and step.is_cascade:
                    intervals[step.until].add(step.template)
            elif isinstance(step, WaitStep):
                hours = hours or step.their_hour
    return LearningNeeds(
        {until: frozenset(names) for until, names in sorted(intervals.items())}, rates, hours
    )


def learn(store: Store, journeys: Journeys, now: Instant) -> Learned | None:
    """Looks once per day of the shop's calendar, and anew when the journeys ask for something else. None: not
    now.

    Reading keeps nobody from writing. What was learned counts from the next decision on; what somebody
    already waits for stays as it was.
    """
    wanted = wanted_by(journeys)
    if wanted == LearningNeeds():
        return None
    intervals = sorted((until, sorted(names)) for until, names in wanted.intervals.items())
    definition = repr((intervals, wanted.rates, wanted.hours))
    with store.read() as conn:
        last = watermarks.get(conn, SWEEP, "reactions")
        shop = zone(journeys.timezone)
        is_same_day = last is not None and local_date(last.until, shop) == local_date(now, shop)
        if last is not None and last.hash == definition and is_same_day:
            return None
        learnt = look(conn, wanted, now)

    def keep(conn: Connection) -> None:
        learned.put(conn, learnt, now)
        # in the same transaction: without the note the whole base would be read again at the next look
        watermarks.put(conn, SWEEP, "reactions", now, definition)

    store.write(keep)
    return learnt


def look(conn: Connection, wanted: LearningNeeds, now: Instant) -> Learned:
    """What the reactions of the last 90 days say about what is wanted."""
    return Learned(
        {
            key: interval
            for until, templates in wanted.intervals.items()
            for key, interval in learned.intervals(conn, until, templates, now)
        },
        learned.rates(conn, now) if wanted.rates else {},
        learned.hours(conn, now) if wanted.hours else (),
        now,
    )
