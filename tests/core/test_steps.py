"""What the other steps do: once per run and step (design/language 2.10, 2.14, 2.20)."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from engine.core.decision.effects import Alert, Call, Change, GiveBack, TakeCode
from engine.core.enrollment import AwaitingCode
from engine.values import local_date
from tests.core.builders import BERLIN, life, moment, project, written

# --- set, add, remove ---


def test_set_writes_now_today_and_takes_away() -> None:
    one = life(
        project(written("- set: {first_seen: now, seen_on: today, tier: unset, lifecycle: active}")),
        tier="gold",
    )
    one.event("0 10:00", "subscribed")
    values = one.state.facts.values
    assert values["first_seen"] == moment("0 10:00")
    assert values["seen_on"] == local_date(moment("0 10:00"), BERLIN)
    assert values["lifecycle"] == "active"
    assert "tier" not in values


def test_add_to_a_missing_number_starts_at_0_and_may_go_below() -> None:
    one = life(project(written("- add: {points: -50}")))
    one.event("0 10:00", "subscribed")
    assert one.state.facts.values["points"] == -50
    assert one.lines[0] == "0 10:00 add points -50"


def test_lists_grow_and_shrink() -> None:
    one = life(project(written("- add: {tags: vip}\n- remove: {tags: lead}")), tags=("lead",))
    one.event("0 10:00", "subscribed")
    assert one.state.facts.values["tags"] == ("vip",)


def test_a_step_that_is_passed_again_writes_nothing() -> None:
    before = project(written("- add: {points: 50}\n- wait: 1 day\n  id: a\n- wait: 1 day\n  id: b"))
    after = project(written("- wait: 1 day\n  id: a\n- add: {points: 50}\n- wait: 1 day\n  id: b"))
    one = life(before)
    one.event("0 10:00", "subscribed")
    one.publish(after)
    one.pass_time("3 00:00")
    assert one.state.facts.values["points"] == 50
    assert len([effect for effect in one.effects if isinstance(effect, Change)]) == 1


def test_consent_is_written_for_the_channel() -> None:
    one = life(project(written("- set: {consent.email: given}\n- send: letter")))
    one.consent("0 09:00", "email", "asked")
    one.event("0 10:00", "subscribed")
    assert one.lines == ["0 10:00 set consent.email given", "0 10:00 send letter via email", "0 10:00 finish"]


# --- code ---


def test_a_generated_code_follows_from_run_and_pool_alone() -> None:
    text = written("- code: WELCOME10\n  valid: 7 days\n- wait: 1 day\n  id: a")
    codes = set()
    for _ in range(2):
        one = life(project(text))
        one.event("0 10:00", "subscribed")
        assert one.run.code is not None
        codes.add(one.run.code.value)
    (code,) = codes
    assert code.startswith("WELCOME-")
    assert len(code) == len("WELCOME-????-????")
    assert "?" not in code


def test_a_shared_code_is_the_same_for_everybody() -> None:
    one = life(project(written("- code: SPRING\n  valid: 7 days\n- wait: 1 day\n  id: a")))
    one.event("0 10:00", "subscribed")
    assert one.run.code is not None
    assert one.run.code.value == "SPRING26"


def test_a_code_ends_with_the_local_day() -> None:
    one = life(project(written("- code: WELCOME10\n  valid: 7 days\n- wait: 1 day\n  id: a")))
    one.event("0 23:30", "subscribed")
    assert one.run.code is not None
    assert one.run.code.expires == moment("7 23:59") + 59_000


def test_the_same_code_when_asked_again_and_no_second_line() -> None:
    steps = (
        "- code: PAPER\n  valid: 7 days\n- wait: 1 day\n  id: a\n- code: PAPER\n  valid: 9 days\n"
        "- wait: 1 day\n  id: b"
    )
    one = life(project(written(steps)))
    one.event("0 10:00", "subscribed")
    first = one.run.code
    one.pass_time("1 10:00")
    assert one.run.code == first
    assert one.lines == ["0 10:00 code PAPER"]
    taken = [effect.value for effect in one.effects if isinstance(effect, TakeCode)]
    assert first is not None
    assert taken == [None, first.value]


def test_an_empty_pool_stops_the_run_and_tells_the_owner() -> None:
    one = life(project(written("- code: PAPER\n  valid: 7 days\n- send: letter", policy="free")), codes=False)
    one.event("0 10:00", "subscribed")
    one.code("0 10:01", "PAPER", None)
    assert isinstance(one.run.state, AwaitingCode)
    assert [effect.journey for effect in one.effects if isinstance(effect, Alert)] == ["hello"]
    one.code("0 12:00", "PAPER", "P-1")
    assert one.lines == ["0 12:00 code PAPER", "0 12:00 send letter via email", "0 12:00 finish"]
    assert one.sends[0].names["code"] == {
        "value": "P-1",
        "expires": moment("7 23:59") + 59_000,
        "pool": "PAPER",
    }


def test_a_code_goes_back_when_no_message_carried_it() -> None:
    one = life(project(written("- code: PAPER\n  valid: 7 days\n- wait: 1 day\n  id: a\n- send: letter")))
    one.event("0 10:00", "subscribed")
    assert one.run.code is not None
    code = one.run.code.value
    one.event("0 11:00", "order_placed")
    assert [effect.value for effect in one.effects if isinstance(effect, GiveBack)] == [code]


def test_a_code_that_a_message_carried_stays_with_the_customer() -> None:
    one = life(
        project(
            written("- code: PAPER\n  valid: 7 days\n- send: letter\n- wait: 1 day\n  id: a", policy="free")
        )
    )
    one.event("0 10:00", "subscribed")
    one.event("0 11:00", "order_placed")
    assert [effect for effect in one.effects if isinstance(effect, GiveBack)] == []


# --- webhook, exit, branches ---


def test_a_webhook_is_called_once_with_its_key() -> None:
    one = life(
        project(
            written("- webhook: crm\n  with: {reason: lapsed, form: trigger.form}\n- wait: 1 day\n  id: a")
        )
    )
    one.event("0 10:00", "subscribed", form="footer")
    (call,) = [effect for effect in one.effects if isinstance(effect, Call)]
    assert (call.webhook, call.values) == ("crm", {"reason": "lapsed", "form": "footer"})
    assert call.enrollment == one.run.id


def test_a_webhook_carries_the_values_of_names() -> None:
    values = "{code: code.value, land: customer.country, left: code.expires}"
    steps = f"- code: WELCOME10\n  valid: 7 days\n- webhook: crm\n  with: {values}"
    one = life(project(written(steps)), country="DE")
    one.event("0 10:00", "subscribed")
    (call,) = [effect for effect in one.effects if isinstance(effect, Call)]
    code = next(iter(one.state.enrollments.values())).code
    assert code is not None
    assert call.values == {"code": code.value, "land": "DE", "left": "2026-03-09T22:59:59Z"}


def test_exit_ends_with_its_reason() -> None:
    one = life(
        project(written("- if: {tier: gold}\n  then:\n    - exit: control\n- send: letter", policy="free")),
        tier="gold",
    )
    one.event("0 10:00", "subscribed")
    assert one.lines == ["0 10:00 exit control"]
    assert one.run.outcome == "exit control"


@pytest.mark.parametrize(("points", "letter"), [(1000, "rich"), (700, "near"), (1, "poor")])
def test_choose_takes_the_first_that_fits(points: int, letter: str) -> None:
    steps = """
