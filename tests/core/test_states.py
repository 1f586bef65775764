"""`state:` of a journey, and a place that is no longer there (design/language 2.3)."""

from __future__ import annotations

import pytest

from engine.core.decide import next_due
from engine.core.decision.effects import Alert
from tests.core.builders import Life, life, project, written

STEPS = "- wait: 1 hour\n  id: pause\n- send: letter\n- wait: 1 day\n  id: more\n- send: other"


def inside(**parts: str) -> Life:
    one = life(project(written(STEPS, policy="free", **parts)))
    one.event("0 10:00", "subscribed")
    return one


def change(one: Life, state: str, **parts: str) -> None:
    one.publish(project(written(STEPS, policy="free", state=state, **parts)))


@pytest.mark.parametrize("state", ["draft", "closing", "paused", "stopped"])
def test_nobody_enters(state: str) -> None:
    one = life(project(written(STEPS, state=state)))
    one.event("0 10:00", "subscribed")
    assert one.state.enrollments == {}


def test_closing_lets_those_inside_go_on_and_ignores_a_restart() -> None:
    one = inside(again="restart")
    change(one, "closing", again="restart")
    one.event("0 10:30", "subscribed")
    one.pass_time("0 12:00")
    assert one.lines == ["0 11:00 send letter via email"]


def test_stopped_lets_everybody_go_now() -> None:
    one = inside()
    change(one, "stopped")
    one.pass_time("0 10:01")
    assert one.lines == ["0 10:01 stopped"]


def test_paused_nobody_moves_and_what_is_due_goes_through_the_rule_of_late_messages() -> None:
    one = inside()
    change(one, "paused")
    one.pass_time("1 10:00")
    assert one.lines == []
    assert next_due(one.state, one.journeys) is None
    change(one, "live")
    one.sleep("1 12:00")
    one.wake()
    assert one.lines == ["1 12:00 skip letter (too late)"]


def test_paused_the_goal_still_ends_the_run() -> None:
    one = inside()
    change(one, "paused")
    one.event("0 10:30", "order_placed")
    assert one.lines == ["0 10:30 goal"]


def test_paused_an_awaited_event_moves_the_run_at_the_resume() -> None:
    steps = "- wait: 9 days\n  id: pause\n  for: order_delivered\n  then:\n    - send: thanks"
    one = life(project(written(steps, policy="free")))
    one.event("0 10:00", "subscribed")
    one.publish(project(written(steps, policy="free", state="paused")))
    one.event("0 11:00", "order_delivered")
    assert one.lines == []
    one.publish(project(written(steps, policy="free")))
    one.sleep("0 12:00")
    one.wake()
    assert one.lines == ["0 12:00 send thanks via email", "0 12:00 finish"]


def test_paused_a_hand_over_under_way_is_noted_and_the_run_stays() -> None:
    steps = "- send: letter\n- wait: 1 day\n  id: more"
    one = life(project(written(steps, policy="free")), hands=False)
    one.event("0 10:00", "subscribed")
    one.publish(project(written(steps, policy="free", state="paused")))
    one.hand("0 10:05", "letter")
    assert one.lines == ["0 10:05 send letter via email"]
    assert type(one.run.state).__name__ == "Relocating"


def test_a_place_that_nobody_moved_ends_the_run_and_tells_the_owner() -> None:
    one = inside()
    one.publish(project(written("- send: letter", policy="free")))
    one.pass_time("0 11:00")
    assert one.lines == ["0 11:00 finish"]
    assert len([effect for effect in one.effects if isinstance(effect, Alert)]) == 1


def test_a_step_is_found_by_its_former_id() -> None:
    one = inside()
    one.publish(project(written(STEPS.replace("id: pause", "id: first_hour\n  was: pause"), policy="free")))
    one.pass_time("0 11:00")
    assert one.lines == ["0 11:00 send letter via email"]


def test_journeys_that_undo_each_other_without_end_are_stopped() -> None:
    on = written(
        "- set: {tier: gold}",
        name="on",
        start="{segment: plain}",
        again="always",
        goal="{event: site_visited}",
    )
    off = written(
        "- set: {tier: silver}",
        name="off",
        start="{segment: gold}",
        again="always",
        goal="{event: site_visited}",
    )
    journeys = project(on, off, segments={"gold": "{tier: gold}", "plain": "{tier: silver}"})
    one = life(journeys)
    one.change("0 10:00", tier="silver")
    assert len(one.decisions) < 1500
