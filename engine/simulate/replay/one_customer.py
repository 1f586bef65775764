"""One customer of a replay, with everything that happened to them: what a story of a replayed run is
written from. They are played as in the whole replay: no decision about one customer looks at another, and
what is made over all customers is made over all here too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.compiler.project_context import ProjectContext
from engine.core.decide import Decided
from engine.core.decision.effects import Trace
from engine.core.enrollment import Enrollment
from engine.core.facts.customer import CustomerState
from engine.core.happening import Event, Happening, ProductChanged, ProfileChanged, SegmentChanged
from engine.core.journeys import Journeys
from engine.simulate.replay.mapping import StreamMapping, with_own_products
from engine.simulate.replay.needed import only_needed
from engine.simulate.replay.reactions import read_reactions
from engine.simulate.replay.replay import merged_lines
from engine.simulate.replay.replay_runner import ReplayRunner
from engine.simulate.replay.stream import share_of
from engine.simulate.stories.customer_timeline import CustomerTimeline
from engine.values import Instant, Value

_ALONE = 1 << 32
"""So many shares that hardly anybody shares one with somebody else."""


@dataclass(frozen=True, slots=True)
class ReplayedCustomer:
    """What a replay comes to for one customer. `timeline.runs` are theirs, in the order in which they began;
    `zones`: where the customer lived when each began, by its id; `begun`: when the stream came to that, which
    is after the start of the run where its event stands behind later ones, and what a replay tells of it;
    `until`: the moment of the last line, None where the stream has no event."""

    timeline: CustomerTimeline
    zones: Mapping[str, ZoneInfo]
    begun: Mapping[str, Instant]
    until: Instant | None


def replay_customer(
    customer: str,
    journeys: Journeys,
    project: ProjectContext,
    streams: Sequence[Path],
    mapping: StreamMapping | None = None,
    *,
    strict: bool = False,
) -> ReplayedCustomer:
    """Plays the streams, merged by time, to one customer. Raises UsageError when a file cannot be read."""
    rules = with_own_products(mapping or StreamMapping(), project.catalogue)
    runner = ReplayRunner(
        only_needed(journeys), project, rules, strict=strict, share=share_of(customer, _ALONE),
        shares=_ALONE, reactions=read_reactions(streams, rules.form),
    )  # fmt: skip
    expected = frozenset(rule.name for rule in project.catalogue.facts.values() if rule.how == "next")
    recorder = _Recorder(customer, expected)
    runner.decider.observer, runner.customers.takes_shortcuts = recorder.observe, False
    result = runner.play(merged_lines(streams, rules.form))
    state = runner.customers.states.get(customer)
    timeline = CustomerTimeline(
        events=recorder.events, profile=recorder.profile, memberships=recorder.memberships,
        traces=recorder.traces, ledger=state.facts.values if state is not None else {},
        runs=tuple(recorder.runs.values()), products=recorder.products, assumed_reach=not strict,
    )  # fmt: skip
    return ReplayedCustomer(timeline, recorder.zones, recorder.begun, result.last_at)


@dataclass(slots=True)
class _Recorder:
    """Writes down what the decider of a replay is asked and decides about one customer."""

    customer: str
    expected: frozenset[str]  # facts that go by what is usual among all customers
    events: list[Event] = field(default_factory=list)
    profile: list[ProfileChanged] = field(default_factory=list)
    memberships: list[SegmentChanged] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    products: list[ProductChanged] = field(default_factory=list)
    runs: dict[str, Enrollment] = field(default_factory=dict)  # by id, as they are now
    zones: dict[str, ZoneInfo] = field(default_factory=dict)
    begun: dict[str, Instant] = field(default_factory=dict)
    members: frozenset[str] | None = None  # None: never heard of

    def observe(
        self, before: CustomerState, happening: Happening | None, decided: Decided, now: Instant
    ) -> None:
        """One step of the decider."""
        after = decided.state
        if after.facts.customer != self.customer:
            return
        if self.members is None:
            # Who is in a segment at first sight was in it from the beginning
            self._note_memberships(Instant(0), 0, frozenset(), before.facts.segments)
        match happening:
            case Event():
                self.events.append(happening)
                self._learn(happening, before, after, now)
            case ProfileChanged():
                self.profile.append(happening)
            case ProductChanged():
                self.products.append(happening)
            case _:
                pass
        number = happening.number if happening is not None else after.applied
        self._note_memberships(now, number, before.facts.segments, after.facts.segments)
        for decision in decided.decisions:
            self.traces += decision.trace
            run = decision.enrollment
            if run is None:
                continue
            if run.id not in self.runs:
                self.begun[run.id] = now
                self._begin(run, after)
            self.runs[run.id] = run

    def _learn(self, event: Event, before: CustomerState, after: CustomerState, now: Instant) -> None:
        """What an event comes to by what is usual among all customers no story can find by itself."""
        found: dict[str, Value] = {
            name: value
            for name in self.expected
            if (value := after.facts.values.get(name)) != before.facts.values.get(name)
        }
        if found:
            self.profile.append(ProfileChanged(event.number, now, found))

    def _note_memberships(
        self, at: Instant, number: int, before: frozenset[str], after: frozenset[str]
    ) -> None:
        self.memberships += [
            SegmentChanged(number, at, name, member=name in after) for name in sorted(before ^ after)
        ]
        self.members = after

    def _begin(self, run: Enrollment, state: CustomerState) -> None:
        self.zones[run.id] = state.facts.zone
        about = run.product_id
        if about is not None and (fields := state.facts.products.get(about)) is not None:
            # The catalogue changes its own record of a product
            self.products.append(ProductChanged(run.started_number, run.started_at, about, dict(fields)))
