"""Which events only move facts: nobody starts, ends or waits by them, so there is nothing to decide.

No second interpreter: where there is any doubt `decide` is asked. It keeps a replay of millions of page views
fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engine.core.conditions.dependencies import dependencies_of
from engine.core.conditions.scope import Scope
from engine.core.facts.customer import CustomerState
from engine.core.facts.fold import apply_event, prune_history
from engine.core.facts.rule import FactRule
from engine.core.handlers.segments import is_member, next_crossing
from engine.core.happening import Event, SegmentChanged
from engine.core.journey import EventTrigger, Question, SegmentRule
from engine.core.journeys import Journeys
from engine.core.subscriptions import EventSubscriber
from engine.values import Instant

LONG_HISTORY = 64


@dataclass(frozen=True, slots=True)
class PossibleStart:
    """A start of a live journey. `where` and `who` that `decide` need not be asked about; None: it must
    be."""

    journey: str
    where: Question | None
    who: Question | None
    never_again: bool

    @classmethod
    def of(cls, subscriber: EventSubscriber) -> Iterator[PossibleStart]:
        """Those of one journey for one event."""
        journey = subscriber.subscription.journey
        if journey.state == "draft":
            return
        who = journey.who
        if who is not None:
            looks = dependencies_of(who.condition)
            # Outside of a decision there is no run and no product to ask about
            who = None if looks.run or looks.product else who
        for trigger in subscriber.triggers:
            where = trigger.where if isinstance(trigger, EventTrigger) else None
            never = journey.again.how == "never" and trigger.per is None
            yield cls(journey.name, where, who, never)


@dataclass(frozen=True, slots=True)
class Shortcut:
    """Per event name: the starts that it may fit, the journeys whose runs may care, the facts it moves, and
    the segments that read it."""

    journeys: Journeys
    starts: Mapping[str, tuple[PossibleStart, ...]]
    caring: Mapping[str, frozenset[str]]
    moves: Mapping[str, tuple[FactRule, ...]]
    segments: Mapping[str, tuple[SegmentRule, ...]]

    @classmethod
    def of(cls, journeys: Journeys) -> Shortcut:
        """Prepared once for what is published."""
        index = journeys.index
        starts: dict[str, tuple[PossibleStart, ...]] = {}
        caring: dict[str, frozenset[str]] = {}
        for name in index.observed_events:
            listeners = index.subscribers.get(name, ())
            starts[name] = tuple(start for each in listeners for start in PossibleStart.of(each))
            moved = frozenset(rule.name for rule in index.facts_by_event.get(name, ()))
            waiting = {each.subscription.journey.name for each in listeners}
            dated = {
                subscription.journey.name
                for subscription in index.subscriptions.values()
                if not moved.isdisjoint(subscription.date_attributes)
            }
            caring[name] = frozenset(waiting | dated) | index.exit_events.get(name, frozenset())
        return cls(journeys, starts, caring, index.facts_by_event, index.segment_dependencies.of_event)

    def cares(self, state: CustomerState, event: Event) -> bool:
        """Whether a run of the customer may care for the event."""
        # Any run may have given the code out
        if "code" in event.fields:
            return True
        caring = self.caring[event.name]
        return any(run.journey in caring for run in state.enrollments.values())

    def fold(self, state: CustomerState, event: Event, now: Instant) -> None:
        """Counts the event in the facts of `state`."""
        name, facts = event.name, state.facts
        apply_event(facts, event, self.moves.get(name, ()), self.journeys.needs)
        kept = facts.history.get(name)
        # Pruning costs a pass over the history: now and then is enough
        if kept is not None and len(kept) > LONG_HISTORY and len(kept) % LONG_HISTORY == 0:
            prune_history(facts, self.journeys.needs, now)
        state.applied = event.number

    def may_start(self, state: CustomerState, event: Event, now: Instant) -> bool:
        """Whether the event, counted already, may start anything."""
        facts = state.facts
        for start in self.starts[event.name] if event.starts else ():
            if start.where is not None and not start.where.test(Scope(facts, None, now, event)):
                continue
            if start.who is not None and not start.who.test(Scope(facts, None, now)):
                continue
            if start.never_again and (start.journey, "") in state.last_starts:
                continue
            return True
        return False

    def cross(self, state: CustomerState, event: Event, now: Instant) -> list[SegmentChanged]:
        """The memberships that the event changes: about those `decide` must be asked. Next crossings are
        found anew."""
        facts = state.facts
        changes: list[SegmentChanged] = []
        for rule in self.segments.get(event.name, ()):
            member = is_member(rule, facts, now)
            if member != (rule.name in facts.segments):
                changes.append(SegmentChanged(event.number, now, rule.name, member, event.starts))
            at = next_crossing(rule, facts, now, self.journeys.index.rules)
            if at is None:
                state.crossings.pop(rule.name, None)
            else:
                state.crossings[rule.name] = at
        return changes
