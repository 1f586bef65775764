"""`inside:` is true while a run of that journey is open (design/language 2.21)."""

from __future__ import annotations

from engine.core.happening import InsideChanged
from tests.core.builders import Life, life, project

CART = """journey: cart
start: {event: cart_updated, per: cart_id}
again: always
goal: {event: order_placed, within: 60 days}
steps:
  - wait: 1 day
    id: a_day
"""
LETTER = """journey: letter
start: {event: subscribed}
who: {inside: cart}
again: always
goal: {event: order_delivered}
steps:
  - wait: 10 days
    id: rest
"""
NEWS = """journey: news
start: {event: subscribed}
again: never
goal: {event: order_delivered}
exit_if: {inside: cart}
steps:
  - wait: 10 days
    id: rest
  - if: {inside: [cart, news]}
    then:
      - exit: busy
"""
SALE = """journey: sale
start: {segment: shoppers}
again: always
goal: {event: order_placed}
steps:
  - wait: 10 days
    id: rest
"""


def ended(customer: Life, journey: str) -> list[str]:
    return [
        f"{line.kind} {line.detail}".strip()
        for line in customer.trace()
        if line.journey == journey and line.kind in ("start", "ignored", "exit_if", "goal", "exit", "finish")
    ]


def test_who_asks_whether_a_run_of_another_journey_is_open() -> None:
    customer = life(project(CART, LETTER))
    customer.event("0 10:00", "subscribed")
    customer.event("0 11:00", "cart_updated", cart_id="c1")
    customer.event("0 12:00", "subscribed")
    assert ended(customer, "letter") == ["ignored who", "start"]
    read = [line.read for line in customer.trace() if line.kind == "ignored"]
    assert read == [(("inside cart", "no"),)]


def test_a_run_that_has_ended_is_not_inside_though_its_goal_is_still_watched() -> None:
    customer = life(project(CART, LETTER))
    customer.event("0 11:00", "cart_updated", cart_id="c1")
    customer.pass_time("2 00:00")
    assert [run.watch_until is not None for run in customer.state.enrollments.values()] == [True]
    customer.event("2 12:00", "subscribed")
    assert ended(customer, "letter") == ["ignored who"]


def test_with_per_somebody_is_inside_until_the_last_run_has_ended() -> None:
    customer = life(project(CART))
    customer.event("0 11:00", "cart_updated", cart_id="c1")
    customer.event("0 20:00", "cart_updated", cart_id="c2")
    customer.pass_time("1 12:00")
    assert customer.state.facts.inside == {"cart"}
    customer.pass_time("1 21:00")
    assert customer.state.facts.inside == frozenset()


def test_an_exit_leaves_in_the_moment_the_other_journey_begins() -> None:
    customer = life(project(CART, NEWS))
    customer.event("0 10:00", "subscribed")
    customer.event("1 11:00", "cart_updated", cart_id="c1")
    assert ended(customer, "news") == ["start", "exit_if"]
    assert customer.lines[-1] == "1 11:00 exit_if"


def test_somebody_who_is_inside_does_not_enter() -> None:
    customer = life(project(CART, NEWS))
    customer.event("1 11:00", "cart_updated", cart_id="c1")
    customer.event("1 12:00", "subscribed")
    assert ended(customer, "news") == ["ignored exit_if is already true"]


def test_a_holdout_run_counts() -> None:
    customer = life(project(CART.replace("again:", "holdout: 100%\nagain:"), LETTER))
    customer.event("0 11:00", "cart_updated", cart_id="c1")
    customer.event("0 12:00", "subscribed")
    assert ended(customer, "letter") == ["start"]


def test_membership_by_inside_begins_and_ends_with_the_run() -> None:
    customer = life(project(CART, SALE, segments={"shoppers": "{inside: cart}"}))
    customer.event("0 11:00", "cart_updated", cart_id="c1")
    assert "shoppers" in customer.state.facts.segments
    assert ended(customer, "sale") == ["start"]
    customer.pass_time("1 11:00")
    assert "shoppers" not in customer.state.facts.segments


def test_two_journeys_that_end_each_other_come_to_rest() -> None:
    other = NEWS.replace("journey: news", "journey: cart_too").replace("inside: cart", "inside: news")
    customer = life(
        project(
            NEWS.replace("inside: cart", "inside: cart_too").replace("[cart, news]", "cart_too"),
            other.replace("[cart, news]", "news"),
        )
    )
    customer.event("0 10:00", "subscribed")
    assert sorted(run.journey for run in customer.state.enrollments.values() if run.outcome is None) == [
        "cart_too"
    ]


def test_a_story_says_when_another_journey_begins() -> None:
    customer = life(project(CART, NEWS))
    customer.event("0 10:00", "subscribed")
    customer.take(InsideChanged(customer.next(), customer.until("0 11:00"), "cart", inside=True))
    assert ended(customer, "news") == ["start", "exit_if"]
