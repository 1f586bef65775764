"""What a changed journey means beside the others."""

from __future__ import annotations

from engine.plan.project_diff import project_diff

ENDING = """
journey: points_ending
start: {event: points_expiring}
again: always
goal: {event: order_placed}
steps:
  - send: letter
"""
SECOND = """
journey: second_order
start: {event: cart_updated}
again: always
goal: {event: order_placed}
steps:
  - if: {orders_count: 2}
    then:
      - send: OFFER
"""


def told(before: dict[str, str], now: dict[str, str]) -> dict[str, list[str]]:
    """The words of what differs, by journey."""
    former, present = (
        {f"journeys/{name}.yaml": text.lstrip() for name, text in each.items()} for each in (before, now)
    )
    found = project_diff(former, present).subjects
    return {subject.name: [change.words for change in subject.changes] for subject in found}


def test_a_message_that_two_journeys_send_from_now_on_is_said() -> None:
    before = {"second_order": SECOND.replace("OFFER", "hello"), "points_ending": ENDING}
    twice = {"second_order": SECOND.replace("OFFER", "letter"), "points_ending": ENDING}
    said = "letter is sent by points_ending, second_order"
    assert said in told(before, twice)["second_order"]
    assert said in told({"points_ending": ENDING}, twice)["second_order"], "of a new journey too"
    draft = twice | {"points_ending": ENDING.replace("steps:", "state: draft\nsteps:")}
    assert said not in told(before, draft)["second_order"], "of a journey that sends nothing it is not"
    longer = twice | {"second_order": twice["second_order"].replace("orders_count: 2", "orders_count: 3")}
    assert said not in told(twice, longer)["second_order"], "nor where it was so before"
    moved = {"second_order": twice["second_order"], "points_ending": ENDING.replace("letter", "hello")}
    assert said not in told(before, moved)["second_order"], "nor where it is sent here instead"


def test_a_journey_that_takes_nobody_any_more_says_that_nothing_starts_by_its_event() -> None:
    said = "no journey starts by points_expiring any more"
    before = {"points_ending": ENDING, "second_order": SECOND}
    closing = before | {"points_ending": ENDING.replace("steps:", "state: closing\nsteps:")}
    assert told(before, closing)["points_ending"] == ["state: live -> closing", said]
    assert said in told(before, {"second_order": SECOND})["points_ending"]
    other = closing | {"other": ENDING.replace("points_ending", "other").replace("letter", "news")}
    assert said not in told(before, other)["points_ending"]
    called = {"other": other["other"].replace("start:", "was: points_ending\nstart:"), "second_order": SECOND}
    assert all(said not in words for words in told(before, called).values())
    broken = closing | {"second_order": "journey: [\n"}
    assert told(before, broken)["points_ending"] == ["state: live -> closing"]


def test_messages_of_the_same_journeys_are_told_in_one_line() -> None:
    both = ENDING + "  - send: hello\n"
    now = {name: both.replace("points_ending", name) for name in ("points_ending", "other")}
    assert "letter, hello are sent by other, points_ending" in told({"points_ending": both}, now)["other"]
