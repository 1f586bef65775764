"""One message over several channels, cheapest first (design/language 2.10 `send`)."""

from __future__ import annotations

import pytest

from engine.core.decision.effects import Cancel
from engine.core.enrollment import AwaitingReaction
from engine.core.facts.customer import CapSlot, Reach
from engine.core.happening import MessageOutcome, Reaction
from tests.core.builders import Life, life, moment, project, written

CASCADE = """
- send: news
  via: [push, email, sms]
  next_after: 4 hours
- wait: 1 day
  id: pause
- send: letter
"""


def started(text: str = written(CASCADE, policy="free"), at: str = "0 10:00", **more: bool) -> Life:
    one = life(project(text), **more)
    one.event(at, "subscribed")
    return one


def test_every_channel_in_turn_until_the_last() -> None:
    one = started()
    one.pass_time("3 00:00")
    assert one.lines == [
        "0 10:00 send news via push",
        "0 14:00 send news via email",
        "0 18:00 send news via sms",
        "1 18:00 send letter via email",
        "1 18:00 finish",
    ]


def test_a_reaction_ends_the_step_and_moves_the_clock() -> None:
    one = started()
    one.react("0 12:00", "news")
    one.pass_time("3 00:00")
    assert one.lines == ["0 10:00 send news via push", "1 12:00 send letter via email", "1 12:00 finish"]


def test_an_open_is_no_click() -> None:
    one = started()
    one.react("0 12:00", "news", "opened")
    one.pass_time("0 14:00")
    assert one.lines[1:] == ["0 14:00 send news via email"]


def test_a_click_counts_as_an_open() -> None:
    one = started(
        written(CASCADE.replace("next_after: 4 hours", "next_after: 4 hours\n  until: opened"), policy="free")
    )
    one.react("0 12:00", "news")
    one.pass_time("0 20:00")
    assert one.lines == ["0 10:00 send news via push"]


def test_an_event_can_be_the_reaction() -> None:
    steps = CASCADE.replace("next_after: 4 hours", "next_after: 4 hours\n  until: site_visited")
    one = started(written(steps, policy="free"))
    one.event("0 12:00", "site_visited")
    one.pass_time("3 00:00")
    assert one.lines == ["0 10:00 send news via push", "1 12:00 send letter via email", "1 12:00 finish"]


def test_a_reaction_in_the_minute_the_next_channel_is_due_ends_the_step() -> None:
    one = started()
    one.react("0 14:00", "news")
    one.pass_time("0 20:00")
    assert one.lines == ["0 10:00 send news via push"]


def test_unreachable_channels_are_passed_over_without_waiting() -> None:
    one = life(project(written(CASCADE, policy="free")))
    one.state.facts.reach |= {"push": Reach(address=""), "email": Reach(bounced=True)}
    one.event("0 10:00", "subscribed")
    assert one.lines == ["0 10:00 send news via sms"]


def test_the_last_reachable_channel_ends_the_step_at_once() -> None:
    one = life(project(written(CASCADE, policy="free")))
    one.state.facts.reach |= {"email": Reach(address=""), "sms": Reach(address="")}
    one.event("0 10:00", "subscribed")
    assert one.run.state is not None
    assert one.run.state.step == "pause"


def test_without_any_channel_the_message_is_skipped() -> None:
    one = life(project(written(CASCADE, policy="free")))
    one.state.facts.reach |= {name: Reach(address="") for name in ("push", "email", "sms")}
    one.event("0 10:00", "subscribed")
    assert one.lines == ["0 10:00 skip news (unreachable)"]


def test_a_bounce_moves_on_at_once() -> None:
    one = started()
    one.outcome("0 10:03", "news", "bounced")
    assert one.lines == ["0 10:00 send news via push", "0 10:03 send news via email"]


@pytest.mark.parametrize("kind", ["refused", "not_sent"])
def test_what_the_provider_did_not_take_in_the_end_moves_on_at_once(kind: str) -> None:
    one = started()
    one.outcome("0 10:03", "news", kind)
    assert one.lines == ["0 10:00 send news via push", "0 10:03 send news via email"]


def test_a_refusal_between_plan_and_hand_over_moves_on_at_once() -> None:
    one = started(hands=False)
    one.outcome("0 10:01", "news", "refused")
    assert [send.channel for send in one.sends] == ["push", "email"]


def test_a_complaint_ends_the_cascade_on_every_channel() -> None:
    one = started()
    one.outcome("0 11:00", "news", "complained")
    one.pass_time("3 00:00")
    assert one.lines == ["0 10:00 send news via push", "1 11:00 send letter via email", "1 11:00 finish"]


def test_a_complaint_takes_a_planned_part_back() -> None:
    one = started(hands=False)
    one.hand("0 10:00", "news")
    push = one.last_send("news")
    one.pass_time("0 14:00")
    email = one.last_send("news")
    assert email.channel == "email"
    one.take(
        MessageOutcome(
            one.next(), one.until("0 14:01"), push.key, push.enrollment, "complained", channel="push"
        )
    )
    assert [effect.key for effect in one.effects if isinstance(effect, Cancel)] == [email.key]
    assert one.run.state is not None
    assert one.run.state.step == "pause"


def test_a_complaint_about_an_earlier_step_leaves_a_later_cascade_alone() -> None:
    steps = """
- send: letter
- wait: 1 hour
  id: short
- send: news
  via: [push, email]
  next_after: 4 hours
"""
    one = started(written(steps, policy="free"))
    one.pass_time("0 11:00")
    one.outcome("0 11:30", "letter", "complained")
    one.pass_time("1 00:00")
    assert one.lines[1:] == [
        "0 11:00 send news via push",
        "0 15:00 send news via email",
        "0 15:00 finish",
    ]


