"""When several things are true at one moment, the first of the list wins (design/language 2.9)."""

from __future__ import annotations

from engine.core.decision.effects import Cancel
from tests.core.builders import life, project, written

WAIT_THEN_SEND = """
- wait: 1 day
  id: pause
- send: letter
"""

WAIT_FOR = """
- wait: 1 day
  id: pause
  for: order_delivered
  then:
    - send: thanks
  else:
    - send: sorry
"""


def test_the_goal_beats_exit_if() -> None:
    text = written(WAIT_THEN_SEND, exit_if="{did: {order_placed: since start}}", policy="free")
    one = life(project(text))
    one.event("0 10:00", "subscribed")
    one.event("0 11:00", "order_placed")
    assert one.lines == ["0 11:00 goal"]


def test_the_goal_beats_leaving_the_segment_by_the_same_purchase() -> None:
    segments = {"new": "{orders_count: 0}"}
    text = written(WAIT_THEN_SEND, exit_if="{segment: not new}", policy="free")
    one = life(project(text, segments=segments))
    one.state.facts.segments = frozenset({"new"})
    one.event("0 10:00", "subscribed")
    one.event("0 11:00", "order_placed")
    assert one.lines == ["0 11:00 goal"]


def test_exit_if_beats_a_restart() -> None:
    text = written(WAIT_THEN_SEND, again="restart", exit_if="{did: {subscribed: since start}}", policy="free")
    one = life(project(text))
    one.event("0 10:00", "subscribed")
    one.event("0 11:00", "subscribed")
    assert one.lines == ["0 11:00 exit_if"]  # the new start begins after it, and never restarts the old run
    assert [run.started_number for run in one.state.enrollments.values() if run.is_open] == [2]


def test_a_restart_beats_the_awaited_event() -> None:
    text = written(WAIT_FOR, start="{event: order_delivered}", again="restart", policy="free")
    one = life(project(text))
    one.event("0 10:00", "order_delivered")
    one.event("0 11:00", "order_delivered")
    assert one.lines == ["0 11:00 restart"]


def test_an_event_at_exactly_the_due_moment_beats_the_timer() -> None:
    one = life(project(written(WAIT_FOR, policy="free")))
    one.event("0 10:00", "subscribed")
    one.event("1 10:00", "order_delivered")
    one.pass_time("1 10:00")
    assert one.lines == ["1 10:00 send thanks via email", "1 10:00 finish"]


def test_a_goal_at_the_end_of_a_wait_beats_the_wait() -> None:
    one = life(project(written(WAIT_THEN_SEND, policy="free")))
    one.event("0 10:00", "subscribed")
    one.event("1 10:00", "order_placed")
    one.pass_time("1 10:00")
    assert one.lines == ["1 10:00 goal"]


def test_leaving_cancels_the_planned_message() -> None:
    one = life(project(written(WAIT_THEN_SEND, policy="free")), hands=False)
    one.event("0 10:00", "subscribed")
    one.pass_time("1 10:00")
    planned = one.last_send("letter")
    one.event("1 10:01", "order_placed")
    assert [effect.key for effect in one.effects if isinstance(effect, Cancel)] == [planned.key]
    one.hand("1 10:02", "letter")
    assert one.lines == ["1 10:01 goal"]


def test_a_start_in_the_minute_in_which_a_run_ends_by_its_timer_is_ignored() -> None:
    text = written("- wait: 1 day\n  id: pause", again="always", policy="free")
    one = life(project(text))
    one.event("0 10:00", "subscribed")
    one.event("1 10:00", "subscribed")
    one.pass_time("1 10:00")
    assert one.lines == ["1 10:00 finish"]
    assert one.said("ignored") == ["a run is active"]


def test_a_start_runs_its_first_steps_before_the_next_event_is_taken() -> None:
    one = life(project(written("- send: letter", policy="free")))
    one.event("0 10:00", "subscribed")
    one.event("0 10:00", "order_placed")
    assert one.lines == ["0 10:00 send letter via email", "0 10:00 finish", "0 10:00 goal"]
