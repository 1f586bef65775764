"""Which code a run gets, and which goes back: generated, of a file, by value."""

from __future__ import annotations

from engine.core.codes import ATTEMPTS, CodeSource
from engine.core.decision.effects import GiveBack, TakeCode
from engine.core.enrollment import AwaitingCode
from engine.core.happening import CodeTaken
from engine.core.journey import Pool
from tests.core.builders import CONFIG, life, moment, project, written

POOL = Pool("WELCOME10", "generated", "W-????-????")


def test_nobody_without_the_key_of_the_store_knows_a_code() -> None:
    codes = {CodeSource(key).draw(POOL, "run") for key in (b"", b"one", b"another")}
    assert len(codes) == 3


def test_a_text_that_another_run_has_is_passed_over() -> None:
    source = CodeSource(b"key")
    first, second, *_ = source.candidates(POOL, "run")
    assert source.draw(POOL, "run") == first
    assert CodeSource(b"key", frozenset({first})).draw(POOL, "run") == second
    every = frozenset(source.candidates(POOL, "run"))
    assert len(every) == ATTEMPTS
    assert CodeSource(b"key", every).draw(POOL, "run") is None


CHOICE = written("- code: COMEBACK\n- wait: 1 day\n  id: a")
SHOP = CONFIG.replace(
    "codes:\n",
    """codes:
  FIVE: {kind: generated, pattern: "FIVE-????", text: 5 %}
  COMEBACK:
    choose: points
    into:
      less than 100: {pool: FIVE, valid: 7 days}
      else: {pool: PAPER, valid: 14 days, text: ten, offer: vip}
""",
)


def test_the_first_offer_that_fits_counts() -> None:
    for points, pool, text, offer in ((99, "FIVE", "5 %", "FIVE"), (100, "PAPER", "ten", "vip")):
        one = life(project(CHOICE, config=SHOP), points=points)
        one.event("0 10:00", "subscribed")
        code = one.run.code
        assert code is not None
        assert (code.pool, code.text, code.offer, code.asked_as) == (pool, text, offer, "COMEBACK")
        assert one.lines == ["0 10:00 code COMEBACK", f"0 10:00 code {pool}"]


def test_a_code_that_comes_when_nobody_waits_any_more_goes_back() -> None:
    one = life(project(written("- code: PAPER\n  valid: 7 days\n- wait: 1 day\n  id: a")), codes=False)
    one.event("0 10:00", "subscribed")
    run = one.run.id
    assert isinstance(one.run.state, AwaitingCode)
    one.event("0 11:00", "order_placed")
    one.take(CodeTaken(one.next(), moment("0 11:00"), run, "PAPER", "P-1"))
    assert [each.value for each in one.effects if isinstance(each, GiveBack)] == ["P-1"]


def test_a_code_of_a_pool_that_is_no_longer_chosen_goes_back_and_is_asked_anew() -> None:
    one = life(project(CHOICE, config=SHOP), codes=False, points=100)
    one.event("0 10:00", "subscribed")
    one.code("0 10:00", "ELSEWHERE", "E-1")
    assert [each.value for each in one.effects if isinstance(each, GiveBack)] == ["E-1"]
    asked = [each.pool for each in one.effects if isinstance(each, TakeCode) and each.value is None]
    assert asked == ["PAPER", "PAPER"]


def test_a_code_that_a_webhook_told_of_stays() -> None:
    steps = (
        "- code: PAPER\n  valid: 7 days\n- webhook: crm\n  with: {code: code.value}\n- wait: 1 day\n  id: a"
    )
    one = life(project(written(steps)))
    one.event("0 10:00", "subscribed")
    one.event("0 11:00", "order_placed")
    assert [each for each in one.effects if isinstance(each, GiveBack)] == []


def test_an_order_uses_the_code_that_it_shows_and_no_other() -> None:
    one = life(
        project(
            written(
                "- code: WELCOME10\n  valid: 7 days\n- wait: 1 day\n  id: a", goal="{event: site_visited}"
            )
        )
    )
    one.event("0 10:00", "subscribed")
    code = one.run.code
    assert code is not None
    one.event("0 11:00", "order_placed", code="WELCOME10", code_value="of somebody else")
    assert one.run.code == code
    one.event("0 12:00", "order_placed", code="WELCOME10", code_value=code.value)
    assert one.run.code is not None
    assert one.run.code.used


def test_a_value_of_a_message_is_chosen_by_what_the_customer_is() -> None:
    step = (
        "- send: letter\n  with:\n    kind: plain\n    offer:\n      choose: points\n      into:\n"
        "        less than 10: general\n        else: same_shop"
    )
    for points, word in ((9, "general"), (10, "same_shop")):
        one = life(project(written(step, policy="free")), points=points)
        one.event("0 10:00", "subscribed")
        assert one.sends[0].names["with"] == {"kind": "plain", "offer": word}
