"""What a computed fact of schemas/customer.yaml is: from which events, of which stretch of time, and what
takes it back."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from engine.core.facts.rfm import QUINTILES, Borders, GroupTable
from engine.values import DAY, Instant, Type, Value, at_local, local_date, zone

FactKind: TypeAlias = Literal[
    "count", "sum", "average", "last", "first", "most frequent", "average days between", "rfm",
    "number of different", "share", "median days between", "next", "chance", "expected sum",
]  # fmt: skip

_PLAIN = frozenset(
    ("count", "sum", "average", "last", "first", "most frequent", "average days between", "rfm")
)

_OVER_EVERYBODY = frozenset(("rfm", "chance", "expected sum"))

YEAR = 366 * DAY
"""No year is longer."""


@dataclass(frozen=True, slots=True)
class FactWhere:
    """Which events, or which items of an event, a fact goes over. `items`: the list whose items the condition
    asks, each by itself; None: it asks the event alone. `written`: the text of the condition
    (`core/definition.py`), `reads` the fields that it names, with their types."""

    written: str
    test: Callable[[Mapping[str, Value]], bool] = dataclasses.field(compare=False, repr=False)
    reads: tuple[tuple[str, Type], ...] = ()
    items: str | None = None

    def fitting(self, fields: Mapping[str, Value]) -> Mapping[str, Value] | None:
        """The fields with those items alone that fit; None: nothing of the event fits."""
        if self.items is None:
            return fields if self.test(fields) else None
        items = fields.get(self.items)
        if not isinstance(items, list):
            return None
        fit = [item for item in items if self.test({**fields, self.items: [item]})]
        return {**fields, self.items: fit} if fit else None


@dataclass(frozen=True, slots=True)
class CounterEvent:
    """An event that takes back what the event with the same `key` added: the whole of it, or the amount of
    `field`. `where`: which of its items count, as in the fact itself."""

    event: str
    field: str | None
    key: str  # a field of both events
    where: FactWhere | None = None


@dataclass(frozen=True, slots=True)
class CalendarYear:
    """A year of the shop's calendar: this one (`back` 0), or the one before."""

    back: int
    zone: str

    def bounds(self, now: Instant) -> tuple[Instant, Instant]:
        """Its first moment, and that of the year behind it."""
        year = local_date(now, zone(self.zone)).year - self.back
        return self._first_moment(year), self._first_moment(year + 1)

    def turn(self, now: Instant) -> Instant:
        """The first moment after `now` at which it is another year."""
        return self._first_moment(local_date(now, zone(self.zone)).year + 1)

    def _first_moment(self, year: int) -> Instant:
        return at_local(dt.date(year, 1, 1), dt.time.min, zone(self.zone))


LEAST_SECOND_EVENTS = 50
"""So many customers with a second event tell when the second is to be expected of those who have one."""

SAME_GAP = 100
"""A median that differs from the one before by less than one part in so many stays as it was: else everybody
with few events would be written anew every night."""


@dataclass(frozen=True, slots=True)
class TypicalGaps:
    """How long the customers of the shop take from one event to the next: medians in milliseconds, learned
    nightly. None: nobody knows."""

    first: int | None = None  # from the first to the second, of everybody who has a second
    one: int | None = None  # of those with one gap
    two: int | None = None  # of those with two gaps

    def of(self, events: int) -> int | None:
        """For a customer with one event, two, or three."""
        return (self.first, self.one, self.two)[events - 1]

    def steadied(self, found: TypicalGaps) -> TypicalGaps:
        """What counts from now on, where these were found tonight."""
        stays = (
            old if old is not None and new is not None and abs(new - old) * SAME_GAP < old else new
            for old, new in zip(dataclasses.astuple(self), dataclasses.astuple(found), strict=True)
        )
        return TypicalGaps(*stays)


