"""Intervals, channels and hours that follow from what people did (design/language 2.10; docs/language.md)."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.enrollment import AwaitingReaction
from engine.core.facts.customer import Reach
from engine.core.facts.learned import (
    NO_ENGAGEMENT,
    EngagementStats,
    Interval,
    Learned,
    ReactionRate,
    channel_order,
    likelihood,
    their_hour,
)
from engine.core.journeys import Journeys
from engine.core.policy import Quiet
from engine.values import HOUR, MINUTE, Duration
from tests.core.builders import Life, life, moment, project, written

AUTO = """
- send: news
  via: [push, email]
  next_after: auto
"""
LIKELY = """
- send: news
  via: cheapest likely
  next_after: 4 hours
"""
HOURLY = """
- wait: 2 days
  id: pause
  at: their hour
- send: letter
"""
CLICKS = ("news", "push", "clicked")


def told(one: Life) -> list[tuple[str, str]]:
    return [(line.subject, line.detail) for line in one.trace() if line.kind == "learned"]


def knowing(journeys: Journeys, **known: object) -> Journeys:
    return replace(journeys, learned=Learned(**known))  # type: ignore[arg-type]


def hours(**counts: int) -> tuple[int, ...]:
    """`h19=3`: three reactions between 19:00 and 20:00."""
    return tuple(counts.get(f"h{hour}", 0) for hour in range(24))


# --- next_after: auto ----------------------------------------------------------------------------


def second_part(interval: Interval | None, steps: str = AUTO) -> tuple[str, list[tuple[str, str]]]:
    known = {CLICKS: interval} if interval is not None else {}
    one = life(knowing(project(written(steps, policy="free")), intervals=known))
    one.event("0 10:00", "subscribed")
    one.pass_time("9 00:00")
    return one.lines[1], told(one)


def test_the_interval_is_the_learned_one_and_says_why() -> None:
    line, why = second_part(Interval(380, 412))
    assert line == "0 16:20 send news via email"
    assert why == [("next_after: auto: 6 hours 20 minutes", "90 % of 412 clicks to news via push")]


def test_fifty_reactions_are_enough_and_one_less_is_not() -> None:
    assert second_part(Interval(60, 50))[0] == "0 11:00 send news via email"
    line, why = second_part(Interval(60, 49))
    assert line == "0 14:00 send news via email"
    assert why == [("next_after: auto: 4 hours", "fewer than 50 clicks to news via push are known yet")]


def test_the_file_says_what_counts_until_enough_is_known() -> None:
    assert second_part(None, AUTO.replace("auto", "auto, else 6 hours"))[0] == "0 16:00 send news via email"
    assert second_part(None, AUTO.replace("auto", "auto, else 1 day"))[0] == "1 10:00 send news via email"


def test_an_interval_stays_within_half_an_hour_and_three_days() -> None:
    assert second_part(Interval(1, 500))[0] == "0 10:30 send news via email"
    assert second_part(Interval(10_000, 500))[0] == "3 10:00 send news via email"
    assert Interval(10_000, 500).length == Duration(elapsed=72 * HOUR)


def test_what_is_learned_later_does_not_move_who_listens_already() -> None:
    journeys = project(written(AUTO, policy="free"))
    one = life(journeys)
    one.event("0 10:00", "subscribed")
    one.publish(knowing(journeys, intervals={CLICKS: Interval(60, 100)}))
    one.pass_time("1 00:00")
    assert one.lines[1] == "0 14:00 send news via email"


def test_a_settled_unknown_listens_for_the_learned_interval() -> None:
    journeys = knowing(project(written(AUTO, policy="free")), intervals={CLICKS: Interval(90, 100)})
    one = life(journeys)
    one.event("0 10:00", "subscribed")
    one.outcome("0 10:05", "news", "unknown")
    one.outcome("0 10:40", "news", "settled")
    assert isinstance(one.run.state, AwaitingReaction)
    assert one.run.due is not None
    assert one.run.due.at == moment("0 10:00") + 90 * MINUTE


# --- via: cheapest likely ------------------------------------------------------------------------

PRICES = {"email": Decimal("0.001"), "sms": Decimal("0.06"), "push": Decimal(0)}


def test_the_free_channel_first_then_by_price_of_a_reaction() -> None:
    one = life(project(written(LIKELY, policy="free")))
    one.event("0 10:00", "subscribed")
    one.pass_time("1 00:00")
    assert [line.split(" via ")[1] for line in one.lines[:3]] == ["push", "email", "sms"]


def test_a_dear_channel_that_people_answer_is_cheaper_than_one_that_they_do_not() -> None:
    rates = {("news", "email"): ReactionRate(100_000, 10), ("news", "sms"): ReactionRate(10_000, 4_000)}
    one = life(knowing(project(written(LIKELY, policy="free")), rates=rates))
    one.event("0 10:00", "subscribed")
    one.pass_time("1 00:00")
    assert [line.split(" via ")[1] for line in one.lines[:3]] == ["push", "sms", "email"]
    first, second = told(one)[:2]
    assert first[0] == "via: cheapest likely: push first"
    assert second == (
        "via: cheapest likely: sms first",
        (
            "sms: 0.06 EUR / 40.0 % = 0.15 EUR per reaction, then email: 0.001 EUR / 0.01 % = 9.999 EUR per "
            "reaction"
        ),
    )


def test_what_this_customer_did_outweighs_what_the_others_do() -> None:
    rates = {("news", "email"): ReactionRate(10_000, 200), ("news", "sms"): ReactionRate(10_000, 200)}
    known = Learned(rates=rates)
    names = ("email", "sms")
    assert channel_order(names, "news", PRICES, known, NO_ENGAGEMENT) == ("email", "sms")
    likes_sms = EngagementStats({"email": (3_000, 0), "sms": (40, 40)})
    assert channel_order(names, "news", PRICES, known, likes_sms) == ("sms", "email")


def test_equal_channels_stand_in_the_order_of_the_file() -> None:
    free = {"push": Decimal(0), "webpush": Decimal(0)}
    for order in (("push", "webpush"), ("webpush", "push")):
        assert channel_order(order, "news", free, Learned(), NO_ENGAGEMENT) == order


def test_only_named_channels_are_put_in_order() -> None:
    one = life(project(written(LIKELY.replace("likely", "likely of sms, email"), policy="free")))
    one.event("0 10:00", "subscribed")
    one.pass_time("1 00:00")
    assert [line.split(" via ")[1] for line in one.lines[:2]] == ["email", "sms"]


def test_a_channel_that_does_not_reach_them_is_passed_over() -> None:
    one = life(project(written(LIKELY, policy="free")))
    one.state.facts.reach["push"] = Reach(address="")
    one.event("0 10:00", "subscribed")
    one.pass_time("1 00:00")
    assert [line.split(" via ")[1] for line in one.lines[:2]] == ["email", "sms"]


COUNT = st.integers(0, 10**6)


@st.composite
def rate(draw: st.DrawFn) -> ReactionRate:
    sent = draw(COUNT)
    return ReactionRate(sent, draw(st.integers(0, sent)))


@given(
    st.dictionaries(st.tuples(st.sampled_from("ab"), st.sampled_from(("push", "email", "sms"))), rate()),
    st.dictionaries(st.sampled_from(("push", "email", "sms")), rate()),
)
def test_an_order_is_complete_and_its_shares_are_shares(
    rates: dict[tuple[str, str], ReactionRate], own: dict[str, ReactionRate]
) -> None:
    learned = Learned(rates=rates)
    habits = EngagementStats({channel: (each.sent, each.reacted) for channel, each in own.items()})
    names = ("email", "sms", "push")
    assert all(0 < likelihood(learned, habits, "a", name) <= 1 for name in names)
    ordered = channel_order(names, "a", PRICES, learned, habits)
    assert sorted(ordered) == sorted(names)
    assert ordered[0] == "push"
    costs = [float(PRICES[name]) / likelihood(learned, habits, "a", name) for name in ordered]
    assert costs == sorted(costs)


@given(rate(), st.integers(0, 50))
def test_one_more_reaction_makes_a_channel_likelier(known: ReactionRate, reacted: int) -> None:
    learned = Learned(rates={("a", "sms"): known})
    less, more = (EngagementStats({"sms": (60, count)}) for count in (reacted, reacted + 1))
    assert likelihood(learned, less, "a", "sms") < likelihood(learned, more, "a", "sms")


# --- their hour ----------------------------------------------------------------------------------


def wait_of(
    habits: EngagementStats, learned: Learned | None = None, steps: str = HOURLY, **more: str
) -> Life:
    journeys = project(written(steps, **({"policy": "free"} | more)))
    one = life(replace(journeys, learned=learned or Learned()))
    one.state.facts.engagement = habits
    one.event("0 12:00", "subscribed")
    return one


def test_the_hour_at_which_this_customer_reacts() -> None:
    one = wait_of(EngagementStats(hours=hours(h18=3, h19=5, h20=3, h8=3)))
    one.pass_time("9 00:00")
    assert one.lines[0] == "2 19:00 send letter via email"
    assert told(one) == [("their hour: 19:00", "11 of 14 reactions between 18:00 and 21:00")]


def test_too_few_reactions_of_their_own_leave_it_to_everybody() -> None:
    one = wait_of(EngagementStats(hours=hours(h19=4)), Learned(hours=hours(h7=60, h8=40)))
    one.pass_time("9 00:00")
    assert one.lines[0] == "2 07:00 send letter via email"
    assert told(one)[0][1] == (
        "100 of 100 reactions of all customers between 06:00 and 09:00; too few of their own: 4"
    )


def test_where_nothing_is_known_it_is_ten() -> None:
    one = wait_of(NO_ENGAGEMENT, Learned(hours=hours(h7=49)))
    one.pass_time("9 00:00")
    assert one.lines[0] == "2 10:00 send letter via email"


def test_an_hour_in_the_quiet_hours_gives_way_to_the_nearest_that_is_not() -> None:
    one = wait_of(EngagementStats(hours=hours(h22=9)), policy="marketing")
    one.pass_time("9 00:00")
    assert one.lines[0] == "2 20:00 send letter via email"
    assert told(one) == [("their hour: 20:00", "22:00 is quiet; 9 of 9 reactions between 21:00 and 00:00")]


def test_weekdays_move_it_to_the_first_allowed_day() -> None:
    one = wait_of(
        EngagementStats(hours=hours(h19=9)),
        steps=HOURLY.replace("at: their hour", "at: their hour\n  weekdays: weekend"),
    )
    one.pass_time("9 00:00")
    assert one.lines[0] == "5 19:00 send letter via email"


@pytest.mark.parametrize(
    ("at", "line"), [("0 18:00", "0 19:00"), ("0 19:00", "0 19:00"), ("0 19:01", "1 19:00")]
)
def test_until_their_hour_is_the_next_one_now_included(at: str, line: str) -> None:
    steps = HOURLY.replace("wait: 2 days", "wait: until their hour").replace("  at: their hour\n", "")
    one = life(project(written(steps, policy="free")))
    one.state.facts.engagement = EngagementStats(hours=hours(h19=9))
    one.event(at, "subscribed")
    one.pass_time("9 00:00")
    assert one.lines[0] == f"{line} send letter via email"


def test_the_moment_is_fixed_when_the_wait_begins() -> None:
    one = wait_of(EngagementStats(hours=hours(h19=9)))
    one.state.facts.engagement = EngagementStats(hours=hours(h8=90))
    one.pass_time("9 00:00")
    assert one.lines[0] == "2 19:00 send letter via email"


def test_it_is_local_time_that_moves_with_the_zone() -> None:
    one = wait_of(EngagementStats(hours=hours(h19=9)))
    one.change("1 12:00", timezone="Asia/Tokyo")
    one.pass_time("9 00:00")
    assert one.lines[0] == "2 11:00 send letter via email"  # 19:00 in Tokyo


@given(st.lists(st.integers(0, 9), min_size=24, max_size=24), st.times(), st.times())
def test_an_hour_is_never_quiet_where_any_is_not(counts: list[int], start: dt.time, end: dt.time) -> None:
    quiet = Quiet(start, end)
    found = their_hour(EngagementStats(hours=tuple(counts)), Learned(), quiet)

    def is_quiet(hour: int) -> bool:
        now = found.time.replace(hour=hour, minute=0)
        return (
            quiet.start <= now < quiet.end
            if quiet.start < quiet.end
            else quiet.start != quiet.end and (now >= quiet.start or now < quiet.end)
        )

    assert not is_quiet(found.time.hour) or all(is_quiet(hour) for hour in range(24))


# --- what a customer does is kept ----------------------------------------------------------------


def test_habits_are_counted_once_a_message() -> None:
    one = life(project(written(AUTO, policy="free")))
    one.event("0 10:00", "subscribed")
    one.react("0 11:30", "news", "opened")
    one.react("0 12:30", "news")
    one.react("0 13:30", "news")
    assert one.state.facts.engagement == EngagementStats({"push": (1, 1)}, hours(h11=1))


def test_an_opening_is_no_reaction_of_a_channel_and_a_reply_is_one() -> None:
    one = life(project(written(AUTO.replace("auto", "auto\n  until: opened"), policy="free")))
    one.event("0 10:00", "subscribed")
    one.react("0 11:30", "news", "opened")
    assert one.state.facts.engagement == EngagementStats({"push": (1, 0)}, hours(h11=1))
    two = life(project(written(AUTO, policy="free")))
    two.event("0 10:00", "subscribed")
    two.react("0 11:30", "news", "replied")
    assert two.state.facts.engagement == EngagementStats({"push": (1, 1)}, hours(h11=1))


def test_what_never_arrived_does_not_count_against_a_channel() -> None:
    one = life(project(written(AUTO, policy="free")))
    one.event("0 10:00", "subscribed")
    one.outcome("0 10:03", "news", "bounced")
    assert one.state.facts.engagement.channels == {"push": (0, 0), "email": (1, 0)}


def test_the_hours_are_those_of_the_customers_zone() -> None:
    one = life(project(written(AUTO, policy="free")))
    one.change("0 09:00", timezone="Asia/Tokyo")
    one.event("0 10:00", "subscribed")
    one.react("0 12:30", "news")  # 20:30 in Tokyo
    assert one.state.facts.engagement.hours == hours(h20=1)


def test_two_customers_who_were_one_have_the_habits_of_both() -> None:
    ours, theirs = (
        EngagementStats({"push": (2, 1)}, hours(h9=1)),
        EngagementStats({"push": (1, 1), "sms": (1, 0)}, hours(h9=2, h10=1)),
    )
    assert ours.united(theirs) == EngagementStats({"push": (3, 2), "sms": (1, 0)}, hours(h9=3, h10=1))
    assert NO_ENGAGEMENT.united(theirs).hours == theirs.hours