- choose: points
  into:
    at least 1000:
      - send: rich
    at least 700:
      - send: near
    else:
      - send: poor
"""
    one = life(project(written(steps, policy="free")), points=points)
    one.event("0 10:00", "subscribed")
    assert [send.template for send in one.sends] == [letter]


def test_a_split_is_stored_with_the_run() -> None:
    steps = """
- split: offer
  into:
    50% percent:
      - send: percent
    50% gift:
      - send: gift
- wait: 1 day
  id: a
"""
    one = life(project(written(steps, policy="free")))
    one.event("0 10:00", "subscribed")
    assert one.run.paths == {"offer": one.sends[0].template}


def test_a_message_knows_the_path_of_its_run() -> None:
    steps = """
- if: {tier: gold}
  then:
    - split: never_met
      into:
        100% only:
          - exit: gold
- split: offer
  into:
    50% percent:
      - add: {points: 1}
    50% gift:
      - add: {points: 2}
- send: letter
  with: {offer: paths.offer, since: customer.first_seen}
"""
    one = life(project(written(steps, policy="free")), first_seen=moment("0 09:00"))
    one.event("0 10:00", "subscribed")
    (send,) = one.sends
    paths = send.names["paths"]
    assert isinstance(paths, Mapping)
    path = paths["offer"]
    assert path in ("percent", "gift")
    assert send.names["paths"] == {"offer": path, "never_met": None}
    assert send.names["with"] == {"offer": path, "since": moment("0 09:00")}
    assert send.names["with_times"] == ("since",)


def test_values_of_the_message_are_literals_or_names() -> None:
    one = life(project(written("- send: letter\n  with: {tone: warm, form: trigger.form}", policy="free")))
    one.event("0 10:00", "subscribed", form="footer")
    assert one.sends[0].names["with"] == {"tone": "warm", "form": "footer"}
