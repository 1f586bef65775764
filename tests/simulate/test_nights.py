"""Replay scores and learns at midnight what journeys ask about, and agrees with a look at everybody from the
beginning."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.facts.rfm import DEFAULT, QUINTILES, Borders, Spending, groups_of
from engine.core.facts.rule import CounterEvent, FactRule, TypicalGaps
from engine.core.happening import Event
from engine.simulate.replay.gaps_nightly import GapBoard
from engine.simulate.replay.replay import ReplayOptions, replay
from engine.simulate.replay.rfm_nightly import ScoreBoard
from engine.values import DAY, HOUR, Instant, Type
from tests.runtime.shop import ATTRIBUTES, EVENTS, FILES, write_project

GROUPS = """
  rfm: rfm of order_placed.total
rfm:
  best: {recency: 4-5, frequency: 4-5, money: 4-5}
  else: ordinary
"""
BEST = """
segment: best
about: The best customers of the shop.
who: {rfm: best}
"""
THANKS = """
journey: thanks
start: {segment: best}
again: never
goal: {event: subscribed}
policy: service
steps:
  - choose: rfm
    into:
      best:
        - send: hello
      ordinary:
        - send: offer
"""
Orders = Sequence[tuple[int, str, int]]
"""Day, customer, amount."""


DAYS = Borders(recency=(Decimal(1), Decimal("2.5"), Decimal(4), Decimal(9)))


def rule(last: int | None = None, borders: Borders = QUINTILES) -> FactRule:
    return FactRule(
        "rfm", "rfm", "order_placed", "total", Type("one of", DEFAULT.names), last, DEFAULT, borders
    )


def from_the_beginning(
    orders: Orders, today: int, window: int | None, borders: Borders
) -> dict[str, str | None]:
    """Everybody's group at the midnight that begins `today`."""
    spent: dict[str, Spending] = {}
    for day, customer, amount in orders:
        if day < today and (window is None or day * DAY + HOUR + window * DAY > today * DAY):
            known = spent.get(customer, Spending(0, 0, Decimal(0)))
            spent[customer] = Spending(max(day, known.last_day), known.times + 1, known.amount + amount)
    return groups_of(spent, DEFAULT, today, borders)


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abcdefghij"), st.integers(-5, 40)), max_size=60),
    st.sampled_from([None, 1, 3]),
    st.sampled_from([QUINTILES, DAYS]),
)
def test_night_after_night_it_is_the_score_of_everybody(
    orders: Orders, window: int | None, borders: Borders
) -> None:
    board = ScoreBoard(rule(None if window is None else window * DAY, borders))
    known: dict[str, str | None] = {}
    for day in range(16):
        for _, customer, amount in (order for order in orders if order[0] == day):
            board.add(customer, Instant(day * DAY + HOUR), Spending(day, 1, Decimal(amount)))
        changes = dict(board.changes(Instant((day + 1) * DAY), day + 1))
        assert all(known.get(customer) != group for customer, group in changes.items())
        known = {name: group for name, group in {**known, **changes}.items() if group is not None}
        assert known == from_the_beginning(orders, day + 1, window, borders)


def play(folder: Path, orders: Orders, files: dict[str, str], jobs: int) -> list[tuple[str, str]]:
    """(customer, template) of every message, in order."""
    project = write_project(folder / f"shop{jobs}", files)
    stream = folder / "events.jsonl"
    with stream.open("w") as out:
        for number, (day, customer, amount) in enumerate(sorted(orders)):
            row = {
                "event": "order_placed",
                "customer_id": customer,
                "at": f"2026-03-{day:02}T12:00:00Z",
                "properties": {"order_id": f"o{number}", "total": amount, "currency": "EUR"},
            }
            out.write(json.dumps(row) + "\n")
    out_folder = folder / f"out{jobs}"
    replay(project.journeys, project.world, [stream], options=ReplayOptions(out=out_folder, jobs=jobs))
    rows = [json.loads(line) for line in (out_folder / "messages.jsonl").read_text().splitlines()]
    return [(row["customer"], row["template"]) for row in rows]


ORDERS = [
    *((1 + number, f"c{number}", 10 * (number + 1)) for number in range(10)),
    (10, "c9", 5),
    *((12, "c3", 200 + more) for more in range(3)),
    (20, "c0", 1),
]


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_group_that_changed_in_the_night_starts_a_journey(tmp_path: Path, jobs: int) -> None:
    files = {
        **FILES,
        "schemas/customer.yaml": ATTRIBUTES.rstrip() + GROUPS,
        "journeys/segments/best.yaml": BEST,
        "journeys/thanks.yaml": THANKS,
    }
    messages = play(tmp_path, ORDERS, files, jobs)
    assert messages == [
        ("c9", "hello"),
        ("c3", "hello"),
    ]  # each in the night after the orders that made them one of the best


