"""A journey made ready to run: names resolved, values typed, conditions compiled, steps in one flat row.

`Journey.steps[i].next` is the index where a run goes on after the step (-1: the end). A branch step
names the index of the first step of each side. Everything is immutable and shared by all customers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from engine.core.conditions.condition import Condition, Constant, Ref
from engine.core.facts.learned import LONGEST
from engine.core.policy import Policy
from engine.core.products.signals import ProductKind
from engine.core.products.watched import WatcherKind
from engine.values import Birthday, Duration

if TYPE_CHECKING:
    from engine.core.conditions.scope import Scope

END = -1


@dataclass(frozen=True, slots=True)
class Question:
    """A condition with its closure and the words it was written in (for the trace)."""

    condition: Condition
    test: Callable[[Scope], bool] = field(compare=False, hash=False)
    text: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)


# --- starts -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EventTrigger:
    """`event:`."""

    event: str
    where: Question | None
    per: str | None
    fresh: Duration  # older events do not start
    line: int


@dataclass(frozen=True, slots=True)
class SegmentTrigger:
    segment: str
    members: Literal["new", "all"]
    line: int


@dataclass(frozen=True, slots=True)
class DateTrigger:
    """`date:`, a local time on the day of an attribute or some days from it. `yearly`: the day returns every
    year, as that of a birthday always does."""

    ref: Ref
    offset: Duration  # added to the date of the attribute; negative for `before`
    at: dt.time
    line: int
    yearly: bool = False


@dataclass(frozen=True, slots=True)
class CalendarTrigger:
    """A local time on a day of the calendar or some days from it, for everybody, every year or once."""

    day: Birthday | dt.date
    offset: Duration  # as of a `DateTrigger`
    at: dt.time
    line: int


@dataclass(frozen=True, slots=True)
class ClockTrigger:
    """`every:`, a local time on certain days."""

    every: Literal["day", "week", "month"]
    day: int | None  # of the month; 0 is its last
    weekdays: tuple[int, ...]  # 0 = Monday; empty: every day
    at: dt.time
    line: int


@dataclass(frozen=True, slots=True)
class ProductTrigger:
    """`product:`, a change of a product that the customer touched."""

    kind: ProductKind
    by: int | None  # percent; smaller drops start nobody
    watchers: tuple[WatcherKind, ...]
    within: Duration  # how long ago the touch may be
    collect: Duration | None  # several changes within it are one start
    per: str | None
    line: int


TimedTrigger = DateTrigger | CalendarTrigger | ClockTrigger
"""Starts that come with the time alone."""

Trigger = EventTrigger | SegmentTrigger | TimedTrigger | ProductTrigger


@dataclass(frozen=True, slots=True)
class Again:
    """Re-entry: `restart` may go with `after`."""

    how: Literal["never", "always", "after", "restart"]
    after: Duration | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """`goal:`, either events or a condition."""

    events: tuple[str, ...]
    where: Question | None  # on the fields of the event
    when: Question | None
    within: Duration  # after the first start
    then: Literal["exit", "stay"]
    do: tuple[Step, ...]  # instant steps: nobody rests there
    line: int


# --- steps ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """What all steps have. The classes of most kinds stand beside what they do, in `steps/`; here are
    those that other parts of the core look into."""

    index: int
    id: str  # the author's, or the hidden one (`if x: 1#1`); unique in the journey
    next: int
    line: int
    text: str
    was: str | None
    later: tuple[int, ...]  # what follows it in its own list, then in the lists around it, for migration

    def targets(self) -> tuple[int, ...]:
        """Every index at which it may go on; `next` is among them even where all sides exit."""
        return (self.next,)

    def awaited_events(self) -> tuple[str, ...]:
        """Events that somebody who rests here listens for."""
        return ()

    def awaited_dates(self) -> tuple[str, ...]:
        """Attributes of the customer that the end of a rest here counts from."""
        return ()

    def questions(self) -> tuple[Question, ...]:
        """What is asked when it is reached."""
        return ()


@dataclass(frozen=True, slots=True)
class SendStep(Step):
    """`send`: a message, on one channel or on several in turn."""

    template: str
    channels: tuple[str, ...]  # in the order of the cascade
    is_cascade: bool
    next_after: Duration | None
    until: str  # `clicked`, `opened` or the name of an event
    policy: Policy
    if_capped: Literal["skip", "wait"]
    values: tuple[tuple[str, Constant | Ref], ...]  # of `with`
    learns: bool = False  # the interval is learned, and `next_after` counts until enough is known
    likely: bool = False  # each customer has an order of channels of their own
    # Values of `with` that are chosen: name, and questions (None: `else`) with the word that is then sent.
    chosen: tuple[tuple[str, tuple[tuple[Question | None, str], ...]], ...] = ()

    def questions(self) -> tuple[Question, ...]:
        """Those of the values that are chosen."""
        return tuple(asked for _, lines in self.chosen for asked, _ in lines if asked is not None)

    def awaited_events(self) -> tuple[str, ...]:
        """The event that ends a cascade; clicks and opens reach it by the message itself."""
        return (self.until,) if self.is_cascade and self.until not in ("clicked", "opened") else ()

    @property
    def longest_interval(self) -> Duration | None:
        """The longest time that this step waits for a reaction to one part; None: it is no cascade."""
        if self.next_after is None or not self.learns or self.next_after.roughly() > LONGEST:
            return self.next_after
        return Duration(elapsed=LONGEST)


@dataclass(frozen=True, slots=True)
class Moment:
    """The moment of `wait: until`: time, weekday and time, date (and time), or ref (and offset). Nothing
    of them: the next time that the step itself names."""

    time: dt.time | None = None
    weekday: int | None = None
    date: dt.date | None = None
    ref: Ref | None = None
    offset: Duration | None = None  # negative for `before`
    name: str = ""  # as it stands in the file, for `exit missing NAME`


@dataclass(frozen=True, slots=True)
class Awaited:
    """`events` (with `where`), or a reaction to a template of this run."""

    events: tuple[str, ...]
    where: Question | None
    reaction: Literal["clicked", "opened"] | None
    template: str | None


@dataclass(frozen=True, slots=True)
class WaitStep(Step):
    """`wait`: for a length or until a moment, or for something that ends it sooner."""

    length: Duration | None
    until: Moment | None
    at: dt.time | None
    weekdays: tuple[int, ...]
    awaited: Awaited | None
    # Indexes, as `next`, which they are where a side was not written.
    then: int
    otherwise: int
    waiting: Literal["keep", "recompute"]  # what a changed length means for those who wait already (2.15)
    their_hour: bool = False  # `at` is the hour at which the customer reacts, found when the wait begins

    def targets(self) -> tuple[int, ...]:
        """Both sides."""
        return (self.then, self.otherwise, self.next)

    def awaited_events(self) -> tuple[str, ...]:
        """What stands behind `for:`."""
        return self.awaited.events if self.awaited is not None else ()

    def awaited_dates(self) -> tuple[str, ...]:
        """The attribute behind `until`."""
        ref = self.until.ref if self.until is not None else None
        return (ref.name,) if ref is not None and ref.source == "customer" else ()


@dataclass(frozen=True, slots=True)
class Pool:
    """A promo code pool of config.yaml."""

    name: str
    kind: Literal["generated", "shared", "file"]
    pattern: str = ""  # generated: ? stands for a character
    code: str = ""  # shared: the one that everybody gets
    path: str = ""  # file: a code in each line
    alert: int | None = None  # file: told when fewer are left; None: a tenth of its size, at least 10
    text: str = ""  # what a code of it is worth, in words


@dataclass(frozen=True, slots=True)
class Offer:
    """What those get whom the question fits; without one, everybody who is left."""

    question: Question | None
    pool: Pool
    valid: Duration
    text: str = ""  # `code.text`
    name: str = ""  # `code.offer`


@dataclass(frozen=True, slots=True)
class CodeStep(Step):
    name: str  # as the journey calls it: a pool, or a choice between several
    offers: tuple[Offer, ...]  # the first that fits counts; of a pool there is one, for everybody

    @property
    def pools(self) -> dict[str, Pool]:
        """The pools that its codes may come from, by name."""
        return {offer.pool.name: offer.pool for offer in self.offers}

    def questions(self) -> tuple[Question, ...]:
        """Those of its offers."""
        return tuple(offer.question for offer in self.offers if offer.question is not None)


# --- whole ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JourneyDependencies:
    """What goal, exit, waits and starts look at: nothing else wakes a customer of this journey."""

    events: frozenset[str]  # also those of `did` and `until`
    attributes: frozenset[str]
    segments: frozenset[str]
    product: bool
    reach: bool
    history: Mapping[str, int | None]  # event -> how far back its rows must be loaded (ms; None: for ever)


@dataclass(frozen=True, slots=True)
class DecisionMoment:
    """When an experiment is decided, fixed beforehand: as soon as so many `people` of each arm have had their
    time, or at the end of the day `on` of the shop. One of the two is set."""

    people: int | None = None
    on: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Journey:
    """One journey, ready to run."""

    name: str
    was: str | None
    file: str
    about: str
    owner: str
    state: Literal["draft", "live", "closing", "paused", "stopped"]
    starts: tuple[Trigger, ...]
    who: Question | None
    again: Again
    goal: Goal
    exit_if: Question | None
    policy: Policy
    priority: Literal["high", "normal", "low"]
    holdout: int
    steps: tuple[Step, ...]
    dependencies: JourneyDependencies
    hash: str  # of its behaviour: formatting and comments do not change it
    by_id: Mapping[str, Step] = field(default_factory=dict)
    longest: Duration | None = None
    splits: tuple[str, ...] = ()  # ids of its splits
    decide: DecisionMoment | None = None  # what its holdout shows


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """A segment: who belongs to it, and what it reads."""

    name: str
    question: Question
    dependencies: JourneyDependencies
