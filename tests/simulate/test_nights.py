"""Replay scores at midnight what journeys ask about, and agrees with a score of everybody from the
beginning."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.facts.rfm import DEFAULT, QUINTILES, Borders, Spending, groups_of
from engine.core.facts.rule import FactRule
from engine.simulate.replay.replay import ReplayOptions, replay
from engine.simulate.replay.rfm_nightly import ScoreBoard
from engine.values import DAY, HOUR, Instant, Type
from tests.runtime.shop import ATTRIBUTES, FILES, write_project

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