# --- what is usual between two events -------------------------------------------------------------

KEPT = (CounterEvent("order_cancelled", None, "order_id"),)


def usual(orders: Sequence[list[int]], before: TypicalGaps) -> TypicalGaps:
    """What a look at the moments of everybody finds."""

    def middle(gaps: list[int], least: int, old: int | None) -> int | None:
        if len(gaps) < least:
            return None
        new = int(median(gaps))
        return old if old is not None and abs(new - old) * 100 < old else new

    gaps = [[later - earlier for earlier, later in pairwise(sorted(theirs))] for theirs in orders]
    return TypicalGaps(
        middle([theirs[0] for theirs in gaps if theirs], 50, before.first),
        middle([gap for theirs in gaps if len(theirs) == 1 for gap in theirs], 1, before.one),
        middle([gap for theirs in gaps if len(theirs) == 2 for gap in theirs], 1, before.two),
    )


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 70), st.integers(0, 90), st.booleans()), max_size=150
    ),
    st.booleans(),
)
def test_night_after_night_it_is_what_is_usual_with_everybody(
    orders: Sequence[tuple[int, int, int, bool]], less: bool
) -> None:
    """Orders of 70 customers in four nights, some of them late, some of them cancelled."""
    board = GapBoard(FactRule("n", "next", "order_placed", None, Type("time"), less=KEPT if less else ()))
    left: dict[str, list[int]] = {}
    before = TypicalGaps()
    for night in range(4):
        for number, (_, customer, hour, cancelled) in enumerate(orders):
            if orders[number][0] != night:
                continue
            at, fields = Instant(hour * HOUR), {"order_id": str(number)}
            board.add(f"c{customer}", Event(number, "", "order_placed", at, at, fields))
            if less and cancelled:
                board.add(f"c{customer}", Event(number, "", "order_cancelled", at, at, fields))
            else:
                left.setdefault(f"c{customer}", []).append(at)
        learned, after = board.learn(), usual(list(left.values()), before)
        changed = {each.customer: each.moment for each in learned}
        starting = {each.customer for each in learned if each.starts}
        assert board.typical == after
        few = {customer: theirs for customer, theirs in left.items() if len(theirs) < 4}
        gaps = {customer: (before.of(len(theirs)), after.of(len(theirs))) for customer, theirs in few.items()}
        assert changed == {
            customer: max(few[customer]) + new if new is not None else None
            for customer, (old, new) in gaps.items() if old != new
        }  # fmt: skip
        assert starting == {
            customer for customer, (old, new) in gaps.items() if old != new and old is not None
        }
        before = after


DUE = """
segment: due
about: Whose next order can be expected.
who: {next_order_at: is set}
"""
REMIND = """
journey: remind
start: {segment: due}
again: never
goal: {event: subscribed}
policy: service
steps:
  - send: hello
"""


@pytest.mark.parametrize("jobs", [1, 3])
def test_who_comes_after_the_night_is_expected_by_what_is_usual(tmp_path: Path, jobs: int) -> None:
    files = {
        **FILES,
        "schemas/customer.yaml": ATTRIBUTES.rstrip() + "\n  next_order_at: next order_placed\n",
        "journeys/segments/due.yaml": DUE,
        "journeys/remind.yaml": REMIND,
    }
    orders = [(day, f"c{number:02}", 10) for number in range(50) for day in (1, 4)]
    messages = play(tmp_path, [*orders, (3, "early", 10), (6, "later", 10)], files, jobs)
    assert messages == [("later", "hello")]  # the others were there from the beginning


def test_fields_that_only_a_fact_asks_for_are_read(tmp_path: Path) -> None:
    schema = (
        ATTRIBUTES
        + """
  big: {is: count of order_placed, where: {total: at least 100 EUR}}
  kept: {is: count of order_placed, less: order_cancelled by order_id}
"""
    )
    files = {
        **FILES,
        "schemas/customer.yaml": schema,
        "schemas/events.yaml": EVENTS + "  order_cancelled: {fields: {order_id: text}}\n",
        "journeys/segments/due.yaml": DUE.replace("{next_order_at: is set}", "{big: 1, kept: 2}"),
        "journeys/remind.yaml": REMIND,
    }
    messages = play(tmp_path, [(1, "a", 200), (2, "a", 20), (1, "b", 20), (2, "b", 20)], files, 1)
    assert messages == [("a", "hello")]
