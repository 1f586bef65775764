"""`wait ... for`: the window, and what decides between then and else (design/language 2.10, 2.13)."""

from __future__ import annotations

from engine.core.happening import Event
from tests.core.builders import Life, life, moment, project, written

FOR = """
- send: letter
- wait: 2 days
  id: reaction
  for: {what}
  then:
    - send: thanks
  else:
    - send: sorry
"""


def started(what: str = "order_delivered", **more: bool) -> Life:
    one = life(project(written(FOR.format(what=what), policy="free")), **more)
    one.event("0 10:00", "subscribed")
    return one


def after_letter(one: Life) -> list[str]:
    one.pass_time("9 00:00")
    return [line for line in one.lines if "letter" not in line and "finish" not in line]


def test_the_event_ends_the_wait_as_soon_as_it_happens() -> None:
    one = started()
    one.event("1 08:00", "order_delivered")
    assert after_letter(one) == ["1 08:00 send thanks via email"]


def test_without_the_event_the_time_ends_it() -> None:
    assert after_letter(started()) == ["2 10:00 send sorry via email"]


def test_the_fields_of_the_event_are_asked() -> None:
    one = started("order_delivered\n  where: {order_id: A}")
    one.event("1 08:00", "order_delivered", order_id="B")
    one.event("1 09:00", "order_delivered", order_id="A")
    assert after_letter(one) == ["1 09:00 send thanks via email"]


def test_a_click_on_a_message_of_this_run() -> None:
    one = started("clicked letter")
    one.react("0 12:00", "letter")
    assert after_letter(one) == ["0 12:00 send thanks via email"]


def test_a_click_between_the_message_and_the_wait_is_not_lost() -> None:
    steps = """
- send: letter
  via: [push, email]
  next_after: 1 hour
  until: opened
- wait: 2 days
  id: reaction
  for: clicked letter
  then:
    - send: thanks
  else:
    - send: sorry
"""
    one = life(project(written(steps, policy="free")))
    one.event("0 10:00", "subscribed")
    one.react("0 10:30", "letter")  # ends the cascade; the wait finds it in its window
    assert one.lines[1:] == ["0 10:30 send thanks via email", "0 10:30 finish"]


def test_a_click_before_the_last_hand_over_is_outside_the_window() -> None:
    steps = FOR.format(what="clicked letter").replace(
        "- wait", "- wait: 1 day\n  id: first\n- send: other\n- wait", 1
    )
    one = life(project(written(steps, policy="free")))
    one.event("0 10:00", "subscribed")
    one.react("0 10:30", "letter")
    one.pass_time("3 10:00")
    assert one.lines[-2:] == ["3 10:00 send sorry via email", "3 10:00 finish"]


def test_an_event_that_is_already_there_ends_the_wait_at_once() -> None:
    steps = """
- send: letter
  via: [push, email]
  next_after: 6 hours
- wait: 2 days
  id: reaction
  for: order_delivered
  then:
    - send: thanks
"""
    one = life(project(written(steps, policy="free")))
    one.event("0 10:00", "subscribed")
    one.event("0 11:00", "order_delivered")
    one.pass_time("0 16:00")
    assert one.lines[-2:] == ["0 16:00 send thanks via email", "0 16:00 finish"]


def test_what_happened_before_the_window_does_not_count() -> None:
    one = started(hands=False)
    one.event("0 10:01", "order_delivered")
    one.hand("0 10:02", "letter")
    one.pass_time("2 10:02")
    assert [send.template for send in one.sends] == ["letter", "sorry"]


def test_the_starting_event_is_never_awaited() -> None:
    one = life(
        project(
            written(
                "- wait: 1 day\n  id: again\n  for: subscribed\n  then:\n    - send: thanks", policy="free"
            )
        )
    )
    one.event("0 10:00", "subscribed")
    one.pass_time("1 10:00")
    assert one.lines == ["1 10:00 finish"]


def test_after_a_downtime_the_moment_of_the_event_decides_then() -> None:
    one = started()
    one.sleep("3 10:00")
    one.take(_delivered(one, "2 10:00"))
    one.wake()
    assert one.lines[-2:] == ["3 10:00 send thanks via email", "3 10:00 finish"]


def test_after_a_downtime_the_moment_of_the_event_decides_else() -> None:
    one = started()
    one.sleep("2 20:00")
    one.take(_delivered(one, "2 10:01"))
    one.wake()
    assert one.lines[-2:] == ["2 20:00 send sorry via email", "2 20:00 finish"]


def test_the_path_that_was_taken_stays_taken() -> None:
    one = started()
    one.pass_time("2 10:00")
    one.event("2 12:00", "order_delivered", happened="1 10:00")
    assert after_letter(one) == ["2 10:00 send sorry via email"]


def _delivered(one: Life, happened: str) -> Event:
    return Event(one.next(), "late", "order_delivered", moment(happened), one.now, {})
