"""What is usual between two events, learned at every midnight of a replay as a daemon learns it, for the
`next` facts that a journey asks for."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

from engine.core.facts.customer import Facts
from engine.core.facts.fold import count, moments_of
from engine.core.facts.rule import LEAST_SECOND_EVENTS, FactRule, TypicalGaps
from engine.core.facts.tally import FEW, median_of_sorted, next_moment
from engine.core.happening import Event, ProfileChanged
from engine.core.journeys import Journeys
from engine.simulate.decider import Decider
from engine.simulate.replay.customers import ReplayCustomers
from engine.simulate.replay.needed import Mine, everybody, fields_of
from engine.values import Instant, Value, at_local, local_date, zone


class NightlyGaps:
    """What everybody's moments are made from, and the next midnight. `events`: names that `hear` has to be
    told of, with these `fields`; none, if no journey asks for a `next` fact. It hears of everybody; `is_mine`
    says whose moment is written here."""

    def __init__(
        self,
        journeys: Journeys,
        customers: ReplayCustomers,
        decider: Decider,
        is_mine: Mine = everybody,
    ) -> None:
        self._customers = customers
        self._decider = decider
        self._zone = zone(journeys.timezone)
        self._boards = [
            GapBoard(rule, is_mine) for rule in journeys.facts if rule.how == "next" and rule.is_kept
        ]
        self._is_expected = False
        self.events = frozenset(name for board in self._boards for name in board.rule.events)
        self.fields = fields_of(board.rule for board in self._boards)

    def hear(self, customer: str, event: Event, now: Instant) -> None:
        """An event that a moment depends on."""
        for board in self._boards:
            board.add(customer, event)
        if not self._is_expected:
            self._is_expected = True
            day = local_date(now, self._zone) + dt.timedelta(days=1)
            self._customers.at(at_local(day, dt.time(), self._zone), self._learn)

    def _learn(self, now: Instant) -> None:
        self._is_expected = False
        found = [(board.rule.name, moment) for board in self._boards for moment in board.learn()]
        journeys = self._customers.journeys
        gaps = {board.rule.name: board.typical for board in self._boards if board.typical is not None}
        if gaps != journeys.learned.gaps:
            # Before the customers: whose event comes from now on is told by what was learned now
            self._customers.go_by(replace(journeys, learned=replace(journeys.learned, gaps=gaps)))
        for name, each in found:
            number, values = self._decider.next_number(), {name: each.moment}
            change = ProfileChanged(number, now, values, starts=each.starts)
            self._customers.happen(each.customer, change, now)


@dataclass(frozen=True, slots=True)
class ChangedMoment:
    """When the next event of a customer is to be expected now; None: nobody can tell any more. `starts`:
    whether a journey may start by it: not where the median was not known before."""

    customer: str
    moment: Value
    starts: bool


@dataclass(slots=True)
class GapBoard:
    """One fact: the moments of everybody, and the gaps that its medians are made of. `mine`: whose moments
    are found; `typical`: what the last night learned; None: there was none."""

    rule: FactRule
    mine: Mine = everybody
    typical: TypicalGaps | None = None
    _facts: dict[str, Facts] = field(default_factory=dict)
    _counted: dict[str, list[Instant]] = field(default_factory=dict)  # the first moments that the gaps are of
    _asked: set[str] = field(default_factory=set)  # whose moments are others since the last night
    _gaps: tuple[list[int], list[int], list[int]] = field(default_factory=lambda: ([], [], []))  # sorted
    _few: tuple[set[str], set[str], set[str]] = field(
        default_factory=lambda: (set(), set(), set())
    )  # who of mine has one, two, or three

    def add(self, customer: str, event: Event) -> None:
        """One more event."""
        if event.name in self.rule.events:
            facts = self._facts.setdefault(customer, Facts(customer))
            count(facts, event, self.rule)
            self._asked.add(customer)

    def learn(self) -> list[ChangedMoment]:
        """Learns what is usual now; everybody of mine whose moment is another one by it."""
        for customer in self._asked:
            self._count_anew(customer)
        self._asked.clear()
        first, one, two = self._gaps
        before = self.typical or TypicalGaps()
        self.typical = before.steadied(
            TypicalGaps(
                median_of_sorted(first) if len(first) >= LEAST_SECOND_EVENTS else None,
                median_of_sorted(one) if one else None,
                median_of_sorted(two) if two else None,
            )
        )
        changed = [
            ChangedMoment(
                customer,
                next_moment(moments_of(self._facts[customer], self.rule), self.typical),
                starts=before.of(size) is not None,
            )
            for size, few in enumerate(self._few, 1) if before.of(size) != self.typical.of(size)
            for customer in few
        ]  # fmt: skip
        return sorted(changed, key=lambda each: each.customer)

    def _count_anew(self, customer: str) -> None:
        for gaps, gap in self._parts(self._counted.get(customer, [])):
            del gaps[bisect_left(gaps, gap)]
        moments = moments_of(self._facts[customer], self.rule)[:FEW]
        for gaps, gap in self._parts(moments):
            insort(gaps, gap)
        self._counted[customer] = moments
        if not self.mine(customer):
            return
        for size, few in enumerate(self._few, 1):
            (few.add if len(moments) == size else few.discard)(customer)

    def _parts(self, moments: list[Instant]) -> Iterator[tuple[list[int], int]]:
        """Each gap that somebody adds, and to which of them."""
        gaps = [later - earlier for earlier, later in pairwise(moments)]
        if gaps:
            yield self._gaps[0], gaps[0]
        if len(moments) < FEW:
            for gap in gaps:
                yield self._gaps[len(gaps)], gap
