"""Which events only move facts: nobody starts, ends or waits by them, so there is nothing to decide.

No second interpreter: where there is any doubt `decide` is asked. It keeps a replay of millions of page views fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.facts import CustomerState, FactRule
from engine.core.fold import apply_event, prune_history
from engine.core.happening import Event, SegmentChanged
from engine.core.journey import EventTrigger, Journeys, ProductTrigger, SegmentRule
from engine.core.scope import Scope
from engine.core.segment import is_member, next_crossing
from engine.values import Instant

LONG_HISTORY = 64


@dataclass(frozen=True, slots=True)
class Shortcut:
    """Per event name: the triggers that it may fit, the journeys whose runs may care, the facts it moves, and the
    segments that read it."""

    journeys: Journeys
    triggers: Mapping[str, tuple[EventTrigger | ProductTrigger, ...]]
    caring: Mapping[str, frozenset[str]]
    moves: Mapping[str, tuple[FactRule, ...]]
    segments: Mapping[str, tuple[SegmentRule, ...]]

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
        return cls(journeys, triggers, caring, index.moves, index.segments.of_event)

    def concerns_nobody(self, state: CustomerState, event: Event, now: Instant) -> bool:
        """Whether the event starts nothing and no run of the customer may care for it."""
        name = event.name
        if state.runs:
            if "code" in event.fields:
                return False
            caring = self.caring[name]
            for run in state.runs.values():
                if run.journey in caring:
                    return False
        for trigger in self.triggers[name]:
            where = trigger.where if isinstance(trigger, EventTrigger) else None
            if where is None or where.test(Scope(state.facts, None, now, event)):
                return False
        return True

    def fold(self, state: CustomerState, event: Event, now: Instant) -> list[SegmentChanged]:
        """Folds an event that concerns nobody into the facts of `state`, and finds the next crossings of its segments
        anew. Returns the memberships that it changed: about those `decide` must be asked."""
        name, facts = event.name, state.facts
        apply_event(facts, event, self.moves.get(name, ()), self.journeys.needs)
        kept = facts.history.get(name)
        if kept is not None and len(kept) > LONG_HISTORY and len(kept) % LONG_HISTORY == 0:
            prune_history(facts, self.journeys.needs, now)
        state.applied = event.number
        changes: list[SegmentChanged] = []
        for rule in self.segments.get(name, ()):
            member = is_member(rule, facts, now)
            if member != (rule.name in facts.segments):
                changes.append(SegmentChanged(event.number, now, rule.name, member, event.starts))
            at = next_crossing(rule, facts, now, self.journeys.index.rules)
            if at is None:
                state.crossings.pop(rule.name, None)
            else:
                state.crossings[rule.name] = at
        return changes
