"""Two journeys that write to the same people at once are told of each other; others are left alone."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compiler.competing.target_group import TargetGroupReader
from engine.core.conditions.closure import Scope, compile_condition
from engine.core.conditions.condition import Condition
from engine.core.facts.customer import Facts
from engine.problem import Problem, render_problems
from engine.project import Project, load
from tests.conftest import Golden
from tests.strategies import ATTRIBUTES, CONDITIONS, DIDS, NOW, combined, customers, evenly, value_forms

CASES = Path(__file__).parents[2] / "cases"
WHOLE = CASES / "err/whole"
COMPETING = ("W51", "W52", "W53")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The sample project without its journeys."""
    folder = tmp_path / "shop"
    shutil.copytree(CASES / "project", folder)
    for file in (folder / "journeys").glob("*.yaml"):
        file.unlink()
    return folder


def journey(shop: Path, name: str, start: str, steps: str, more: str = "") -> Path:
    file = shop / "journeys" / f"{name}.yaml"
    again = "" if "again:" in more else "again: never\n"
    file.write_text(
        f"journey: {name}\nstart:\n  {start}\n{again}goal:\n  event: order_placed\n{more}steps:\n{steps}"
    )
    return file


def told(shop: Path) -> tuple[Project, list[Problem]]:
    project = load(shop)
    assert not project.has_errors, render_problems(project.problems, project.sources)
    return project, [problem for problem in project.problems if problem.code in COMPETING]


def codes(shop: Path) -> list[str]:
    return [problem.code for problem in told(shop)[1]]


def shown(shop: Path, golden: Golden, case: str) -> list[Problem]:
    project, problems = told(shop)
    golden(WHOLE / f"{case}.out", render_problems(problems, project.sources) + "\n")
    return problems


def typed_in(file: Path, problem: Problem) -> None:
    """The top-level key that a fix writes, above the steps; under `any:` beside what stands there."""
    written = re.search(r"(priority|exit_if): (\{.+?\}|\w+)", problem.fix)
    assert written is not None
    file.write_text(file.read_text().replace("steps:\n", f"{written[0]}\nsteps:\n", 1))


HELLO, STORY = "  - send: welcome_hello\n", "  - send: welcome_our_story\n"


def test_of_two_messages_of_one_start_the_cap_drops_one(shop: Path, golden: Golden) -> None:
    journey(shop, "first", "event: subscribed", HELLO)
    second = journey(shop, "second", "event: subscribed", STORY)
    (problem,) = shown(shop, golden, "W51_one_is_dropped")
    assert problem.code == "W51"
    typed_in(second, problem)
    assert codes(shop) == []


def test_without_a_daily_cap_both_leave(shop: Path, golden: Golden) -> None:
    for name, steps in (("first", HELLO), ("second", STORY)):
        file = journey(shop, name, "event: subscribed", steps, "policy: office\n")
    (problem,) = shown(shop, golden, "W51_both_leave")
    config = shop / "config.yaml"
    config.write_text(config.read_text().replace("office: {", "office: {caps: [1 a day], "))
    assert codes(shop) == ["W51"]  # now the cap drops one of them
    typed_in(file, problem)
    assert codes(shop) == []


def test_one_event_is_answered_twice(shop: Path, golden: Golden) -> None:
    for name, steps in (("first", HELLO), ("second", STORY)):
        journey(shop, name, "event: order_placed", steps, "policy: service\n")
    (problem,) = shown(shop, golden, "W51_answered_twice")
    assert problem.code == "W51"
    journey(shop, "second", "event: order_placed", STORY)  # an offer beside an answer
    assert codes(shop) == []


def test_each_is_told_of_its_own(shop: Path) -> None:
    for name in ("first", "second", "third"):
        journey(shop, name, "event: subscribed", HELLO if name == "first" else STORY)
    assert [problem.what for problem in told(shop)[1] if problem.span.file.endswith("third.yaml")] == [
        'who starts here is in "first" too, and both write on the same day',
        '"second" writes on the same day, and about the same: welcome_our_story',
    ]


