"""What is planned for people inside is what publishing then does to them."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter

import pytest

from engine.core.handlers.migrate import MoveRule
from engine.errors import AuthorError, UsageError
from engine.plan import reviewed_plan
from engine.plan.in_flight import DeploymentPlan, FactPlan, JourneyPlan, PlaceInFlight, Risk, UncertainMatch
from engine.plan.reviewed_plan import ReviewedPlan, Tolerance
from engine.runtime.publish import one_off
from engine.runtime.publish.deploy import Approval
from engine.runtime.publish.one_off import OneOffRequest
from engine.runtime.publish.planning import doubt_refusal, plan_deployment
from engine.store.journeys import one_offs
from engine.store.journeys.one_offs import OneOff
from engine.values import DAY, to_datetime
from tests.runtime.shop import FILES, WELCOME, Shop, write_project

THREE_LETTERS = """journey: thanks
start: {event: order_placed, per: order_id}
again: always
goal: {when: {points: at least 100}}
policy: service
steps:
  - wait: 1 day
    id: first
  - send: hello
  - wait: 3 days
    id: second
  - send: offer
  - wait: 5 days
    id: third
  - send: later
"""
EDITS: dict[str, tuple[tuple[str, str], ...]] = {
    "renamed": (("id: second", "id: middle\n    was: second"),),
    "another length": (("wait: 3 days", "wait: 1 week"), ("\n    was: second", "")),
    "moved": (
        ("  - wait: 1 day\n    id: first\n", ""),
        ("  - send: later", "  - wait: 1 day\n    id: first\n  - send: later"),
    ),
    "gone": (("  - wait: 1 week\n    id: middle\n", ""),),
    "the last steps are gone": (
        ("  - wait: 5 days\n    id: third\n  - wait: 1 day\n    id: first\n  - send: later\n", ""),
    ),
    "stopped": (("policy: service", "policy: service\nstate: stopped"),),
}  # fmt: skip


def with_welcome(text: str) -> dict[str, str]:
    return {**FILES, "journeys/welcome.yaml": text}


def with_thanks(text: str) -> dict[str, str]:
    return {**FILES, "journeys/thanks.yaml": text}


def planned(shop: Shop, files: dict[str, str]) -> DeploymentPlan:
    coming = write_project(shop.folder / "coming", files)
    with shop.store.read() as conn:
        return plan_deployment(conn, coming, shop.clock.now()).plan


def twelve_in_three_waits(shop: Shop) -> None:
    shop.publish(with_thanks(THREE_LETTERS))
    for wait, customers in (("third", 3), ("second", 4), ("first", 5)):
        for number in range(customers):
            shop.change(f"{wait}{number}", points=10 * number)
            shop.event(f"{wait}{number}", "order_placed", order_id=wait)
        shop.later(0)
        if wait != "first":
            shop.later(2 * DAY)
            shop.later(2 * DAY)


def test_deploy_does_to_the_people_inside_what_the_plan_says(shop: Shop) -> None:
    twelve_in_three_waits(shop)
    text = THREE_LETTERS
    assert shop.resting("thanks") == {"first": 5, "second": 4, "third": 3}
    for edit, changes in EDITS.items():
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        before = shop.resting("thanks")
        (journey,) = planned(shop, with_thanks(text)).journeys
        assert {place.step: place.people for place in journey.places} == before, edit
        expected: Counter[str] = Counter()
        for place in journey.places:
            if place.move is MoveRule.FINISHES:
                expected[""] += place.people
            elif place.move is not MoveRule.LEAVES:
                expected[place.to or place.step] += place.people
        done = shop.publish(with_thanks(text))
        assert shop.resting("thanks") == expected, edit
        rules: Counter[str] = Counter()
        for place in journey.places:
            rules[place.move] += place.people
        assert done.happened.get("thanks", rules) == rules, edit


def test_who_leaves_at_once_by_a_changed_question_is_counted(shop: Shop) -> None:
    twelve_in_three_waits(shop)
    lower = THREE_LETTERS.replace("at least 100", "at least 20")
    (journey,) = planned(shop, with_thanks(lower)).journeys
    assert (journey.reaches_goal, journey.leaves_early) == (1 + 2 + 3, 0)
    shop.publish(with_thanks(lower))
    shop.later(5 * DAY)  # everybody has come to the next step
    left = [
        name for name in ("third", "second", "first") for number in range(5)
        if shop.outcomes(f"{name}{number}").get("thanks") == "goal"
    ]  # fmt: skip
    assert Counter(left) == {"third": 1, "second": 2, "first": 3}


def test_an_event_is_a_changed_goal_when_it_comes_and_not_when_it_came_before(shop: Shop) -> None:
    by_order = WELCOME.replace("  - if:", "  - wait: 9 days\n    id: much_later\n  - if:")
    shop.publish(with_welcome(by_order))
    for name in ("ann", "bob"):
        shop.change(name)
        shop.event(name, "subscribed")
    shop.run()
    shop.send_all()
    shop.event("ann", "cart_updated")
    shop.later(1 * DAY)
    by_cart = by_order.replace("{event: order_placed}", "{event: [order_placed, cart_updated]}")
    (journey,) = planned(shop, with_welcome(by_cart)).journeys
    assert (journey.reaches_goal, journey.leaves_early) == (0, 0)
    shop.publish(with_welcome(by_cart))
    shop.event("bob", "cart_updated")
    shop.later(2 * DAY)  # ann has come to the next step, where a condition would have been asked
    assert shop.outcomes("bob")["welcome"] == "goal"
    assert shop.resting("welcome") == {"much_later": 1}


def test_who_rests_at_a_message_that_is_gone_goes_on_at_once(shop: Shop) -> None:
    quiet = FILES["config.yaml"].replace(
        "service: {consent: none}", 'service: {consent: none, quiet: "08:00-20:00"}'
    )
    files = {**FILES, "config.yaml": quiet}
    shop.publish(files)
    shop.change("ann")
    shop.event("ann", "subscribed")
    shop.run()
    assert shop.resting("welcome") == {"hello": 1}
    gone = {**files, "journeys/welcome.yaml": WELCOME.replace("  - send: hello\n", "")}
    (journey,) = planned(shop, gone).journeys
    (place,) = journey.places
    assert (place.move, place.to, place.until) == (MoveRule.GOES_ON, "before_offer", None)
    shop.publish(gone)
    shop.run()
    assert shop.resting("welcome") == {"before_offer": 1}


def test_a_fact_that_is_counted_anew_is_told_with_what_asks_for_it(shop: Shop) -> None:
    buyers = "segment: buyers\nwho: {orders_count: at least 2}\n"
    files = {**FILES, "journeys/segments/buyers.yaml": buyers}
    shop.publish(files)
    shop.event("ada", "subscribed")
    shop.run()
    customer = files["schemas/customer.yaml"]
    other = customer.replace(
        "orders_count: count of order_placed",
        "orders_count: {is: count of order_placed, where: {total: at least 50 EUR}}",
    )
    assert planned(shop, {**files, "schemas/customer.yaml": other}).facts == (
        FactPlan("orders_count", is_new=False, segments=("buyers",), journeys=("welcome",), people=1),
    )
    spent = f"{customer}  spent: sum of order_placed.total\n"
    assert planned(shop, {**files, "schemas/customer.yaml": spent}).facts == ()
    asked = buyers.replace("orders_count: at least 2", "spent: at least 50 EUR")
    assert planned(
        shop, {**files, "schemas/customer.yaml": spent, "journeys/segments/buyers.yaml": asked}
    ).facts == (FactPlan("spent", is_new=True, segments=("buyers",), journeys=(), people=0),)


def test_a_question_that_stands_in_another_line_is_the_same(shop: Shop) -> None:
    twelve_in_three_waits(shop)
    shop.publish(with_thanks(THREE_LETTERS.replace("at least 100", "at least 20")))
    below = THREE_LETTERS.replace("at least 100", "at least 20").replace("policy:", "# asked\npolicy:")
    below = below.replace("wait: 5 days", "wait: 6 days").replace("start:", "# begins\nstart:")
    (journey,) = planned(shop, with_thanks(below)).journeys
    assert journey.reaches_goal == 0


RENAMED = THREE_LETTERS.replace("id: second", "id: middle")
"""Without `was`: nobody can tell whether it is the same step."""


def test_a_similar_step_in_the_place_of_one_with_people_asks_which_it_is(shop: Shop) -> None:
    twelve_in_three_waits(shop)
    (doubt,) = planned(shop, with_thanks(RENAMED)).doubts
    assert (doubt.name, doubt.place.people, doubt.place.seems) == ("thanks.second", 4, "middle")
    with pytest.raises(AuthorError, match=r"4 people rest at .second.*was: second.*--gone thanks\.second"):
        shop.publish(with_thanks(RENAMED))
    assert shop.resting("thanks")["second"] == 4
    done = shop.publish(with_thanks(RENAMED), Approval(frozenset({"thanks.second"})))
    assert done.happened == {"thanks": {"stays": 8, "goes_on": 4}}
    assert shop.resting("thanks") == {"first": 5, "offer": 4, "third": 3}


def test_who_has_no_later_step_finishes_at_once_and_the_others_when_the_promised_moment_comes() -> None:
    for move, to, goes in (
        (MoveRule.GOES_ON, "hello", 'they go on to "hello" when the promised moment comes'),
        (MoveRule.FINISHES, None, "they finish at once"),
    ):
        place = PlaceInFlight("second", 4, move, to=to, seems="middle")
        cure = doubt_refusal(UncertainMatch(JourneyPlan("thanks", 4, (place,)), place)).cure
        assert cure.endswith(f"--gone thanks.second  and {goes}")


def test_what_is_refused_comes_first_then_whatever_meets_most_people(shop: Shop) -> None:
    twelve_in_three_waits(shop)
    edited = RENAMED.replace("at least 100", "at least 20")
    edited = edited.replace("  - wait: 1 day\n    id: first\n", "")
    plan = planned(shop, with_thanks(edited))
    assert [(risky.risk, risky.people, risky.step, risky.to) for risky in plan.risks] == [
        (Risk.UNSURE, 4, "second", "middle"),
        (Risk.REACHES_GOAL, 6, "", None),
        (Risk.GOES_ON, 5, "first", "hello"),
    ]


def test_a_step_without_people_may_be_called_otherwise(shop: Shop) -> None:
    shop.publish(with_thanks(THREE_LETTERS))
    assert shop.publish(with_thanks(RENAMED)).changed


def test_files_of_before_a_renaming_take_everybody_back(shop: Shop) -> None:
    twelve_in_three_waits(shop)
    before = shop.resting("thanks")
    called = RENAMED.replace("id: middle", "id: middle\n    was: second")
    called = called.replace("journey: thanks", "journey: gratitude\nwas: thanks")
    shop.publish({**FILES, "journeys/gratitude.yaml": called})
    assert shop.resting("gratitude") == {"first": 5, "middle": 4, "third": 3}
    done = shop.publish(with_thanks(THREE_LETTERS))
    assert shop.resting("thanks") == before
    assert done.happened == {"thanks": {"stays": 12}}


def reviewed_of(shop: Shop, files: dict[str, str], tolerance: Tolerance) -> ReviewedPlan:
    coming = write_project(shop.folder / "reviewed", files)
    with shop.store.read() as conn:
        found = plan_deployment(conn, coming, shop.clock.now())
    plan = ReviewedPlan(
        to_datetime(shop.clock.now()), found.number, found.project.hash, found.plan, tolerance=tolerance
    )
    return reviewed_plan.read(reviewed_plan.written(plan), "plan.json")


def test_a_reviewed_plan_is_published_as_long_as_people_are_where_they_were(shop: Shop) -> None:
    twelve_in_three_waits(shop)
    shorter = with_thanks(THREE_LETTERS.replace("5 days", "4 days"))
    strict = reviewed_of(shop, shorter, Tolerance(people=1, percent=10))
    for name in ("one", "two"):
        shop.change(name)
        shop.event(name, "order_placed", order_id="more")
    shop.run()
    with pytest.raises(UsageError, match=r"thanks, at first: 5 then, 7 now\. Allowed are 1 people or 10 %"):
        shop.publish(shorter, Approval(reviewed=strict))
    wide = dataclasses.replace(strict, tolerance=Tolerance(people=2, percent=10))
    with pytest.raises(UsageError, match="these files are not the ones"):
        shop.publish(with_thanks(THREE_LETTERS.replace("5 days", "3 days")), Approval(reviewed=wide))
    done = shop.publish(shorter, Approval(reviewed=wide))
    assert done.happened == {}  # who waits keeps the moment, so nobody had to be looked at
    shop.publish(with_thanks(THREE_LETTERS))
    with pytest.raises(UsageError, match="of what deployment"):
        shop.publish(shorter, Approval(reviewed=wide))


@pytest.mark.parametrize("content", [b"", b"[]", b'{"at": 1}', b"x" * (reviewed_plan.MOST + 1)])
def test_a_file_that_is_no_plan_is_told(content: bytes) -> None:
    with pytest.raises(UsageError, match=r"plan\.json is no plan"):
        reviewed_plan.read(content, "plan.json")


def test_a_one_off_send_that_is_under_way_is_not_gone(shop: Shop) -> None:
    everybody = {"journeys/segments/all.yaml": "segment: all\nwho: {points: is set}\n"}
    shop.publish({**FILES, **everybody})
    request = OneOffRequest("later", "all", "service", "order_placed", at="2026-04-01 10:00")
    shop.change("ann", points=1)
    shop.run()
    now = shop.clock.now()
    source = one_off.journey_of(request, "one_off_later")
    shop.store.write(lambda conn: one_offs.add(conn, OneOff("one_off_later", now, "anna", source)))
    shop.publish({**FILES, **everybody})
    shop.store.write(
        lambda conn: one_off.start(conn, "one_off_later", [(0, "ann")], dt.date(2026, 3, 2), now)
    )
    shop.run()
    assert shop.resting("one_off_later") == {"the_moment": 1}
    assert planned(shop, {**FILES, **everybody}) == DeploymentPlan()