def test_the_goal_is_asked_before_each_channel() -> None:
    goal = "{when: {points: at least 100}}"
    one = started(written(CASCADE, policy="free", goal=goal))
    one.state.facts.values["points"] = 100  # nobody heard of it: only the question finds it
    one.pass_time("0 14:00")
    assert one.lines == ["0 10:00 send news via push", "0 14:00 goal"]


def test_the_goal_is_asked_before_a_bounce_opens_the_next_channel() -> None:
    goal = "{when: {points: at least 100}}"
    one = started(written(CASCADE, policy="free", goal=goal))
    one.state.facts.values["points"] = 100
    one.outcome("0 10:03", "news", "bounced")
    assert one.lines == ["0 10:00 send news via push", "0 10:03 goal"]


def test_a_reaction_to_a_message_that_nobody_knew_had_left_ends_the_step() -> None:
    one = started()
    one.outcome("0 10:05", "news", "unknown")
    one.react("0 12:00", "news")
    one.pass_time("3 00:00")
    assert one.lines == ["0 10:00 send news via push", "1 12:00 send letter via email", "1 12:00 finish"]


def test_a_report_of_delivery_says_nothing_to_a_cascade_that_knew_it() -> None:
    one = started()
    one.outcome("0 10:05", "news", "delivered")
    one.pass_time("0 14:00")
    assert one.lines == ["0 10:00 send news via push", "0 14:00 send news via email"]


def test_a_bounce_after_the_end_changes_nothing() -> None:
    one = started()
    one.react("0 12:00", "news")
    one.outcome("0 12:30", "news", "bounced")
    one.pass_time("0 20:00")
    assert one.lines == ["0 10:00 send news via push"]


def test_refused_before_the_hand_over_means_passed_over() -> None:
    one = started(hands=False)
    one.give_back("0 10:01", "news", "refused")
    assert [send.channel for send in one.sends] == ["push", "email"]


def test_an_unknown_part_keeps_the_cascade_where_it_is_until_it_is_settled() -> None:
    one = started()
    one.outcome("0 10:05", "news", "unknown")
    one.pass_time("1 00:00")
    assert one.lines == ["0 10:00 send news via push"]
    one.outcome("1 08:00", "news", "settled")
    one.pass_time("1 08:00")
    assert one.lines[1:] == ["1 08:00 send news via email"]


def test_an_unknown_hand_over_listens_without_a_clock() -> None:
    one = started(hands=False)
    one.outcome("0 10:05", "news", "unknown")
    assert isinstance(one.run.state, AwaitingReaction)
    assert one.run.state.unknown
    assert one.run.due is None


def test_an_unknown_part_that_never_left_opens_the_next_channel() -> None:
    one = started()
    one.outcome("0 10:05", "news", "unknown")
    one.outcome("0 10:20", "news", "not_sent")
    assert one.lines == ["0 10:00 send news via push", "0 10:20 send news via email"]


def test_a_later_part_is_held_by_quiet_hours_and_a_reaction_during_the_hold_ends_the_step() -> None:
    one = started(written(CASCADE), "0 17:30")
    one.pass_time("0 23:00")
    assert one.lines == ["0 17:30 send news via push"]
    one.react("1 07:00", "news")
    one.pass_time("1 20:00")
    assert one.lines == ["0 17:30 send news via push"]


def test_a_later_part_that_is_too_late_ends_the_whole_step() -> None:
    one = started()
    one.sleep("1 14:01")
    one.wake()  # the clock stays at the push, so the wait of one day is over too
    assert one.lines == [
        "0 10:00 send news via push",
        "1 14:01 send letter via email",
        "1 14:01 finish",
    ]


def test_a_planned_part_is_taken_back_when_the_reaction_comes() -> None:
    one = started(hands=False)
    one.hand("0 10:00", "news")
    push = one.last_send("news")
    one.pass_time("0 14:00")
    assert one.last_send("news").channel == "email"
    one.take(Reaction(one.next(), one.until("0 14:01"), push.key, push.enrollment, "clicked"))
    assert [effect.key for effect in one.effects if isinstance(effect, Cancel)] == [one.last_send("news").key]
    assert one.run.state is not None
    assert one.run.state.step == "pause"


def test_a_cascade_takes_one_place_on_its_day_and_one_of_each_channel() -> None:
    one = started(written(CASCADE, policy="capped"))
    one.pass_time("0 20:00")
    assert one.lines == [
        "0 10:00 send news via push",
        "0 14:00 send news via email",
        "0 18:00 send news via sms",
    ]
    assert [(place.channel, place.counts_total) for place in one.state.facts.cap_slots] == [
        ("push", True),
        ("email", False),
        ("sms", False),
    ]


def test_a_part_whose_channel_cap_is_full_is_passed_over() -> None:
    one = life(project(written(CASCADE.replace("[push, email, sms]", "[push, sms, email]"), policy="capped")))
    one.state.facts.cap_slots.append(CapSlot("other", moment("-3 10:00"), "sms"))
    one.event("0 10:00", "subscribed")
    one.pass_time("0 20:00")
    assert one.lines == ["0 10:00 send news via push", "0 14:00 send news via email"]


def test_the_order_of_channels_may_change_under_the_cascade() -> None:
    one = started()
    one.publish(project(written(CASCADE.replace("[push, email, sms]", "[sms, push, email]"), policy="free")))
    one.pass_time("0 14:00")
    assert one.lines == ["0 10:00 send news via push", "0 14:00 send news via sms"]
