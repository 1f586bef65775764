"""What the lines of a ledger are worth together: played through in the order of time, whatever the order in
which they came.

- A limit (`once`, `at_most`) leaves room for the first ones in time; what was taken back as a whole uses no
  room.
- Points are spent from those that end first, of these the oldest.
- What takes back goes to the points of its own event first. Those that are spent already are owed: they are
  taken from the others, and where there are none the balance is below zero until more is earned. Those that
  have ended are gone anyway.
- Who says afterwards that points were spent spends what is there; what was asked for at the till is owed.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct, field

from engine.core.points.ledger import (
    EXPIRED,
    SETTLED,
    DatedPoints,
    EarnedPoints,
    EarnOffer,
    Ledger,
    SpentPoints,
    TakenBackPoints,
    event_of,
)
from engine.values import Instant

NEVER = Instant(2**62)


class SettledLedger(Struct):
    """What the lines come to at one moment. `worth`: by cause, what each adds to the balance; the days on
    which points ended are causes of their own. `earned`: without what was taken back.
    `owed`: what is missing below zero."""

    worth: dict[str, int] = field(default_factory=dict)
    available: int = 0
    pending: int = 0
    expiring: int = 0  # of those that are left, how many end on the next day on which some do
    last_day: str = ""
    earned: list[DatedPoints] = field(default_factory=list)
    owed: int = 0
    lines: dict[str, str] = field(default_factory=dict)  # cause -> the words of the line that gave something
    missing: dict[str, int] = field(default_factory=dict)  # cause -> points that were spent and not there
    next_change: Instant | None = None  # when time alone changes the balance
    left: list[PointsLot] = field(default_factory=list)
    used: dict[str, int] = field(default_factory=dict)  # by `EarnOffer.place`


class PointsLot(Struct):
    """Points of one line that are not spent."""

    line: EarnedPoints
    points: int
    ended: int = 0

    @property
    def gone_at(self) -> Instant:
        """When they end."""
        return self.line.gone_at if self.line.gone_at is not None else NEVER


class _Step(NamedTuple):
    at: Instant
    rank: int  # at one moment: earned, taken back, spent
    cause: str
    points: int = 0
    of: str = ""  # whose points are taken back


class _Cover(Struct):
    cause: str
    points: int


def settle(ledger: Ledger, now: Instant) -> SettledLedger:
    """What a ledger comes to now."""
    return _Play(ledger).through(now)


def takers_of(ledger: Ledger) -> dict[str, list[TakenBackPoints]]:
    """What is taken back of which line: of two events of one name with the same key the first, in the order
    of time."""
    found: dict[str, list[TakenBackPoints]] = defaultdict(list)
    if not ledger.back:
        return found
    # (key, value) -> name of the event -> the first event, with its lines
    by_key: defaultdict[tuple[str, str], dict[str, tuple[str, list[str]]]] = defaultdict(dict)
    for line in sorted(ledger.earned.values(), key=_order):
        for key in line.keys.items():
            event, causes = by_key[key].setdefault(line.about, (event_of(line.cause), []))
            if event_of(line.cause) == event:
                causes.append(line.cause)
    for taker in sorted(ledger.back.values(), key=_order):
        for _, causes in by_key.get((taker.key, taker.value), {}).values():
            for cause in causes:
                found[cause].append(taker)
    return found


def _order(line: EarnedPoints | TakenBackPoints | SpentPoints) -> tuple[Instant, str]:
    return line.at, line.cause


class _Play:
    """One run through the lines."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.takers = takers_of(ledger)
        self.chosen, used = _chosen(ledger, self.takers)
        self.lots: list[PointsLot] = []  # those with points left, the first to be spent first
        self.of: dict[str, PointsLot] = {}
        self.debt = 0
        self.covers: list[_Cover] = []
        self.settled = SettledLedger(used=used)

    def through(self, now: Instant) -> SettledLedger:
        settled, worth = self.settled, self.settled.worth
        spendings = (_Step(line.at, 2, line.cause) for line in self.ledger.spent.values())
        for step in sorted([*self._earnings(), *self._takings(), *spendings]):
            self._time(step.at)
            match step.rank:
                case 0:
                    lot = self.of[step.cause] = PointsLot(self.ledger.earned[step.cause], step.points)
                    bisect.insort(self.lots, lot, key=lambda lot: (lot.gone_at, lot.line.at, lot.line.cause))
                case 1:
                    lot = self.of[step.of]
                    # From what is left of them, then from what had run out; what was spent already is owed
                    own = min(step.points, lot.points)
                    lot.points -= own
                    ended = min(step.points - own, lot.ended)
                    lot.ended -= ended
                    owed = step.points - own - ended
                    self.debt += owed
                    worth[step.cause] = worth.get(step.cause, 0) - (own + owed)
                case _:
                    self._spend(self.ledger.spent[step.cause], step.at)
        # What happens by time alone after the last line
        self._time(now)
        left = [lot for lot in self.lots if lot.points]
        settled.available = sum(lot.points for lot in left if lot.line.ready_at <= now) - self.debt
        settled.pending = sum(lot.points for lot in left if lot.line.ready_at > now)
        settled.owed = self.debt
        ending = [lot for lot in left if lot.line.gone_at is not None]
        if ending:
            settled.last_day = min(lot.line.last_day for lot in ending)
            settled.expiring = sum(lot.points for lot in ending if lot.line.last_day == settled.last_day)
        moments = [lot.line.ready_at for lot in left if lot.line.ready_at > now]
        moments += [lot.gone_at for lot in ending]
        settled.next_change = min(moments, default=None)
        settled.left = left
        return settled

    def _earnings(self) -> Iterable[_Step]:
        for cause, offer in self.chosen.items():
            line = self.ledger.earned[cause]
            points = offer.worth()
            self.settled.worth[cause] = points
            self.settled.lines[cause] = offer.words
            if points:
                yield _Step(line.at, 0, cause, points)
                back = sum(taken for _, taken in _taken(offer, self.takers.get(cause, ())))
                # What a compacted ledger carries on was earned before (`Ledger.earned_before`).
                if points > back and not cause.startswith(SETTLED):
                    self.settled.earned.append(DatedPoints(line.at, points - back))

    def _takings(self) -> Iterable[_Step]:
        for cause, offer in self.chosen.items():
            at = self.ledger.earned[cause].at
            for taker, points in _taken(offer, self.takers.get(cause, ())):
                # What takes back before anything was earned is kept for it.
                yield _Step(max(taker.at, at), 1, taker.cause, points, cause)

    def _time(self, now: Instant) -> None:
        """What ends until a moment; what is owed is paid from what can be spent."""
        while self.lots and (self.lots[0].gone_at <= now or not self.lots[0].points):
            lot = self.lots.pop(0)
            self._pay(lot)
            if lot.points:
                day = EXPIRED + lot.line.last_day
                self.settled.worth[day] = self.settled.worth.get(day, 0) - lot.points
                lot.ended, lot.points = lot.points, 0
        for lot in self.lots if self.debt else ():
            if lot.line.ready_at <= now:
                self._pay(lot)

    def _pay(self, lot: PointsLot) -> None:
        paid = min(self.debt, lot.points)
        self.debt -= paid
        lot.points -= paid

    def _spend(self, line: SpentPoints, at: Instant) -> None:
        self._time(at)
        wanted = line.points
        for lot in self.lots:
            if not wanted:
                break
            if lot.line.ready_at <= at:
                spent = min(wanted, lot.points)
                lot.points -= spent
                wanted -= spent
        worth = self.settled.worth
        if not line.firm:
            worth[line.cause] = wanted - line.points
            self.settled.missing |= {line.cause: wanted} if wanted else {}
            self.covers.append(_Cover(line.cause, line.points - wanted))
            return
        # What was promised at the till comes before what was only told of.
        for cover in reversed(self.covers):
            given = min(wanted, cover.points)
            if given:
                cover.points -= given
                wanted -= given
                worth[cover.cause] += given
                missing = self.settled.missing
                missing[cover.cause] = missing.get(cover.cause, 0) + given
        self.debt += wanted
        worth[line.cause] = -line.points


