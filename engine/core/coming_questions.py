"""What a deployment asks of everybody inside: a changed goal or `exit_if` may hold already, and a fact that
is counted anew may have another value. Foretold for one customer; nothing of theirs is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

from msgspec import structs

from engine.core.conditions.dependencies import dependencies_of, refs
from engine.core.conditions.scope import Scope
from engine.core.decide import decide
from engine.core.decision.decision_context import DecisionContext
from engine.core.enrollment import Enrollment, Relocating
from engine.core.facts.backfill import Backfill, from_scratch
from engine.core.facts.customer import CustomerState, Facts
from engine.core.facts.learned import Learned
from engine.core.handlers.migrate import Migration
from engine.core.happening import FactsRedefined
from engine.core.journey import Journey, Question, Step
from engine.core.journeys import Journeys
from engine.core.lifecycle.goal import leave_if_due
from engine.values import Instant, Value


class AskedOutcome(StrEnum):
    """What becomes of a run by what is asked of it. Of the last five, which come with the new values of
    facts, a run has `OTHER_VALUE` and at most one more."""

    INSIDE = "inside"  # of every run that is asked
    REACHES_GOAL = "reaches_goal"  # the changed goal holds already
    LEAVES_EARLY = "leaves_early"  # the changed `exit_if` does
    OTHER_VALUE = "other_value"  # a fact that the journey asks for has another value
    RECOUNTED_GOAL = "recounted_goal"  # and ends it by the goal
    RECOUNTED_EXIT = "recounted_exit"  # and ends it otherwise: by `exit_if`, or a date that is gone
    OTHER_MOMENT = "other_moment"  # and it waits until another moment
    OTHER_ANSWER = "other_answer"  # and a condition that is still before it has another answer by now


AskedOutcomes: TypeAlias = Counter[tuple[str, AskedOutcome]]
"""Of how many runs, by the coming name of their journey."""


@dataclass(frozen=True, slots=True)
class ComingQuestions:
    """A coming version, as it is asked of everybody. `migrations`: by the present name of each journey that
    is in both; `changed`: the present names of those with a changed goal or `exit_if`; `recounted`: kept
    facts with another definition, or that are `new` and have no value until they are counted."""

    journeys: Journeys
    migrations: Mapping[str, Migration]
    changed: frozenset[str]
    recounted: tuple[Backfill, ...]
    new: frozenset[str]
    readers: Mapping[str, frozenset[str]] = field(init=False)
    """The present name of each journey that asks for such a fact, also through a segment -> the facts."""

    @classmethod
    def of(
        cls, old: Journeys, coming: Journeys, migrations: Mapping[str, Migration], changed: frozenset[str]
    ) -> ComingQuestions:
        """`old`: what is published now."""
        former = {rule.name: rule.fingerprint for rule in old.facts if rule.is_kept}
        facts = [rule for rule in coming.facts if rule.is_kept and former.get(rule.name) != rule.fingerprint]
        recounted = tuple(Backfill(rule, 0, coming.currency) for rule in facts)
        # all that is kept: whoever is counted anew is counted from it
        events = {name: None for each in recounted if each.needs_events for name in each.rule.events}
        needing = replace(coming, needs={**coming.needs, **events}, backfills=recounted)
        new = frozenset(rule.name for rule in facts) - former.keys()
        return cls(needing, migrations, changed, needing.backfills, new)

    def __post_init__(self) -> None:
        """Finds the readers once."""
        names = {each.rule.name for each in self.recounted}
        of_segments = {
            name: frozenset(_asked(rule.question)) & names for name, rule in self.journeys.segments.items()
        }
        found = {}
        for name, moved in self.migrations.items():
            if moved.new.state == "stopped":
                continue  # they are gone before
            asked = set(_asked_by(moved.new)) & names
            for segment in _segments_of(moved.new):
                asked |= of_segments.get(segment, frozenset())
            if asked:
                found[name] = frozenset(asked)
        object.__setattr__(self, "readers", found)

    def knowing(self, learned: Learned) -> ComingQuestions:
        """The same by what the shop has learned: what is usual tells when the next order is due."""
        journeys = replace(self.journeys, learned=learned)
        return replace(self, journeys=journeys, recounted=journeys.backfills)

    @property
    def in_use(self) -> Journeys:
        """What is decided by until the facts are counted: new ones have no value."""
        return replace(
            self.journeys, facts=tuple(rule for rule in self.journeys.facts if rule.name not in self.new)
        )

    @property
    def asked_segments(self) -> frozenset[str]:
        """Those whose members the questions name."""
        asked = (moved.new for name, moved in self.migrations.items() if self.asks(name))
        return frozenset(segment for journey in asked for segment in _segments_of(journey))

    @property
    def asked_facts(self) -> frozenset[str]:
        """The attributes and facts that the questions name."""
        asked = (moved.new for name, moved in self.migrations.items() if self.asks(name))
        return frozenset(fact for journey in asked for fact in _asked_by(journey))

    def asks(self, journey: str) -> bool:
        """Whether anything is asked of those inside, by the present name of their journey."""
        return journey in self.changed or journey in self.readers

    def outcomes(self, state: CustomerState, now: Instant) -> AskedOutcomes:
        """Of all runs of a customer that are inside and get what the journey does, by the coming name of the
        journey. `state` with the kept history of `journeys.needs`, by the facts `in_use`."""
        found: AskedOutcomes = Counter()
        staying: list[Enrollment] = []
        for run in state.enrollments.values():
            moved = self.migrations.get(run.journey)
            if moved is None or not run.is_open or run.holdout or not self.asks(run.journey):
                continue
            name = moved.new.name
            found[name, AskedOutcome.INSIDE] += 1
            ended = self._ended_by(state.facts, run, name, now) if run.journey in self.changed else None
            if ended is not None:
                outcome = AskedOutcome.REACHES_GOAL if ended == "goal" else AskedOutcome.LEAVES_EARLY
                found[name, outcome] += 1
            elif run.journey in self.readers:
                staying.append(run)
        if staying:
            self._recount(state, staying, now, found)
        return found

    def _ended_by(self, facts: Facts, run: Enrollment, called: str, now: Instant) -> str | None:
        asked = run.fork()
        asked.journey = called
        context = DecisionContext.of(CustomerState(facts, {asked.id: asked}), self.journeys, now)
        leave_if_due(context, asked)
        ended = (decision.enrollment for decision in context.decisions)
        return next((run.outcome for run in ended if run is not None), None)

    def _recount(
        self,
        state: CustomerState,
        runs: Sequence[Enrollment],
        now: Instant,
        found: AskedOutcomes,
    ) -> None:
        """What the new values do to runs, after the deployment has moved them."""
        values, facts = self._recounted(state.facts), state.facts
        other = {name for name, value in values.items() if facts.values.get(name) != value}
        if not other:
            return
        known = facts.fork()
        known.values = {
            **{name: value for name, value in facts.values.items() if name not in other},
            **{name: values[name] for name in other if values[name] is not None},
        }
        moved: dict[str, Enrollment] = {}
        for run in runs:
            decision = self.migrations[run.journey].apply(run, facts, now)
            if decision.enrollment is not None and decision.enrollment.is_open:
                moved[run.id] = decision.enrollment
        told = FactsRedefined(state.applied, now, tuple(sorted(other)))
        customer = structs.replace(state, facts=known, enrollments=moved)
        decided = decide(customer, (told,), self.journeys, now, wakes=False)
        changed = (decision.enrollment for decision in decided.decisions)
        after = {**moved, **{each.id: each for each in changed if each is not None}}
        for run in runs:
            if run.id not in moved or self.readers[run.journey].isdisjoint(other):
                continue
            journey = self.migrations[run.journey].new
            found[journey.name, AskedOutcome.OTHER_VALUE] += 1
            before = _Standing(moved[run.id], facts)
            outcome = _outcome_of_facts(
                journey, before, _Standing(after[run.id], decided.state.facts), other, now
            )
            if outcome is not None:
                found[journey.name, outcome] += 1

    def _recounted(self, facts: Facts) -> dict[str, Value]:
        counted: dict[str, Value] = {}
        for backfill in self.recounted:
            rule = backfill.rule
            events = [event for name in rule.events for event in facts.history.get(name, ())]
            fresh = from_scratch(facts.customer, facts.event_counters, events, backfill)
            counted[rule.name] = fresh.values.get(rule.name)
        return counted


@dataclass(frozen=True, slots=True)
class _Standing:
    """A run, and what is known of its customer."""

    run: Enrollment
    facts: Facts


def _outcome_of_facts(
    journey: Journey, before: _Standing, after: _Standing, other: Collection[str], now: Instant
) -> AskedOutcome | None:
    """What other values of the facts `other` have done to a run."""
    if not after.run.is_open:
        return AskedOutcome.RECOUNTED_GOAL if after.run.outcome == "goal" else AskedOutcome.RECOUNTED_EXIT
    if before.run.due != after.run.due:
        return AskedOutcome.OTHER_MOMENT
    scopes = [Scope(each.facts, each.run, now) for each in (before, after)]
    for step in _ahead(journey, before.run):
        if not frozenset(other).isdisjoint(step.awaited_dates()):
            return AskedOutcome.OTHER_ANSWER
        for question in step.questions():
            first, second = (question.test(scope) for scope in scopes)
            if first != second:
                return AskedOutcome.OTHER_ANSWER
    return None


def _ahead(journey: Journey, run: Enrollment) -> Iterator[Step]:
    """The steps that a run may still come to."""
    state = run.state
    rests = journey.by_id.get(state.step) if state is not None and state.step is not None else None
    if rests is None:
        coming = [0] if state is None else []
    else:
        coming = [rests.index] if isinstance(state, Relocating) else list(rests.targets())
    seen: set[int] = set()
    while coming:
        index = coming.pop()
        if index in seen or not 0 <= index < len(journey.steps):
            continue
        seen.add(index)
        yield journey.steps[index]
        coming += journey.steps[index].targets()


def _asked_by(journey: Journey) -> Iterator[str]:
    """The attributes and facts that those inside are asked for."""
    for step in journey.steps:
        yield from step.awaited_dates()
    for question in _questions(journey):
        yield from _asked(question)


def _asked(question: Question) -> Iterator[str]:
    return (ref.name for ref in refs(question.condition) if ref.source == "customer")


def _segments_of(journey: Journey) -> Iterator[str]:
    for question in _questions(journey):
        yield from dependencies_of(question.condition).segments


def _questions(journey: Journey) -> Iterator[Question]:
    """All that are asked of those inside."""
    asked = (journey.goal.when, journey.exit_if)
    yield from (question for question in asked if question is not None)
    for step in journey.steps:
        yield from step.questions()