@dataclass(frozen=True, slots=True)
class FactRule:
    """A computed fact of schemas/customer.yaml."""

    name: str
    how: FactKind
    event: str
    field: str | None  # a path inside the event; `items.category` goes over all items
    type: Type
    # ms; makes it windowed: counted from history when it is asked for. With `year` how far the history goes
    last: int | None = None
    groups: GroupTable | None = None  # what `rfm` makes of the scores
    borders: Borders = QUINTILES  # where `rfm` cuts them
    where: FactWhere | None = None  # of a share: what is counted of all events
    less: tuple[CounterEvent, ...] = ()
    year: CalendarYear | None = None
    ahead: int | None = None  # days that a forecast looks ahead
    # Of `next`, as the last night knew.
    typical: TypicalGaps = dataclasses.field(default=TypicalGaps(), compare=False)
    # The same text for the same definition, whatever the fact is called: a value that was computed under
    # another one is to be computed anew.
    fingerprint: str = dataclasses.field(init=False, compare=False, repr=False)
    # Where `Facts.fact_state` has what it needs to go on. Facts that an older version knew have it under
    # their name; the others under a name that changes with the definition, since the form of it does.
    memory: str = dataclasses.field(init=False, compare=False, repr=False)
    # Every event that changes it, each once.
    events: tuple[str, ...] = dataclasses.field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Finds them once: they are asked for at every event."""
        events = tuple(dict.fromkeys((self.event, *(counter.event for counter in self.less))))
        object.__setattr__(self, "events", events)
        year = (self.year.back, self.year.zone) if self.year is not None else None
        less = tuple((each.event, each.field, each.key, _asked(each.where)) for each in self.less)
        kind = (self.type.kind, self.type.choices)
        parts = (self.how, self.event, self.field, kind, self.last, year, _asked(self.where), less)
        text = repr(parts) if self.ahead is None else repr((*parts, self.ahead))
        if self.how == "rfm":
            groups = dataclasses.astuple(self.groups) if self.groups is not None else None
            text += repr((groups, self.borders.all))
        found = hashlib.sha256(text.encode()).hexdigest()[:16]
        is_plain = self.how in _PLAIN and self.where is None and not self.less
        object.__setattr__(self, "fingerprint", found)
        object.__setattr__(self, "memory", self.name if is_plain else f"{self.name}@{found[:8]}")

    @property
    def is_nightly(self) -> bool:
        """Whether its value is found once a night among all customers, from the rows of their events, and no
        event changes it."""
        return self.how in _OVER_EVERYBODY

    @property
    def is_forecast(self) -> bool:
        """Whether it looks ahead."""
        return self.ahead is not None

    @property
    def is_kept(self) -> bool:
        """Whether its value lies beside the attributes of a customer, made event by event: all but those that
        are counted when they are asked for, and those of the night."""
        return self.last is None and not self.is_nightly

    @property
    def history(self) -> dict[str, int | None]:
        """The rows that it is counted from when it is asked for, in ms back (None: all); none without a
        window."""
        if self.last is None:
            return {}
        # What is taken back is the first event with the key, and the counter event may be of any time.
        return dict.fromkeys(self.events) if self.less else {self.event: self.last}

    def reads(self) -> Iterator[tuple[str, str]]:
        """(event, field) of everything that it looks at."""
        if self.field is not None:
            yield self.event, self.field
        for name, _ in self.where.reads if self.where is not None else ():
            yield self.event, name
        for counter in self.less:
            yield from ((self.event, counter.key), (counter.event, counter.key))
            if counter.field is not None:
                yield counter.event, counter.field
            for name, _ in counter.where.reads if counter.where is not None else ():
                yield counter.event, name

    def edges(self, now: Instant) -> tuple[Instant, Instant | None]:
        """Of a windowed fact: events after the first moment count, and before the second one (None: all of
        them). An event exactly as old as the window is outside."""
        assert self.last is not None
        if self.year is None:
            return Instant(now - self.last), None
        first, behind = self.year.bounds(now)
        return Instant(first - 1), behind


def _asked(where: FactWhere | None) -> str | None:
    return where.written if where is not None else None