def _chosen(
    ledger: Ledger, takers: Mapping[str, list[TakenBackPoints]]
) -> tuple[dict[str, EarnOffer], dict[str, int]]:
    """The offer that counts of each line, in the order of time, and how often each limited one did; a line
    whose limits leave no room has none."""
    used = defaultdict(int, ledger.used_before)
    chosen: dict[str, EarnOffer] = {}
    for line in sorted(ledger.earned.values(), key=_order):
        is_gone = any(taker.amounts is None for taker in takers.get(line.cause, ()))
        for offer in line.offers:
            if is_gone or not offer.times or used[offer.place] < offer.times:
                if offer.times and not is_gone:
                    used[offer.place] += 1
                chosen[line.cause] = offer
                break
    return chosen, dict(used)


def _taken(offer: EarnOffer, takers: Iterable[TakenBackPoints]) -> Iterable[tuple[TakenBackPoints, int]]:
    """How many points each of them takes back of one line, never more than it gave."""
    whole, amount, taken = offer.worth(), Decimal(0), 0
    for taker in takers:
        if taker.amounts is None:
            target = whole
        else:
            amount += Decimal(taker.amounts.get(offer.currency, 0)) if offer.unit else 0
            target = max(taken, whole - offer.worth(amount))
        if target > taken:
            yield taker, target - taken
            taken = target
