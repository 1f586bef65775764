"""Messages that are kept back because the customer is inside a journey during which a policy is silent, or
chose to hear less: a break, or no more than so many (design/language 2.13)."""

from __future__ import annotations

from tests.core.builders import CONFIG, Life, life, moment, project

SILENT = CONFIG.replace(
    "    too_late: 24 hours\n", "    too_late: 24 hours\n    not_inside: [complaint]\n", 1
)
COMPLAINT = """journey: complaint
start: {event: cart_updated}
again: always
goal: {event: order_placed}
policy: free
steps:
  - send: sorry
  - wait: 5 days
    id: answered
"""
NEWS = """journey: news
start: {event: subscribed}
again: always
goal: {event: order_placed}
steps:
  - send: first
    via: email
  - wait: 7 days
    id: a_week
  - send: second
    via: email
"""


def told(customer: Life, journey: str = "news") -> list[str]:
    return [
        f"{line.kind} {line.subject} {line.detail}"
        for line in customer.trace()
        if line.journey == journey and line.kind in ("send", "skip")
    ]


def test_a_policy_is_silent_while_the_customer_is_inside_the_journey_and_speaks_afterwards() -> None:
    customer = life(project(COMPLAINT, NEWS, config=SILENT))
    customer.event("0 10:00", "cart_updated")
    customer.event("0 11:00", "subscribed")
    customer.pass_time("9 11:00")
    assert told(customer) == ["skip first silenced", "send second email"]
    assert told(customer, "complaint") == ["send sorry email"]


def test_a_message_held_for_the_night_is_silenced_by_what_begins_meanwhile() -> None:
    customer = life(project(COMPLAINT, NEWS, config=SILENT))
    customer.event("0 22:00", "subscribed")
    customer.event("1 08:00", "cart_updated")
    customer.pass_time("1 10:00")
    assert told(customer) == ["skip first silenced"]


def test_on_a_break_nothing_that_needs_a_consent_is_sent() -> None:
    customer = life(project(COMPLAINT, NEWS))
    customer.change("0 09:30", break_until=moment("3 09:00"))
    customer.event("0 10:00", "cart_updated")
    customer.event("0 11:00", "subscribed")
    customer.pass_time("8 11:00")
    assert told(customer) == ["skip first on a break", "send second email"]
    assert told(customer, "complaint") == ["send sorry email"]


def test_a_break_that_is_taken_back_is_over() -> None:
    customer = life(project(NEWS))
    customer.change("0 09:30", break_until=moment("30 09:00"))
    customer.change("0 10:00", break_until=None)
    customer.event("0 11:00", "subscribed")
    assert told(customer) == ["send first email"]


def test_whoever_chose_one_a_month_gets_no_second_one() -> None:
    customer = life(project(NEWS))
    customer.change("0 09:30", frequency="1 a month")
    customer.event("0 10:00", "subscribed")
    customer.pass_time("8 11:00")
    customer.event("31 11:00", "subscribed")
    assert told(customer) == ["send first email", "skip second capped", "send first email"]


def test_a_chosen_frequency_does_not_hold_back_answers() -> None:
    customer = life(project(COMPLAINT, NEWS))
    customer.change("0 09:30", frequency="1 a week")
    customer.event("0 10:00", "subscribed")
    customer.event("0 11:00", "cart_updated")
    assert told(customer, "complaint") == ["send sorry email"]
