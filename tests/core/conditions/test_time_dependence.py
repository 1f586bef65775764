"""Goal and exit that time alone makes true: in that very moment, as if they were asked all the time
(2.21)."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.conditions.scope import Scope
from engine.core.decide import next_due
from engine.core.decision.effects import Emit
from engine.core.journeys import Journeys
from engine.values import MINUTE, Birthday, Instant
from tests.core.builders import Life, label, life, moment, project, written

STEPS = "- wait: 5 days\n  id: pause\n- send: letter"


def exits(condition: str, **parts: str) -> Journeys:
    return project(written(STEPS, policy="free", exit_if=condition, **parts))


def ended(one: Life) -> list[str]:
    return [line for line in one.lines if not line.endswith(("email", "push", "sms"))]


def test_it_ends_when_the_last_visit_is_long_enough_ago() -> None:
    one = life(exits("{did: {site_visited: not in last 3 days}}"))
    one.event("0 09:00", "site_visited")
    one.event("0 10:00", "subscribed")
    one.event("1 12:00", "site_visited")
    one.pass_time("9 00:00")
    assert one.lines == ["4 12:00 exit_if"]


@pytest.mark.parametrize(
    ("condition", "at"),
    [
        ("{first_seen: more than 2 days ago}", "1 08:00"),
        ("{seen_on: today}", "3 00:00"),
        ("{birthday: today}", "4 00:00"),
        ("{trigger.runs_out_on: more than 1 days ago}", "3 00:00"),
        ("{none: [{did: {order_placed: in last 2 days}}]}", "1 12:00"),
        ("{all: [{seen_on: today}, {tier: gold}]}", "3 00:00"),
    ],
)
def test_every_form_that_time_turns(condition: str, at: str) -> None:
    one = life(
        exits(condition),
        first_seen=moment("-1 08:00"),
        seen_on=dt.date(2026, 3, 5),
        birthday=Birthday(3, 6),
        tier="gold",
    )
    one.event("-1 12:00", "order_placed")
    one.event("0 10:00", "subscribed", runs_out_on=dt.date(2026, 3, 3))
    one.pass_time("9 00:00")
    assert one.lines == [f"{at} exit_if"]


def test_a_goal_is_reached_at_the_moment_at_which_time_makes_it_true_however_late_that_is_noticed() -> None:
    text = written(STEPS, policy="free", goal="{when: {first_seen: more than 2 days ago}}")
    one = life(project(text, written("- exit: seen", name="hears", start="{event: goal_reached}")))
    one.state.facts.values["first_seen"] = moment("0 08:00")
    one.event("0 10:00", "subscribed")
    one.sleep("2 20:00")
    one.wake()
    (reached,) = (
        effect for effect in one.effects if isinstance(effect, Emit) and effect.name == "goal_reached"
    )
    assert reached.at == moment("2 08:00") + 1
    assert one.lines[0] == "2 20:00 goal"


def test_the_goal_of_a_finished_run_is_watched_in_time() -> None:
    steps = "- send: letter"
    one = life(project(written(steps, policy="free", goal="{when: {first_seen: more than 2 days ago}}")))
    one.state.facts.values["first_seen"] = moment("0 08:00")
    one.event("0 10:00", "subscribed")
    one.pass_time("5 00:00")
    assert one.lines == ["0 10:00 send letter via email", "0 10:00 finish", "2 08:00 goal"]


def test_an_event_that_the_condition_does_not_read_wakes_nobody_and_moves_nothing() -> None:
    one = life(exits("{did: {site_visited: not in last 3 days}}"))
    one.event("0 09:00", "site_visited")
    one.event("0 10:00", "subscribed")
    before = next_due(one.state, one.journeys)
    one.event("1 10:00", "cart_updated")
    assert next_due(one.state, one.journeys) == before == moment("3 09:00")


def test_a_journey_that_names_no_such_form_costs_nothing() -> None:
    one = life(exits("{tier: gold}"))
    one.event("0 10:00", "subscribed")
    assert one.state.turns == {}
    assert not one.journeys.index.turning


def test_who_was_inside_before_the_file_named_it_leaves_when_they_are_looked_at() -> None:
    one = life(exits("{tier: gold}"))
    one.state.facts.values["first_seen"] = moment("-5 08:00")
    one.event("0 10:00", "subscribed")
    one.publish(exits("{first_seen: more than 2 days ago}"))
    one.pass_time("1 00:00")
    one.wake()
    assert one.lines == ["1 00:00 exit_if"]


def test_it_beats_the_end_of_a_wait_of_the_same_moment() -> None:
    one = life(project(written("- wait: 2 days\n  id: pause\n- send: letter", policy="free",
                               exit_if="{seen_on: today}")))  # fmt: skip
    one.state.facts.values["seen_on"] = dt.date(2026, 3, 4)
    one.event("0 00:00", "subscribed")
    one.pass_time("3 00:00")
    assert one.lines == ["2 00:00 exit_if"]


FORMS = st.sampled_from(
    (
        "{did: {site_visited: not in last 2 hours}}",
        "{did: {site_visited: {times: at most 1, last: 3 hours}}}",
        "{did: {cart_updated: {times: at least 2, last: 5 hours}}}",
        "{none: [{did: {order_placed: in last 90 minutes}}]}",
        "{last_order_at: more than 2 hours ago}",
        "{first_seen: less than 1 day ago}",
        "{any: [{last_order_at: more than 3 hours ago}, {did: {site_visited: not in last 4 hours}}]}",
        "{all: [{did: {site_visited: not in last 1 hour}}, {tier: gold}]}",
        "{seen_on: today}",
        "{seen_on: more than 1 days ago}",
        "{birthday: today}",
    )
)
HAPPENED = st.lists(
    st.tuples(
        st.integers(1, 34 * 60),
        st.sampled_from(("site_visited", "cart_updated", "order_placed", "gold", "seen")),
    ),
    max_size=8,
)


def start_of(journeys: Journeys) -> Life:
    one = life(journeys, first_seen=moment("0 08:00"), birthday=Birthday(3, 3))
    for name in ("site_visited", "order_placed", "cart_updated"):
        one.event("0 09:55", name)
    one.event("0 10:00", "subscribed")
    return one


def happen(one: Life, at: str, what: str) -> None:
    match what:
        case "gold":
            one.change(at, tier="gold")
        case "seen":
            one.change(at, seen_on=dt.date(2026, 3, 3))
        case _:
            one.event(at, what)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(form=FORMS, happened=HAPPENED)
def test_asked_minute_by_minute_by_hand_it_is_the_same_moment(
    form: str, happened: list[tuple[int, str]]
) -> None:
    journeys = exits(form, goal="{event: order_delivered}")
    one = start_of(journeys)
    if not one.state.enrollments:
        return  # true at the start: nobody enters
    history = sorted(happened)
    # By hand: a customer of the same journey without the exit, and the question of it every minute. Another
    # journey, which nobody enters, asks it too, so that the same history is kept.
    without = written(STEPS, policy="free", goal="{event: order_delivered}")
    asks = written("- exit: never", name="asks", start="{event: order_delivered}", who=form)
    by_hand = start_of(project(without, asks))
    question = journeys.by_name["hello"].exit_if
    assert question is not None
    left: Instant | None = None
    begin, waiting = moment("0 10:00"), list(history)
    for minute in range(1, 36 * 60):
        at = Instant(begin + minute * MINUTE)
        while waiting and waiting[0][0] == minute:
            happen(by_hand, label(at), waiting.pop(0)[1])
        if question.test(Scope(by_hand.state.facts, by_hand.run, at)):
            left = at
            break
    for minute, what in history:
        happen(one, label(Instant(begin + minute * MINUTE)), what)
    one.pass_time(label(Instant(begin + 36 * 60 * MINUTE - MINUTE)))
    moments = [trace.at for trace in one.trace() if trace.kind == "exit_if"]
    assert len(moments) == (left is not None)
    if left is not None:
        assert left - MINUTE < moments[0] <= left, (label(moments[0]), label(left))
