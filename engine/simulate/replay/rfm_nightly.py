"""The nights of a replay: the groups of `rfm` facts that a journey asks for, scored at midnight in the shop's
zone.

Scores by quintiles are relative, so time alone changes none of them. A night after new events scores those
who had some, and those whose value lies between a cut of the last night and the same cut of this one. With
borders of recency, which are days, also those who reach one.
"""

from __future__ import annotations

import datetime as dt
import heapq
import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import cast

from engine.core.facts.fields import field_values
from engine.core.facts.rfm import DEFAULT, Cuts, Scale, Spending, cuts_of_ordered
from engine.core.facts.rule import FactRule
from engine.core.facts.tally import is_number
from engine.core.happening import Event, ProfileChanged
from engine.core.journeys import Journeys
from engine.simulate.decider import Decider
from engine.simulate.replay.customers import ReplayCustomers
from engine.simulate.replay.needed import Mine, everybody, fields_of
from engine.values import Instant, Money, at_local, local_date, zone

Ranked = list[tuple[Decimal, str]]
"""One of recency, frequency and money: (value, customer), sorted."""


_DAY_0 = 0
"""Recency is counted from any one day here: cuts and values move together."""


class NightlyScores:
    """What was spent, and the next midnight. `events`: names that `hear` has to be told of, with these
    `fields`; none, if no journey asks for a group. It hears of everybody; `is_mine` says whose group is
    written here."""

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
        self._currency = journeys.currency
        self._boards = [ScoreBoard(rule, is_mine) for rule in journeys.facts if rule.how == "rfm"]
        self._next: Instant | None = None
        self.events = frozenset(board.rule.event for board in self._boards)
        self.fields = fields_of(board.rule for board in self._boards)

    def hear(self, customer: str, event: Event, now: Instant) -> None:
        """An event that a group may depend on."""
        day = local_date(event.occurred_at, self._zone).toordinal()
        for board in self._boards:
            if board.rule.event == event.name:
                amount = _amount(event, board.rule, self._currency)
                board.add(customer, event.occurred_at, Spending(day, 1, amount))
        self._expect(now)

    def _expect(self, after: Instant) -> None:
        midnight = at_local(local_date(after, self._zone) + dt.timedelta(days=1), dt.time(), self._zone)
        if self._next is None or midnight < self._next:
            self._next = midnight
            self._customers.at(midnight, lambda now: self._score(midnight, now))

    def _score(self, midnight: Instant, now: Instant) -> None:
        # An earlier night took its place
        if midnight != self._next:
            return
        self._next = None
        today = local_date(midnight, self._zone).toordinal()
        for board in self._boards:
            starts = board.cuts is not None  # who is found first was there from the beginning
            for customer, group in board.changes(now, today):
                values = {board.rule.name: group}
                change = ProfileChanged(self._decider.next_number(), now, values, starts=starts)
                self._customers.happen(customer, change, now)
        later = [at for board in self._boards if (at := board.next_change()) is not None]
        if later:
            self._expect(max(now, min(later)))
        days = [day for board in self._boards if (day := board.next_day()) is not None]
        if days:
            # The midnight that begins the day: the look after any moment of the day before it.
            before = dt.date.fromordinal(min(days)) - dt.timedelta(days=1)
            self._expect(max(now, at_local(before, dt.time(), self._zone)))


