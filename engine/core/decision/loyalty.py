"""The ledger inside a decision: what happened goes in, and what follows is written: the facts that it
computes, its entries, the engine's own events, and when time alone will change it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from engine.core.decision.causes import causes_of
from engine.core.decision.decision_context import DecisionContext
from engine.core.decision.effects import Decision, Effect, Emit, EnterPoints, EntryKind, Trace
from engine.core.decision.transition import Transition
from engine.core.facts.customer import Facts
from engine.core.happening import Event, PointsSpent
from engine.core.points.compacting import compacted, earned_before
from engine.core.points.entering import ledger_of, with_event, with_given, with_spending
from engine.core.points.ledger import EXPIRED, MEMORY, OPENING, STEP, Booking, Ledger
from engine.core.points.rules import (
    EXPIRE_ON,
    EXPIRING,
    PENDING,
    POINTS,
    TIER,
    LoyaltyRules,
    PointsRules,
)
from engine.core.points.settling import SettledLedger, settle
from engine.core.points.tiers import TierCount, TierStanding
from engine.ids import derive
from engine.values import Instant, Value, at_local, minus_days, zone


def of_event(context: DecisionContext, event: Event) -> None:
    """An event that the table names, or that a tier is counted from."""
    rules = context.journeys.loyalty
    if rules is None or event.name not in context.index.loyalty_events:
        return
    ledger = before = _open(context, rules)
    if rules.points is not None and event.name in rules.events:
        ledger = with_event(ledger, rules.points, context.facts, event, context.now)
        if ledger is before and rules.tiers is None:
            return
    _write(context, rules, ledger, starts=event.starts)


def of_spending(context: DecisionContext, spent: PointsSpent) -> None:
    """Points were asked for at the till, and the balance was enough; without any the ledger is only looked
    at."""
    rules = context.journeys.loyalty
    if rules is None:
        return
    # looked at even where nothing is spent: time may have changed it since
    ledger = _open(context, rules)
    if rules.points is not None and spent.points:
        ledger = with_spending(ledger, spent)
    _write(context, rules, ledger, starts=spent.starts)


def of_step(transition: Transition, step: str, points: int, note: str) -> None:
    """A step of a journey adds points, once for each run and step."""
    context = transition.context
    rules = context.journeys.loyalty
    assert rules is not None
    assert rules.points is not None
    cause, about = f"{STEP}{transition.enrollment.id} {step}", transition.journey.name
    ledger = with_given(_open(context, rules), rules.points, cause, about, points, context.now, note)
    teller = _Teller(context, causes_of(transition.enrollment, context.now), starts=True)
    _follow(context, rules, ledger, teller)
    transition.effects.extend(teller.effects)
    transition.trace.extend(teller.trace)


def of_facts(context: DecisionContext, names: Collection[str]) -> None:
    """Facts have other values by a changed definition: a tier may be counted from one of them."""
    rules = context.journeys.loyalty
    if rules is not None and rules.tiers is not None and rules.tiers.fact in names:
        _write(context, rules, _open(context, rules), starts=False)


def of_time(context: DecisionContext) -> None:
    """What time alone does: points that can be spent from now on, that end, that will end; a tier that is
    left."""
    # the moment has come; the next one follows from the ledger below
    context.points_due = None
    rules = context.journeys.loyalty
    if rules is not None:
        _write(context, rules, _open(context, rules), starts=True)


def noted(facts: Facts, rules: LoyaltyRules, event: Event, now: Instant) -> None:
    """Counts an event of a story's past in `facts`, which are changed; nothing is told of it."""
    if rules.points is None or event.name not in rules.events:
        return
    ledger = with_event(ledger_of(facts, rules.points), rules.points, facts, event, now)
    settled = settle(ledger, now)
    facts.values.update(values_of(settled))
    facts.fact_state[MEMORY] = _booked(ledger, settled)[0]


