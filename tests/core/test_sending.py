"""From "due" to "sent": the rules in their order (design/language 2.13)."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.facts.customer import CapSlot, Reach
from engine.core.happening import ProfileChanged
from tests.core.builders import Life, life, moment, project, written

LETTER = "- wait: 1 hour\n  id: pause\n- send: letter"


def subscribed(text: str, at: str = "0 10:00", **more: bool) -> Life:
    one = life(project(text), **more)
    one.event(at, "subscribed")
    return one


def full_day(one: Life, at: str, number: int = 1) -> None:
    """Other messages have taken places under the caps."""
    one.state.facts.cap_slots += [CapSlot(f"other-{n}", moment(at), "email") for n in range(number)]


def test_rule_1_an_exit_on_fresh_data_after_a_hold() -> None:
    one = subscribed(written(LETTER, exit_if="{can: not email}"), "0 20:30")
    one.pass_time("0 21:30")
    one.consent("0 23:00", "email", "withdrawn")
    one.pass_time("2 00:00")
    assert one.lines == ["0 23:00 exit_if"]


def test_rule_1_a_condition_that_only_time_made_true_ends_a_hold_in_its_moment() -> None:
    one = subscribed(written(LETTER, exit_if="{last_order_at: more than 2 days ago}"), "0 20:30")
    one.change("0 20:31", last_order_at=moment("-1 08:00"))
    one.pass_time("2 00:00")
    assert one.lines == ["1 08:00 exit_if"]


def test_rule_2_what_was_sent_in_this_run_is_not_sent_again() -> None:
    before = project(written("- send: letter\n- wait: 1 day\n  id: pause\n- send: other", policy="free"))
    after = project(written("- wait: 1 day\n  id: pause\n- send: letter\n- send: other", policy="free"))
    one = life(before)
    one.event("0 10:00", "subscribed")
    one.publish(after)
    one.pass_time("1 10:00")
    assert one.lines == ["0 10:00 send letter via email", "1 10:00 send other via email", "1 10:00 finish"]


def test_rule_3_without_an_address_the_message_is_skipped_and_the_run_goes_on() -> None:
    one = life(project(written("- send: letter\n- send: other\n  via: push", policy="free")))
    one.state.facts.reach["email"] = Reach(address="")
    one.event("0 10:00", "subscribed")
    assert one.lines == [
        "0 10:00 skip letter (unreachable)",
        "0 10:00 send other via push",
        "0 10:00 finish",
    ]


def test_rule_3_the_consent_of_the_policy_is_asked() -> None:
    steps = "- send: letter\n- send: other\n  policy: free"
    one = life(project(written(steps)))
    one.consent("0 09:00", "email", "none")
    one.event("0 10:00", "subscribed")
    assert one.lines == [
        "0 10:00 skip letter (unreachable)",
        "0 10:00 send other via email",
        "0 10:00 finish",
    ]


def test_rule_3_a_suppressed_channel_is_closed_for_every_policy() -> None:
    one = life(project(written("- send: letter", policy="free")))
    one.take(ProfileChanged(one.next(), one.until("0 09:00"), suppressed={"email": "all"}))
    one.event("0 10:00", "subscribed")
    assert one.lines == ["0 10:00 skip letter (unreachable)", "0 10:00 finish"]


def test_rule_4_a_message_that_a_downtime_made_a_day_late_is_skipped() -> None:
    one = subscribed(written(LETTER))
    one.sleep("1 11:01")
    one.wake()
    assert one.lines == ["1 11:01 skip letter (too late)", "1 11:01 finish"]


def test_rule_4_exactly_a_day_late_is_not_too_late() -> None:
    one = subscribed(written(LETTER))
    one.sleep("1 11:00")
    one.wake()
    assert one.lines == ["1 11:00 send letter via email", "1 11:00 finish"]


def test_rule_4_a_hold_does_not_count_as_late() -> None:
    text = written("- wait: until 2026-03-02 22:00\n  id: pause\n- send: letter")
    one = subscribed(text)
    one.pass_time("0 22:00")  # held from 22:00 to 9:00: eleven hours that do not count
    one.sleep("2 08:30")  # 23 and a half hours after the end of the hold
    one.wake()
    one.pass_time("2 09:00")
    assert one.lines == ["2 09:00 send letter via email", "2 09:00 finish"]


def test_rule_4_comes_after_reachable() -> None:
    one = subscribed(written(LETTER))
    one.state.facts.reach["email"] = Reach(address="")
    one.sleep("3 11:00")
    one.wake()
    assert one.lines[0] == "3 11:00 skip letter (unreachable)"


def test_rule_5_quiet_hours_hold_until_their_end() -> None:
    one = subscribed(written(LETTER), "0 20:00")
    one.pass_time("1 12:00")
    assert one.lines == ["1 09:00 send letter via email", "1 09:00 finish"]


def test_rule_5_is_asked_before_the_caps() -> None:
    config = written(LETTER, policy="both")
    one = life(project(config, config=WITH_BOTH))
    full_day(one, "0 12:00")
    one.event("0 22:00", "subscribed")
    one.pass_time("1 12:00")  # at 23:00 the day is full; at 9:00 a new day has begun
    assert one.lines == ["1 09:00 send letter via email", "1 09:00 finish"]


WITH_BOTH = """
shop: {name: Bean There, url: https://shop.example, address: "Main Street 1, Sofia"}
timezone: Europe/Berlin
currency: EUR
channels: {email: {via: outbox, price: 0 EUR}, push: {via: outbox, price: 0 EUR}}
policies:
  both: {consent: marketing, quiet: 21:00-09:00, caps: [1 a day]}
"""


def test_rule_6_a_full_day_skips_the_message() -> None:
    one = life(project(written(LETTER, policy="capped")))
    full_day(one, "0 08:00")
    one.event("0 10:00", "subscribed")
    one.pass_time("1 00:00")
    assert one.lines == ["0 11:00 skip letter (capped)", "0 11:00 finish"]


def test_rule_6_a_patient_message_waits_for_the_next_free_place() -> None:
    one = life(project(written(LETTER, policy="patient")))
    full_day(one, "0 08:00")
    one.event("0 10:00", "subscribed")
    one.pass_time("2 00:00")
    assert one.lines == ["1 00:00 send letter via email", "1 00:00 finish"]


def test_rule_6_no_place_within_three_days_skips_at_once() -> None:
    one = life(project(written(LETTER, policy="patient")))
    full_day(one, "0 08:00", 3)  # the week is full until day 7
    one.event("0 10:00", "subscribed")
    one.pass_time("1 00:00")
    assert one.lines == ["0 11:00 skip letter (capped)", "0 11:00 finish"]


def test_rule_6_the_three_days_count_from_the_first_full_cap() -> None:
    one = life(project(written(LETTER, policy="patient")))
    full_day(one, "0 08:00")
    one.event("0 10:00", "subscribed")
    one.pass_time("0 12:00")
    for day in range(1, 5):
        full_day(one, f"{day} 00:00")
        one.state.facts.cap_slots = one.state.facts.cap_slots[-1:]
        one.pass_time(f"{day} 00:01")
    assert one.lines == ["3 00:00 skip letter (capped)", "3 00:00 finish"]


def test_rule_6_the_planned_message_is_the_reserved_place() -> None:
    first = written("- send: letter", name="first", policy="capped")
    second = written("- send: other", name="second", policy="capped")
    one = life(project(first, second), hands=False)
    one.event("0 10:00", "subscribed")
    assert one.lines == ["0 10:00 skip other (capped)", "0 10:00 finish"]
    assert [place.key for place in one.state.facts.cap_slots] == [one.last_send("letter").key]


def test_rule_6_a_cancelled_message_frees_its_place() -> None:
    first = written("- send: letter", name="first", policy="capped")
    second = written(
        "- wait: 1 hour\n  id: pause\n- send: other",
        name="second",
        policy="capped",
        goal="{event: site_visited}",
    )
    one = life(project(first, second), hands=False)
    one.event("0 10:00", "subscribed")
    one.event("0 10:30", "order_placed")
    one.pass_time("0 11:00")
    assert [send.template for send in one.sends] == ["letter", "other"]


def test_rule_6_a_returned_message_frees_its_place_and_asks_again() -> None:
    one = life(project(written("- send: letter", policy="capped")), hands=False)
    one.event("0 10:00", "subscribed")
    one.give_back("0 11:00", "letter", "expired")
    assert [send.key for send in one.sends] == [one.sends[0].key] * 2
    assert len(one.state.facts.cap_slots) == 1


def test_rule_6_priority_gets_the_last_free_place() -> None:
    low = written(LETTER, name="a_low", policy="capped", priority="low")
    high = written(LETTER.replace("letter", "urgent"), name="z_high", policy="capped", priority="high")
    one = life(project(low, high))
    one.event("0 10:00", "subscribed")
    one.pass_time("0 12:00")
    assert [send.template for send in one.sends] == ["urgent"]
    assert "0 11:00 skip letter (capped)" in one.lines


def test_rule_6_of_equal_priority_the_longest_waiting_gets_the_place() -> None:
    early = written("- wait: until 12:00\n  id: pause\n- send: early", name="z_early", policy="capped")
    late = written(
        "- wait: until 12:00\n  id: pause\n- send: late",
        name="a_late",
        start="{event: site_visited}",
        policy="capped",
    )
    one = life(project(early, late))
    one.event("0 10:00", "subscribed")
    one.event("0 11:00", "site_visited")
    one.pass_time("0 12:00")
    assert [send.template for send in one.sends] == ["early"]
    assert "0 12:00 skip late (capped)" in one.lines


def test_rule_6_messages_without_caps_neither_ask_for_places_nor_use_them() -> None:
    free = written("- send: letter", name="a_free", policy="free")
    capped = written("- send: other", name="b_capped", policy="capped")
    one = life(project(free, capped))
    full_day(one, "0 08:00", 0)
    one.event("0 10:00", "subscribed")
    assert [line for line in one.lines if "send" in line] == [
        "0 10:00 send letter via email",
        "0 10:00 send other via email",
    ]
    assert [place.channel for place in one.state.facts.cap_slots] == ["email"]


def test_rule_7_the_clock_is_the_moment_of_the_hand_over() -> None:
    one = life(project(written("- send: letter\n- wait: 2 hours\n  id: pause", policy="free")), hands=False)
    one.event("0 10:00", "subscribed")
    one.hand("0 10:07", "letter")
    assert one.run.clock == moment("0 10:07")
    assert one.run.due is not None
    assert one.run.due.at == moment("0 12:07")


def test_rule_7_valid_until_is_the_next_quiet_hours() -> None:
    one = subscribed(written("- send: letter"), hands=False)
    assert one.sends[0].valid_until == moment("0 21:00")


def test_rule_7_valid_until_is_the_next_midnight_where_a_cap_counts_days() -> None:
    one = subscribed(written("- send: letter", policy="capped"), hands=False)
    assert one.sends[0].valid_until == moment("1 00:00")


def test_rule_7_valid_until_is_too_late_without_quiet_hours_and_caps() -> None:
    one = subscribed(written("- send: letter", policy="free"), hands=False)
    assert one.sends[0].valid_until == moment("1 10:00") + 1  # at that very moment it may still go


def test_rule_7_a_message_returned_in_the_quiet_hours_is_held() -> None:
    one = subscribed(written("- send: letter"), "0 20:59", hands=False)
    one.give_back("0 21:05", "letter", "expired")
    one.pass_time("1 08:59")
    assert len(one.sends) == 1
    one.pass_time("1 09:00")
    assert len(one.sends) == 2


def test_a_message_without_its_code_is_skipped() -> None:
    one = subscribed(written("- send: letter", policy="free"), hands=False)
    one.give_back("0 10:01", "letter", "no code")
    assert one.lines == ["0 10:01 skip letter (no code)", "0 10:01 finish"]


def test_an_unknown_single_message_counts_as_handed_over() -> None:
    one = subscribed(written("- send: letter", policy="free"), hands=False)
    one.outcome("0 10:01", "letter", "unknown")
    assert one.lines == ["0 10:01 send letter via email", "0 10:01 finish"]


def test_a_bounce_closes_the_channel_for_everything_after_it() -> None:
    one = subscribed(written("- send: letter\n- wait: 1 day\n  id: pause\n- send: other", policy="free"))
    one.outcome("0 10:05", "letter", "bounced")
    one.pass_time("2 00:00")
    assert one.lines[1:] == ["1 10:00 skip other (unreachable)", "1 10:00 finish"]


def test_a_hand_over_that_belongs_to_nothing_is_ignored() -> None:
    one = subscribed(written("- send: letter\n- wait: 1 day\n  id: pause", policy="free"))
    before = replace(one.state)
    one.hand("0 10:05", "letter")
    assert one.state.enrollments == before.enrollments
    assert one.lines == ["0 10:00 send letter via email"]


def test_a_wake_before_the_due_moment_does_nothing() -> None:
    one = subscribed(written(LETTER))
    one.sleep("0 10:30")
    one.wake()
    assert one.lines == []
    assert one.decisions[1:] == []
