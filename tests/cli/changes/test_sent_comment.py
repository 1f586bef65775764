"""What a comment says of what would be sent, of counts as a replay gives them."""

from __future__ import annotations

import pytest

from engine.cli.changes.comment.line_budget import LineBudget
from engine.cli.changes.comment.sent import sent_part
from engine.plan.traffic import traffic
from engine.simulate.replay.comparison import (
    ComparedCount,
    ComparedDay,
    ComparedMessages,
    JourneyComparison,
    ReplayComparison,
)

NEVER, MOVED, OTHERS, UNCLEAR = (
    "never sent any more",
    "Nothing is sent more or less often: messages move in time.",
    "Nothing is sent more or less often: other customers get it.",
    "No count differs by more than the sample may be off.",
)


def told(
    messages: ComparedCount,
    *,
    cost: tuple[str, str] = ("0", "0"),
    enter: int = 0,
    about: tuple[str, ...] = ("welcome",),
    one_in: int = 1,
) -> str:
    """Of one journey, whose messages are sent on another day with the second version."""
    none, same = ComparedCount(0, 0), ComparedCount(40, 40)
    days = [
        ComparedDay("2026-03-02", "hello", "email", ComparedCount(1, 0)),
        ComparedDay("2026-03-03", "hello", "email", ComparedCount(0, 1)),
    ]
    journey = JourneyComparison(
        journey="welcome", starts=same, enter=enter, enter_no_more=enter,
        messages=[ComparedMessages("hello", "email", messages)], skipped={}, codes={}, points=none,
        goals=none, outcomes={}, open=none, cost_before=cost[0], cost_after=cost[1], days=days,
    )  # fmt: skip
    answer = ReplayComparison(
        customers=100, one_in=one_in, changed=3, first_at="2026-03-02T00:00:00Z",
        last_at="2026-03-04T00:00:00Z", journeys=[journey], timelines=[], competition=[],
    )  # fmt: skip
    return sent_part(answer, traffic(answer, about), "EUR", LineBudget())


@pytest.mark.parametrize(("before", "after"), [("0", "0.00"), ("0.00", "0"), ("1.50", "1.5")])
def test_costs_that_are_equal_but_written_otherwise_are_no_difference(before: str, after: str) -> None:
    assert "cost in EUR" not in told(ComparedCount(0, 3), cost=(before, after))


def test_costs_that_differ_are_told_of_the_journeys_that_a_change_is_about() -> None:
    row = "| welcome: cost in EUR | 0.00 | 0.30 | +0.30 |"
    assert row in told(ComparedCount(0, 3), cost=("0", "0.30"))
    assert row not in told(ComparedCount(0, 3), cost=("0", "0.30"), about=())


def test_of_what_a_sample_met_rarely_nobody_hears_that_it_is_never_sent_any_more() -> None:
    assert NEVER in told(ComparedCount(40, 0))
    assert NEVER in told(ComparedCount(40, 0, margin=39), one_in=10)
    assert NEVER not in told(ComparedCount(40, 0, margin=40), one_in=10)


def test_without_a_count_that_is_told_the_comment_says_what_differs_instead() -> None:
    found = {
        MOVED: told(ComparedCount(7, 7)),
        OTHERS: told(ComparedCount(7, 7), enter=2),
        UNCLEAR: told(ComparedCount(70, 80, margin=20), about=(), one_in=10),
    }
    for words, said in found.items():
        assert [each for each in (MOVED, OTHERS, UNCLEAR) if each in said] == [words]
