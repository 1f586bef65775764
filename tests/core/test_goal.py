"""Success: when it is asked, what it ends, and what is still measured afterwards
(design/language 2.9, 2.13, 2.20)."""

from __future__ import annotations

from engine.core.decision.effects import Change, Emit
from tests.core.builders import Life, life, project, written

DAY = "- send: letter\n- wait: 1 day\n  id: pause\n- send: other"


def started(text: str, **more: bool) -> Life:
    one = life(project(text), **more)
    one.event("0 10:00", "subscribed")
    return one


def test_at_the_start_an_event_of_the_same_moment_received_before_is_no_goal() -> None:
    one = life(project(written(DAY, policy="free")))
    one.event("0 10:00", "order_placed")
    one.event("0 10:00", "subscribed")
    assert one.lines == ["0 10:00 send letter via email"]


def test_at_once_whatever_the_run_is_doing() -> None:
    one = started(written(DAY, policy="free"))
    one.event("0 12:00", "order_placed")
    one.pass_time("3 00:00")
    assert one.lines == ["0 10:00 send letter via email", "0 12:00 goal"]


def test_before_every_step() -> None:
    steps = "- set: {tier: gold}\n- send: letter"
    assert started(written(steps, goal="{when: {tier: gold}}")).lines == [
        "0 10:00 set tier gold",
        "0 10:00 goal",
    ]


def test_after_the_last_step() -> None:
    steps = "- send: letter\n- set: {tier: gold}"
    one = started(written(steps, goal="{when: {tier: gold}}", policy="free"))
    assert one.lines == ["0 10:00 send letter via email", "0 10:00 set tier gold", "0 10:00 goal"]


def test_after_the_end_until_within() -> None:
    one = started(written("- send: letter", goal="{event: order_placed, within: 7 days}", policy="free"))
    one.event("5 10:00", "order_placed")
    assert one.lines[1:] == ["0 10:00 finish", "5 10:00 goal"]
    assert one.decisions[-1].enrollment is not None
    assert one.decisions[-1].enrollment.outcome == "finish"
    assert one.state.enrollments == {}


def test_after_within_nothing_is_watched() -> None:
    one = started(written("- send: letter", goal="{event: order_placed, within: 7 days}", policy="free"))
    one.event("7 10:01", "order_placed")
    assert one.lines == ["0 10:00 send letter via email", "0 10:00 finish"]


def test_a_goal_of_an_active_run_after_within_is_late_but_ends_it() -> None:
    steps = "- send: letter\n- wait: 20 days\n  id: pause"
    one = started(written(steps, goal="{event: order_placed, within: 7 days}", policy="free"))
    one.event("8 10:00", "order_placed")
    assert one.lines[1:] == ["8 10:00 goal (late)"]


def test_stay_marks_the_goal_once_and_goes_on() -> None:
    steps = DAY + "\n- if: {goal: reached}\n  then:\n    - send: third"
    one = started(written(steps, goal="{event: order_placed, then: stay}", policy="free"))
    one.event("0 12:00", "order_placed")
    one.event("0 13:00", "order_placed")
    one.pass_time("2 00:00")
    assert one.lines[1:] == [
        "0 12:00 goal",
        "1 10:00 send other via email",
        "1 10:00 send third via email",
        "1 10:00 finish",
    ]


def test_where_may_name_the_trigger() -> None:
    text = written(
        DAY,
        start="{event: cart_updated}",
        goal="{event: order_placed, where: {product_id: trigger.product_id}}",
        policy="free",
    )
    one = life(project(text))
    one.event("0 10:00", "cart_updated", product_id="p1")
    one.event("0 11:00", "order_placed", product_id="p2")
    one.event("0 12:00", "order_placed", product_id="p1")
    assert one.lines == ["0 10:00 send letter via email", "0 12:00 goal"]


def test_do_happens_on_reaching_it() -> None:
    text = written(DAY, goal="{event: order_placed, do: [{add: {points: 50}}]}", policy="free")
    one = started(text)
    one.event("0 12:00", "order_placed")
    assert one.lines[1:] == ["0 12:00 goal", "0 12:00 add points 50"]
    assert [effect.value for effect in one.effects if isinstance(effect, Change)] == [50]


def test_a_goal_known_before_the_start_ends_the_run_before_the_first_message() -> None:
    one = life(project(written(DAY, policy="free")))
    one.event("0 10:05", "order_placed")
    one.event("0 10:10", "subscribed", happened="0 10:00")
    assert one.lines == ["0 10:10 goal"]
    assert one.sends == []


def test_a_goal_before_the_first_message_is_told_apart() -> None:
    one = life(project(written("- wait: 1 day\n  id: pause\n- send: letter", policy="free")))
    one.event("0 10:00", "subscribed")
    one.event("0 12:00", "order_placed")
    assert one.said("goal") == ["before the first message"]


def test_a_goal_that_arrives_late_ends_the_run_now() -> None:
    one = started(written(DAY, policy="free"))
    one.event("0 15:00", "order_placed", happened="0 12:00")
    assert one.lines == ["0 10:00 send letter via email", "0 15:00 goal"]


def test_an_attribute_that_a_step_of_another_journey_writes_is_asked_at_once() -> None:
    waits = written("- wait: 9 days\n  id: pause", goal="{when: {tier: gold}}", name="waits", policy="free")
    writes = written("- set: {tier: gold}", start="{event: site_visited}", name="writes", policy="free")
    one = started(waits)
    one.publish(project(waits, writes))
    one.event("1 10:00", "site_visited")
    assert one.lines == ["1 10:00 set tier gold", "1 10:00 finish", "1 10:00 goal"]


def test_a_product_that_changes_is_asked_at_once() -> None:
    text = written(
        "- wait: 2 days\n  id: pause", start="{event: cart_updated}", exit_if="{product.in_stock: false}"
    )
    one = life(project(text))
    one.event("0 10:00", "cart_updated", product_id="p1")
    one.product("0 11:00", "p2", in_stock=False)
    one.product("0 12:00", "p1", in_stock=False)
    assert one.lines == ["0 12:00 exit_if"]


def test_leaving_a_segment_is_asked_at_once() -> None:
    text = written("- wait: 2 days\n  id: pause", exit_if="{segment: not gold}")
    one = life(project(text, segments={"gold": "{tier: gold}"}))
    one.segment("0 09:00", "gold")
    one.event("0 10:00", "subscribed")
    one.segment("0 11:00", "gold", member=False)
    assert one.lines == ["0 11:00 exit_if"]


def test_opting_out_is_asked_at_once() -> None:
    one = life(project(written("- wait: 2 days\n  id: pause", exit_if="{can: not email}")))
    one.event("0 10:00", "subscribed")
    one.consent("0 11:00", "email", "withdrawn")
    assert one.lines == ["0 11:00 exit_if"]


def test_another_journey_can_start_from_the_goal() -> None:
    thanks = written(
        "- send: thanks",
        name="thanks",
        start="{event: goal_reached, where: {journey: hello}}",
        goal="{event: site_visited}",
        policy="free",
    )
    one = life(project(written(DAY, policy="free"), thanks))
    one.event("0 10:00", "subscribed")
    one.event("0 12:00", "order_placed")
    assert one.lines == [
        "0 10:00 send letter via email",
        "0 12:00 goal",
        "0 12:00 send thanks via email",
        "0 12:00 finish",
    ]
    assert [effect.name for effect in one.effects if isinstance(effect, Emit)] == ["goal_reached"]
