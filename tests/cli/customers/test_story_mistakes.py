"""What `check` says of stories: their own mistakes at once, and why nobody enters."""

from __future__ import annotations

from tests.cli.conftest import Shop

JOURNEY = """\
journey: sample
start:
  {start}
again: never
goal:
  event: order_placed
policy: service
steps:
  - send: {template}
tests:
  - test: one
    given: {given}
    when:
      - day 0 12:00: order_placed
        order_id: o1
        total: {total}
    expect:
      - day 0 12:00: send welcome_hello via email
      - day 0 12:00: finish
"""


def said(shop: Shop, **words: str) -> str:
    right = {"start": "event: order_placed", "template": "welcome_hello", "given": "{orders_count: 1}",
             "total": "30 EUR"}  # fmt: skip
    (shop.folder / "journeys" / "sample.yaml").write_text(JOURNEY.format(**{**right, **words}))
    return shop.run("check", "journeys/sample.yaml").out


def test_a_wrong_value_of_a_story_is_told_with_the_mistakes_of_its_journey(small_shop: Shop) -> None:
    text = said(small_shop, template="welcome_helo", total="30")
    assert 'E31: there is no template called "welcome_helo"' in text
    assert "fix: write  30 EUR" in text


def test_a_wrong_value_is_told_once_where_the_journey_is_right(small_shop: Shop) -> None:
    assert said(small_shop, total="30").count("E22") == 1


def test_a_date_that_comes_once_and_is_past_says_why_nobody_enters(small_shop: Shop) -> None:
    schema = small_shop.folder / "schemas" / "customer.yaml"
    schema.write_text(schema.read_text().replace("attributes:\n", "attributes:\n  first_seen: time\n"))
    start = "date: first_seen\n  at: 10:00"
    text = said(small_shop, start=start, given="{first_seen: 2020-03-12}")
    assert "nobody enters: first_seen is past, and comes once; with  every: year  it returns" in text


def test_a_date_that_is_not_set_says_why_nobody_enters(small_shop: Shop) -> None:
    text = said(small_shop, start="date: birthday\n  at: 10:00")
    assert "nobody enters: birthday is not set; say it under  given:" in text
