"""Words that can only mean one thing are read as if they were written canonically, and `fmt` writes those."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.language.fmt import format_journey
from engine.language.parse import parse_journey
from engine.language.spelling import (
    spell_again,
    spell_amount,
    spell_cap,
    spell_drop,
    spell_form,
    spell_length,
    spell_money,
    spell_phrase,
    spell_share,
    spell_wait,
)
from engine.language.weekdays import spell_weekdays


def form(words: str) -> str:
    return spell_form(words).words


UNDERSTOOD: list[tuple[Callable[[str], str], str, str]] = [
    (spell_length, "1h30", "1 hour 30 minutes"), (spell_length, "1h 30min", "1 hour 30 minutes"),
    (spell_length, "90 min", "90 minutes"), (spell_length, "90min", "90 minutes"),
    (spell_length, "2h", "2 hours"), (spell_length, "1 hr", "1 hour"),
    (spell_length, "half an hour", "30 minutes"), (spell_length, "an hour and a half", "1 hour 30 minutes"),
    (spell_length, "1.5 hours", "1 hour 30 minutes"), (spell_length, "0,5 hours", "30 minutes"),
    (spell_length, "an hour", "1 hour"), (spell_length, "two weeks", "2 weeks"),
    (spell_length, "3 Days", "3 days"), (spell_length, "3days", "3 days"),
    (spell_length, "thirty days", "30 days"),
    (spell_length, "2 days and 3 hours", "2 days 3 hours"), (spell_length, "half a day", "12 hours"),
    (spell_money, "€20", "20 EUR"), (spell_money, "20 €", "20 EUR"), (spell_money, "EUR 20", "20 EUR"),
    (spell_money, "20,50 EUR", "20.50 EUR"), (spell_money, "20 eur", "20 EUR"),
    (spell_money, "20 Euro", "20 EUR"), (spell_money, "1 000 EUR", "1000 EUR"),
    (spell_money, "1.000,50 EUR", "1000.50 EUR"), (spell_money, "1,000.50 EUR", "1000.50 EUR"),
    (spell_money, "-5 €", "-5 EUR"), (spell_money, "20 zł", "20 PLN"), (spell_money, "50 лв.", "50 BGN"),
    (spell_amount, "2,5", "2.5"), (spell_amount, "two", "2"),
    (form, "2 or more", "at least 2"), (form, "minimum 2", "at least 2"), (form, "2+", "at least 2"),
    (form, "min. 2", "at least 2"), (form, "no fewer than 2", "at least 2"),
    (form, "max 3", "at most 3"), (form, "up to 3", "at most 3"), (form, "3 or less", "at most 3"),
    (form, "no more than 3", "at most 3"), (form, "over 5", "more than 5"), (form, "under 5", "less than 5"),
    (form, "above 5", "more than 5"), (form, "fewer than 5", "less than 5"),
    (form, "greater than 2", "more than 2"), (form, "At Least 2", "at least 2"),
    (form, "at least two", "at least 2"), (form, "at least €20", "at least 20 EUR"),
    (form, "100 EUR or more", "at least 100 EUR"), (form, "not over 5", "not more than 5"),
    (form, "between €20 and 50 €", "between 20 EUR and 50 EUR"),
    (form, "over 90 days ago", "more than 90 days ago"),
    (form, "less than 90 min ago", "less than 90 minutes ago"),
    (spell_phrase, "2 or more times", "at least 2 times"), (spell_phrase, "2+ times", "at least 2 times"),
    (spell_phrase, "at least once", "at least 1 times"), (spell_phrase, "max 3", "at most 3 times"),
    (spell_phrase, "over 5 times", "more than 5 times"),
    (spell_phrase, "at most twice in the last 30 days", "at most 2 times in last 30 days"),
    (spell_phrase, "in the past 90 min", "in last 90 minutes"),
    (spell_phrase, "never in last 7 days", "not in last 7 days"),
    (spell_phrase, "not within the last 30 days", "not in last 30 days"),
    (spell_drop, "at least 10%", "10%"), (spell_drop, "10 percent or more", "10%"),
    (spell_drop, "10%+", "10%"),
    (spell_share, "10 percent", "10%"), (spell_share, "10 %", "10%"),
    (spell_cap, "1 per day", "1 a day"), (spell_cap, "max 3 per week", "3 a week"),
    (spell_cap, "once a day", "1 a day"), (spell_cap, "2/month", "2 a month"),
    (spell_cap, "at most three messages a week", "3 a week"),
    (spell_again, "once a year", "after 365 days"), (spell_again, "once every 30 days", "after 30 days"),
    (spell_again, "at most once a week", "after 7 days"), (spell_again, "after 90 min", "after 90 minutes"),
    (spell_again, "restart, then after 1h30", "restart, then after 1 hour 30 minutes"),
    (spell_weekdays, "tues", "Tuesday"), (spell_weekdays, "Sundays", "Sunday"),
    (spell_weekdays, "Monday to Friday", "workdays"), (spell_weekdays, "Sat-Sun", "weekend"),
    (spell_weekdays, "Mon – Thu", "[Monday, Tuesday, Wednesday, Thursday]"),
    (spell_weekdays, "Saturday to Monday", "[Saturday, Sunday, Monday]"),
    (spell_weekdays, "not Sunday", "[Monday, Tuesday, Wednesday, Thursday, Friday, Saturday]"),
    (spell_weekdays, "every day except weekend", "workdays"),
    (spell_wait, "until half an hour before code.expires", "until 30 minutes before code.expires"),
]  # fmt: skip


@pytest.mark.parametrize(("spell", "written", "canonical"), UNDERSTOOD)
def test_what_has_one_meaning_is_understood(
    spell: Callable[[str], str], written: str, canonical: str
) -> None:
    assert spell(written) == canonical
    assert spell(canonical) == canonical


@pytest.mark.parametrize(
    ("spell", "written"),
    [
        (spell_length, "3m"), (spell_length, "3d"), (spell_length, "3"), (spell_length, "1 Stunde"),
        (spell_length, "1.33 hours"), (spell_length, "a couple of days"), (spell_length, "1h75"),
        (spell_money, "1.000 EUR"), (spell_money, "1,000 EUR"), (spell_money, "$20"), (spell_money, "20 day"),
        (form, "gold"), (form, "0 or 1"), (form, "2 to 5"), (form, "is set"), (form, "at least x"),
        (spell_phrase, "once"), (spell_phrase, "in 30 days"), (spell_phrase, "3 times"),
        (spell_share, "0.45"), (spell_share, "10.5%"), (spell_cap, "3"), (spell_cap, "1 an hour"),
        (spell_again, "once"), (spell_again, "every year"),
        (spell_weekdays, "T"), (spell_weekdays, "Montag"), (spell_weekdays, "not Montag"),
        (spell_weekdays, "not Monday or Sunday"), (spell_weekdays, "every day"),
    ],
)  # fmt: skip
def test_what_could_mean_two_things_is_left_alone(spell: Callable[[str], str], written: str) -> None:
    assert spell(written) == written


@given(st.one_of(st.text(max_size=60), st.text("0123456789 .,hminosadyteruoflk€%+/'", max_size=40)))
def test_spelling_twice_is_spelling_once(words: str) -> None:
    spellings = (
        spell_length, spell_money, form, spell_phrase, spell_share, spell_cap, spell_again, spell_wait,
    )  # fmt: skip
    for spell in spellings:
        assert spell(spell(words)) == spell(words)


LOOSE = """\
journey: welcome
start:
  event: subscribed
  fresh: 90 min