def values_of(settled: SettledLedger) -> dict[str, Value]:
    """The facts about points, as a ledger comes to them; None: not set."""
    last_day = dt.date.fromisoformat(settled.last_day) if settled.last_day else None
    return {
        POINTS: settled.available,
        PENDING: settled.pending,
        EXPIRING: settled.expiring,
        EXPIRE_ON: last_day,
    }


def _open(context: DecisionContext, rules: LoyaltyRules) -> Ledger:
    return ledger_of(context.facts, rules.points)


def _write(context: DecisionContext, rules: LoyaltyRules, ledger: Ledger, *, starts: bool) -> None:
    teller = _Teller(context, context.causes, starts=starts)
    _follow(context, rules, ledger, teller)
    if teller.effects or teller.trace:
        context.decisions.append(Decision(None, tuple(teller.effects), tuple(teller.trace)))


def _follow(context: DecisionContext, rules: LoyaltyRules, ledger: Ledger, teller: _Teller) -> None:
    """Writes what follows from a ledger into the facts, and tells of it."""
    now = context.now
    settled = settle(ledger, now)
    values: dict[str, Value] = {}
    looks = [settled.next_change] if settled.next_change is not None else []
    if rules.points is not None:
        values |= values_of(settled)
        # entered before anything is told, and told before the ledger is made smaller: compacting drops
        # lines that both need
        ledger, entries = _booked(ledger, settled)
        teller.entered(ledger, entries, settled)
        ledger, warnings = _warned(rules.points, ledger, settled, teller, now)
        looks += warnings
        ledger = compacted(ledger, settled, now)
    if rules.tiers is not None:
        ledger, standing = _ranked(context, rules, ledger, settled, teller)
        values[TIER] = standing.tier or None
        looks += [standing.next_look] if standing.next_look is not None else []
    context.points_due = min(looks, default=None)
    facts = context.facts
    changed = {name for name, value in values.items() if facts.values.get(name) != value}
    if changed:
        facts = context.writable("values")
        for name in changed:
            value = values[name]
            if value is None:
                facts.values.pop(name, None)
            else:
                facts.values[name] = value
        context.changed_attributes |= changed
    # nobody who never had points gets an empty ledger
    if facts.fact_state.get(MEMORY) != ledger and ledger != Ledger():
        context.writable("fact_state").fact_state[MEMORY] = ledger


class _Entry(NamedTuple):
    cause: str
    part: int
    points: int


def _booked(ledger: Ledger, settled: SettledLedger) -> tuple[Ledger, list[_Entry]]:
    """The ledger with every cause entered as it is worth now, and the entries."""
    entries: list[_Entry] = []
    booked = ledger.booked
    # what is worth nothing any more is entered as well, as what it lost
    for cause in dict.fromkeys((*settled.worth, *booked)):
        was, points = booked.get(cause, Booking(0, 0)), settled.worth.get(cause, 0)
        if points != was.points:
            entries.append(_Entry(cause, was.parts, points - was.points))
            booked = {**booked, cause: Booking(points, was.parts + 1)}
    return (ledger if booked is ledger.booked else replace(ledger, booked=booked)), entries


def _warned(
    rules: PointsRules, ledger: Ledger, settled: SettledLedger, teller: _Teller, now: Instant
) -> tuple[Ledger, list[Instant]]:
    """Tells of points that end soon, once for each last day; the moments at which there will be more to
    tell."""
    if rules.warn is None:
        return ledger, []
    tz = zone(rules.zone)
    moments: list[Instant] = []
    days: dict[str, int] = {}
    for lot in settled.left:
        if lot.line.last_day:
            days[lot.line.last_day] = days.get(lot.line.last_day, 0) + lot.points
    warned = [day for day in ledger.warned if day in days]
    for day in sorted(days.keys() - set(warned)):
        last = dt.date.fromisoformat(day)
        at = at_local(minus_days(last, rules.warn), dt.time.min, tz)
        if at > now:
            moments.append(at)
            continue
        if not teller.starts:
            # History starts nothing; that these points end soon is no history, and is told by itself.
            moments.append(Instant(now + 1))
            continue
        warned.append(day)
        teller.emit("points_expiring", day, {POINTS: days[day], "on": last})
    told = tuple(sorted(warned))
    return (ledger if told == ledger.warned else replace(ledger, warned=told)), moments