def test_what_is_accepted_of_one_journey_hides_no_other(shop: Path, golden: Golden) -> None:
    journey(shop, "first", "event: subscribed", HELLO)
    journey(shop, "second", "event: subscribed", "  - send: winback_what_is_new\n")
    last = journey(shop, "third", "event: subscribed", STORY)
    second = shop / "journeys/second.yaml"
    second.write_text(second.read_text().replace("subscribed", "subscribed   # accepted W51: for partners"))
    commented = last.read_text().replace("subscribed", "subscribed   # accepted W51{}: for partners")
    last.write_text(commented.format(" (first)"))
    assert [problem.subject for problem in told(shop)[1]] == ["second"]
    last.write_text(commented.format(" (first, second)"))
    assert codes(shop) == []
    last.write_text(commented.format(""))
    assert codes(shop) == ["W51", "W51"]
    project = load(shop)
    (comment,) = (problem for problem in project.problems if problem.code == "W50")
    golden(WHOLE / "W50_names_none.out", render_problems([comment], project.sources) + "\n")
    last.write_text(last.read_text().replace("W51", comment.fix.removeprefix("write  ")))
    assert [problem.subject for problem in told(shop)[1]] == ["second"]


def test_a_name_that_nothing_is_told_of_accepts_nothing(shop: Path, golden: Golden) -> None:
    journey(shop, "first", "event: subscribed", HELLO)
    second = journey(shop, "second", "event: subscribed  # accepted W51 (former): for partners", STORY)
    project, (collision,) = told(shop)
    assert (collision.code, collision.subject) == ("W51", "first")
    (comment,) = (problem for problem in project.problems if problem.code == "W50")
    golden(WHOLE / "W50_another_name.out", render_problems([comment], project.sources) + "\n")
    second.write_text(second.read_text().replace("former", "first"))
    assert codes(shop) == []


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ("who: {orders_count: 0}", "who: {orders_count: at least 1}"),
        ("who: {orders_count: 0}", "who: {last_order_at: is set}"),
        ("who: {orders_count: 0}", "who: {did: {order_placed: in last 30 days}}"),
        ("who: {total_spent: less than 50 EUR}", "who: {total_spent: at least 50 EUR}"),
        ("who: {tier: gold}", "who: {tier: [silver, bronze]}"),
        ("who: {tier: gold}", "who: {tier: not gold}"),
        ("who: {country: [DE, AT]}", "who:\n  country: not [DE, AT, CH]"),
        ("who: {segment: vip}", "who: {segment: not vip}"),
        ("who: {last_order_at: more than 30 days ago}", "who: {last_order_at: less than 30 days ago}"),
        ("who:\n  any:\n    - tier: gold\n    - tier: silver", "who: {tier: bronze}"),
        ("exit_if: {tier: gold}", "who: {tier: gold}"),
        ("exit_if: {inside: second}", ""),
        ("", "who: {inside: not first}"),
        ("priority: high", ""),
        ("state: draft", ""),
        ("state: closing", ""),
    ],
)  # fmt: skip
def test_nobody_is_in_both(mine: str, theirs: str, shop: Path) -> None:
    journey(shop, "first", "event: subscribed", HELLO, f"{mine}\n" if mine else "")
    journey(shop, "second", "event: subscribed", STORY, f"{theirs}\n" if theirs else "")
    assert codes(shop) == []


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ("who: {orders_count: 0}", "who: {country: DE}"),
        ("who: {orders_count: at least 1}", "who: {last_order_at: more than 30 days ago}"),
        ("who: {tags: vip}", "who: {tags: staff}"),
        ("who: {did: {order_placed: in last 90 days}}", "who: {did: {order_placed: not in last 30 days}}"),
        ("who:\n  any:\n    - tier: gold\n    - country: DE", "who: {tier: bronze}"),
    ],
)  # fmt: skip
def test_somebody_may_be_in_both(mine: str, theirs: str, shop: Path) -> None:
    journey(shop, "first", "event: subscribed", HELLO, f"{mine}\n")
    journey(shop, "second", "event: subscribed", STORY, f"{theirs}\n")
    assert codes(shop) == ["W51"]