@dataclass(slots=True)
class ScoreBoard:
    """One fact: what everybody spent, who is to be scored again, and the group of each customer who is
    `mine`: the others are only ranked among."""

    rule: FactRule
    mine: Mine = everybody
    cuts: Cuts | None = None
    _spent: dict[str, Spending] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)
    _groups: dict[str, str] = field(default_factory=dict)
    _ranked: tuple[Ranked, Ranked, Ranked] = field(default_factory=lambda: ([], [], []))
    _crossing: list[tuple[int, str]] = field(
        default_factory=list
    )  # day on which a border of recency is reached
    _leaving: list[tuple[Instant, str, Decimal]] = field(default_factory=list)  # what a window will leave out

    def add(self, customer: str, at: Instant, more: Spending) -> None:
        """One more event."""
        known = self._spent.get(customer, Spending(more.last_day, 0, Decimal(0)))
        last_day = max(known.last_day, more.last_day)
        self._spent[customer] = Spending(last_day, known.times + more.times, known.amount + more.amount)
        self._asked.add(customer)
        for border in self.rule.borders.recency or ():
            heapq.heappush(self._crossing, (last_day + math.ceil(border), customer))
        if self.rule.last is not None:
            heapq.heappush(self._leaving, (Instant(at + self.rule.last), customer, more.amount))

    def next_change(self) -> Instant | None:
        """When an event leaves the window; None: nothing changes without new events."""
        return self._leaving[0][0] if self._leaving else None

    def next_day(self) -> int | None:
        """The day on which somebody's last event reaches a border of recency; None: nobody's does."""
        return self._crossing[0][0] if self._crossing else None

    def changes(self, now: Instant, today: int) -> Iterator[tuple[str, str | None]]:
        """(customer, group) of everybody of mine whose group is another one than in the last night. `today`:
        the day that begins (an ordinal)."""
        # What has left the stretch of time that is looked at is no longer spent
        while self._leaving and self._leaving[0][0] <= now:
            _, customer, amount = heapq.heappop(self._leaving)
            known = self._spent.pop(customer)
            self._asked.add(customer)
            if known.times > 1:
                self._spent[customer] = Spending(known.last_day, known.times - 1, known.amount - amount)
        while self._crossing and self._crossing[0][0] <= today:
            self._asked.add(heapq.heappop(self._crossing)[1])
        if not self._asked:
            return
        self._rank()
        before = self.cuts
        if self._spent:
            self.cuts = Cuts(
                *(
                    _scale(ranked) if own is None else Scale(own, reached=True)
                    for ranked, own in zip(self._ranked, self.rule.borders.all, strict=True)
                )
            )
        asked = self._asked | set(self._moved(before))
        self._asked = set()
        table = self.rule.groups or DEFAULT
        # Borders are days; quintiles of recency were made from the day 0 on, as the values in `_ranked`.
        day = today if self.rule.borders.recency is not None else _DAY_0
        for customer in sorted(filter(self.mine, asked)):
            spending = self._spent.get(customer)
            scores = self.cuts.scores(spending, day) if spending and self.cuts else None
            group = table.group_of(scores) if scores else None
            if group != self._groups.get(customer):
                if group is None:
                    del self._groups[customer]
                else:
                    self._groups[customer] = group
                yield customer, group

    def _rank(self) -> None:
        fresh = [(name, self._spent[name]) for name in self._asked if name in self._spent]
        for place, ranked in enumerate(self._ranked):
            kept = [pair for pair in ranked if pair[1] not in self._asked]
            kept.extend(
                ((Decimal(_DAY_0 - one.last_day), Decimal(one.times), one.amount)[place], name)
                for name, one in fresh
            )
            kept.sort()
            ranked[:] = kept

    def _moved(self, before: Cuts | None) -> Iterator[str]:
        """Customers whose value a cut has passed."""
        if before is None or self.cuts is None:
            return
        for ranked, old, new in zip(self._ranked, before, self.cuts, strict=True):
            for low, high in (sorted(pair) for pair in zip(old.cuts, new.cuts, strict=True)):
                # Above the lower one up to the higher one itself: a value lies above a cut or not.
                start, end = (bisect_right(ranked, edge, key=_value) for edge in (low, high))
                yield from (customer for _, customer in ranked[start:end])


def _value(pair: tuple[Decimal, str]) -> Decimal:
    return pair[0]


def _scale(ranked: Ranked) -> Scale:
    return Scale(cuts_of_ordered(len(ranked), lambda place: ranked[place][0]))


def _amount(event: Event, rule: FactRule, currency: str) -> Decimal:
    """The sum of the amounts in an event; those in another currency are left out."""
    total = Decimal(0)
    for value in field_values(event.fields, rule.field or ""):
        if isinstance(value, Money):
            total += value.amount if value.currency == currency else 0
        elif is_number(value):
            total += cast("int | Decimal", value)
    return total