def _ranked(
    context: DecisionContext, rules: LoyaltyRules, ledger: Ledger, settled: SettledLedger, teller: _Teller
) -> tuple[Ledger, TierStanding]:
    """The tier that follows; who reaches or leaves one is told of."""
    tiers, now = rules.tiers, context.now
    assert tiers is not None
    timezone = rules.points.zone if rules.points is not None else context.journeys.timezone
    before = TierStanding(ledger.tier, ledger.tier_since)
    if not ledger.tier:
        # One that was set as an attribute, or by a story, is kept from now on.
        set_before = context.facts.values.get(TIER)
        if isinstance(set_before, str) and tiers.rank(set_before) >= 0:
            before = TierStanding(set_before, now)
    earned = [*settled.earned, *earned_before(ledger)]
    after = TierCount(tiers, context.facts, context.index.rules, timezone, earned).stand(before, now)
    # after the points: a tier may be counted from what they have just become
    if after.tier != before.tier:
        name = "tier_reached" if tiers.rank(after.tier) > tiers.rank(before.tier) else "tier_left"
        if name == "tier_reached":
            fields = {TIER: after.tier, "before": before.tier}
        else:
            fields = {TIER: before.tier, "after": after.tier}
        teller.trace.append(Trace(now, "tier", "", "", subject=after.tier, detail=before.tier))
        teller.emit(
            name, f"{after.tier} {after.since}", {key: value for key, value in fields.items() if value}
        )
    return replace(ledger, tier=after.tier, tier_since=after.since), after


class _Teller:
    """Gathers what is entered and told."""

    def __init__(self, context: DecisionContext, causes: Mapping[str, int], *, starts: bool) -> None:
        """`starts`: history is entered, and nobody is told of it."""
        self.context, self.causes, self.starts = context, causes, starts
        self.effects: list[Effect] = []
        self.trace: list[Trace] = []

    def entered(self, ledger: Ledger, entries: list[_Entry], settled: SettledLedger) -> None:
        """Entries of the ledger, and the events about them."""
        sums: dict[str, int] = {}
        keys: dict[str, str] = {}
        for cause, part, points in entries:
            kind, about, at = _described(ledger, cause, self.context.now)
            words = settled.lines.get(cause, "")
            self.effects.append(EnterPoints(cause, part, kind, points, at, about, words))
            event = _EVENTS.get(kind)
            # What is put right afterwards is entered, and was told of before.
            if event is not None and part == 0:
                sums[event] = sums.get(event, 0) + abs(points)
                keys[event] = f"{keys.get(event, '')} {cause}"
        for event, points in sums.items():
            self.emit(event, keys[event], {POINTS: points, "balance": settled.available})

    def emit(self, name: str, key: str, fields: Mapping[str, Value]) -> None:
        """An event of the engine's own, if anything in the project looks at it."""
        if not self.starts or name not in self.context.index.observed_events:
            return
        now = self.context.now
        id_ = derive("points", self.context.facts.customer, name, key)
        self.effects.append(Emit(id_, name, now, fields, self.causes))


_EVENTS: Mapping[str, str] = {
    "earned": "points_earned", "given": "points_earned", "spent": "points_spent", "expired": "points_expired",
}  # fmt: skip


def _described(ledger: Ledger, cause: str, now: Instant) -> tuple[EntryKind, str, Instant]:
    """What an entry is, what it is about, and when that happened."""
    earned, back, spent = ledger.earned.get(cause), ledger.back.get(cause), ledger.spent.get(cause)
    if earned is not None:
        if cause.startswith(OPENING):
            return "opening", earned.about, now
        return "given" if cause.startswith(STEP) else "earned", earned.about, earned.at
    if back is not None:
        return "taken back", back.about, back.at
    if spent is not None:
        return "spent", spent.about, spent.at
    return "expired", cause.removeprefix(EXPIRED), now
