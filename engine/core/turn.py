"""One customer being decided: the state that is changed on the way, and the decisions that were taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from engine.core.effects import Alert, Decision, Effect, Trace
from engine.core.enrollment import Enrollment
from engine.core.facts import CustomerState, Facts, LastStart, Place
from engine.core.happening import Event
from engine.core.index import Index, Interest
from engine.core.journeys import Journeys
from engine.core.scope import Scope
from engine.values import DAY, Instant

LIMIT = 500
"""Decisions that one happening may lead to. Journeys that start each other without end are stopped here: a customer who
takes this many is caught between journeys that undo each other."""

KEPT_PLACES = 32 * DAY


@dataclass(slots=True)
class Turn:
    """The state of one customer while `decide` works. Nothing of the caller's is changed: a container of `facts` is
    copied by `touch` before it is written, a run by `mine`.

    `hands`: messages are handed over in the moment they are planned (stories, replay); `folded`: the facts
    count the event in hand already; `changed`: attributes that decisions wrote and whose consequences were not looked at yet; `number`: that of the happening in hand; `left`: how many decisions it may still lead to.
    """

    journeys: Journeys
    index: Index
    facts: Facts
    runs: dict[str, Enrollment]
    last_starts: dict[tuple[str, str], LastStart]
    occurred: set[tuple[str, str]]
    crossings: dict[str, Instant]
    number: int
    now: Instant
    hands: bool = False
    decisions: list[Decision] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    reach_changed: bool = False
    own: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)
    left: int = LIMIT
    folded: bool = False

    @classmethod
    def of(cls, state: CustomerState, journeys: Journeys, now: Instant, *, hands: bool = False) -> Turn:
        """A turn that leaves `state` as it is."""
        return cls(
            journeys,
            journeys.index,
            _shared(state.facts),
            state.runs.copy(),
            state.last_starts.copy(),
            state.occurred.copy(),
            state.crossings.copy(),
            state.applied,
            now,
            hands,
        )

    def state(self) -> CustomerState:
        """What the turn has come to."""
        return CustomerState(
            self.facts, self.runs, self.last_starts, self.occurred, self.crossings, self.number
        )

    def touch(self, *names: str) -> Facts:
        """The facts, with these containers ready to be written."""
        for name in names:
            if name not in self.touched:
                self.touched.add(name)
                setattr(self.facts, name, getattr(self.facts, name).copy())
        return self.facts

    def touch_history(self, event: str) -> None:
        """Makes the history of one event ready to be written."""
        history = self.touch("history").history
        if event in history and f"history {event}" not in self.touched:
            self.touched.add(f"history {event}")
            history[event] = history[event].copy()

    def scope(self, run: Enrollment | None, event: Event | None = None) -> Scope:
        """What a question about a run may look at now."""
        return Scope(self.facts, run, self.now, event)

    def interest(self, run: Enrollment) -> Interest | None:
        """The journey of a run; None if it is no longer published."""
        return self.index.interests.get(run.journey)

    def open_run(self, journey: str, key: str) -> Enrollment | None:
        """The run that is active for one value of `per`."""
        for run in self.runs.values():
            if run.outcome is None and run.journey == journey and run.key == key:
                return run
        return None

    def mine(self, run: Enrollment) -> Enrollment:
        """The run, forked unless this turn has done so already."""
        if run.id in self.own:
            return run
        self.own.add(run.id)
        twin = run.fork()
        self.runs[run.id] = twin
        return twin

    def keep(self, run: Enrollment, effects: Iterable[Effect], trace: Iterable[Trace]) -> None:
        """Notes a decision. A run that is over and no longer watched is let go."""
        run.seq += 1
        if run.outcome is None or run.watch_until is not None:
            self.runs[run.id] = run
        else:
            self.runs.pop(run.id, None)
        # A run may be decided again in this turn, so the decision holds it as it is now.
        self.decisions.append(Decision(run, tuple(effects), tuple(trace)))
        self.own.discard(run.id)
        self.left -= 1

    def remark(self, line: Trace) -> None:
        """Notes something that belongs to no run."""
        self.decisions.append(Decision(None, (), (line,)))

    def reserve(self, place: Place) -> None:
        """Takes a place under caps; places too old for any cap are forgotten."""
        oldest = self.now - KEPT_PLACES
        self.facts.places = [*(each for each in self.facts.places if each.at >= oldest), place]

    def free(self, key: str) -> None:
        """Gives back the place of a message that was not handed over."""
        self.facts.places = [place for place in self.facts.places if place.key != key]

    def use(self, key: str, at: Instant) -> None:
        """A place is used at the hand-over: from then on it counts at that moment."""
        for number, place in enumerate(self.facts.places):
            if place.key == key and place.at != at:
                self.touch("places").places[number] = replace(place, at=at)

    def alarm(self, run: Enrollment, why: str) -> Alert:
        """A word to the owner of the journey of a run."""
        interest = self.interest(run)
        return Alert(run.journey, interest.journey.owner if interest is not None else "", why)


def _shared(facts: Facts) -> Facts:
    """The same facts, whose containers are still those of the caller."""
    return Facts(
        facts.customer,
        facts.timezone,
        facts.timezone_why,
        facts.values,
        facts.memory,
        facts.seen,
        facts.history,
        facts.segments,
        facts.reach,
        facts.assumed_reach,
        facts.places,
        facts.products,
        facts.habits,
    )