@pytest.mark.parametrize(
    ("start", "steps"),
    [
        ("event: order_placed", STORY),
        ("event: subscribed", f"  - wait: 2 days\n    id: w\n{STORY}"),
        ("event: subscribed", f"  - wait: 2 days\n    id: w\n    for: order_placed\n    then:\n    {STORY}"),
        ("event: subscribed", f"  - if: {{orders_count: 0}}\n    then:\n    {STORY}"),
        ("every: day\n  at: 10:00", STORY),
    ],
)  # fmt: skip
def test_messages_of_other_days_or_of_some_paths_only_do_not_meet(start: str, steps: str, shop: Path) -> None:
    journey(shop, "first", "event: subscribed", HELLO)
    journey(shop, "second", start, steps)
    assert codes(shop) == []


def test_filters_of_one_event_that_no_event_fits_keep_apart(shop: Path) -> None:
    journey(shop, "first", "event: order_placed\n  where: {total: less than 50 EUR}", HELLO)
    journey(shop, "second", "event: order_placed\n  where: {total: at least 50 EUR}", STORY)
    assert codes(shop) == []
    journey(shop, "second", "event: order_placed\n  where: {total: at least 20 EUR}", STORY)
    assert codes(shop) == ["W51"]


# --- the same thing on one day --------------------------------------------------------------------

OFFER = "  - code: WELCOME10\n    valid: 7 days\n  - send: welcome_offer\n    via: {}\n"


def test_one_pool_on_one_day(shop: Path, golden: Golden) -> None:
    journey(shop, "friday", "date: 2030-11-29\n  at: 18:00", OFFER.format("email"))
    later = journey(
        shop, "last_week", "date: 26 November\n  after: 3 days\n  at: 10:00", OFFER.format("push")
    )
    (problem,) = shown(shop, golden, "W53_one_pool")
    assert problem.code == "W53"
    typed_in(later, problem)
    assert codes(shop) == []


@pytest.mark.parametrize(
    ("start", "meets"),
    [
        ("date: 29 November\n  at: 10:00", True),
        ("date: 28 November\n  at: 10:00", False),
        ("every: month\n  day: 28\n  at: 10:00", False),
        ("every: week\n  weekdays: Friday\n  at: 10:00", True),
        ("every: week\n  weekdays: [Monday, Tuesday]\n  at: 10:00", False),
        ("date: birthday\n  at: 10:00", False),
    ],
)  # fmt: skip
def test_days_of_the_calendar_meet_where_one_includes_the_other(start: str, meets: bool, shop: Path) -> None:
    journey(shop, "friday", "date: 2030-11-29\n  at: 18:00", OFFER.format("email"))
    journey(shop, "other", start, OFFER.format("push"), "again: after 25 days\n")
    assert codes(shop) == (["W53"] if meets else [])


def test_a_pool_that_some_paths_offer_is_offered(shop: Path) -> None:
    paths = "".join(
        f"      50% {pool.lower()}:\n        - code: {pool}\n          valid: 7 days\n"
        f"        - send: welcome_offer\n          via: email\n          id: {pool.lower()}_offer\n"
        for pool in ("CART10", "WELCOME10")
    )
    journey(shop, "friday", "date: 2030-11-29\n  at: 18:00", f"  - split: worth\n    into:\n{paths}")
    journey(shop, "other", "date: 29 November\n  at: 10:00", OFFER.format("push"))
    assert [problem.what for problem in told(shop)[1]] == [
        '"friday" writes on the same day, and about the same: WELCOME10'
    ]
    other = shop / "journeys/other.yaml"
    other.write_text(other.read_text().replace("code: WELCOME10", "code: BDAY15"))
    assert [problem.what.rpartition(": ")[2] for problem in told(shop)[1]] == ["welcome_offer"]


def test_a_pool_inside_a_choice_and_a_product_of_the_goal_are_things_too(shop: Path) -> None:
    monthly = "every: month\n  day: 1\n  at: 10:00"
    goal = "goal:\n  event: order_placed\n  where: {product_id: p50}\n"
    for name, steps in (("first", HELLO), ("second", STORY)):
        file = journey(shop, name, monthly, steps, "again: always\n")
        file.write_text(file.read_text().replace("goal:\n  event: order_placed\n", goal))
    project = load(shop)
    if project.has_errors:  # the sample's orders do not name products
        events = shop / "schemas/events.yaml"
        events.write_text(
            events.read_text().replace("order_id: text", "order_id: text\n      product_id: text", 1)
        )
    _, (problem,) = told(shop)
    assert (problem.code, problem.what.endswith("product_id: p50")) == ("W53", True)


