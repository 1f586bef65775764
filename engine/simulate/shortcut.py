"""Which events only move facts: nobody starts, ends, waits or enters a segment by them, so nothing is there to decide.

No second interpreter: where there is any doubt `decide` is asked. It keeps a replay of millions of page views fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.facts import CustomerState, FactRule
from engine.core.fold import apply_event, prune_history
from engine.core.happening import Event
from engine.core.journey import EventTrigger, Journeys, ProductTrigger
from engine.core.scope import Scope
from engine.values import Instant

LONG_HISTORY = 64


@dataclass(frozen=True, slots=True)
class Shortcut:
    """Per event name: the triggers that it may fit (None: nobody starts), the journeys whose runs may care, the facts
    it moves, and the names that change a segment."""

    journeys: Journeys
    triggers: Mapping[str, tuple[EventTrigger | ProductTrigger, ...]]
    caring: Mapping[str, frozenset[str]]
    moves: Mapping[str, tuple[FactRule, ...]]
    crossing: frozenset[str]

    @classmethod
    def of(cls, journeys: Journeys) -> Shortcut:
        """Prepared once for what is published."""
        index = journeys.index
        triggers: dict[str, tuple[EventTrigger | ProductTrigger, ...]] = {}
        caring: dict[str, frozenset[str]] = {}
        for name in index.heard:
            listeners = index.listeners.get(name, ())
            triggers[name] = tuple(trigger for each in listeners for trigger in each.triggers)
            moved = frozenset(rule.name for rule in index.moves.get(name, ()))
            waiting = {each.interest.journey.name for each in listeners}
            dated = {one.journey.name for one in index.interests.values() if not moved.isdisjoint(one.dates)}
            caring[name] = frozenset(waiting | dated) | index.leavers.get(name, frozenset())
        return cls(journeys, triggers, caring, index.moves, frozenset(index.segments.of_event))

    def take(self, state: CustomerState, event: Event, now: Instant) -> bool:
        """Folds the event into the facts of `state` if that is all there is to it; False: `decide` must be asked."""
        name = event.name
        if name in self.crossing:
            return False
        if state.runs:
            if "code" in event.fields:
                return False
            caring = self.caring[name]
            for run in state.runs.values():
                if run.journey in caring:
                    return False
        facts = state.facts
        for trigger in self.triggers[name]:
            where = trigger.where if isinstance(trigger, EventTrigger) else None
            if where is None or where.test(Scope(facts, None, now, event)):
                return False
        apply_event(facts, event, self.moves.get(name, ()), self.journeys.needs)
        kept = facts.history.get(name)
        if kept is not None and len(kept) > LONG_HISTORY and len(kept) % LONG_HISTORY == 0:
            prune_history(facts, self.journeys.needs, now)
        state.applied = event.number
        return True
