"""One customer being decided: the state that is changed on the way, and the decisions that were taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from engine.core.codes import NO_CODES, CodeSource
from engine.core.conditions.scope import Scope
from engine.core.decision.effects import Alert, Decision, Effect, Trace
from engine.core.enrollment import Enrollment
from engine.core.facts.customer import CapSlot, CustomerState, Facts, LastStart
from engine.core.happening import Event
from engine.core.journeys import Journeys
from engine.core.products.signals import Collecting
from engine.core.subscriptions import RANKS, JourneySubscription, SubscriptionIndex
from engine.values import DAY, Instant

FactContainer = Literal["values", "fact_state", "event_counters", "history", "reach", "cap_slots", "products"]
"""The containers of `Facts` that decisions write into."""

CAP_SLOT_RETENTION = 32 * DAY
"""Longer than the longest window of a cap: 30 calendar days, of which one may have 25 hours."""


class DecisionContext(Struct):
    """The state of one customer while `decide` works. Nothing of the caller's is changed: `facts` is replaced
    by a record of its own before anything in it is set (`own_facts`), and a container of it copied before it
    is written (`writable`), an enrollment by `fork_enrollment`."""

    journeys: Journeys
    index: SubscriptionIndex
    facts: Facts  # the caller's until something is written: asked for anew after everything that may write
    enrollments: dict[str, Enrollment]
    last_starts: dict[tuple[str, str], LastStart]
    occurred: set[tuple[str, str]]
    crossings: dict[str, Instant]
    collecting: dict[str, Collecting]
    turns: dict[str, Instant]
    points_due: Instant | None
    number: int  # of the happening that is applied
    now: Instant
    sends_at_once: bool = False  # messages leave in the moment they are planned (stories, replay)
    decisions: list[Decision] = field(default_factory=list)
    changed_attributes: set[str] = field(default_factory=set)  # written, consequences not yet looked at
    changed_journeys: set[str] = field(default_factory=set)  # entered or left, consequences not yet looked at
    reach_changed: bool = False
    owns_facts: bool = False
    forked: set[str] = field(default_factory=set)  # ids of enrollments that are no longer the caller's
    copied: set[FactContainer] = field(default_factory=set)  # containers that are no longer the caller's
    copied_history: set[str] = field(default_factory=set)  # events whose history is no longer the caller's
    causes: Mapping[str, int] = field(default_factory=dict)  # of what is applied now
    changed_by: Mapping[str, int] = field(default_factory=dict)  # of what was written, until it is looked at
    codes: CodeSource = NO_CODES
    folded: bool = False  # the facts count the event that is applied already

    @classmethod
    def of(
        cls, state: CustomerState, journeys: Journeys, now: Instant, *, sends_at_once: bool = False
    ) -> DecisionContext:
        """A context that leaves `state` as it is."""
        # The dictionaries are copied at once, since nearly every decision writes into them; the facts, their
        # containers and the enrollments only when they are written.
        return cls(
            journeys,
            journeys.index,
            state.facts,
            state.enrollments.copy(),
            state.last_starts.copy(),
            state.occurred.copy(),
            state.crossings.copy(),
            state.collecting.copy(),
            state.turns.copy(),
            state.points_due,
            state.applied,
            now,
            sends_at_once,
        )

    def state(self) -> CustomerState:
        """What the customer has come to."""
        return CustomerState(
            self.facts,
            self.enrollments,
            self.last_starts,
            self.occurred,
            self.crossings,
            self.number,
            self.collecting,
            self.turns,
            self.points_due,
        )

    def own_facts(self) -> Facts:
        """The facts, ready to have their attributes set."""
        # Most who wake change nothing that is known of them: then no record is made.
        if not self.owns_facts:
            self.facts, self.owns_facts = self.facts.share(), True
        return self.facts

    def writable(self, *names: FactContainer) -> Facts:
        """The facts, with these containers ready to be written."""
        facts = self.own_facts()
        for name in names:
            # Copied once per happening at most: most of them write one container of a dozen.
            if name not in self.copied:
                self.copied.add(name)
                setattr(facts, name, getattr(facts, name).copy())
        return facts

    def writable_history(self, event: str) -> None:
        """Makes the history of one event ready to be written."""
        history = self.writable("history").history
        if event in history and event not in self.copied_history:
            self.copied_history.add(event)
            history[event] = history[event].copy()

    def scope(self, enrollment: Enrollment | None, event: Event | None = None) -> Scope:
        """What a question about a run may look at now."""
        return Scope(self.facts, enrollment, self.now, event)

    def subscription(self, enrollment: Enrollment) -> JourneySubscription | None:
        """The journey of a run; None if it is no longer published."""
        return self.index.subscriptions.get(enrollment.journey)

    def precedence(self, enrollment: Enrollment) -> tuple[int, Instant, str]:
        """The order of runs that one moment concerns: by priority, then the longest waiting, then id."""
        subscription = self.subscription(enrollment)
        rank = subscription.rank[0] if subscription is not None else len(RANKS)
        return rank, enrollment.clock, enrollment.id

    def open_enrollment(self, journey: str, key: str) -> Enrollment | None:
        """The run that is active for one value of `per`."""
        for enrollment in self.enrollments.values():
            if enrollment.outcome is None and enrollment.journey == journey and enrollment.key == key:
                return enrollment
        return None

    def note_inside(self, journey: str) -> None:
        """A run of this journey began or ended: whether the customer is inside is found anew."""
        # With `per` there may be another run of it.
        inside = any(run.outcome is None and run.journey == journey for run in self.enrollments.values())
        self.set_inside(journey, inside=inside)

    def set_inside(self, journey: str, *, inside: bool) -> None:
        """Writes down whether the customer is inside a journey, for the conditions that ask."""
        if inside == (journey in self.facts.inside):
            return
        facts = self.own_facts()
        facts.inside = facts.inside | {journey} if inside else facts.inside - {journey}
        if journey in self.index.asked_journeys:
            self.changed_journeys.add(journey)

    def fork_enrollment(self, enrollment: Enrollment) -> Enrollment:
        """The run, forked unless it no longer is the caller's."""
        if enrollment.id in self.forked:
            return enrollment
        self.forked.add(enrollment.id)
        fork = enrollment.fork()
        self.enrollments[enrollment.id] = fork
        return fork

    def record(
        self,
        enrollment: Enrollment,
        effects: Iterable[Effect],
        trace: Iterable[Trace],
        reached: Iterable[str] = (),
    ) -> None:
        """Notes a decision. A run that is over and no longer watched is let go."""
        enrollment.seq += 1
        if enrollment.outcome is None or enrollment.watch_until is not None:
            self.enrollments[enrollment.id] = enrollment
        else:
            self.enrollments.pop(enrollment.id, None)
        self.decisions.append(Decision(enrollment, tuple(effects), tuple(trace), tuple(reached)))
        # The decision holds the run as it is now; whoever decides it again at this moment forks it first.
        self.forked.discard(enrollment.id)

    def add_trace(self, line: Trace, *effects: Effect) -> None:
        """Notes something that belongs to no run."""
        self.decisions.append(Decision(None, effects, (line,)))

    def reserve_slot(self, slot: CapSlot) -> None:
        """Takes a place under caps; places too old for any cap are forgotten."""
        oldest = self.now - CAP_SLOT_RETENTION
        facts = self.own_facts()
        facts.cap_slots = [*(taken for taken in facts.cap_slots if taken.at >= oldest), slot]

    def release_slot(self, key: str) -> None:
        """Gives back the place of a message that was not handed over."""
        facts = self.own_facts()
        facts.cap_slots = [slot for slot in facts.cap_slots if slot.key != key]

    def consume_slot(self, key: str, at: Instant) -> None:
        """A place is used at the hand-over: from then on it counts at that moment."""
        for place, slot in enumerate(self.facts.cap_slots):
            # The row that was planned *is* the reserved place (2.13 rule 6): it is moved, not
            # added once more.
            if slot.key == key and slot.at != at:
                self.writable("cap_slots").cap_slots[place] = replace(slot, at=at)

    def alert(self, enrollment: Enrollment, why: str) -> Alert:
        """A word to the owner of the journey of a run."""
        subscription = self.subscription(enrollment)
        return Alert(enrollment.journey, subscription.journey.owner if subscription is not None else "", why)
