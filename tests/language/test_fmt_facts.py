"""`fmt` of schemas/customer.yaml: a fact of which a short text says everything is one."""

from __future__ import annotations

from engine.language.fmt_facts import format_facts

FILE = "schemas/customer.yaml"
WRITTEN = """\
attributes: {points: number}   # of the shop
facts:
  # how often
  orders_count: {is: count of order_placed}   # all of them
  lately:
    is: count of product_viewed
    last: 7 days

  spent: {is: sum of order_placed.total, last: this year}
  tea: {is: count of order_placed, where: {items.category: tea}}
  kept:
    is: count of order_placed   # cancelled ones are out
    less: order_cancelled by order_id
  commented:
    # a reason
    is: count of order_placed
  plain: last order_placed
"""
SHORT = """\
attributes: {points: number}   # of the shop
facts:
  # how often
  orders_count: count of order_placed   # all of them
  lately: count of product_viewed in last 7 days

  spent: {is: sum of order_placed.total, last: this year}
  tea: {is: count of order_placed, where: {items.category: tea}}
  kept:
    is: count of order_placed   # cancelled ones are out
    less: order_cancelled by order_id
  commented:
    # a reason
    is: count of order_placed
  plain: last order_placed
"""


def test_the_short_form_is_written_where_it_says_everything() -> None:
    assert format_facts(WRITTEN, FILE) == SHORT
    assert format_facts(SHORT, FILE) == SHORT


def test_what_cannot_be_read_stays_as_it_was() -> None:
    for text in ("facts: [\n", "", "facts: {a: {is: count of x}}\n", "attributes: {}\n"):
        assert format_facts(text, FILE) == text
