"""What was learned from reactions, as `check`, `show` and `why` say it."""

from __future__ import annotations

import json

import pytest

from engine.core.facts.learned import Interval, Learned, ReactionRate
from engine.store.learning import learned
from tests.cli.conftest import Shop, report
from tests.conftest import Golden

JOURNEY = """
journey: hurry
about: Everything that follows from reactions.
start: {event: cart_updated}
again: never
goal: {event: order_placed}
policy: service

steps:
  - wait: until their hour
    id: before_reminder
  - send: cart_reminder
    via: cheapest likely of email, sms
    next_after: auto

tests:
  - test: until enough is known
    when:
      - day 0 09:00: cart_updated
    expect:
      - day 0 10:00: send cart_reminder via email
      - day 0 14:00: send cart_reminder via sms
      - day 0 14:00: finish
"""
ANNA = """{"customer_id": "anna", "email": "anna@example.com", "phone": "+359881234567", "country": "BG",
 "consent": {"email": "given", "sms": "given"}}""".replace("\n", "")
CART = (
    '{"event": "cart_updated", "customer_id": "anna", "at": "2026-11-20T10:00:00Z", '
    '"properties": {"total": 80}}'
)


def known(shop: Shop) -> None:
    """So much was learned last night."""
    store = shop.store()
    try:
        found = Learned(
            {("cart_reminder", "sms", "clicked"): Interval(380, 412)},
            {
                ("cart_reminder", "email"): ReactionRate(90_000, 9),
                ("cart_reminder", "sms"): ReactionRate(2_000, 900),
            },
            (0,) * 13 + (700,) + (0,) * 10,
        )
        store.write(lambda conn: learned.put(conn, found, shop.clock.now()))
    finally:
        store.close()


@pytest.mark.file
def test_check_tells_what_the_steps_that_learn_would_do(shop: Shop, golden: Golden) -> None:
    shop.write("journeys/hurry.yaml", JOURNEY.lstrip())
    assert "hurry.yaml" not in shop.run("check", "journeys/hurry.yaml").out  # there is no store yet
    shop.play()
    golden("golden/check_learned_nothing.txt", report(shop.run("check", "journeys/hurry.yaml")))
    known(shop)
    golden("golden/check_learned.txt", report(shop.run("check", "journeys/hurry.yaml")))
    told = json.loads(shop.run("check", "journeys/hurry.yaml", "--format", "json").out)
    assert [each["line"] for each in told["learned"]] == [9, 11, 11, 11]


@pytest.mark.file  # jsonb of PostgreSQL keeps names in an order of its own
def test_show_and_why_tell_the_reason(shop: Shop, golden: Golden) -> None:
    shop.write("journeys/hurry.yaml", JOURNEY.lstrip())
    shop.write("people.jsonl", ANNA + "\n")
    shop.write("carts.jsonl", CART + "\n")
    assert shop.run("deploy").code == 0
    known(shop)
    for words in (("people.jsonl",), ("carts.jsonl", "--live")):
        assert shop.run("import", str(shop.folder / words[0]), *words[1:]).code == 0
    shop.play()
    shop.go_to("2026-11-20T11:00:00+00:00")
    shop.play()
    shown = shop.run("show", "anna")
    golden("golden/show_learned.txt", report(shown))
    golden("golden/why_learned.txt", report(shop.run("why", "anna", "cart_reminder")))
