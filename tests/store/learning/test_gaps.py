"""What is usual between two events, learned by SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median

import pytest

from engine.core.facts.customer import CustomerState, Facts
from engine.core.facts.fold import apply_event
from engine.core.facts.rule import CounterEvent, FactRule, TypicalGaps
from engine.core.happening import Event
from engine.store.customers import batches
from engine.store.database import Store
from engine.store.learning import gaps
from engine.store.meta import bucket_of
from engine.values import DAY, Instant, Type

NOW = Instant(1_000 * DAY)
NEXT = FactRule("next_order_at", "next", "order_placed", None, Type("time"))
KEPT = FactRule(
    "next_order_at", "next", "order_placed", None, Type("time"),
    less=(CounterEvent("order_cancelled", None, "order_id"),),
)  # fmt: skip


def fill(store: Store, days: Mapping[str, Sequence[int]], rule: FactRule = NEXT) -> None:
    """Customers with orders on these days; with `less` one more is cancelled."""
    for customer, theirs in days.items():
        facts, number = Facts(customer), 0
        for day in theirs:
            number += 1
            at = Instant(day * DAY)
            fields = {"order_id": str(number)}
            apply_event(facts, Event(number, "", "order_placed", at, at, fields), (rule,))
        if rule.less:
            for name in ("order_placed", "order_cancelled"):
                event = Event(number + 1, "", name, NOW, NOW, {"order_id": "gone"})
                apply_event(facts, event, (rule,))

        def job(conn: object, customer: str = customer, facts: Facts = facts) -> None:
            bucket = bucket_of(conn, customer)  # type: ignore[arg-type]
            batch = batches.CustomerBatch(
                bucket, {customer: CustomerState(Facts(customer))}, {customer: batches.StoredCustomer()}
            )
            batches.save_batch(conn, batch, {customer: CustomerState(facts)}, NOW)  # type: ignore[arg-type]

        store.write(job)


def shop(size: int) -> dict[str, list[int]]:
    """Customers with one to five orders, each with gaps of their own."""
    found = {}
    for number in range(size):
        moments = [100 + number]
        for step in range(number % 5):
            moments.append(moments[-1] + 10 + (number * 7 + step * 13) % 40)
        found[f"c{number}"] = moments
    return found


def of_whoever(days: Mapping[str, Sequence[int]], events: int) -> list[int]:
    return [
        later - earlier for each in days.values() if len(each) == events for earlier, later in pairwise(each)
    ]


@pytest.mark.parametrize("rule", [NEXT, KEPT], ids=["plain", "less"])
def test_the_medians_are_those_of_customers_with_as_many_events(store: Store, rule: FactRule) -> None:
    days = shop(80)
    fill(store, days, rule)
    first = [each[1] - each[0] for each in days.values() if len(each) > 1]
    with store.read() as conn:
        learned = gaps.typical(conn, rule)
    assert learned == TypicalGaps(
        int(median(first) * DAY),
        int(median(of_whoever(days, 2)) * DAY),
        int(median(of_whoever(days, 3)) * DAY),
    )


def test_a_first_gap_is_known_from_fifty_customers_on(store: Store) -> None:
    fill(store, {f"c{number}": [0, 30] for number in range(49)})
    with store.read() as conn:
        assert gaps.typical(conn, NEXT) == TypicalGaps(None, 30 * DAY, None)
    fill(store, {"one_more": [0, 30]})
    with store.read() as conn:
        assert gaps.typical(conn, NEXT) == TypicalGaps(30 * DAY, 30 * DAY, None)


def test_whoever_has_few_events_gets_the_moment_that_follows(store: Store) -> None:
    fill(store, {"one": [10], "two": [10, 20], "three": [10, 20, 50], "four": [10, 20, 30, 40]})
    known = TypicalGaps(7 * DAY, 8 * DAY, None)
    with store.read() as conn:
        found = {each.customer: each.moment for each in gaps.others(conn, NEXT, known, page=2)}
        assert found == {"one": 17 * DAY, "two": 28 * DAY}
        assert not list(gaps.others(conn, NEXT, TypicalGaps()))