# --- win-backs ------------------------------------------------------------------------------------


def segment(shop: Path, name: str, who: str) -> None:
    (shop / "journeys/segments" / f"{name}.yaml").write_text(f"segment: {name}\nwho:\n  {who}\n")


LONG = f"{STORY}  - wait: 40 days\n    id: w\n{HELLO}"


def test_a_win_back_begins_while_another_still_writes(shop: Path, golden: Golden) -> None:
    segment(shop, "lapsed_60", "last_order_at: more than 60 days ago")
    soon = journey(shop, "soon", "segment: lapsed_60", LONG)
    journey(shop, "win_back", "segment: lapsed_90", STORY)
    (problem,) = shown(shop, golden, "W52_still_writes")
    assert (problem.code, problem.span.file) == ("W52", "journeys/win_back.yaml")
    typed_in(soon, problem)
    assert codes(shop) == []


@pytest.mark.parametrize(
    ("who", "steps", "more"),
    [
        ("last_order_at: more than 60 days ago", STORY, ""),  # is over when the other begins
        ("last_order_at: more than 60 days ago", LONG, "exit_if: {segment: lapsed_90}\n"),
        ("last_order_at: more than 60 days ago", LONG, "exit_if: {last_order_at: more than 90 days ago}\n"),
        ("last_order_at: more than 60 days ago", LONG, "who: {tier: gold}\n"),
        ("last_order_at: more than 60 days ago", LONG, "policy: service\n"),
        ("last_order_at: more than 20 days ago", LONG.replace("40", "80"), ""),  # nobody is away so soon
        ("did: {subscribed: not in last 60 days}", LONG, ""),
        ("last_order_at: less than 60 days ago", LONG, ""),
    ],
)  # fmt: skip
def test_win_backs_one_after_the_other(who: str, steps: str, more: str, shop: Path) -> None:
    segment(shop, "other", who)
    journey(shop, "soon", "segment: other", steps, more)
    journey(shop, "win_back", "segment: lapsed_90", STORY, "who: {tier: not gold}\n")
    assert codes(shop) == []


def test_a_window_with_an_end_is_no_end_for_those_inside(shop: Path) -> None:
    segment(
        shop, "lapsed_60",
        "all:\n    - last_order_at: more than 60 days ago\n    - last_order_at: less than 90 days ago",
    )  # fmt: skip
    journey(shop, "soon", "segment: lapsed_60", LONG)
    journey(shop, "win_back", "segment: lapsed_90", STORY)
    assert codes(shop) == ["W52"]


def test_a_win_back_of_the_calendar_begins_again_and_again(shop: Path) -> None:
    journey(
        shop, "monthly", "every: month\n  day: 1\n  at: 10:00", STORY,
        "again: always\nwho: {did: {order_placed: not in last 60 days}}\n",
    )  # fmt: skip
    journey(shop, "win_back", "segment: lapsed_90", f"  - wait: 1 day\n    id: w\n{HELLO}")
    assert codes(shop) == ["W52"]


# --- whom conditions rule out ---------------------------------------------------------------------

READER = TargetGroupReader({}, {})


ONE_NAME = st.sampled_from(sorted(ATTRIBUTES)).flatmap(
    lambda name: st.tuples(*[combined(value_forms({name: ATTRIBUTES[name]}, "customer"), 3)] * 2)
)
PAIRS = evenly(ONE_NAME, st.tuples(combined(DIDS, 2), combined(DIDS, 2)), st.tuples(CONDITIONS, CONDITIONS))


@settings(max_examples=100, deadline=None)
@given(PAIRS, st.lists(customers(), min_size=2, max_size=2))
def test_nobody_fits_two_conditions_that_exclude_each_other(
    pair: tuple[Condition, Condition], people: list[Facts]
) -> None:
    if READER.target_group(pair[0]).excludes(READER.target_group(pair[1])):
        tests = [compile_condition(condition) for condition in pair]
        assert not any(all(test(Scope(facts, None, NOW)) for test in tests) for facts in people)
