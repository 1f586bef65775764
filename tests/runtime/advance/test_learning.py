"""What is learned from reactions at night: intervals, shares, hours; and that decisions use it from then
on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.core.enrollment import AwaitingReaction, Enrollment, Waiting
from engine.core.facts.learned import Interval, Learned, ReactionRate
from engine.core.happening import Event, ProfileChanged
from engine.runtime.advance.learning import learn
from engine.store.customers import enrollments
from engine.store.journeys import traces
from engine.store.learning import learned
from engine.store.messages import reactions
from engine.store.messages.reactions import Who
from engine.store.messages.records import OutboxMessage
from engine.values import DAY, HOUR, MINUTE, Instant, instant, to_datetime
from tests.runtime.shop import FILES, Shop

CONFIG = """
shop: {name: Bean There, url: https://shop.example, address: "Main Street 1, Sofia"}
timezone: Europe/Berlin
currency: EUR
languages: [en]
store: sqlite:///data/shop.db
channels:
  push: {via: outbox, price: 0 EUR}
  email: {via: outbox, price: 0.001 EUR}
policies:
  marketing: {consent: none}
  service: {consent: none}
"""
OFFER = """
journey: offer
start: {event: subscribed}
again: always
goal: {event: order_placed}
steps:
  - send: offer
    via: [push, email]
    next_after: auto
"""
MORNING = """
journey: morning
start: {event: cart_updated}
again: always
goal: {event: order_placed}
steps:
  - wait: until their hour
    id: before_hello
  - send: hello
    via: push
"""
PROJECT = {
    **{name: text for name, text in FILES.items() if not name.startswith("journeys/")},
    "config.yaml": CONFIG,
    "journeys/offer.yaml": OFFER,
    "journeys/morning.yaml": MORNING,
    "templates/offer.email.txt": "---\nsubject: An offer\n---\nThis is an offer",
}
MONDAY = instant(dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.UTC))
CLICKED = ("offer", "push", "clicked")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Monday 2 March 2026, 10:00 in Berlin."""
    opened = Shop(tmp_path, PROJECT, MONDAY)
    yield opened
    opened.close()


def reach(shop: Shop, customer: str, timezone: str = "") -> None:
    """A customer with a token and an e-mail address."""
    values = {"timezone": timezone} if timezone else {}
    addresses = {"push": f"token-{customer}", "email": f"{customer}@shop.example"}
    shop.happen(customer, ProfileChanged(0, shop.clock.now(), values, addresses), None)


def offered(shop: Shop, count: int, timezone: str = "") -> list[OutboxMessage]:
    """So many new customers, each with an offer that was handed over now."""
    before = {message.send_key for message in shop.planned()}
    for number in range(count):
        name = f"c{len(before)}-{number:03}"
        reach(shop, name, timezone)
        shop.event(name, "subscribed")
    shop.send_all()
    return [message for message in shop.planned() if message.send_key not in before]


def click(shop: Shop, message: OutboxMessage, after: int, who: Who = "human") -> None:
    """As the page of a link writes it down."""
    at = Instant(shop.clock.now() + after)
    shop.store.write(
        lambda conn: reactions.record(conn, message.customer, message.send_key, "clicked", at, "/", who=who)
    )


def night(shop: Shop, days: int = 4) -> None:
    """Some days later, in the night, so that slow reactions have had their time."""
    shop.clock.advance(days * DAY)
    shop.run()
    assert learn(shop.store, shop.publication.journeys, shop.clock.now()) is not None


def known(shop: Shop) -> Learned:
    with shop.store.read() as conn:
        return learned.known(conn)


def clicks(shop: Shop, minutes: Callable[[int], int], count: int = 60) -> None:
    for number, message in enumerate(offered(shop, count), start=1):
        click(shop, message, minutes(number) * MINUTE)


def test_an_interval_is_the_time_by_which_nine_of_ten_reactions_had_come(shop: Shop) -> None:
    clicks(shop, lambda number: number * 7)
    offered(shop, 20)  # who never reacts says nothing about how long reactions take
    night(shop)
    assert known(shop).intervals == {CLICKED: Interval(54 * 7, 60)}


def test_seconds_are_rounded_up_to_whole_minutes(shop: Shop) -> None:
    for message in offered(shop, 50):
        click(shop, message, 40 * MINUTE + 1)
    night(shop)
    assert known(shop).intervals == {CLICKED: Interval(41, 50)}


def test_only_the_first_click_of_a_person_counts_and_none_of_a_machine(shop: Shop) -> None:
    for number, message in enumerate(offered(shop, 60)):
        click(shop, message, MINUTE, who="machine")
        click(shop, message, 2 * MINUTE, who="unknown")
        if number < 50:
            click(shop, message, 45 * MINUTE)
            click(shop, message, 2 * DAY)
    night(shop)
    assert known(shop).intervals == {CLICKED: Interval(45, 50)}


def test_messages_that_can_still_be_answered_do_not_make_an_interval_short(shop: Shop) -> None:
    clicks(shop, lambda _: 5)
    night(shop, days=2)
    assert known(shop).intervals == {}


def test_an_event_is_timed_from_the_hand_over_for_a_week(shop: Shop) -> None:
    until = OFFER.replace("next_after: auto", "next_after: auto\n    until: cart_updated")
    shop.publish(PROJECT | {"journeys/offer.yaml": until})
    for number, message in enumerate(offered(shop, 60)):
        at = Instant(shop.clock.now() + (90 * MINUTE if number < 55 else 8 * DAY))
        event = Event(0, f"cart{number}", "cart_updated", at, at, {})
        shop.happen(message.customer, event, event.id)
    night(shop, days=9)
    assert known(shop).intervals == {("offer", "push", "cart_updated"): Interval(90, 55)}


def test_the_next_channel_waits_as_long_as_was_learned(shop: Shop) -> None:
    clicks(shop, lambda _: 100)
    night(shop)
    reach(shop, "dora")
    shop.event("dora", "subscribed")
    shop.send_all()
    (run,) = (each for each in listening(shop, "dora"))
    assert isinstance(run.state, AwaitingReaction)
    assert run.due is not None
    assert run.due.at - run.state.handed_at == 100 * MINUTE
    with shop.store.read() as conn:
        told = [each.line for each in traces.of_customer(conn, "dora") if each.line.kind == "learned"]
    assert [(line.subject, line.detail) for line in told] == [
        ("next_after: auto: 1 hour 40 minutes", "90 % of 60 clicks to offer via push")
    ]


def test_too_few_reactions_are_no_reason(shop: Shop) -> None:
    clicks(shop, lambda _: 100, count=49)
    night(shop)
    reach(shop, "dora")
    shop.event("dora", "subscribed")
    shop.send_all()
    (run,) = listening(shop, "dora")
    assert isinstance(run.state, AwaitingReaction)
    assert run.due is not None
    assert run.due.at - run.state.handed_at == 4 * HOUR


def listening(shop: Shop, customer: str) -> list[Enrollment]:
    with shop.store.read() as conn:
        return [run for run in enrollments.of_customer(conn, 0, customer) if run.is_open]


def test_who_listens_already_keeps_the_moment_that_was_promised(shop: Shop) -> None:
    clicks(shop, lambda _: 100)
    shop.clock.advance(4 * DAY)
    reach(shop, "dora")
    shop.event("dora", "subscribed")
    shop.send_all()
    learn(shop.store, shop.publication.journeys, shop.clock.now())
    shop.later(100 * MINUTE)
    (run,) = listening(shop, "dora")
    assert run.due is not None
    assert isinstance(run.state, AwaitingReaction)
    assert run.due.at - run.state.handed_at == 4 * HOUR


def test_shares_of_reactions_are_counted_by_template_and_channel(shop: Shop) -> None:
    likely = OFFER.replace("[push, email]", "cheapest likely")
    shop.publish(PROJECT | {"journeys/offer.yaml": likely})
    sent = offered(shop, 40)
    for message in sent[:10]:
        click(shop, message, HOUR)
        click(shop, message, 2 * HOUR)
    click(shop, sent[20], HOUR, who="machine")
    assert learn(shop.store, shop.publication.journeys, shop.clock.now()) is not None
    assert known(shop).rates == {("offer", "push"): ReactionRate(40, 10)}


def test_hours_are_those_where_the_customer_lives(shop: Shop) -> None:
    for message in offered(shop, 3, "Asia/Tokyo"):  # 10:00 in Berlin is 18:00 in Tokyo
        click(shop, message, 90 * MINUTE)
    for message in offered(shop, 2):
        click(shop, message, 30 * MINUTE)
    night(shop)
    hours = known(shop).hours
    assert {hour: count for hour, count in enumerate(hours) if count} == {10: 2, 19: 3}


def test_a_wait_ends_at_the_hour_of_everybody_where_nothing_else_is_known(shop: Shop) -> None:
    for message in offered(shop, 50):  # at 10:00
        click(shop, message, 9 * HOUR + MINUTE)
    night(shop)
    reach(shop, "dora")
    shop.event("dora", "cart_updated")
    shop.run()
    (run,) = listening(shop, "dora")
    assert isinstance(run.state, Waiting)
    assert run.due is not None
    assert run.due.local is not None
    assert run.due.local.hour == 19
    assert to_datetime(run.due.at).hour == 18


def test_it_is_looked_at_once_a_day_and_anew_when_the_journeys_ask_for_something_else(shop: Shop) -> None:
    clicks(shop, lambda _: 100)
    night(shop)
    now = shop.clock.now()
    assert learn(shop.store, shop.publication.journeys, Instant(now + HOUR)) is None
    opened = OFFER.replace("next_after: auto", "next_after: auto\n    until: opened")
    shop.publish(PROJECT | {"journeys/offer.yaml": opened})
    found = learn(shop.store, shop.publication.journeys, Instant(now + HOUR))
    assert found is not None
    assert list(found.intervals) == [("offer", "push", "opened")]
    assert learn(shop.store, shop.publication.journeys, Instant(now + DAY)) is not None


def test_a_project_that_learns_nothing_asks_nothing(shop: Shop) -> None:
    plain = {name: text for name, text in PROJECT.items() if name != "journeys/morning.yaml"}
    shop.publish(plain | {"journeys/offer.yaml": OFFER.replace("auto", "2 hours")})
    clicks(shop, lambda _: 100, count=1)
    assert learn(shop.store, shop.publication.journeys, shop.clock.now()) is None
    assert known(shop) == Learned()
