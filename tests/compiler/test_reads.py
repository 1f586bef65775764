"""What wakes the customers of a journey, how much history it needs, how long it takes, and its
fingerprint."""

from __future__ import annotations

import pytest

from engine.compiler.journeys.compile import compile_journey, compile_segment
from engine.compiler.publication import publish
from engine.values import DAY, HOUR, Duration
from tests.compiler.shop import HEAD, journey, parsed, world


def test_a_journey_is_woken_by_what_its_goal_exit_and_waits_look_at() -> None:
    head = HEAD + "exit_if: {viewed_lately: at least 3, tier: gold, segment: vip, can: not email}\n"
    reads = journey(
        """
  - wait: until points_expire_on
    id: w1
    at: 10:00
  - wait: 2 days
    id: w2
    for: [order_delivered, cart_emptied]
    then: [{send: a}]
  - if: {did: {site_visited: ever}, loyalty_member: true}
    then: [{send: b}]
""",
        head,
    ).dependencies
    assert reads.events == {"subscribed", "order_placed", "product_viewed", "order_delivered", "cart_emptied"}
    assert reads.attributes == {"viewed_lately", "tier", "points_expire_on"}
    assert reads.segments == {"vip"}
    assert (reads.product, reads.reach) == (False, True)


def test_history_is_asked_for_as_far_back_as_it_is_needed() -> None:
    head = HEAD.replace("{event: order_placed}", "{event: order_placed, where: {code: X}}")
    reads = journey(
        """
  - if: {did: {cart_updated: at least 2 times in last 30 days}, viewed_lately: 0}
    then: [{send: a}]
  - if: {did: {site_visited: in last 90 days, points_redeemed: never}}
    then: [{send: b}]
""",
        head,
    ).dependencies
    assert reads.history == {"cart_updated": 30 * DAY, "product_viewed": 7 * DAY, "order_placed": 24 * HOUR}


def test_an_awaited_event_with_where_is_looked_up_since_the_cascade_before_it() -> None:
    reads = journey("""
  - send: both
    via: [push, email]
    next_after: 1 day
  - wait: 3 days
    id: w
    for: order_delivered
    where: {order_id: x}
    then: [{send: a}]
""").dependencies
    back = reads.history["order_delivered"]
    assert back is not None
    assert back >= 2 * DAY + 8 * DAY  # both parts, each held for a cap and for the night


@pytest.mark.parametrize(
    ("steps", "longest"),
    [
        ("  - wait: 2 days\n    id: w\n  - wait: 3 hours\n    id: v\n", Duration(days=2, elapsed=3 * HOUR)),
        ("  - send: both\n    via: [push, email]\n    next_after: 6 hours\n", Duration(elapsed=6 * HOUR)),
        ("  - wait: until points_expire_on\n    id: w\n    at: 10:00\n", None),
        (
            (
                "  - code: CART10\n    valid: 7 days\n  - wait: until 2 days before code.expires\n    id: v\n"
                "    at: 10:00\n"
            ),
            Duration(days=5),
        ),
        (
            "  - if: {tier: gold}\n    then: [{wait: 3 days, id: w}]\n    else: [{wait: 5 days, id: v}]\n",
            Duration(days=5),
        ),
        ("  - wait: 2 days\n    id: w\n  - exit: x\n", Duration(days=2)),
    ],
)
def test_the_longest_path(steps: str, longest: Duration | None) -> None:
    assert journey(steps).longest == longest


def test_formatting_comments_stories_and_owner_do_not_change_the_fingerprint() -> None:
    plain = journey("  - wait: 1 week\n    id: w\n  - send: a\n").hash
    head = "# why\n" + HEAD.replace("again:", "about: x\nowner: y\nagain:").replace(
        "{event: order_placed}", "\n  event: order_placed"
    )
    other = journey(
        "  # a comment\n  - {wait: 7 days, id: w}\n\n  - send: a\ntests: []\n".replace("tests: []\n", ""),
        head,
    )
    assert other.hash == plain


@pytest.mark.parametrize(
    ("was", "becomes"),
    [("1 week", "8 days"), ("id: w", "id: v"), ("send: a", "send: b"),
     ("never", "always"), ("order_placed", "cart_emptied")],
)  # fmt: skip
def test_every_change_of_behaviour_changes_it(was: str, becomes: str) -> None:
    steps = "  - wait: 1 week\n    id: w\n  - send: a\n"
    assert journey(steps).hash != journey(steps.replace(was, becomes), HEAD.replace(was, becomes)).hash


def test_the_publication_knows_who_starts_and_who_listens() -> None:
    shop = world()
    made = compile_journey(parsed("  - send: a\n"), shop).journey
    assert made is not None
    rule, problems = compile_segment(shop.segments["vip"], shop)
    assert rule is not None
    assert problems == ()
    published = publish([made], {"vip": rule}, shop, "abc")
    starting = published.index.subscribers["subscribed"]
    assert [subscriber.subscription.journey.name for subscriber in starting] == ["test"]
    assert set(published.index.subscribers) | set(published.index.exit_events) == {
        "subscribed",
        "order_placed",
    }
    assert published.channels == ("push", "email", "sms")
    assert rule.dependencies.events == {"order_placed"}
    assert published.commit == "abc"
