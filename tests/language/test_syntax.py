"""What the forms of the language become: conditions, phrases of did, steps, starts, stories."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.language.conditions.forms import parse_form
from engine.language.parse import parse_journey, parse_segment
from engine.language.steps.branch import If
from engine.language.steps.choose import Choose
from engine.language.steps.send import Send
from engine.language.steps.split import Split
from engine.language.steps.wait import Wait
from engine.language.syntax import (
    Between,
    Can,
    ClockStart,
    Compare,
    Did,
    Equals,
    EventStart,
    Form,
    Group,
    InSegment,
    IsSet,
    JourneyFile,
    ListPair,
    Negated,
    Pair,
    ProductStart,
    RelativeAge,
    Test,
    Text,
    TextMatch,
    Today,
)  # fmt: skip
from engine.problem import Problem, Span
from engine.values import Duration

ROOT = Path(__file__).parent.parent.parent
HEAD = "journey: sample\nstart:\n  event: subscribed\nagain: never\ngoal:\n  event: order_placed\n"
STEPS = "steps:\n  - send: hello\n"


def journey(text: str) -> JourneyFile:
    found, problems = parse_journey(text, "journeys/sample.yaml")
    assert problems == []
    assert found is not None
    return found


def form(words: str) -> Form:
    found = parse_form("tier", Text(words, Span("f", 1, 1, len(words))))
    assert not isinstance(found, Problem)
    return found


def kinds(found: Form) -> str:
    return f"not {kinds(found.form)}" if isinstance(found, Negated) else type(found).__name__


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("gold", Equals), ("at least 2", Compare), ("between 2 and 5", Between), ("is set", IsSet),
        ("today", Today),
        ("more than 90 days ago", RelativeAge), ("contains x", TextMatch), ("starts with x", TextMatch),
        ("[a, b]", Equals),
    ],
)  # fmt: skip
def test_forms_and_their_opposites(words: str, kind: type[Form]) -> None:
    assert isinstance(form(words), kind)
    opposite = form(f"not {words}")
    assert isinstance(opposite, Negated)
    assert isinstance(opposite.form, kind)
    assert kinds(form("is not set")) == "not IsSet"


def test_the_parts_of_a_form_have_their_own_places() -> None:
    opposite = form("not [gold, silver]")
    assert isinstance(opposite, Negated)
    assert isinstance(opposite.form, Equals)
    assert opposite.form.many
    assert [(v.value, v.span.column) for v in opposite.form.values] == [("gold", 6), ("silver", 12)]
    between = form("between 2 and 5")
    assert isinstance(between, Between)
    assert (between.low.span.column, between.high.span.column) == (9, 15)


def test_a_condition_with_every_special_key() -> None:
    text = (
        f"{HEAD}exit_if:\n  tier: gold\n  segment: [vip, staff]\n  can: not sms\n  clicked: hello\n"
        f"  goal: not reached\n"
        "  did:\n    order_placed: not in last 30 days\n"
        "    cart_updated: {times: at least 2, last: 7 days, where: {total: at least 5 EUR}}\n"
        f"  any:\n    - tier: gold\n    - points: at least 5\n{STEPS}"
    )
    condition = journey(text).exit_if
    assert condition is not None
    names = [type(line).__name__ for line in condition.lines]
    assert names == ["Test", "InSegment", "Can", "Reacted", "GoalIs", "Did", "Did", "Group"]
    _, segment, can, _, _, order, cart, group = condition.lines
    assert isinstance(segment, InSegment)
    assert [name.value for name in segment.names] == ["vip", "staff"]
    assert isinstance(can, Can)
    assert can.negated
    assert isinstance(order, Did)
    assert (order.low, order.high, order.negated) == (1, None, True)
    assert order.last is not None
    assert order.last.duration == Duration(days=30)
    assert isinstance(cart, Did)
    assert (cart.low, cart.high, cart.since_start) == (2, None, False)
    assert cart.where is not None
    assert isinstance(group, Group)
    assert (group.how, len(group.conditions)) == ("any", 2)


@pytest.mark.parametrize(
    ("phrase", "low", "high", "since"),
    [
        ("ever", 1, None, False), ("never", 0, 0, False), ("since start", 1, None, True),
        ("at least 2 times", 2, None, False),
        ("at most 1 times in last 30 days", 0, 1, False), ("exactly 1 times", 1, 1, False),
        ("exactly 3 times", 3, 3, False), ("0 times", 0, 0, False),
    ],
)  # fmt: skip
def test_phrases_of_did(phrase: str, low: int, high: int | None, since: bool) -> None:
    condition = journey(f"{HEAD}who:\n  did: {{order_placed: {phrase}}}\n{STEPS}").who
    assert condition is not None
    did = condition.lines[0]
    assert isinstance(did, Did)
    assert (did.low, did.high, did.since_start, did.negated) == (low, high, since, False)


def test_names_inside_where_are_fields_of_the_event() -> None:
    start = journey(
        HEAD.replace("subscribed", "subscribed\n  where: {segment: vip, goal: 3}") + STEPS
    ).starts[0]
    assert isinstance(start, EventStart)
    assert start.where is not None
    assert [type(line) for line in start.where.lines] == [Test, Test]


def test_starts() -> None:
    head = HEAD.replace(
        "start:\n  event: subscribed",
        "start:\n  - {every: month, day: last, at: 9:30}\n  - product: back_in_stock",
    )
    clock, product = journey(head + STEPS).starts
    assert isinstance(clock, ClockStart)
    assert (clock.every, clock.day, clock.at.time) == ("month", 0, dt.time(9, 30))
    assert isinstance(product, ProductStart)
    assert product.by is None


def test_steps_of_a_shipped_journey() -> None:
    found, problems = parse_journey((ROOT / "journeys/win_back.yaml").read_bytes(), "journeys/win_back.yaml")
    assert problems == []
    assert found is not None
    choose, wait, goodbye, *_ = found.steps
    assert isinstance(choose, Choose)
    assert [[kinds(f) for f in path.forms] for path in choose.paths] == [["Equals", "Equals"], []]
    assert isinstance(wait, Wait)
    assert wait.awaited is not None
    assert wait.otherwise is not None
    split = wait.otherwise[0]
    assert isinstance(split, Split)
    assert [(path.share, path.name.value) for path in split.paths] == [
        (45, "percent"),
        (45, "gift"),
        (10, "no_offer"),
    ]
    offer = split.paths[0].steps[1]
    assert isinstance(offer, Send)
    assert offer.is_cascade
    assert isinstance(goodbye, Wait)
    assert goodbye.weekdays == (1, 2, 3)


def test_a_label_of_choose_may_be_any_form() -> None:
    steps = (
        "steps:\n  - choose: points\n    into:\n      at least 1000: [{exit: a}]\n"
        "      not [1, 2], 7: [{exit: b}]\n"
    )
    choose = journey(HEAD + steps).steps[0]
    assert isinstance(choose, Choose)
    assert [[kinds(f) for f in path.forms] for path in choose.paths] == [
        ["Compare"],
        ["not Equals", "Equals"],
    ]


def test_a_missing_branch_is_not_an_empty_one() -> None:
    step = journey(f"{HEAD}steps:\n  - if: {{tier: gold}}\n    then:\n      - send: hello\n").steps[0]
    assert isinstance(step, If)
    assert step.otherwise is None


def test_a_story() -> None:
    tests = (
        "tests:\n  - test: all there is\n    from: 2026-03-02\n    given:\n      tier: gold\n"
        "      tags: [vip, lead]\n      timezone: Europe/Moscow\n"
        "      did: {order_placed: [3 days ago, {at: 5 days ago, total: 40 EUR}]}\n"
        "      paths: {offer: gift}\n      holdout: true\n"
        "    when:\n      - day 0 18:30: cart_updated\n        total: 80 EUR\n        items:\n"
        "          - {sku: a, quantity: 2}\n        happened: day 0 17:00\n"
        "      - day 1 9:00: clicked hello\n      - day 2 10:00: set\n        product.in_stock: false\n"
        "    expect: nothing\n"
    )
    (story,) = journey(HEAD + STEPS + tests).tests or ()
    assert (story.start_day, story.expect) == (dt.date(2026, 3, 2), ())
    tier, tags = story.given.values
    assert isinstance(tier, Pair)
    assert isinstance(tags, ListPair)
    assert [did.ago.duration.days for did in story.given.did] == [3, 5]
    assert story.given.holdout
    event, click, change = story.when
    assert (event.kind, event.word.value, event.at.label) == ("event", "cart_updated", "day 0 18:30")
    assert event.happened is not None
    assert event.happened.time == dt.time(17)
    items = event.fields[1].value
    assert isinstance(items, tuple)
    rows = [[field.name.value for field in row] for row in items if isinstance(row, tuple)]
    assert rows == [["sku", "quantity"]]
    assert (click.kind, click.word.value) == ("clicked", "hello")
    assert (change.kind, change.fields[0].name.value) == ("set", "product.in_stock")


def test_a_segment() -> None:
    segment, problems = parse_segment("segment: vip\nwho:\n  tier: gold\n", "journeys/segments/vip.yaml")
    assert problems == []
    assert segment is not None
    assert segment.name.value == "vip"
    assert parse_segment("segment: vip\n", "vip.yaml")[1][0].code == "E08"


def test_several_mistakes_are_all_reported_in_order() -> None:
    text = (ROOT / "journeys/welcome.yaml").read_text()
    for right, wrong in (
        ("again: never", "again: once"),
        ("wait: 3 days", "wait: 3d"),
        ("at: 10:00", "at: 10am"),
        ("holdout: 5%", "holdut: 5%"),
    ):
        text = text.replace(right, wrong, 1)
    _, problems = parse_journey(text, "journeys/welcome.yaml")
    assert [problem.code for problem in problems] == ["E24", "E06", "E30", "E30"]
    assert [problem.span.line for problem in problems] == sorted(problem.span.line for problem in problems)


@given(
    st.text(max_size=50),
    st.sampled_from(["{}", "not {}", "at least {}", "between {} and {}", "more than {} ago"]),
)
def test_no_words_crash_a_condition(words: str, around: str) -> None:
    written = around.format(words, words)
    assert parse_form("tier", Text(written, Span("f", 1, 1, len(written)))) is not None


@pytest.mark.parametrize(
    "field",
    ["a" * 50_000 + "!", "not " * 20_000, "1 day " * 10_000 + "!", "1 before " * 9_000, "between " * 9_000],
)
def test_long_words_are_answered(field: str) -> None:
    text = (
        f"{HEAD}who: {{tier: '{field}', points: is set}}\nsteps:\n  - wait: '{field}'\n    id: x\n"
        f"  - wait: 'until {field}'\n    id: y\n"
    )
    found, problems = parse_journey(text, "journeys/sample.yaml")
    assert found is not None
    assert problems
