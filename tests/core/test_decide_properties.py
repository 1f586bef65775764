"""What holds for `decide` whatever happens: pure, deterministic, total, never too early."""

from __future__ import annotations

import copy
import datetime as dt
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.decide import decide, next_due
from engine.core.decision.effects import Send
from engine.core.facts.customer import CustomerState
from engine.core.happening import (
    CodeTaken,
    Event,
    Happening,
    MessageOutcome,
    MessageReturned,
    MessageSent,
    Occurrence,
    ProductChanged,
    ProfileChanged,
    Reaction,
    SegmentChanged,
    Wake,
)
from engine.core.reasons import ReturnReason
from engine.values import DAY, MINUTE, Birthday, Instant, Money, Value
from tests.core.builders import Life, life, moment, new_customer, project, written

STEPS = """
- send: hello
- wait: 2 days
  id: pause
  at: 10:00
- choose: tier
  into:
    gold:
      - add: {points: 50}
      - code: PAPER
        valid: 7 days
    else:
      - code: WELCOME10
        valid: 3 days
- send: offer
  via: [push, email, sms]
  next_after: 6 hours
- wait: 5 days
  id: comes_back
  for: order_delivered
  then:
    - split: thanks
      into:
        50% one:
          - send: thanks
        50% other:
          - exit: control
  else:
    - wait: until 1 day before code.expires
      id: before_end
      at: 11:00
- set: {lifecycle: active, tags: unset}
- send: last
"""

JOURNEYS = project(
    written(STEPS, exit_if="{can: not email}", again='"restart, then after 3 days"', policy="patient"),
    written(
        "- wait: until birthday\n  id: day\n  at: 09:00\n- send: cake",
        name="birthday",
        start="{date: birthday, before: 3 days, at: '10:00'}",
        again="always",
        goal="{event: order_placed, then: stay}",
    ),
    written(
        "- wait: 1 day\n  id: pause\n- send: come_back",
        name="lapsed",
        start="{segment: lapsed}",
        again="always",
        priority="high",
        policy="capped",
        goal="{when: {orders_count: at least 9}}",
    ),
    segments={"lapsed": "{last_order_at: more than 9 days ago}"},
)

START = moment("0 10:00")
NAMES = ("subscribed", "order_placed", "order_delivered", "site_visited", "cart_updated")


