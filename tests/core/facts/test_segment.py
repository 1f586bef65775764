"""Membership, and the moment at which time alone changes it."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.conditions.closure import compile_condition
from engine.core.conditions.condition import (
    AllOf,
    Compare,
    Condition,
    Did,
    IsSet,
    Not,
    Ref,
    RelativeAge,
    Today,
)
from engine.core.facts.customer import Facts
from engine.core.facts.fold import apply_event
from engine.core.facts.rule import FactRule
from engine.core.handlers.segments import is_member, next_crossing
from engine.core.happening import Event
from engine.core.journey import Question
from engine.values import DAY, HOUR, Birthday, Duration, Instant, Type, at_local, iso, zone
from tests.strategies import CONDITIONS, NOW, customers, segment

LAST_ORDER = Ref("customer", "last_order_at", Type("time"))
ENDS_ON = Ref("customer", "ends_on", Type("date"))
BIRTHDAY = Ref("customer", "birthday", Type("birthday"))
BERLIN = zone("Europe/Berlin")
LAPSED = RelativeAge(LAST_ORDER, "more than", Duration(days=90))


def midnight(year: int, month: int, day: int) -> Instant:
    return at_local(dt.date(year, month, day), dt.time.min, BERLIN)


def crossing(condition: Condition, facts: Facts) -> Instant | None:
    return next_crossing(segment(condition), facts, NOW)


def customer(**values: object) -> Facts:
    return Facts("c", "Europe/Berlin", values=values)  # type: ignore[arg-type]


def test_somebody_lapses_one_millisecond_after_90_days() -> None:
    ordered = Instant(NOW - 10 * DAY)
    facts = customer(last_order_at=ordered)
    assert not is_member(segment(LAPSED), facts, NOW)
    assert crossing(LAPSED, facts) == ordered + 90 * DAY + 1
    assert crossing(Not(LAPSED), facts) == ordered + 90 * DAY + 1
    assert crossing(RelativeAge(LAST_ORDER, "less than", Duration(days=90)), facts) == ordered + 90 * DAY
    assert crossing(LAPSED, customer(last_order_at=NOW - 100 * DAY)) is None
    assert crossing(LAPSED, customer()) is None


def test_dates_cross_at_local_midnight() -> None:
    facts = customer(ends_on=dt.date(2026, 3, 10))
    assert crossing(Today(ENDS_ON), facts) == midnight(2026, 3, 10)
    assert crossing(RelativeAge(ENDS_ON, "more than", Duration(days=5)), facts) == midnight(2026, 3, 16)
    assert crossing(RelativeAge(ENDS_ON, "less than", Duration(days=5)), facts) == midnight(2026, 3, 10)


def test_a_birthday_comes_back() -> None:
    assert crossing(Today(BIRTHDAY), customer(birthday=Birthday(3, 1))) == midnight(2027, 3, 1)
    assert crossing(Today(BIRTHDAY), customer(birthday=Birthday(3, 2))) == midnight(2026, 3, 3)
    never = AllOf((Today(BIRTHDAY), IsSet(ENDS_ON)))
    assert crossing(never, customer(birthday=Birthday(3, 1))) is None


def test_did_in_last_ends_when_the_event_is_old_enough() -> None:
    facts = customer()
    for number, days in ((1, 20), (2, 3)):
        event = Event(number, str(number), "order", Instant(NOW - days * DAY), NOW)
        apply_event(facts, event, ())
    month = Duration(days=30)
    assert crossing(Did("order", 1, None, month), facts) == NOW + 27 * DAY
    assert crossing(Did("order", 0, 0, month), facts) == NOW + 27 * DAY
    assert crossing(Did("order", 2, None, month), facts) == NOW + 10 * DAY
    assert crossing(Did("order", 2), facts) is None


def test_a_windowed_fact_crosses_when_an_event_leaves_its_window() -> None:
    rules = {"lately": FactRule("lately", "count", "visit", None, Type("number"), 7 * DAY)}
    condition = Compare(Ref("customer", "lately", Type("number")), "at least", 1)
    rule = segment(condition)
    question = Question(condition, compile_condition(condition, rules))
    facts = customer()
    apply_event(facts, Event(1, "1", "visit", Instant(NOW - DAY), NOW), ())
    assert next_crossing(type(rule)("s", question, rule.dependencies), facts, NOW, rules) == NOW + 6 * DAY


@settings(max_examples=150, deadline=None)
@given(customers(), CONDITIONS, st.lists(st.integers(0, 1000), min_size=5, max_size=5))
def test_nothing_changes_before_the_crossing_and_something_does_then(
    facts: Facts, condition: Condition, samples: list[int]
) -> None:
    rule = segment(condition)
    member, found = is_member(rule, facts, NOW), next_crossing(rule, facts, NOW)
    end = found if found is not None else Instant(NOW + 800 * DAY)
    between = [NOW + (end - 1 - NOW) * sample // 1000 for sample in samples]
    hourly = range(NOW, min(end, NOW + 3 * DAY), HOUR)
    for moment in (*between, *hourly, end - 1):
        assert is_member(rule, facts, Instant(moment)) is member, iso(Instant(moment))
    if found is not None:
        assert is_member(rule, facts, found) is not member


@pytest.mark.parametrize("name", ["Pacific/Kiritimati", "Pacific/Honolulu"])
def test_the_day_is_the_one_of_the_customer(name: str) -> None:
    facts = Facts("c", name, values={"ends_on": dt.date(2026, 3, 10)})
    assert crossing(Today(ENDS_ON), facts) == at_local(dt.date(2026, 3, 10), dt.time.min, zone(name))
