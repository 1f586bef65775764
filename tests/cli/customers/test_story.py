"""`story`: a run that happened, as a test of its journey."""

from __future__ import annotations

import json

import pytest

from engine.language.nodes import Mapping, Scalar, Sequence
from engine.language.yaml.source import read
from tests.cli.changes.test_diff import replace
from tests.cli.conftest import Shop, report
from tests.conftest import Golden

PEOPLE = (
    {"customer_id": "zebulon-1", "email": "zebulon@canary.example", "first_name": "Zebulon",
     "consent": {"email": "given"}, "timezone": "Europe/Sofia"},
    {"customer_id": "c2", "email": "c2@canary.example", "consent": {"email": "given"}},
    {"customer_id": "c3", "email": "c3@canary.example"},
)  # fmt: skip
EVENTS = [
    {"customer_id": person["customer_id"], "event": "subscribed", "at": "2026-11-20T10:00:00Z"}
    for person in PEOPLE
]
ORDER = [{"customer_id": "c2", "event": "order_placed", "at": "2026-11-21T12:00:00Z",
          "properties": {"order_id": "ORD-CANARY", "total": 20, "currency": "EUR"}}]  # fmt: skip

ORDERS = """
journey: orders
start: {event: order_placed, per: order_id}
again: always
goal: {event: subscribed}
policy: service
steps:
  - wait: 1 day
    id: pause
  - send: welcome_hello
"""


def take(shop: Shop, name: str, rows: object, *live: str) -> None:
    assert isinstance(rows, list | tuple)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    assert shop.run("import", *live, str(shop.write(name, lines))).code == 0
    shop.play()


def to_the_end(shop: Shop) -> None:
    """The reminder is due at 10:00 of each customer's own time."""
    for hour in ("08", "09"):
        shop.go_to(f"2026-11-22T{hour}:00:00+00:00")
        shop.play()


@pytest.fixture
def shop(small_shop: Shop) -> Shop:
    """Three people signed up a day ago; one of them has bought since."""
    take(small_shop, "people.jsonl", PEOPLE)
    take(small_shop, "events.jsonl", EVENTS, "--live")
    small_shop.go_to("2026-11-21T12:00:00+00:00")
    take(small_shop, "order.jsonl", ORDER, "--live")
    return small_shop


def test_a_run_is_told_as_a_test_that_passes_and_names_nobody(shop: Shop, golden: Golden) -> None:
    to_the_end(shop)
    said = [report(shop.run("story", person, "welcome")) for person in ("zebulon@canary.example", "c2", "c3")]
    golden("golden/story.txt", "".join(said))
    assert all("it passes" in each for each in said)
    assert "canary" not in "".join(said).lower()
    assert "zebulon" not in "".join(said).lower()


