"""Facts after every history, in whatever order it came, are those of a computation from scratch."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from statistics import median

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compiler.facts.customer_file import read_catalogue
from engine.core.facts.computed import windowed_value
from engine.core.facts.customer import Facts
from engine.core.facts.fold import apply_event, initial_values
from engine.core.happening import Event
from engine.language.yaml.source import read
from engine.problem import render_problems
from engine.store.customers.customer_codec import dump_fact_state, load_fact_state
from engine.store.serialization import dump_values, load_values
from engine.values import DAY, Instant, Money, Value, at_local, zone

EVENTS = """
events:
  order_placed:
    fields:
      order_id: text
      total: money
      code: text
      items: {list of: {category: text, quantity: number}}
  order_returned:
    fields: {order_id: text, total: money, items: {list of: {category: text, quantity: number}}}
  order_cancelled: {fields: {order_id: text}}
"""
CUSTOMER = """
facts:
  times: count of order_placed
  kept_times: {is: count of order_placed, less: order_cancelled by order_id}
  spent: sum of order_placed.total
  net: {is: sum of order_placed.total, less: [order_returned.total by order_id, order_cancelled by order_id]}
  net_average:
    is: average of order_placed.total
    less: [order_returned.total by order_id, order_cancelled by order_id]
  bags: {is: sum of order_placed.items.quantity, where: {items.category: tea}}
  net_bags:
    is: sum of order_placed.items.quantity
    where: {items.category: tea, items.quantity: at least 2}
    less: [order_returned.items.quantity by order_id, order_cancelled by order_id]
  tea_orders: {is: count of order_placed, where: {items.category: tea, items.quantity: at least 2}}
  categories: number of different order_placed.items.category
  net_categories: {is: number of different order_placed.items.category, less: order_cancelled by order_id}
  favourite: most frequent order_placed.items.category
  net_favourite: {is: most frequent order_placed.items.category, less: order_cancelled by order_id}
  with_code: {is: share of order_placed, where: {code: is set}}
  net_with_code: {is: share of order_placed, where: {code: is set}, less: order_cancelled by order_id}
  first_at: {is: first order_placed, less: order_cancelled by order_id}
  last_at: {is: last order_placed, less: order_cancelled by order_id}
  last_code: {is: last order_placed.code, less: order_cancelled by order_id}
  usual: median days between order_placed
  net_usual: {is: median days between order_placed, less: order_cancelled by order_id}
  expected: next order_placed
  net_expected: {is: next order_placed, less: order_cancelled by order_id}
  gap: {is: average days between order_placed, where: {code: is not set}}
  net_gap: {is: average days between order_placed, less: order_cancelled by order_id}
  lately:
    is: sum of order_placed.total
    less: [order_returned.total by order_id, order_cancelled by order_id]
    last: 90 days
  this_year: {is: sum of order_placed.total, last: this year}
  last_year: {is: count of order_placed, less: order_cancelled by order_id, last: last year}