@st.composite
def scripts(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """What happens (a kind), after how many minutes, with which choice."""
    return draw(
        st.lists(
            st.tuples(
                st.sampled_from(
                    [
                        "event",
                        "late",
                        "change",
                        "consent",
                        "segment",
                        "day",
                        "react",
                        "outcome",
                        "hand",
                        "back",
                        "code",
                        "wake",
                    ]
                ),
                st.sampled_from([0, 1, 30, 60, 600, 1440, 4000]),
                st.integers(0, 9),
            ),
            max_size=25,
        )
    )


def happening(
    kind: str, number: int, now: Instant, choice: int, state: CustomerState, sends: list[Send]
) -> Happening:
    send = sends[choice % len(sends)] if sends else None
    key, run = (send.key, send.enrollment) if send else ("none", "nobody")
    match kind:
        case "event" | "late":
            at = Instant(now - choice * DAY // 3) if kind == "late" else now
            name = NAMES[choice % len(NAMES)]
            return Event(number, f"e{number}", name, at, now, {"total": Money(Decimal(choice), "EUR")})
        case "change":
            values: list[dict[str, Value]] = [
                {"tier": "gold"},
                {"tier": None, "points": 7},
                {"birthday": Birthday(3, 9)},
                {"timezone": "America/New_York"},
                {"timezone": "Nowhere/Land"},
                {"birthday": "no date"},
                {"runs_out_on": dt.date(9999, 12, 31)},
            ]
            return ProfileChanged(number, now, values[choice % len(values)])
        case "consent":
            return ProfileChanged(
                number, now, consents={("email", "marketing"): "withdrawn" if choice % 2 else "given"}
            )
        case "segment":
            return SegmentChanged(number, now, "lapsed", choice % 2 == 0)
        case "day":
            return Occurrence(number, "birthday", now, dt.date(2026, 3, 1 + choice))
        case "react":
            return Reaction(number, now, key, run, "clicked" if choice % 2 else "opened")
        case "outcome":
            kinds = ("bounced", "unknown", "settled", "not_sent", "accepted", "refused", "complained")
            return MessageOutcome(number, now, key, run, kinds[choice % len(kinds)])  # type: ignore[arg-type]
        case "hand":
            return MessageSent(number, now, key, run)
        case "back":
            return MessageReturned(number, now, key, run, list(ReturnReason)[choice % len(ReturnReason)])
        case "code":
            runs = list(state.enrollments)
            return CodeTaken(
                number,
                now,
                runs[choice % len(runs)] if runs else "nobody",
                "PAPER",
                None if choice < 3 else f"P{choice}",
            )
        case _:
            return ProductChanged(number, now, "p1", {"stock": choice}) if choice else Wake(number, now)


@settings(max_examples=150)
@given(scripts())
def test_random_happenings_never_raise_nor_touch_the_argument_and_decide_twice_the_same(
    script: list[tuple[str, int, int]],
) -> None:
    state, now = new_customer(JOURNEYS), START
    sends: list[Send] = []
    for number, (kind, minutes, choice) in enumerate(script, 1):
        now = Instant(now + minutes * MINUTE)
        one = happening(kind, number, now, choice, state, sends)
        before = copy.deepcopy(state)
        decided = decide(state, (one,), JOURNEYS, now)
        assert state == before
        assert decide(before, (one,), JOURNEYS, now) == decided
        state = decided.state
        sends += [effect for each in decided.decisions for effect in each.effects if isinstance(effect, Send)]
        for enrollment in state.enrollments.values():
            assert enrollment.is_open == (enrollment.state is not None or enrollment.holdout), (
                "every run rests or has ended"
            )
            assert enrollment.due is None or enrollment.due.at > now, "what was due has been woken"
        for send in sends:
            assert send.due_at <= now


@settings(max_examples=60)
@given(scripts())
def test_every_run_ends(script: list[tuple[str, int, int]]) -> None:
    one = life(JOURNEYS)
    one.now = START
    for kind, minutes, choice in script:
        one.now = Instant(one.now + minutes * MINUTE)
        one.take(happening(kind, one.next(), one.now, choice, one.state, one.sends))
        one.wake()
    for _ in range(200):
        due = next_due(one.state)
        if due is None:
            break
        one.now = max(one.now, due)
        one.wake()
    stuck = [run for run in one.state.enrollments.values() if run.is_open and run.due is None]
    assert all(type(run.state).__name__ in ("NeedsCode", "Handing", "Listening") for run in stuck)


@given(st.permutations(["order_delivered", "site_visited", "cart_updated"]))
def test_the_order_of_events_that_concern_nobody_changes_no_message(names: list[str]) -> None:
    def story(order: list[str]) -> list[str]:
        one = life(JOURNEYS)
        one.event("0 10:00", "subscribed")
        for minute, name in enumerate(order):
            one.event(f"0 11:{minute:02d}", name)
        one.pass_time("20 00:00")
        return one.lines

    assert story(names) == story(sorted(names))


def test_happenings_in_one_call_are_taken_in_the_order_of_their_numbers() -> None:
    events = [
        Event(2, "b", "order_placed", START, START, {}),
        Event(1, "a", "subscribed", START, START, {}),
    ]
    together = decide(new_customer(JOURNEYS), events, JOURNEYS, START)
    one = decide(new_customer(JOURNEYS), events[1:], JOURNEYS, START, wakes=False)
    two = decide(one.state, events[:1], JOURNEYS, START)
    assert together.state == two.state
    assert together.decisions == one.decisions + two.decisions


def test_handing_over_at_once_sends_what_handing_over_afterwards_sends() -> None:
    def play(*, at_once: bool) -> list[str]:
        one = AtOnce(JOURNEYS, new_customer(JOURNEYS), hands=False) if at_once else life(JOURNEYS)
        one.event("0 10:00", "subscribed")
        one.event("4 10:00", "order_delivered")
        one.pass_time("30 00:00")
        return one.lines

    assert play(at_once=True) == play(at_once=False)


class AtOnce(Life):
    """A life in which `decide` hands over itself."""

    def _decide(self, happenings: tuple[Happening, ...], *, wakes: bool) -> None:
        decided = decide(self.state, happenings, self.journeys, self.now, wakes=wakes, sends_at_once=True)
        self.state = decided.state
        for decision in decided.decisions:
            self._note(decision)
        while self.waiting:
            self._decide((self.waiting.popleft(),), wakes=False)
