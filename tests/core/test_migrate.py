"""What a changed file does to the people inside (design/language 2.15)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.decision.effects import Cancel, GiveBack
from engine.core.enrollment import AwaitingSend, Deferred, Due, Relocating, Waiting
from engine.core.facts.learned import EngagementStats
from engine.core.handlers.migrate import Migration, Move, MoveRule, migration
from engine.values import DAY
from tests.core.builders import Life, life, moment, project, written

BEFORE = """
- send: hello
- wait: 3 days
  id: first_pause
  at: 10:00
- send: offer
- wait: 5 days
  id: second_pause
  at: 10:00
- send: last_call
"""
FREE = "free"


def publish(one: Life, at: str, steps: str, **parts: str) -> Migration:
    """Another file is published while the customer is inside."""
    one.until(at)
    (old,) = one.journeys.by_name.values()
    journeys = project(written(steps, **({"policy": FREE} | parts)))
    (new,) = journeys.by_name.values()
    plan = migration(old, new)
    for enrollment in list(one.state.enrollments.values()):
        decision = plan.apply(enrollment, one.state.facts, one.now)
        assert decision.enrollment is not None
        one.state.enrollments[enrollment.id] = decision.enrollment
        one._note(decision)
    one.publish(journeys)
    return plan


def inside(steps: str = BEFORE, **parts: str) -> Life:
    one = life(project(written(steps, **({"policy": FREE} | parts))))
    one.event("0 09:00", "subscribed")
    return one


def resting_at(one: Life) -> str | None:
    rest = one.run.state
    return rest.step if isinstance(rest, Waiting) else None


def test_the_same_file_touches_nobody() -> None:
    one = inside()
    run = one.run
    plan = publish(one, "1 12:00", BEFORE)
    assert plan.changes_nothing
    assert one.run is run
    one.pass_time("20 12:00")
    assert one.lines == [
        "0 09:00 send hello via email",
        "3 10:00 send offer via email",
        "8 10:00 send last_call via email",
        "8 10:00 finish",
    ]


def test_a_shorter_wait_keeps_the_moment_that_was_promised() -> None:
    one = inside()
    plan = publish(one, "1 12:00", BEFORE.replace("wait: 3 days", "wait: 2 days"))
    assert plan.moves["first_pause"] == Move(MoveRule.KEEPS_MOMENT, "first_pause")
    one.pass_time("4 00:00")
    assert one.lines[1] == "3 10:00 send offer via email"


def test_who_has_not_come_there_yet_gets_the_new_length() -> None:
    one = inside()
    publish(one, "1 12:00", BEFORE.replace("wait: 5 days", "wait: 1 day"))
    one.pass_time("20 00:00")
    assert one.lines[2] == "4 10:00 send last_call via email"


def test_recompute_takes_the_new_length_from_the_old_clock() -> None:
    one = inside()
    shorter = BEFORE.replace("wait: 3 days", "wait: 2 days").replace(
        "  at: 10:00", "  at: 10:00\n  waiting: recompute", 1
    )
    publish(one, "1 12:00", shorter)
    assert one.run.due == Due(moment("2 10:00"), one.run.due.local if one.run.due else None, "Europe/Berlin")
    one.pass_time("3 00:00")
    assert one.lines[1] == "2 10:00 send offer via email"


def test_recompute_spreads_over_a_day_who_would_be_due_at_once() -> None:
    dues = []
    for start in range(30):
        one = inside()
        one.run.id = f"run-{start}"
        one.state.enrollments = {one.run.id: one.run}
        text = BEFORE.replace("wait: 3 days", "wait: 1 day").replace(
            "  at: 10:00", "  at: 10:00\n  waiting: recompute", 1
        )
        publish(one, "1 12:00", text)
        assert one.run.due is not None
        dues.append(one.run.due.at - one.now)
    assert all(0 <= due < DAY for due in dues)
    assert len(set(dues)) == 30
    assert max(dues) - min(dues) > DAY // 2


def test_a_removed_wait_is_still_waited_for() -> None:
    one = inside()
    steps = BEFORE.replace("- wait: 3 days\n  id: first_pause\n  at: 10:00\n", "")
    plan = publish(one, "1 12:00", steps)
    assert plan.moves["first_pause"] == Move(MoveRule.GOES_ON, "offer")
    assert one.run.state == Relocating("offer", "first_pause")
    (moved,) = [line for line in one.trace() if line.kind == "moved"]
    assert (moved.subject, moved.step, moved.detail) == ("first_pause", "offer", MoveRule.GOES_ON)
    one.pass_time("20 00:00")
    assert one.lines[1:] == [
        "3 10:00 send offer via email",
        "8 10:00 send last_call via email",
        "8 10:00 finish",
    ]


def test_removed_again_on_the_way_goes_on_further_at_the_same_moment() -> None:
    one = inside()
    without = BEFORE.replace("- wait: 3 days\n  id: first_pause\n  at: 10:00\n", "")
    publish(one, "1 12:00", without)
    publish(one, "2 12:00", without.replace("- send: offer\n", ""))
    assert one.run.state == Relocating("second_pause", "first_pause")
    one.pass_time("4 00:00")
    assert resting_at(one) == "second_pause"
    one.pass_time("20 00:00")
    assert one.lines[1] == "8 10:00 send last_call via email"


HELD = "- wait: 12 hours\n  id: pause\n- send: hello\n"


def test_another_policy_counts_at_once_for_a_message_that_the_former_one_holds_back() -> None:
    one = inside(HELD, policy="marketing")
    publish(one, "0 22:00", HELD, policy="free")
    one.pass_time("3 00:00")
    assert one.lines == ["0 22:00 send hello via email", "0 22:00 finish"]


def test_a_hold_that_another_policy_takes_up_does_not_count_as_late() -> None:
    one = inside(HELD, policy="marketing")
    publish(
        one, "0 22:00", HELD.replace("send: hello", "send: hello\n  with: {topic: tea}"), policy="marketing"
    )
    assert isinstance(one.run.state, Deferred)
    one.wake()
    assert isinstance(one.run.state, Deferred)
    assert one.run.due is not None
    assert (one.run.due.at, one.run.state.first_due) == (moment("1 09:00"), moment("1 09:00"))
    one.pass_time("3 00:00")
    assert one.lines == ["1 09:00 send hello via email", "1 09:00 finish"]


def test_nothing_is_left_after_a_removed_step() -> None:
    one = inside("- send: hello\n- wait: 3 days\n  id: pause\n- send: bye\n")
    plan = publish(one, "1 12:00", "- send: hello\n")
    assert plan.moves["pause"] == Move(MoveRule.FINISHES, None)
    one.wake()
    assert one.lines[1:] == ["1 12:00 finish"]


def test_inside_a_removed_path_they_go_on_behind_the_split() -> None:
    path = """
