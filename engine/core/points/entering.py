"""What happens to a customer becomes lines of their ledger. Nothing is worth anything yet: `settling` says
what all lines come to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

from engine.core.conditions.scope import Scope
from engine.core.facts.customer import Facts
from engine.core.facts.fields import field_values
from engine.core.facts.rule import CounterEvent
from engine.core.facts.taking_back import key_of
from engine.core.happening import Event, PointsSpent
from engine.core.points.ledger import (
    MEMORY,
    OPENING,
    SPENDING,
    EarnedPoints,
    EarnOffer,
    Ledger,
    SpentPoints,
    TakenBackPoints,
    cause_of,
    load,
)
from engine.core.points.rules import EXPIRE_ON, EXPIRING, POINTS, EarnLine, PointsRules
from engine.ids import derive
from engine.values import Instant, Money, Value, local_date, plus, zone

BEGINNING = Instant(0)
MOST_POINTS = 10**9
"""Nobody has more; a larger number is a mistake of who sends it."""


def ledger_of(facts: Facts, rules: PointsRules | None) -> Ledger:
    """The ledger of a customer. Points that were set as an attribute, or by a story, are where it begins."""
    state = facts.fact_state.get(MEMORY)
    if state is not None:
        return load(state)
    ledger = Ledger()
    if rules is None:
        return ledger
    for line in _opening(facts, rules):
        ledger = ledger.with_earned(line)
    return ledger


def with_event(ledger: Ledger, rules: PointsRules, facts: Facts, event: Event, now: Instant) -> Ledger:
    """The ledger with what an event earns, takes back and spends; the same one where that is nothing new."""
    at = event.occurred_at
    # of the half that was compacted nothing is known one by one: what comes so late cannot be told from a
    # repetition
    if not ledger.takes(at):
        return ledger
    for line in _earned(rules, facts, event, now):
        if not ledger.knows(line.cause):
            ledger = ledger.with_earned(line)
    cause = cause_of(event.name, event.id)
    for number, counter in enumerate(rules.less):
        # one event may take back by several keys, each known under its own cause
        taking = f"-{number} {cause}" if number else f"- {cause}"
        if counter.event == event.name and not ledger.knows(taking):
            back = _taken_back(counter, event, taking)
            ledger = ledger if back is None else ledger.with_back(back)
    for name, field in rules.spent_by:
        spending = f"> {cause}"
        if name == event.name and not ledger.knows(spending):
            points = whole_points(sum(map(_number, field_values(event.fields, field))))
            if points > 0:
                ledger = ledger.with_spent(SpentPoints(spending, at, name, points))
    return ledger


def with_given(
    ledger: Ledger, rules: PointsRules, cause: str, about: str, points: int, at: Instant, note: str = ""
) -> Ledger:
    """The ledger with what a step of a journey adds; below zero it is spent."""
    if ledger.knows(cause) or not points:
        return ledger
    if points < 0:
        return ledger.with_spent(SpentPoints(cause, at, about, -points))
    return ledger.with_earned(_line(rules, cause, about, at, (EarnOffer("", note, points),), ready_at=at))


def with_spending(ledger: Ledger, spent: PointsSpent) -> Ledger:
    """The ledger with points that were asked for and promised."""
    if has_spent(ledger, spent.id) or spent.points <= 0:
        return ledger
    line = SpentPoints(f"{SPENDING}{spent.id}", spent.at, spent.about, spent.points, firm=True)
    return ledger.with_spent(line)


def has_spent(ledger: Ledger, request: str) -> bool:
    """Whether a request of the till is in the ledger."""
    return ledger.knows(f"{SPENDING}{request}")


def whole_points(value: Value) -> int:
    """A number as points: whole ones, towards zero, of a size that somebody can have."""
    number = _number(value)
    if not number.is_finite():
        return 0
    return int(max(min(number, Decimal(MOST_POINTS)), Decimal(-MOST_POINTS)))


def _opening(facts: Facts, rules: PointsRules) -> Iterator[EarnedPoints]:
    values = facts.values
    points = whole_points(values.get(POINTS))
    # those that end are a part of all
    ending = min(whole_points(values.get(EXPIRING)), points)
    last_day, cause = values.get(EXPIRE_ON), f"{OPENING}{derive('opening', facts.customer)[:12]}"
    if isinstance(last_day, dt.date) and ending > 0:
        points -= ending
        gone_at = rules.end_of(last_day)
        yield EarnedPoints(
            f"{cause} {last_day}", BEGINNING, "opening", (EarnOffer("", "", ending),), BEGINNING, gone_at,
            last_day.isoformat(),
        )  # fmt: skip
    if points > 0:
        yield EarnedPoints(cause, BEGINNING, "opening", (EarnOffer("", "", points),), BEGINNING)


def _earned(rules: PointsRules, facts: Facts, event: Event, now: Instant) -> Iterator[EarnedPoints]:
    """What the table gives for an event: one line for the first that fits, one for each that counts beside
    it."""
    of_event = [line for line in rules.earn if line.event == event.name]
    if not of_event:
        return
    scope = Scope(facts, None, now, event)
    offers: list[EarnOffer] = []
    is_settled = False
    for line in of_event:
        questions = [question for question in (line.where, line.who) if question is not None]
        if (is_settled and not line.also) or not all(question.test(scope) for question in questions):
            continue
        offer = _offer(rules, line, event)
        if line.also:
            if offer.worth() > 0:
                yield _line(rules, cause_of(event.name, event.id, line.key), event.name, event.occurred_at,
                            (offer,), event=event)  # fmt: skip
            continue
        # all that may count are kept: which one does is decided when the ledger is played, by the limits
        # that are left then
        offers.append(offer)
        # A line with a limit may be used up: then the next one counts.
        is_settled = line.limit is None
    if any(offer.worth() > 0 for offer in offers):
        cause = cause_of(event.name, event.id)
        yield _line(rules, cause, event.name, event.occurred_at, tuple(offers), event=event)


def _offer(rules: PointsRules, line: EarnLine, event: Event) -> EarnOffer:
    gives, limit = line.gives, line.limit
    times, period = 0, ""
    if limit is not None:
        times, period = limit.times, limit.period(local_date(event.occurred_at, zone(rules.zone)))
    if gives.field is None:
        return EarnOffer(line.key, line.words, gives.points, times=times, period=period)
    # an amount that somebody has mistyped must not become a number that nothing can hold
    amount = min(gives.amount(event.fields), gives.unit * MOST_POINTS)
    return EarnOffer(
        line.key, line.words, gives.points, _digits(gives.unit), gives.currency, _digits(amount), times,
        period,
    )  # fmt: skip


def _line(
    rules: PointsRules,
    cause: str,
    about: str,
    at: Instant,
    offers: tuple[EarnOffer, ...],
    *,
    event: Event | None = None,
    ready_at: Instant | None = None,
) -> EarnedPoints:
    # in the shop's own zone: a length of days ends at a moment of its calendar
    if ready_at is None:
        ready_at = plus(at, rules.pending, zone(rules.zone)) if rules.pending is not None else at
    last_day = rules.expire.last_day(at, rules.zone) if rules.expire is not None else None
    keys = (
        {key: value for key in rules.keys if (value := key_of(event.fields.get(key))) is not None}
        if event
        else {}
    )
    return EarnedPoints(
        cause, at, about, offers, ready_at,
        rules.end_of(last_day) if last_day is not None else None,
        last_day.isoformat() if last_day is not None else "",
        keys,
    )  # fmt: skip


def _taken_back(counter: CounterEvent, event: Event, cause: str) -> TakenBackPoints | None:
    value = key_of(event.fields.get(counter.key))
    if value is None:
        return None
    amounts: dict[str, Decimal] | None = None
    if counter.field is not None:
        amounts = {}
        for amount in field_values(event.fields, counter.field):
            currency = amount.currency if isinstance(amount, Money) else ""
            number = amount.amount if isinstance(amount, Money) else _number(amount)
            # Some shops write what goes back as an amount below zero.
            amounts[currency] = amounts.get(currency, Decimal(0)) + abs(number)
    written = None if amounts is None else {name: _digits(number) for name, number in amounts.items()}
    return TakenBackPoints(cause, event.occurred_at, event.name, counter.key, value, written)


def _number(value: Value) -> Decimal:
    return Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else Decimal(0)


def _digits(number: Decimal) -> str:
    return f"{number:f}"