"""
NODES = [read(text, name)[0] for text, name in ((CUSTOMER, "customer"), (EVENTS, "events"))]
CATALOGUE, PROBLEMS = read_catalogue(NODES[0], NODES[1], None)
assert PROBLEMS == [], render_problems(PROBLEMS, {})
RULES = tuple(CATALOGUE.facts.values())
NOW = Instant(1_780_000_000_000)  # 28 May 2026
SHOP = zone("UTC")

Order = tuple[str, int, Mapping[str, Value]]
"""Name, days before now, fields."""


def eur(amount: int) -> Money:
    return Money(Decimal(amount), "EUR")


KEYS = st.sampled_from([None, "a", "b", "c"])
ITEMS = st.lists(
    st.fixed_dictionaries(
        {"category": st.sampled_from(["tea", "mugs", "cake"]), "quantity": st.integers(1, 3)}
    ),
    max_size=3,
)


def _event(name: str, **fields: st.SearchStrategy[Value]) -> st.SearchStrategy[Order]:
    made = st.fixed_dictionaries(fields).map(
        lambda values: {name: value for name, value in values.items() if value is not None}
    )
    return st.tuples(st.just(name), st.integers(0, 800), made)


HISTORIES = st.lists(
    st.one_of(
        _event("order_placed", order_id=KEYS, total=st.integers(1, 9).map(eur), items=ITEMS,
               code=st.sampled_from([None, "X", "Y"])),
        _event("order_placed", order_id=KEYS, total=st.integers(1, 9).map(eur), items=ITEMS),
        _event("order_returned", order_id=KEYS, total=st.integers(1, 5).map(eur), items=ITEMS),
        _event("order_cancelled", order_id=KEYS),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(HISTORIES, st.randoms(use_true_random=False), st.booleans())
def test_after_every_history_facts_equal_a_computation_from_scratch(
    history: list[Order], random: object, stored: bool
) -> None:
    random.shuffle(history)  # type: ignore[attr-defined]
    events = [
        Event(number, str(number), name, Instant(NOW - days * DAY), NOW, fields)
        for number, (name, days, fields) in enumerate(history, 1)
    ]
    facts = Facts("anna", values=initial_values(RULES, "EUR"))
    for event in events:
        if stored:  # through the row of the customer and back
            facts.fact_state = load_fact_state(dump_fact_state(facts.fact_state))
            facts.values = load_values(dump_values(facts.values))
        before = dict(facts.fact_state), dump_fact_state(facts.fact_state)
        forked = facts.fork()
        apply_event(forked, event, RULES)
        assert dump_fact_state(before[0]) == before[1], "the state before the event is not touched"
        facts = forked
    for name, rule in CATALOGUE.facts.items():
        value = windowed_value(rule, facts, NOW) if rule.last is not None else facts.values.get(name)
        assert value == FROM_SCRATCH[name](events), name


# --- the same once more, by other means -----------------------------------------------------------


def orders(events: Sequence[Event]) -> list[Event]:
    return sorted(
        (event for event in events if event.name == "order_placed"), key=lambda e: (e.occurred_at, e.number)
    )


def is_gone(events: Sequence[Event], order: Event) -> bool:
    """Cancelled: it is the first with a key that a cancellation names."""
    key = order.fields.get("order_id")
    cancelled = {event.fields.get("order_id") for event in events if event.name == "order_cancelled"}
    return key is not None and key in cancelled and is_first(events, order)


def is_first(events: Sequence[Event], order: Event) -> bool:
    key = order.fields.get("order_id")
    return next(each for each in orders(events) if each.fields.get("order_id") == key) is order


def left(events: Sequence[Event]) -> list[Event]:
    return [order for order in orders(events) if not is_gone(events, order)]


def returned(events: Sequence[Event], order: Event, amount: Callable[[Event], int]) -> int:
    key = order.fields.get("order_id")
    if key is None or not is_first(events, order):
        return 0
    return sum(
        amount(event)
        for event in events
        if event.name == "order_returned" and event.fields.get("order_id") == key
    )


def total(event: Event) -> int:
    value = event.fields["total"]
    assert isinstance(value, Money)
    return int(value.amount)


def items(event: Event) -> list[tuple[str, int]]:
    listed = event.fields.get("items", [])
    assert isinstance(listed, list)
    return [(str(item["category"]), int(str(item["quantity"]))) for item in listed]


def tea(event: Event) -> int:
    return sum(quantity for category, quantity in items(event) if category == "tea" and quantity >= 2)


def net(events: Sequence[Event], order: Event) -> int:
    return max(total(order) - returned(events, order, total), 0)


def net_mean(events: Sequence[Event]) -> Value:
    amounts = [net(events, order) for order in left(events)]
    if not amounts:
        return None
    mean = Decimal(sum(amounts)) / len(amounts)
    return Money(mean.quantize(Decimal("0.01"), ROUND_HALF_EVEN), "EUR")


def net_bags(events: Sequence[Event]) -> int:
    return sum(max(tea(order) - returned(events, order, tea), 0) for order in left(events))


def favourite(of: Sequence[Event]) -> Value:
    counts = Counter(category for order in of for category, _ in items(order))
    most = max(counts.values(), default=0)
    return min((category for category, times in counts.items() if times == most), default=None)


def share(of: Sequence[Event]) -> Value:
    if not of:
        return None
    return (Decimal(sum("code" in order.fields for order in of)) / len(of)).quantize(Decimal("0.000001"))


def days(of: Sequence[Event]) -> list[int]:
    """The gaps; all moments of this test lie whole days apart."""
    at = [order.occurred_at // DAY for order in of]
    return [later - earlier for earlier, later in pairwise(at)]


def usual(of: Sequence[Event]) -> Value:
    return Decimal(str(median(days(of)))).quantize(Decimal("0.01")) if len(of) >= 3 else None


def expected(of: Sequence[Event]) -> Value:
    return Instant(of[-1].occurred_at + int(median(days(of)) * DAY)) if len(of) >= 4 else None


def gap(of: Sequence[Event]) -> Value:
    return (Decimal(sum(days(of))) / (len(of) - 1)).quantize(Decimal("0.01")) if len(of) > 1 else None


def ends(of: Sequence[Event], which: int) -> Value:
    return of[which].occurred_at if of else None


def last_code(of: Sequence[Event]) -> Value:
    codes = [order.fields["code"] for order in of if "code" in order.fields]
    return codes[-1] if codes else None


def year(of: Sequence[Event], wanted: int) -> list[Event]:
    first, behind = (at_local(dt.date(each, 1, 1), dt.time.min, SHOP) for each in (wanted, wanted + 1))
    return [order for order in of if first <= order.occurred_at < behind]


FROM_SCRATCH: Mapping[str, Callable[[Sequence[Event]], Value]] = {
    "times": lambda events: len(orders(events)),
    "kept_times": lambda events: len(left(events)),
    "spent": lambda events: eur(sum(map(total, orders(events)))),
    "net": lambda events: eur(sum(net(events, order) for order in left(events))),
    "net_average": net_mean,
    "bags": lambda events: sum(n for order in orders(events) for name, n in items(order) if name == "tea"),
    "net_bags": net_bags,
    "tea_orders": lambda events: sum(tea(order) > 0 for order in orders(events)),
    "categories": lambda events: len({name for order in orders(events) for name, _ in items(order)}),
    "net_categories": lambda events: len({name for order in left(events) for name, _ in items(order)}),
    "favourite": lambda events: favourite(orders(events)),
    "net_favourite": lambda events: favourite(left(events)),
    "with_code": lambda events: share(orders(events)),
    "net_with_code": lambda events: share(left(events)),
    "first_at": lambda events: ends(left(events), 0),
    "last_at": lambda events: ends(left(events), -1),
    "last_code": lambda events: last_code(left(events)),
    "usual": lambda events: usual(orders(events)),
    "net_usual": lambda events: usual(left(events)),
    "expected": lambda events: expected(orders(events)),
    "net_expected": lambda events: expected(left(events)),
    "gap": lambda events: gap([order for order in orders(events) if "code" not in order.fields]),
    "net_gap": lambda events: gap(left(events)),
    "lately": lambda events: eur(
        sum(net(events, order) for order in left(events) if order.occurred_at > NOW - 90 * DAY)
    ),
    "this_year": lambda events: eur(sum(map(total, year(orders(events), 2026)))),
    "last_year": lambda events: len(year(left(events), 2025)),
}  # fmt: skip


def test_of_very_many_events_the_oldest_count_for_good_and_the_others_can_be_taken_back() -> None:
    few = tuple(rule for rule in RULES if rule.name in ("kept_times", "net", "first_at", "last_at"))
    facts = Facts("anna", values=initial_values(few, "EUR"))
    for number in range(1, 1_203):
        at = Instant(NOW - (2_000 - number) * DAY)
        fields: dict[str, Value] = {"order_id": f"o{number}", "total": eur(1), "items": []}
        apply_event(facts, Event(number, str(number), "order_placed", at, at, fields), few, {})
    for number, order_id in ((2_000, "o7"), (2_001, "o1200"), (2_002, "o1202")):
        cancelled = Event(number, str(number), "order_cancelled", NOW, NOW, {"order_id": order_id})
        apply_event(facts, cancelled, few, {})
    assert facts.values["kept_times"] == 1_200, "o7 is too old"
    assert facts.values["net"] == eur(1_200)
    assert facts.values["last_at"] == NOW - 799 * DAY
    assert facts.values["first_at"] == NOW - 1_999 * DAY
    # Cancellations of orders that never come push no order back into the facts.
    for number in range(3_000, 4_100):
        stray = Event(number, str(number), "order_cancelled", NOW, NOW, {"order_id": f"x{number}"})
        apply_event(facts, stray, few, {})
    assert facts.values["kept_times"] == 1_200
