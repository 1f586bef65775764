"""What a change of config.yaml means: whom it affects, and where it stands."""

from __future__ import annotations

import pytest

from engine.plan.difference import Affected, Difference, DiffSign, SubjectDiff
from engine.plan.project_diff import project_diff

CONFIG = """currency: EUR
shop: {name: Bean There}
channels:
  email: {via: smtp, from: hello@shop.example, price: 0.0004 EUR}
http: {listen: "127.0.0.1:8080", public_url: https://news.shop.example}
deliver_only: ["@shop.example"]
retention: {events: 3 years, receipts: 1 year}
catalogue: {feed: https://shop.example/feed.xml}
"""


@pytest.mark.parametrize(
    ("old", "new", "affected"),
    [
        ("from: hello@shop.example", "from: hi@shop.example", Affected.MESSAGES),
        ("price: 0.0004 EUR", "price: 0.0005 EUR", Affected.MESSAGES),
        ("via: smtp", "via: outbox", Affected.POLICY),
        ("feed.xml", "other.xml", Affected.MESSAGES),
        ("receipts: 1 year", "receipts: 1 month", Affected.NEWCOMERS),
        ("currency: EUR", "currency: USD", Affected.MESSAGES),
        ("public_url: https://news", "public_url: https://letters", Affected.MESSAGES),
        ("127.0.0.1:8080", "127.0.0.1:8081", Affected.NOTHING),
        ('"@shop.example"', '"@other.example"', Affected.POLICY),
    ],
)
def test_a_changed_setting_says_whom_it_affects(old: str, new: str, affected: Affected) -> None:
    found = project_diff({"config.yaml": CONFIG}, {"config.yaml": CONFIG.replace(old, new)})
    (subject,) = found.subjects
    (change,) = subject.changes
    assert change.affected is affected
    # A line without a rule says to nobody what it does
    assert bool(change.rule) is (affected is not Affected.NOTHING)


def test_what_is_kept_for_less_long_affects_nobody_and_is_said_to_go_for_good() -> None:
    now = {"config.yaml": CONFIG.replace("3 years", "2 years")}
    (change,) = project_diff({"config.yaml": CONFIG}, now).subjects[0].changes
    assert change.affected is Affected.NOTHING
    assert change.rule.startswith("what is older goes in the next night, for good")


def test_the_setting_stands_before_the_messages_that_it_changes() -> None:
    message = SubjectDiff(
        "message", "hello", "templates/hello.email.mjml", (Affected.MESSAGES,),
        (Difference(DiffSign.CHANGED, "email en: hi@shop.example", Affected.MESSAGES),),
    )  # fmt: skip
    now = CONFIG.replace("from: hello", "from: hi")
    found = project_diff({"config.yaml": CONFIG}, {"config.yaml": now}, [message])
    assert [subject.kind for subject in found.subjects] == ["settings", "message"]


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (
            "quiet: 21:00-09:00",
            "quiet: 20:00-09:00",
            "what is due within the new hours, by the customer's clock, waits for their end",
        ),
        (
            "weekdays: workdays",
            "weekdays: [Tuesday]",
            "what is due on another day waits for the next allowed one",
        ),
        (
            "[1 a day]",
            "[2 a day]",
            "what finds no free place is skipped, unless its  send  says otherwise",
        ),
        (
            "[1 a day], too_late: 24 hours",
            "[2 a day], too_late: 24 hours, if_capped: wait up to 2 days",
            "what finds no free place waits up to 2 days, unless its  send  says otherwise",
        ),
        ("too_late: 24 hours", "too_late: 12 hours", ""),
        ("quiet: 21:00-09:00", "quiet: none", ""),
        ("weekdays: workdays, ", "", ""),
        ("[1 a day]", "none", ""),
    ],
)
def test_a_changed_policy_says_what_becomes_of_the_messages_that_it_meets(
    old: str, new: str, rule: str
) -> None:
    config = "policies:\n  m: {quiet: 21:00-09:00, weekdays: workdays, caps: [1 a day], too_late: 24 hours}\n"
    (subject,) = project_diff({"config.yaml": config}, {"config.yaml": config.replace(old, new)}).subjects
    at_once = "at once, for everything that is not handed over yet"
    assert subject.changes[0].rule == (f"{at_once}; {rule}" if rule else at_once)


def test_of_an_item_of_a_list_what_differs_is_told() -> None:
    def told(old: str, new: str) -> str:
        lines = (
            "points: {earn: [{event: order_placed, points: 50, who: {orders_count: 2}, and: also}]}\n"
            "policies: {m: {caps: [sms: 2 a month]}}\n"
        )
        found = project_diff({"config.yaml": lines}, {"config.yaml": lines.replace(old, new)})
        return found.subjects[0].changes[0].words

    assert told("points: 50", "points: 100") == (
        "points.earn: for order_placed, of customers with orders_count: 2, beside the first line that fits: "
        "points: 50 -> 100"
    )
    assert told("orders_count: 2}", "orders_count: 2, tier: gold}") == (
        "points.earn: for order_placed, points: 50, beside the first line that fits: "
        "who: orders_count: 2 -> orders_count: 2, tier: gold"
    )
    assert told(", and: also}", "}, {event: signed_up, points: 5, once: ever}") == (
        "points.earn: for order_placed, points: 50, of customers with orders_count: 2, "
        "beside the first line that fits"
    )
    assert told("sms: 2 a month", "sms: 1 a month") == "policies.m.caps: sms: 2 a month -> 1 a month"
    assert told("sms: 2 a month", "push: 1 a month") == ("policies.m.caps: sms: 2 a month -> push: 1 a month")


def test_what_comes_whole_is_told_in_words_without_brackets() -> None:
    config = {"config.yaml": "facts: {}\n"}
    now = {"config.yaml": "facts: {}\npolicies: {m: {quiet: none, caps: [1 a day, {sms: 1 a month}]}}\n"}
    (change,) = project_diff(config, now).subjects[0].changes
    assert change.words == "policies: m (quiet: none, caps: (1 a day, sms: 1 a month))"


def test_a_tier_says_how_long_nobody_falls_out_of_it() -> None:
    def rule(keep: str) -> str:
        config = f"tiers: {{by: points earned, into: {{bronze: 0, gold: 450}}{keep}}}\n"
        now = config.replace("450", "600")
        return project_diff({"config.yaml": config}, {"config.yaml": now}).subjects[0].changes[0].rule

    asked = "asked of everybody anew, by points earned"
    assert rule("") == asked
    assert rule(", keep: 365 days") == f"{asked}; nobody falls out of a tier within 365 days of reaching it"
