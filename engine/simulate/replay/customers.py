"""Everybody in a replay: the state of each customer in memory, and the moments at which one must be looked
at."""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from engine.core.conditions.scope import Scope
from engine.core.decide import next_due
from engine.core.facts.customer import CustomerState, Facts
from engine.core.handlers.segments import is_member, next_crossing
from engine.core.happening import Event, Happening, MemberAdmitted, Occurrence
from engine.core.journey import CalendarTrigger, ClockTrigger, DateTrigger
from engine.core.journeys import Journeys
from engine.core.lifecycle.trigger import admission_delay, admitting
from engine.core.timing.occurrence import next_occurrence
from engine.simulate.decider import Decider
from engine.simulate.replay.shortcut import Shortcut
from engine.values import Instant, Value

Due = tuple[Instant, int, Callable[[Instant], None]]


@dataclass(frozen=True, slots=True)
class _Blank:
    """What a customer is of whom nothing is known: members of segments, and when time alone changes that."""

    segments: frozenset[str]
    crossings: dict[str, Instant]


@dataclass(slots=True)
class ReplayCustomers:
    """Customers by id. `strict`: who has no address or consent is not reached. `takes_shortcuts`: `decide` is
    not asked about events from which nothing can follow; an observer of the decider hears of these alone
    without."""

    journeys: Journeys
    decider: Decider
    strict: bool
    takes_shortcuts: bool = True
    states: dict[str, CustomerState] = field(default_factory=dict)
    now: Instant = Instant(0)
    _shortcut: Shortcut = field(init=False)
    _heap: list[Due] = field(default_factory=list)
    _count: int = 0
    _wakes: dict[str, Instant] = field(default_factory=dict)  # customer -> the wake in the heap that counts
    _values: dict[str, Value] = field(init=False)
    _blank: _Blank | None = None
    _zones: dict[str, list[str]] = field(default_factory=dict)
    _clocks: tuple[tuple[str, int, ClockTrigger | CalendarTrigger], ...] = ()
    _dates: tuple[tuple[str, int, DateTrigger], ...] = ()
    _admitting: tuple[tuple[str, str], ...] = ()  # (journey, segment) of those that also take its members
    _live_at: Instant | None = None
    _dated: dict[tuple[str, str, int], Instant] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Sorts out which starts depend on time."""
        self._shortcut = Shortcut.of(self.journeys)
        self._values = self.journeys.first_values()
        starts = [
            (journey.name, place, trigger)
            for journey in self.journeys.by_name.values()
            if journey.state == "live"
            for place, trigger in enumerate(journey.starts)
        ]
        self._clocks = tuple((n, p, t) for n, p, t in starts if isinstance(t, ClockTrigger | CalendarTrigger))
        self._dates = tuple((n, p, t) for n, p, t in starts if isinstance(t, DateTrigger))
        live = (journey for journey in self.journeys.by_name.values() if journey.state == "live")
        self._admitting = tuple((each.name, start.segment) for each in live for start in admitting(each))

    def go_by(self, journeys: Journeys) -> None:
        """Decides by these from now on: the same, but for what was learned."""
        self.journeys = self.decider.journeys = journeys
        self._shortcut = Shortcut.of(journeys)

    @property
    def needs_everybody(self) -> bool:
        """Whether customers of whom no event is heard must be known too: a clock may start for them, or that
        they were members of a segment from the beginning."""
        return bool(self._clocks or self._admitting)

    def go_live(self, now: Instant) -> None:
        """From here on journeys start somebody: whoever is a member of a segment by now was one before."""
        self._live_at = now
        for customer, state in self.states.items():
            self._expect_admission(customer, state, now)

    def state(self, customer: str, now: Instant) -> CustomerState:
        """The state of a customer, made at the first contact."""
        state = self.states.get(customer)
        return state if state is not None else self._welcome(customer, now)

    def event(self, customer: str, event: Event, now: Instant) -> None:
        """An event; `decide` is asked where anything may follow from it."""
        state = self.state(customer, now)
        short = self._shortcut
        if (
            not self.takes_shortcuts
            or state.collecting
            or event.name in self.journeys.index.loyalty_events
            or (state.enrollments and short.cares(state, event))
        ):
            self._keep(customer, self.decider.apply(state, event, now))
            return
        # From here on the facts hold the event, so `decide` must not count it again
        short.fold(state, event, now)
        if short.may_start(state, event, now):
            self._keep(customer, self.decider.apply(state, event, now, folded=True))
            return
        if event.name in short.segments:
            for change in short.cross(state, event, now):
                state = self.decider.apply(state, change, now)
            self._keep(customer, state)
        elif self._dates:
            self._expect_dates(customer, state)

    def happen(
        self, customer: str, happening: Happening, now: Instant, journeys: Journeys | None = None
    ) -> None:
        """Anything else. `journeys`: those that hear of it; None: all."""
        state = self.decider.apply(self.state(customer, now), happening, now, journeys=journeys)
        self._keep(customer, state)

    def members(self, segment: str) -> set[str]:
        """Who is in a segment now."""
        return {name for name, state in self.states.items() if segment in state.facts.segments}

    def at(self, moment: Instant, action: Callable[[Instant], None]) -> None:
        """Has `action` called when the clock reaches `moment`, in the order of moments, then of asking."""
        self._count += 1
        heapq.heappush(self._heap, (moment, self._count, action))

    def run_before(self, moment: Instant) -> None:
        """Everything that is due before `moment`, oldest first: events come before wakes of the same
        moment."""
        heap = self._heap
        while heap and heap[0][0] < moment:
            at, _, action = heapq.heappop(heap)
            self.now = max(self.now, at)
            action(self.now)

    def _welcome(self, customer: str, now: Instant) -> CustomerState:
        facts = Facts(customer, self.journeys.timezone, "project", self._values.copy())
        facts.assumed_reach = not self.strict
        state = CustomerState(facts)
        self.states[customer] = state
        if self.journeys.segments:
            self._look_at_segments(customer, state, now)
        if self._clocks:
            self._join_zone(customer, facts.timezone, now)
        self._expect_admission(customer, state, now)
        return state

    def _expect_admission(self, customer: str, state: CustomerState, now: Instant) -> None:
        if self._live_at is None:
            return
        for journey, segment in self._admitting:
            if segment in state.facts.segments:
                at = Instant(max(now, self._live_at + admission_delay(customer, journey)))
                self._await_admission(customer, journey, segment, at)

    def _await_admission(self, customer: str, journey: str, segment: str, at: Instant) -> None:
        def admit(now: Instant) -> None:
            self.happen(customer, MemberAdmitted(self.decider.next_number(), at, journey, segment), now)

        self.at(at, admit)

    def _look_at_segments(self, customer: str, state: CustomerState, now: Instant) -> None:
        """Members from the beginning do not start anything; those who never change by time alone are the same
        for all."""
        blank = self._blank
        if blank is None:
            rules = self.journeys.segments.values()
            known = self.journeys.index.rules
            members = frozenset(rule.name for rule in rules if is_member(rule, state.facts, now))
            coming = {rule.name: next_crossing(rule, state.facts, now, known) for rule in rules}
            blank = _Blank(members, {name: at for name, at in coming.items() if at is not None})
            if not blank.crossings:
                self._blank = blank
        state.facts.segments = blank.segments
        if blank.crossings:
            state.crossings = dict(blank.crossings)
            self._expect(customer, state)

    def _keep(self, customer: str, state: CustomerState) -> None:
        before = self.states[customer]
        self.states[customer] = state
        self._expect(customer, state)
        if self._clocks and state.facts.timezone != before.facts.timezone:
            self._join_zone(customer, state.facts.timezone, self.now)
        if self._dates:
            self._expect_dates(customer, state)

    def _expect(self, customer: str, state: CustomerState) -> None:
        """Puts the next wake of a customer into the heap, unless it is there."""
        sleeps = state.points_due is None and not state.crossings and not state.collecting
        if sleeps and not state.enrollments:
            self._wakes.pop(customer, None)
            return
        due = next_due(state, self.journeys)
        if due is None:
            self._wakes.pop(customer, None)
        elif self._wakes.get(customer) != due:
            self._wakes[customer] = due
            self.at(due, lambda now: self._wake(customer, due, now))

    def _wake(self, customer: str, due: Instant, now: Instant) -> None:
        # Moments in the heap are never taken out; one that was put off since is passed by
        if self._wakes.get(customer) != due:
            return
        del self._wakes[customer]
        self._keep(customer, self.decider.wake(self.states[customer], now))

    # --- clock and date starts ---

    def _join_zone(self, customer: str, zone: str, now: Instant) -> None:
        people = self._zones.get(zone)
        if people is not None:
            people.append(customer)
            return
        self._zones[zone] = [customer]
        for name, _, trigger in self._clocks:
            self._next_clock(name, trigger, zone, Instant(now - 1))

    def _next_clock(
        self, journey: str, trigger: ClockTrigger | CalendarTrigger, zone: str, after: Instant
    ) -> None:
        coming = next_occurrence(trigger, Facts("", zone), after)
        if coming is None:
            return
        at, day = coming

        def ring(now: Instant) -> None:
            self._next_clock(journey, trigger, zone, at)
            self._ring(journey, at, day, list(self._people(zone)), now)

        self.at(at, ring)

    def _people(self, zone: str) -> Iterator[str]:
        """Who lives in a zone now, each once; those who moved away are forgotten here."""
        here = [name for name in dict.fromkeys(self._zones[zone]) if self.states[name].facts.timezone == zone]
        self._zones[zone] = here
        return iter(here)

    def _ring(self, journey: str, at: Instant, day: dt.date, people: Iterable[str], now: Instant) -> None:
        who = self.journeys.by_name[journey].who
        for customer in people:
            state = self.states[customer]
            if who is None or who.test(Scope(state.facts, None, now)):
                self.happen(customer, Occurrence(self.decider.next_number(), journey, at, day), now)

    def _expect_dates(self, customer: str, state: CustomerState) -> None:
        values, dated = state.facts.values, self._dated
        for journey, place, trigger in self._dates:
            if trigger.ref.name not in values and not dated:
                continue  # of nobody a date is known, which is so in most streams
            key = (customer, journey, place)
            if trigger.ref.name not in values and key not in dated:
                continue
            coming = next_occurrence(trigger, state.facts, self.now)
            if coming is None:
                self._dated.pop(key, None)
            elif self._dated.get(key) != coming[0]:
                self._dated[key] = coming[0]
                self._await_date(key, coming[0], coming[1])

    def _await_date(self, key: tuple[str, str, int], at: Instant, day: dt.date) -> None:
        customer, journey, _ = key

        def ring(now: Instant) -> None:
            if self._dated.get(key) == at:
                del self._dated[key]
                self._ring(journey, at, day, [customer], now)
                self._expect_dates(customer, self.states[customer])

        self.at(at, ring)