- split: offer_test
  into:
    50% short:
      - wait: 2 days
        id: in_short
      - send: short_one
    50% long:
      - wait: 2 days
        id: in_long
      - send: long_one
- send: bye
"""
    one = inside(path)
    rest = one.run.state
    assert isinstance(rest, Waiting)
    gone, kept = ("short", "long") if rest.step == "in_short" else ("long", "short")
    text = path.replace(
        f"    50% {gone}:\n      - wait: 2 days\n        id: in_{gone}\n      - send: {gone}_one\n", ""
    )
    assert f"50% {kept}:" in text
    text = (
        text.replace("- send: bye", "").rstrip() + "\n    50% fresh:\n      - send: fresh_one\n- send: bye\n"
    )
    publish(one, "1 12:00", text)
    assert one.run.state == Relocating("bye", f"in_{gone}")
    one.pass_time("5 00:00")
    assert one.lines == ["2 09:00 send bye via email", "2 09:00 finish"]


def test_a_step_that_was_moved_takes_its_people_with_it_and_sends_nothing_twice() -> None:
    one = inside()
    one.pass_time("3 12:00")  # offer was sent, in the second pause
    moved = """
- wait: 5 days
  id: second_pause
  at: 10:00
- send: offer
- send: hello
- send: last_call
"""
    publish(one, "4 12:00", moved)
    one.pass_time("20 00:00")
    assert one.lines == [
        "0 09:00 send hello via email",
        "3 10:00 send offer via email",
        "8 10:00 send last_call via email",
        "8 10:00 finish",
    ]


def test_renamed_with_was_is_as_if_nothing_had_happened() -> None:
    one = inside()
    text = BEFORE.replace("id: first_pause", "id: settle_in\n  was: first_pause")
    text = text.replace("- send: hello", "- send: hello\n  id: greeting\n  was: hello")
    publish(one, "1 12:00", text)
    rest = one.run.state
    assert isinstance(rest, Waiting)
    assert rest.step == "settle_in"
    assert set(one.run.sent) == {"greeting"}
    one.pass_time("20 00:00")
    assert one.lines[1] == "3 10:00 send offer via email"


def test_an_id_taken_by_another_verb_is_another_step() -> None:
    one = inside("- send: hello\n- wait: 3 days\n  id: next\n- send: bye\n")
    plan = publish(one, "1 12:00", "- send: hello\n- send: offer\n  id: next\n- send: bye\n")
    assert plan.moves["next"] == Move(MoveRule.GOES_ON, "bye")


def test_a_journey_is_renamed() -> None:
    one = inside()
    text = written(BEFORE, policy=FREE).replace("journey: hello", "journey: welcome\nwas: hello")
    journeys = project(text)
    plan = migration(one.journeys.by_name["hello"], journeys.by_name["welcome"])
    decision = plan.apply(one.run, one.state.facts, one.now)
    assert decision.enrollment is not None
    assert decision.enrollment.journey == "welcome"
    assert not plan.changes_nothing


def test_stopped_ends_everybody_now() -> None:
    one = inside("- send: hello\n- code: PAPER\n  valid: 7 days\n- wait: 3 days\n  id: pause\n- send: bye\n")
    publish(one, "1 12:00", "- send: hello\n- wait: 3 days\n  id: pause\n- send: bye\n", state="stopped")
    assert one.lines[-1] == "1 12:00 stopped"
    assert [effect.pool for effect in one.effects if isinstance(effect, GiveBack)] == ["PAPER"]
    assert [run.outcome for run in one.state.enrollments.values()] == ["stopped"]


def planned(steps: str = BEFORE) -> Life:
    one = life(project(written(steps, policy=FREE)), hands=False)
    one.event("0 09:00", "subscribed")
    assert isinstance(one.run.state, AwaitingSend)
    return one


def test_a_planned_message_whose_step_is_removed_is_cancelled() -> None:
    one = planned()
    key = one.sends[0].key
    publish(one, "0 09:00", BEFORE.replace("- send: hello\n", ""))
    assert [effect.key for effect in one.effects if isinstance(effect, Cancel)] == [key]
    assert one.run.state == Relocating("first_pause", "hello")
    one.hands = True
    one.wake()
    one.pass_time("5 00:00")
    assert one.lines == ["3 10:00 send offer via email"]


def test_a_planned_message_that_changed_is_planned_anew() -> None:
    one = planned()
    publish(one, "0 09:00", BEFORE.replace("- send: hello", "- send: hello\n  with: {name: Ada}"))
    assert [effect.why for effect in one.effects if isinstance(effect, Cancel)] == ["changed"]
    assert isinstance(one.run.state, Deferred)
    one.hands = True
    one.wake()
    assert one.lines == ["0 09:00 send hello via email"]
    assert one.sends[-1].names["with"] == {"name": "Ada"}
    assert one.sends[0].key == one.sends[1].key


def test_an_unknown_message_is_left_alone() -> None:
    one = planned()
    one.outcome("0 09:00", "hello", "unknown")
    publish(one, "0 09:00", BEFORE.replace("- send: hello", "- send: hello\n  with: {name: Ada}"))
    assert not [effect for effect in one.effects if isinstance(effect, Cancel)]


def test_a_wait_that_looks_for_something_else_looks_from_now_on() -> None:
    steps = (
        "- send: hello\n- wait: 5 days\n  id: pause\n  for: order_delivered\n  then:\n    - send: thanks\n"
        "- send: bye\n"
    )
    one = inside(steps)
    one.event("0 12:00", "site_visited")
    plan = publish(one, "1 12:00", steps.replace("for: order_delivered", "for: site_visited"))
    assert plan.moves["pause"].listens_anew
    one.pass_time("1 13:00")
    assert len(one.lines) == 1
    one.event("2 12:00", "site_visited")
    assert one.lines[1:] == ["2 12:00 send thanks via email", "2 12:00 send bye via email", "2 12:00 finish"]


STEPS = [
    "- send: hello",
    "- wait: 3 days\n  id: first_pause\n  at: 10:00",
    "- send: offer",
    "- wait: 5 days\n  id: second_pause\n  at: 10:00",
    "- send: last_call",
    "- wait: 1 day\n  id: third_pause",
    "- send: bye",
]


@given(st.lists(st.sampled_from(STEPS), unique=True, min_size=1), st.integers(0, 12))
def test_whatever_becomes_of_the_file_everybody_leaves_and_gets_nothing_twice(
    steps: list[str], day: int
) -> None:
    one = inside("\n".join(STEPS))
    publish(one, f"{day} 12:00", "\n".join(steps))
    one.pass_time("60 00:00")
    assert one.lines[-1].endswith("finish")
    sent = [line.split(" ", 2)[2] for line in one.lines if " send " in line]
    assert len(sent) == len(set(sent))


@pytest.mark.parametrize("state", ["closing", "paused"])
def test_other_states_move_nobody(state: str) -> None:
    one = inside()
    run = one.run
    publish(one, "1 12:00", BEFORE, state=state)
    assert one.run is run


CASCADE = """
- send: news
  via: [push, email, sms]
  next_after: 6 hours
