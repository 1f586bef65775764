"""The row of steps: what comes next, what follows, what everything means."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from engine.compiler.walk import step_in_words
from engine.core.conditions.condition import Ref
from engine.core.journey import END, Awaited, CodeStep, Moment, SendStep, WaitStep
from engine.core.steps.branch import ChooseStep, IfStep
from engine.core.steps.change import ChangeStep
from engine.core.steps.split import SplitStep
from engine.core.steps.webhook import WebhookStep
from engine.values import Duration, Money, Type
from tests.compiler.shop import HEAD, compiled, journey

TREE = """
  - send: a
  - if: {clicked: a}
    then:
      - send: both
        via: [push, email]
        next_after: 4 hours
      - if: {tier: gold}
        then:
          - send: b
  - wait: 1 day
    id: last
"""


def test_a_branch_joins_below_and_later_steps_are_those_around_it() -> None:
    steps = journey(TREE).steps
    by_id = {step.id: step for step in steps}
    assert [step.id for step in steps] == ["a", "if clicked: a#1", "both", "if tier: gold#1", "b", "last"]
    question, cascade, inner, last = steps[1], by_id["both"], steps[3], by_id["last"]
    assert isinstance(question, IfStep)
    assert isinstance(inner, IfStep)
    assert (question.then, question.otherwise, question.next) == (2, 5, 5)
    assert (cascade.next, cascade.later) == (3, (3, 5))
    assert (inner.then, inner.otherwise, inner.next) == (4, 5, 5)
    assert (by_id["b"].next, by_id["b"].later) == (5, (5,))
    assert (last.next, last.later) == (END, ())


def test_the_index_of_a_step_is_its_place_in_the_row() -> None:
    steps = journey(TREE).steps
    assert [step.index for step in steps] == list(range(len(steps)))


def test_a_cascade_has_channels_and_a_reaction_a_single_send_its_only_channel() -> None:
    steps = journey(TREE).steps
    single, cascade = steps[0], steps[2]
    assert isinstance(single, SendStep)
    assert isinstance(cascade, SendStep)
    assert (single.channels, single.is_cascade, single.policy.name) == (("email",), False, "marketing")
    assert (cascade.channels, cascade.is_cascade, cascade.until) == (("push", "email"), True, "clicked")
    assert cascade.next_after == Duration(elapsed=4 * 3_600_000)


def test_steps_without_a_name_are_told_apart_by_verb_text_and_number() -> None:
    steps = journey("""
  - add: {points: 5}
  - add: {points: 5}
  - add: {points: 6}
  - webhook: crm_call_task
    id: call
""").steps
    assert [step.id for step in steps] == ["add points: 5#1", "add points: 5#2", "add points: 6#1", "call"]
    assert [step_in_words(step.id) for step in steps] == [
        "add points: 5", "add points: 5 (the second of these)", "add points: 6", "call",
    ]  # fmt: skip


def test_a_wait_for_an_event_goes_on_below_where_a_side_was_not_written() -> None:
    steps = journey("""
  - wait: 3 days
    id: w
    for: Purchase
    where: {total: at least 20 EUR}
    else:
      - send: a
  - send: b
""").steps
    wait = steps[0]
    assert isinstance(wait, WaitStep)
    assert (wait.then, wait.otherwise, wait.next) == (2, 1, 2)
    assert wait.awaited is not None
    assert wait.awaited.events == ("order_placed",)
    assert wait.awaited.where is not None


def test_moments_of_until() -> None:
    steps = journey(
        """
  - code: WELCOME10
    valid: 7 days
  - wait: until Tuesday 10:00
    id: w1
  - wait: until 2026-11-27 08:00
    id: w2
  - wait: until 3 days before code.expires
    id: w3
    at: 11:00
  - wait: until points_expire_on
    id: w4
    at: 9:30
"""
    ).steps
    moments = [step.until for step in steps if isinstance(step, WaitStep)]
    assert moments == [
        Moment(time=dt.time(10), weekday=1),
        Moment(time=dt.time(8), date=dt.date(2026, 11, 27)),
        Moment(ref=Ref("code", "expires", Type("time")), offset=Duration(days=-3), name="code.expires"),
        Moment(ref=Ref("customer", "points_expire_on", Type("date")), name="points_expire_on"),
    ]
    code = steps[0]
    assert isinstance(code, CodeStep)
    (offer,) = code.offers
    assert (code.name, offer.pool.pattern) == ("WELCOME10", "WELCOME-????-????")
    assert (offer.question, offer.valid) == (None, Duration(days=7))


def test_a_split_keeps_the_salt_of_its_former_name() -> None:
    split = journey("""
  - split: offer
    was: first_offer
    into:
      60% percent:
        - send: a
      40% nothing:
        - exit: control
""").steps[0]
    assert isinstance(split, SplitStep)
    assert (split.salt, split.was) == ("first_offer", "first_offer")
    assert split.paths == (("percent", 60, 1), ("nothing", 40, 2))


def test_choose_by_segment_and_by_forms() -> None:
    steps = journey("""
  - choose: segment
    into:
      vip:
        - send: a
      else:
        - send: b
  - choose: points
    into:
      at least 10, 3:
        - exit: x
""").steps
    by_segment, by_points = steps[0], steps[3]
    assert isinstance(by_segment, ChooseStep)
    assert isinstance(by_points, ChooseStep)
    assert [(label, first) for _, label, first in by_segment.paths] == [("vip", 1), ("else", 2)]
    assert by_segment.paths[1][0] is None
    assert [(label, first) for _, label, first in by_points.paths] == [("at least 10, 3", 4)]


def test_what_set_add_and_remove_write() -> None:
    steps = journey(
        """
  - set: {tier: gold, first_seen: now, points_expire_on: today, lifecycle: unset, consent.email: withdrawn}
  - add: {points: -50, tags: vip}
    note: why
  - remove: {tags: lead}
  - webhook: crm_call_task
    with: {reason: new, source: trigger.source}
"""
    ).steps
    changes = [step for step in steps if isinstance(step, ChangeStep)]
    assert dict(changes[0].values) == {
        "tier": "gold", "first_seen": "now", "points_expire_on": "today", "lifecycle": "unset",
        "consent.email": "withdrawn",
    }  # fmt: skip
    assert (dict(changes[1].values), changes[1].note) == ({"points": -50, "tags": "vip"}, "why")
    assert changes[2].types == (Type("list of text"),)
    call = steps[3]
    assert isinstance(call, WebhookStep)
    assert dict(call.values) == {"reason": "new", "source": Ref("trigger", "source", Type("text"))}


def test_a_reaction_is_awaited_by_its_template() -> None:
    wait = journey("""
  - send: a
  - wait: 1 day
    id: w
    for: opened a
    then:
      - send: b
""").steps[1]
    assert isinstance(wait, WaitStep)
    assert wait.awaited == Awaited((), None, "opened", "a")


def test_money_in_a_journey_is_a_decimal_of_the_shop() -> None:
    head = HEAD.replace("{event: subscribed}", "{event: cart_updated, where: {total: at least 19.90 EUR}}")
    start = journey("  - send: a\n", head).starts[0]
    assert repr(Money(Decimal("19.90"), "EUR")) in repr(start)


def test_a_journey_with_an_unknown_start_is_not_made_but_fully_checked() -> None:
    made = compiled("  - send: c\n", HEAD.replace("subscribed", "subscribd"))
    assert made.journey is None
    assert [problem.code for problem in made.problems] == ["E10", "E31"]
