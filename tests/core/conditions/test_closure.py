"""Conditions as closures: two-valued, strict at the edges, and never raising (design/language 2.7, 2.20)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given

from engine.core.conditions.closure import Scope, compile_condition, dependencies_of, read, refs, values_asked
from engine.core.conditions.condition import (
    AllOf,
    AnyOf,
    BeforeAfter,
    Between,
    Can,
    Compare,
    Condition,
    Did,
    GoalReached,
    InSegment,
    IsOneOf,
    IsSet,
    Not,
    Reacted,
    Ref,
    RelativeAge,
    TextMatch,
    Today,
)
from engine.core.enrollment import Enrollment, SentMessage, TakenCode
from engine.core.facts.customer import Facts, Reach
from engine.core.facts.fold import apply_event
from engine.core.facts.rule import FactRule
from engine.core.happening import Event
from engine.values import DAY, HOUR, Birthday, Duration, Instant, Money, Type, Value, instant
from tests.strategies import CONDITIONS, NOW, customers

TEXT, NUMBER, MONEY, TIME, DATE = Type("text"), Type("number"), Type("money"), Type("time"), Type("date")
TAGS = Ref("customer", "tags", Type("list of text"))
ORDERS, SPENT = Ref("customer", "orders", NUMBER), Ref("customer", "spent", MONEY)
CITY, SEEN_AT, ENDS_ON = (
    Ref("customer", "city", TEXT),
    Ref("customer", "at", TIME),
    Ref("customer", "ends_on", DATE),
)
BORN = Ref("customer", "birthday", Type("birthday"))
EUR = "EUR"


def holds(
    condition: Condition, enrollment: Enrollment | None = None, facts: Facts | None = None, **values: Value
) -> bool:
    facts = facts if facts is not None else Facts("c", "Europe/Berlin", values=dict(values))
    return compile_condition(condition)(Scope(facts, enrollment, NOW))


def a_run(**more: object) -> Enrollment:
    run = Enrollment("r", "j", "", NOW, 10, NOW, NOW)
    for name, value in more.items():
        setattr(run, name, value)
    return run


@pytest.mark.parametrize(
    "value", [None, "2", True, Money(Decimal(2), EUR), (), dt.date(2026, 3, 2), Birthday(3, 2)]
)
def test_what_is_not_set_or_of_another_type_is_false_and_its_opposite_true(value: Value) -> None:
    for form in (
        IsOneOf(ORDERS, (2, 1)),
        Compare(ORDERS, "at least", 0),
        Between(ORDERS, 0, 5),
        IsSet(ORDERS),
    ):
        facts = Facts("c", values={"orders": value} if value is not None else {})
        assert not holds(form, facts=facts)
        assert holds(Not(form), facts=facts)


def test_numbers() -> None:
    assert holds(IsOneOf(ORDERS, (2,)), orders=Decimal("2.0"))
    assert holds(Between(ORDERS, 2, 5), orders=2)
    assert holds(Between(ORDERS, 2, 5), orders=5)
    assert not holds(Compare(ORDERS, "more than", 2), orders=2)
    assert not holds(IsOneOf(ORDERS, (1,)), orders=True)


def test_money_of_another_currency_is_not_compared() -> None:
    ten = Money(Decimal(10), EUR)
    assert holds(Compare(SPENT, "at least", ten), spent=Money(Decimal("10.00"), EUR))
    for how in ("at least", "at most", "more than", "less than"):
        assert not holds(Compare(SPENT, how, ten), spent=Money(Decimal(10), "USD"))
    assert not holds(IsOneOf(SPENT, (ten,)), spent=Money(Decimal(10), "USD"))


def test_text_is_compared_as_it_is_but_searched_without_case() -> None:
    assert not holds(IsOneOf(CITY, ("sofia",)), city="Sofia")
    assert holds(TextMatch(CITY, "contains", "strasse"), city="Hauptstraße 1")
    assert holds(TextMatch(CITY, "starts with", "haupt"), city="HAUPTstraße")
    assert holds(TextMatch(CITY, "ends with", "σ"), city="ΟΔΟΣ")


def test_lists() -> None:
    assert holds(IsOneOf(TAGS, ("vip", "lead")), tags=("lead", "new"))
    assert not holds(IsOneOf(TAGS, ("vip",)), tags=())
    assert not holds(IsSet(TAGS), tags=())
    assert holds(IsOneOf(TAGS, (Ref("trigger", "tag", TEXT),)), a_run(trigger={"tag": "new"}), tags=("new",))


@pytest.mark.parametrize(("ms", "more", "less"), [(0, False, False), (1, True, False), (-1, False, True)])
def test_ago_is_strict_at_the_edge(ms: int, more: bool, less: bool) -> None:
    at = Instant(NOW - 90 * DAY - ms)
    assert holds(RelativeAge(SEEN_AT, "more than", Duration(days=90)), at=at) is more
    assert holds(RelativeAge(SEEN_AT, "less than", Duration(days=90)), at=at) is less


def test_the_future_is_never_ago() -> None:
    assert not holds(RelativeAge(SEEN_AT, "less than", Duration(days=90)), at=NOW + 1)
    assert holds(RelativeAge(SEEN_AT, "less than", Duration(days=90)), at=NOW)
    assert not holds(RelativeAge(ENDS_ON, "less than", Duration(days=90)), ends_on=dt.date(2026, 3, 3))
    assert holds(RelativeAge(ENDS_ON, "less than", Duration(days=90)), ends_on=dt.date(2026, 3, 2))


def test_months_ago_go_by_the_calendar() -> None:
    edge = instant(dt.datetime(2026, 2, 2, 9, 0, 0, 123_000, tzinfo=dt.UTC))
    assert not holds(RelativeAge(SEEN_AT, "more than", Duration(months=1)), at=edge)
    assert holds(RelativeAge(SEEN_AT, "more than", Duration(months=1)), at=edge - 1)


def test_today_is_the_day_of_the_customer() -> None:
    in_honolulu = Facts(
        "c", "Pacific/Honolulu", values={"ends_on": dt.date(2026, 3, 1), "at": NOW - 10 * HOUR}
    )
    assert holds(Today(ENDS_ON), facts=in_honolulu)
    assert holds(Today(SEEN_AT), facts=in_honolulu)
    assert not holds(Today(ENDS_ON), ends_on=dt.date(2026, 3, 1))
    assert not holds(Today(SEEN_AT), at=10**18)


def test_29_february_is_kept_on_the_28th() -> None:
    facts = Facts("c", "UTC", values={"birthday": Birthday(2, 29, 2000)})
    test = compile_condition(Today(BORN))
    on = [
        test(Scope(facts, None, instant(dt.datetime(*day, 12, tzinfo=dt.UTC))))
        for day in ((2026, 2, 28), (2026, 3, 1), (2028, 2, 28), (2028, 2, 29))
    ]
    assert on == [True, False, False, True]


def test_before_and_after() -> None:
    assert holds(BeforeAfter(ENDS_ON, "before", dt.date(2026, 11, 27)), ends_on=dt.date(2026, 11, 26))
    assert not holds(BeforeAfter(ENDS_ON, "before", dt.date(2026, 11, 27)), ends_on=dt.date(2026, 11, 27))
    assert holds(BeforeAfter(SEEN_AT, "after", NOW), at=NOW + 1)
    assert not holds(BeforeAfter(SEEN_AT, "after", dt.date(2026, 1, 1)), at=NOW)


def facts_with(*events: Event) -> Facts:
    facts = Facts("c", "UTC")
    for event in events:
        apply_event(facts, event, ())
    return facts


def order(number: int, at: int, **fields: Value) -> Event:
    return Event(number, str(number), "order", Instant(at), NOW, fields)


def test_did() -> None:
    facts = facts_with(order(1, NOW - 7 * DAY), order(2, NOW - 3 * DAY, total=Money(Decimal(40), EUR)))
    week, total = Duration(days=7), Compare(Ref("event", "total", MONEY), "at least", Money(Decimal(40), EUR))
    assert holds(Did("order", 1), facts=facts)
    assert holds(Did("order", 2, 2), facts=facts)
    assert not holds(Did("order", 0, 0), facts=facts)
    assert holds(Did("other", 0, 0), facts=facts)
    assert holds(Did("order", 1, 1, week), facts=facts)  # exactly 7 days ago is not in the last 7 days
    assert holds(Did("order", 1, None, week), facts=facts)
    assert holds(Did("order", 0, 0, Duration(days=3)), facts=facts)
    assert holds(Did("order", 1, 1, where=total), facts=facts)


def test_since_start_is_later_in_moment_and_order_of_receipt() -> None:
    since = Did("order", 1, since_start=True)
    counted = Did("order", 1, 1, since_start=True)
    for number, expected in ((9, False), (10, False), (11, True)):
        facts = facts_with(order(number, NOW))
        assert holds(since, a_run(), facts=facts) is expected
        assert holds(counted, a_run(), facts=facts) is expected
    assert not holds(since, facts=facts)


def test_a_path_over_items_is_true_if_one_fits() -> None:
    items: Value = [{"category": "tea"}, {"category": "coffee"}, {}]
    scope = Scope(Facts("c"), None, NOW, order(1, NOW, items=items))
    category = Ref("event", "items.category", TEXT)
    assert compile_condition(IsOneOf(category, ("coffee",)))(scope)
    assert not compile_condition(IsOneOf(category, ("mugs",)))(scope)
    assert compile_condition(IsSet(category))(scope)


def test_can() -> None:
    given_email = Reach("a@b.example", {"marketing": "given"})
    cases: list[tuple[Reach, bool, bool]] = [
        (given_email, True, True),
        (Reach("a@b.example", {"marketing": "asked"}), False, True),
        (Reach("a@b.example"), False, True),
        (Reach("", {"marketing": "given"}), False, False),
        (Reach("a@b.example", {"marketing": "given"}, "marketing"), False, True),
        (Reach("a@b.example", {"marketing": "given"}, "all"), False, False),
        (Reach("a@b.example", {"marketing": "given"}, None, bounced=True), False, False),
    ]
    for reach, marketing, service in cases:
        facts = Facts("c", reach={"email": reach})
        assert holds(Can(("sms", "email"), "marketing"), facts=facts) is marketing, reach
        assert holds(Can(("email",), None), facts=facts) is service, reach


def test_assumed_reach_holds_until_something_closes_the_channel() -> None:
    for reach, expected in (
        ({}, True),
        ({"email": Reach(consents={"marketing": "given"})}, True),
        ({"email": Reach(consents={"marketing": "withdrawn"})}, False),
        ({"email": Reach("")}, False),
        ({"email": Reach(bounced=True)}, False),
        ({"email": Reach(suppressed="all")}, False),
    ):
        assert (
            holds(Can(("email",), "marketing"), facts=Facts("c", reach=dict(reach), assumed_reach=True))
            is expected
        )


def test_what_is_about_a_run() -> None:
    part = SentMessage("hello", "email", "k", NOW, 1)
    clicked = SentMessage("offer", "push", "k", NOW, 1, clicked_at=NOW)
    opened = SentMessage("news", "email", "k", NOW, 1, opened_at=NOW)
    run = a_run(sent={"hello": (part,), "x": (clicked,), "y": (opened,)}, goal_at=NOW, product_id="p1")
    facts = Facts("c", products={"p1": {"in_stock": False}, "p2": {"in_stock": True}})
    stock = Ref("product", "in_stock", Type("true/false"))
    assert holds(Reacted("clicked", "offer"), run)
    assert holds(Reacted("opened", "offer"), run)
    assert not holds(Reacted("clicked", "news"), run)
    assert not holds(Reacted("opened", "hello"), run)
    assert holds(GoalReached(), run)
    assert holds(IsOneOf(stock, (False,)), run, facts)
    assert not holds(AllOf((Reacted("clicked", "offer"), GoalReached())))
    assert not holds(IsOneOf(stock, (False,)), None, facts)


def test_the_code_of_a_run_is_the_latest() -> None:
    first = TakenCode("A", "A1", Instant(NOW + DAY), dt.date(2026, 3, 3))
    second = TakenCode("B", "B1", Instant(NOW + 2 * DAY), dt.date(2026, 3, 4), used=True)
    scope = Scope(Facts("c"), a_run(codes={"A": first, "B": second}), NOW)
    assert read(Ref("code", "value", TEXT), scope) == "B1"
    assert read(Ref("code", "expires", TIME), scope) == NOW + 2 * DAY
    assert read(Ref("code", "used", Type("true/false")), scope) is True
    assert read(Ref("code", "value", TEXT), Scope(Facts("c"), None, NOW)) is None


def test_empty_lists_of_conditions() -> None:
    assert holds(AllOf(()))
    assert not holds(AnyOf(()))


def rule(
    name: str, how: str, field: str | None = None, kind: str = "number", last: int | None = 7 * DAY
) -> FactRule:
    return FactRule(name, how, "order", field, Type(kind), last)  # type: ignore[arg-type]


def test_windowed_facts_are_counted_when_asked() -> None:
    rules = {
        each.name: each
        for each in (
            rule("n", "count"),
            rule("sum", "sum", "total", "money"),
            rule("average", "average", "total", "money"),
            rule("last", "last", "sku", "text"),
            rule("first", "first", None, "time"),
            rule("often", "most frequent", "items.category", "text"),
            rule("gap", "average days between"),
        )
    }
    facts = facts_with(
        order(1, NOW - 7 * DAY, total=Money(Decimal(999), EUR), sku="old"),
        order(2, NOW - 6 * DAY, total=Money(Decimal(10), EUR), sku="a", items=[{"category": "tea"}]),
        order(
            3, NOW - 3 * DAY, total=Money(Decimal(5), EUR), items=[{"category": "tea"}, {"category": "mugs"}]
        ),
        order(4, NOW - 1 * DAY, total=Money(Decimal(7), "USD")),
    )
    scope = Scope(facts, None, NOW)
    found = {name: read(Ref("customer", name, each.type), scope, rules) for name, each in rules.items()}
    assert found == {
        "n": 3,
        "sum": Money(Decimal(15), EUR),
        "average": Money(Decimal("7.50"), EUR),
        "last": "a",
        "first": NOW - 6 * DAY,
        "often": "tea",
        "gap": Decimal("2.50"),
    }
    assert compile_condition(Compare(Ref("customer", "n", NUMBER), "at least", 3), rules)(scope)
    later = Scope(facts, None, Instant(NOW + 30 * DAY))
    assert read(Ref("customer", "n", NUMBER), later, rules) == 0
    assert read(Ref("customer", "average", MONEY), later, rules) is None


@given(customers(), CONDITIONS)
def test_no_condition_raises_and_not_is_the_opposite(facts: Facts, condition: Condition) -> None:
    scope = Scope(facts, None, NOW)
    assert compile_condition(Not(condition))(scope) is not compile_condition(condition)(scope)
    assert all(name and said for name, said in values_asked(condition, scope))


def test_what_a_condition_looks_at() -> None:
    rules = {"orders": rule("orders", "count", last=None), "lately": rule("lately", "count")}
    condition = AllOf(
        (
            Compare(ORDERS, "at least", Ref("trigger", "minimum", NUMBER)),
            IsSet(Ref("customer", "lately", NUMBER)),
            Did("visit", 1, last=Duration(days=30)),
            Did("visit", 2, last=Duration(months=1)),
            Not(Did("click", 1, where=IsOneOf(Ref("event", "sku", TEXT), (Ref("product", "sku", TEXT),)))),
            InSegment(("vip",)),
            Can(("sms",), None),
            Reacted("clicked", "hello"),
        )
    )
    found = dependencies_of(condition, rules)
    assert found.events == {"order", "visit", "click"}
    assert found.history == {"order": 7 * DAY, "visit": 31 * DAY, "click": None}
    assert found.attributes == {"orders", "lately"}
    assert found.segments == {"vip"}
    assert found.templates == {"hello"}
    assert (found.product, found.reach, found.run) == (True, True, True)
    assert dependencies_of(Did("visit", 0, 0, Duration(days=30))).history == {}
    assert [str(ref) for ref in refs(condition)] == [
        "orders",
        "trigger.minimum",
        "lately",
        "sku",
        "product.sku",
    ]


def test_the_values_read_in_words() -> None:
    facts = facts_with(order(1, NOW - DAY))
    facts.values = {
        "spent": Money(Decimal("19.90"), EUR),
        "orders": Decimal("2.0"),
        "at": NOW,
        "tags": ("a", "b"),
    }
    facts.segments = frozenset(("vip",))
    forms = (
        IsSet(SPENT),
        IsSet(ORDERS),
        IsSet(SEEN_AT),
        IsSet(TAGS),
        IsSet(CITY),
        Did("order", 1),
        InSegment(("vip", "staff")),
    )
    condition = AllOf((*forms, Can(("sms",), None), Reacted("clicked", "hello"), GoalReached()))
    assert values_asked(condition, Scope(facts, a_run(), NOW)) == (
        ("spent", "19.9 EUR"),
        ("orders", "2"),
        ("at", "2026-03-02T09:00:00.123Z"),
        ("tags", "a, b"),
        ("city", "not set"),
        ("did order", "once, last 2026-03-01T09:00:00.123Z"),
        ("segment vip", "inside"),
        ("segment staff", "outside"),
        ("can sms", "no address"),
        ("clicked hello", "not sent"),
        ("goal", "not reached"),
    )