who:
  orders_count: 2 or more
  size: 18+
  total_spent: “at least €20”
  tags: [„a”, b]
  did:
    order_placed: at least once in the last 30 days
again: once a year
goal:
  event: order_placed, order_delivered
  within: two weeks
holdout: 10 percent
steps:
  \u2013 send: welcome_hello
    via: push, email
    next_after: half an hour
  - wait: 1h30
    id: before_offer
    weekdays: tuesday
  - wait: 1 day
    id: last
    weekdays: Mon-Thu
  - split: offer
    into:
      50 percent gift:
        - exit: a
      50%\u00a0none:
        - exit: b
"""
CANONICAL = """\
journey: welcome
start:
  event: subscribed
  fresh: 90 minutes
who:
  orders_count: at least 2
  size: 18+
  total_spent: at least 20 EUR
  tags: ["a", b]
  did:
    order_placed: at least 1 times in last 30 days
again: after 365 days
goal:
  event: [order_placed, order_delivered]
  within: 2 weeks
holdout: 10%
steps:
  - send: welcome_hello
    via: [push, email]
    next_after: 30 minutes
  - wait: 1 hour 30 minutes
    id: before_offer
    weekdays: Tuesday
  - wait: 1 day
    id: last
    weekdays: [Monday, Tuesday, Wednesday, Thursday]
  - split: offer
    into:
      50% gift:
        - exit: a
      50% none:
        - exit: b
"""


def test_a_journey_in_loose_words_has_no_problem_and_fmt_writes_the_canonical_ones() -> None:
    amounts = {"orders_count", "total_spent"}
    assert [p.code for p in parse_journey(LOOSE, "journeys/welcome.yaml")[1]] == []
    done = format_journey(LOOSE, "welcome.yaml", (), amounts)
    assert done == CANONICAL
    assert format_journey(done, "welcome.yaml", (), amounts) == done
    assert parse_journey(done, "journeys/welcome.yaml")[1] == []


def test_whom_a_change_of_the_catalogue_concerns_is_a_list_of_names_too() -> None:
    text = WRITTEN_START.format("wishlist, cart")
    assert format_journey(text, "drop.yaml", (), set()) == WRITTEN_START.format("[wishlist, cart]")
    assert parse_journey(text, "journeys/drop.yaml")[1] == []
    _, problems = parse_journey(WRITTEN_START.format("wishlist, card"), "journeys/drop.yaml")
    assert [problem.fix for problem in problems] == ['did you mean "cart"?']


WRITTEN_START = """\
journey: drop
start:
  product: price_drop
  watchers: {}
again: never
goal:
  event: order_placed

steps:
  - send: price_drop_news
"""
