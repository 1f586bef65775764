"""Facts by folding: at constant cost, whatever the order in which events arrive."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.facts.customer import EventCounter, Facts, Reach
from engine.core.facts.fold import (
    apply_change,
    apply_event,
    changed_value,
    history_from,
    initial_values,
    prune_history,
)
from engine.core.facts.rule import FactRule
from engine.core.happening import Event, ProfileChanged
from engine.core.journeys import Journeys
from engine.values import DAY, Instant, Money, Type, Value

NOW = Instant(1_772_442_000_000)
ZONES = Journeys({}, timezone="Europe/Sofia", zone_of_country={"DE": "Europe/Berlin"}.get)
How = Literal["count", "sum", "average", "last", "first", "most frequent", "average days between", "rfm"]


def rule(
    name: str, how: How, field: str | None = None, kind: str = "number", last: int | None = None
) -> FactRule:
    return FactRule(name, how, "order", field, Type(kind), last)  # type: ignore[arg-type]


RULES = (
    rule("n", "count"),
    rule("spent", "sum", "total", "money"),
    rule("average", "average", "total", "money"),
    rule("last_at", "last", None, "time"),
    rule("first_at", "first", None, "time"),
    rule("last_sku", "last", "sku", "text"),
    rule("first_sku", "first", "sku", "text"),
    rule("favourite", "most frequent", "items.category", "text"),
    rule("gap", "average days between"),
    rule("lately", "count", last=7 * DAY),
)


def eur(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def order(number: int, days_ago: int, **fields: Value) -> Event:
    return Event(number, str(number), "order", Instant(NOW - days_ago * DAY), NOW, fields)


def customer(*events: Event) -> Facts:
    facts = Facts("c", values=initial_values(RULES, "EUR"))
    for event in events:
        apply_event(facts, event, RULES)
    return facts


def test_before_the_first_event_counts_and_sums_are_0_and_nothing_else_is_set() -> None:
    assert customer().values == {"n": 0, "spent": eur("0"), "lately": 0}


def test_all_time_facts() -> None:
    facts = customer(
        order(1, 10, total=eur("19.90"), sku="a", items=[{"category": "tea"}, {"category": "mugs"}]),
        order(2, 6, total=eur("0.10"), items=[{"category": "mugs"}, {"category": "tea"}]),
        order(3, 1, total=Money(Decimal(99), "USD"), sku="b"),
    )
    assert facts.values == {
        "n": 3,
        "spent": eur("20.00"),
        "average": eur("10.00"),
        "last_at": NOW - DAY,
        "first_at": NOW - 10 * DAY,
        "last_sku": "b",
        "first_sku": "a",
        "favourite": "mugs",  # reached two first
        "gap": Decimal("4.50"),
        "lately": 0,
    }
    assert facts.event_counters == {"order": EventCounter(3, Instant(NOW - 10 * DAY), Instant(NOW - DAY), 3)}


def test_sums_of_money_are_exact() -> None:
    facts = customer(*(order(number, 1, total=eur("0.1")) for number in range(1000)))
    assert facts.values["spent"] == eur("100")


def test_a_late_event_changes_the_first_but_not_the_last() -> None:
    facts = customer(order(1, 1, sku="new"), order(2, 30, sku="old"))
    assert (facts.values["last_sku"], facts.values["first_sku"]) == ("new", "old")
    assert facts.values["last_at"] == NOW - DAY
    assert [event.number for event in facts.history["order"]] == [2, 1]


@given(st.permutations([(1, 5, "a"), (2, 5, "b"), (3, 1, "c"), (4, 9, "d")]))
def test_the_order_of_arrival_does_not_matter(order_of_arrival: list[tuple[int, int, str]]) -> None:
    events = [order(number, days, sku=sku, total=eur("1")) for number, days, sku in order_of_arrival]
    facts, straight = (
        customer(*events),
        customer(*sorted(events, key=lambda each: (each.occurred_at, each.number))),
    )
    assert facts == straight


def test_a_value_set_by_hand_goes_on() -> None:
    facts = Facts(
        "c", values={"n": 5, "spent": eur("100"), "average": eur("20"), "favourite": "tea", "first_at": 3}
    )
    apply_event(facts, order(1, 1, total=eur("10"), items=[{"category": "mugs"}]), RULES)
    assert facts.values["n"] == 6
    assert facts.values["spent"] == eur("110")
    assert facts.values["average"] == eur("15.00")
    assert facts.values["first_at"] == 3


def test_an_average_of_nothing_that_fits_stays_unset() -> None:
    assert "average" not in customer(order(1, 1, total="much")).values


def test_fork_keeps_the_original() -> None:
    facts = customer(order(1, 2, items=[{"category": "tea"}], total=eur("5")))
    before = repr(facts)
    apply_event(facts.fork(), order(2, 1, items=[{"category": "tea"}], total=eur("5")), RULES)
    assert repr(facts) == before


def test_history_keeps_what_is_needed_as_far_back_as_it_is_asked() -> None:
    facts = Facts("c")
    for number, days in ((1, 40), (2, 30), (3, 1)):
        apply_event(facts, order(number, days), (), {"order": 30 * DAY})
        apply_event(facts, Event(number, "v", "visit", NOW, NOW), (), {"order": 30 * DAY})
    assert set(facts.history) == {"order"}
    prune_history(facts, {"order": 30 * DAY}, NOW)
    assert [event.number for event in facts.history["order"]] == [2, 3]
    assert history_from("order", {"order": None}, NOW) == 0
    assert history_from("visit", {"order": None}, NOW) is None
    prune_history(facts, {}, NOW)
    assert facts.history == {}


def test_attributes_and_the_zone() -> None:
    facts = Facts("c", "UTC", values={"city": "Sofia"})
    apply_change(
        facts, ProfileChanged(1, NOW, {"city": None, "country": "de", "points": 3}), ZONES.resolve_zone
    )
    assert facts.values == {"country": "de", "points": 3}
    assert (facts.timezone, facts.timezone_why) == ("Europe/Berlin", "country")
    apply_change(facts, ProfileChanged(2, NOW, {"timezone": "Asia/Tokyo"}))
    assert facts.timezone == "Europe/Berlin"


def test_channels() -> None:
    facts = Facts("c", reach={"email": Reach("old@b.example", suppressed="all", bounced=True)})
    apply_change(facts, ProfileChanged(1, NOW, addresses={"email": "old@b.example", "push": "t"}))
    assert (facts.reach["email"].bounced, facts.reach["email"].suppressed) == (True, "all")
    apply_change(
        facts,
        ProfileChanged(
            2,
            NOW,
            addresses={"email": "new@b.example", "push": None},
            consents={("email", "marketing"): "given"},
        ),
    )
    assert facts.reach["email"] == Reach("new@b.example", {"marketing": "given"})
    assert facts.reach["push"].address == ""


def test_asking_again_does_not_take_back_what_is_given_but_withdrawing_does() -> None:
    facts = Facts("c")
    for answer, expected in (
        ("asked", "asked"),
        ("given", "given"),
        ("asked", "given"),
        ("withdrawn", "withdrawn"),
    ):
        apply_change(facts, ProfileChanged(1, NOW, consents={("sms", "marketing"): answer}))
        assert facts.reach["sms"].consents == {"marketing": expected}


def test_suppressions_only_grow_until_they_are_lifted() -> None:
    facts = Facts("c")
    for purpose, expected in (
        ("marketing", "marketing"),
        ("service", "any purpose"),
        ("marketing", "any purpose"),
        ("all", "all"),
        ("marketing", "all"),
        (None, None),
    ):
        apply_change(facts, ProfileChanged(1, NOW, suppressed={"email": purpose}))
        assert facts.reach["email"].suppressed == expected


@pytest.mark.parametrize(
    ("old", "how", "value", "expected"),
    [
        (None, "set", "gold", "gold"),
        ("gold", "set", None, None),
        (None, "add", 50, 50),
        (Decimal("1.5"), "add", -2, Decimal("-0.5")),
        (eur("1"), "add", eur("2.50"), eur("3.50")),
        (eur("1"), "add", Money(Decimal(1), "USD"), eur("1")),
        (None, "add", "vip", ("vip",)),
        (("vip",), "add", ("vip", "new"), ("vip", "new")),
        (("vip", "new"), "remove", "vip", ("new",)),
        (None, "remove", "vip", ()),
        (dt.date(2026, 3, 2), "add", 5, dt.date(2026, 3, 2)),
    ],
)
def test_changed_values(old: Value, how: str, value: Value, expected: Value) -> None:
    assert changed_value(old, how, value) == expected