def test_it_can_be_pasted_and_passes_there(shop: Shop) -> None:
    to_the_end(shop)
    told = shop.run("story", "c2", "welcome", "--name", "buys: at once").out
    text = (shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    root, problems = read(text, "welcome.yaml")
    assert root is not None
    assert not problems
    assert "\ntests:\n" in text
    pasted = text.rstrip() + "\n" + "".join(f"  {line}\n" for line in told.splitlines())
    shop.write("journeys/welcome.yaml", pasted)
    answer = shop.run("test", "welcome")
    assert answer.code == 0, answer.out
    assert "buys: at once" in answer.out


def test_what_a_run_has_before_it_is_marked_as_not_happened_yet(shop: Shop) -> None:
    told = shop.run("story", "zebulon-1", "welcome")
    assert "# has not happened yet" in told.out
    assert "it passes" in told.err


def test_a_run_is_found_by_its_day_where_the_customer_lives_or_by_its_moment(small_shop: Shop) -> None:
    """Two orders of one day in Berlin, which in UTC is still the day before: each can be told."""
    small_shop.write("journeys/orders.yaml", ORDERS)
    take(small_shop, "people.jsonl", PEOPLE)
    small_shop.go_to("2026-11-21T12:00:00+00:00")
    moments = ("2026-11-20T23:10:00Z", "2026-11-20T23:40:00Z")
    rows = [
        ORDER[0] | {"at": at, "properties": {"order_id": at, "total": 20, "currency": "EUR"}}
        for at in moments
    ]
    take(small_shop, "orders.jsonl", rows, "--live")
    told = [small_shop.run("story", "c2", "orders", "--on", on).out for on in ("2026-11-21", *moments)]
    assert all("day 0 00:40: order_placed" in each for each in told)
    assert ["day 0 00:10: order_placed" in each for each in told] == [False, True, False]
    assert small_shop.run("story", "c2", "orders", "--on", "2026-11-20").code == 2


def test_a_changed_journey_is_told_to_come_out_otherwise(shop: Shop) -> None:
    to_the_end(shop)
    replace(shop, "journeys/welcome.yaml", "wait: 2 days", "wait: 1 day")
    told = shop.run("story", "zebulon-1", "welcome")
    assert "it comes out otherwise" in told.err
    assert "- day 2" in told.err


def test_what_it_says(shop: Shop, golden: Golden) -> None:
    said = [
        report(shop.run("story", "nobody", "welcome")),
        report(shop.run("story", "c2", "welcom")),
        report(shop.run("story", "c2", "welcome", "--on", "2026-01-01")),
    ]
    golden("golden/story_refused.txt", "".join(said))


ODD = (
    "no", "1e3", "2026-01-01", "null", ": #", "a\nb", "- foo", "-", "--- x", ".5", "0x1f", "a\u0085b",
    "a\u2028b", "\x7f", "{{ x }}", "{% if %}", "a\u00a0b", "\u20135", "\u200bx", '"quoted"', "back\\slash",
    "Zoë, Ünal", "🎉",
)  # fmt: skip


def test_texts_that_yaml_takes_for_something_else_come_back_as_they_were(small_shop: Shop) -> None:
    replace(small_shop, "schemas/events.yaml", "{source: text}", "{source: text, words: list of text}")
    replace(
        small_shop, "journeys/welcome.yaml", "  event: subscribed\n",
        "  event: subscribed\n  where: {words: is set}\n",
    )  # fmt: skip
    take(small_shop, "people.jsonl", PEOPLE[1:2])
    event = EVENTS[1] | {"properties": {"words": list(ODD)}}
    take(small_shop, "events.jsonl", [event], "--live")
    said = small_shop.run("story", "c2", "welcome")
    assert "it passes" in said.err, said
    root, problems = read(said.out, "story.yaml")
    assert not problems
    assert isinstance(root, Sequence)
    (test,) = root.items
    assert isinstance(test, Mapping)
    when = test.get("when")
    assert isinstance(when, Sequence)
    (happened,) = when.items
    assert isinstance(happened, Mapping)
    words = happened.get("words")
    assert isinstance(words, Sequence)
    assert [word.text for word in words.items if isinstance(word, Scalar)] == list(ODD)


def test_an_amount_with_many_decimals_comes_back(small_shop: Shop) -> None:
    of_value = ORDERS.replace("per: order_id", "where: {total: at least 20 EUR}").replace("always", "never")
    small_shop.write("journeys/orders.yaml", of_value)
    take(small_shop, "people.jsonl", PEOPLE)
    small_shop.go_to("2026-11-21T12:00:00+00:00")
    order = ORDER[0] | {"properties": {"order_id": "o", "total": "20.12345678 EUR"}}
    take(small_shop, "order.jsonl", [order], "--live")
    told = small_shop.run("story", "c2", "orders")
    assert "total: 20.12345678 EUR" in told.out
    assert "it passes" in told.err


def test_the_number_of_an_order_becomes_another_one(small_shop: Shop) -> None:
    small_shop.write("journeys/orders.yaml", ORDERS)
    take(small_shop, "people.jsonl", PEOPLE)
    small_shop.go_to("2026-11-21T12:00:00+00:00")
    take(small_shop, "order.jsonl", ORDER, "--live")
    told = small_shop.run("story", "c2", "orders")
    assert "order_id: order_id-1" in told.out
    assert "canary" not in told.out.lower()
    assert "it passes" in told.err