"""


@pytest.mark.parametrize("text", ["auto", "1 hour", "auto, else 1 hour"])
def test_who_listens_keeps_the_moment_and_the_next_part_has_the_new_interval(text: str) -> None:
    one = inside(CASCADE)
    publish(one, "0 10:00", CASCADE.replace("6 hours", text))
    one.pass_time("2 00:00")
    after = {"auto": "0 19:00"}.get(text, "0 16:00")
    assert one.lines[1:3] == ["0 15:00 send news via email", f"{after} send news via sms"]


def test_another_order_of_channels_counts_for_those_that_were_not_tried() -> None:
    one = inside(CASCADE.replace("[push, email, sms]", "[sms, push, email]"))
    publish(one, "0 10:00", CASCADE.replace("[push, email, sms]", "cheapest likely"))
    one.pass_time("2 00:00")
    assert [line.split(" via ")[1] for line in one.lines[:3]] == ["sms", "push", "email"]


def test_their_hour_counts_for_who_comes_to_the_wait_later() -> None:
    changed = BEFORE.replace("at: 10:00", "at: their hour")
    one = inside()
    one.state.facts.engagement = EngagementStats(hours=tuple(9 if hour == 19 else 0 for hour in range(24)))
    publish(one, "1 12:00", changed)
    one.pass_time("20 00:00")
    assert one.lines[1:3] == ["3 10:00 send offer via email", "8 19:00 send last_call via email"]
