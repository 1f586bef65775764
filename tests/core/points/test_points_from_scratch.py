"""After any order, duplication and lateness of events a ledger is that of a computation from scratch: every
cause once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.facts.customer import CustomerState, Facts
from engine.core.points.compacting import compacted, earned_before
from engine.core.points.ledger import EXPIRED, MEMORY, Ledger, load
from engine.core.points.settling import SettledLedger, settle
from engine.store.customers.customer_codec import dump_fact_state, load_fact_state
from engine.values import DAY, HOUR, Instant, Money, Value, parse_instant
from tests.core.points.points_shop import PLAIN, Life, shop

DAY_0 = parse_instant("2026-03-02T12:00:00") or Instant(0)
JOURNEYS = shop(PLAIN)
LAST = Instant(DAY_0 + 120 * DAY)
ORDERS = st.sampled_from(["1", "2", "3", "4"])


@dataclass(frozen=True, slots=True)
class Past:
    """An event, and when it was received."""

    id: str
    name: str
    at: Instant
    fields: tuple[tuple[str, Value], ...]

    def feed(self, life: Life, now: Instant) -> None:
        """It is received."""
        life.event(self.id, self.name, self.at, now, **dict(self.fields))


@st.composite
def events(draw: st.DrawFn, number: int) -> Past:
    """Something that moves points."""
    at = Instant(DAY_0 + draw(st.integers(0, 100 * 24)) * HOUR)
    name = draw(
        st.sampled_from(
            ["order_placed", "order_placed", "order_placed", "review_written", "subscribed",
             "order_returned", "order_cancelled", "points_redeemed"]
        )
    )  # fmt: skip
    fields: list[tuple[str, Value]] = []
    if name.startswith("order"):
        fields.append(("order_id", draw(ORDERS)))
    if name in ("order_placed", "order_returned"):
        fields.append(("total", Money(Decimal(draw(st.integers(0, 12_000))) / 100, "EUR")))
    if name == "points_redeemed":
        fields.append(("points", draw(st.integers(0, 150))))
    return Past(f"e{number}", name, at, tuple(fields))


@st.composite
def pasts(draw: st.DrawFn) -> list[Past]:
    """What happened to somebody, in the order of time."""
    found = [draw(events(number)) for number in range(draw(st.integers(1, 14)))]
    return sorted(found, key=lambda past: (past.at, past.id))


def in_order(past: Sequence[Past]) -> Life:
    """Everything is received when it happens."""
    life = Life(JOURNEYS)
    for each in past:
        each.feed(life, each.at)
    life.until(LAST)
    return life


def worth(life: Life) -> SettledLedger:
    """What the ledger comes to, read as it is stored."""
    stored = load_fact_state(dump_fact_state(life.state.facts.fact_state))
    return settle(load(stored[MEMORY]) if MEMORY in stored else Ledger(), LAST)


POINTS = ("points", "points_pending", "points_expiring", "points_expire_on")


def check(life: Life, plain: Life) -> None:
    """Two lives come to the same, and their entries add up."""
    assert worth(life).worth == worth(plain).worth
    assert {name: life.values.get(name) for name in POINTS} == {
        name: plain.values.get(name) for name in POINTS
    }
    for each in (life, plain):
        settled = worth(each)
        assert sum(each.entered.values()) == settled.available + settled.pending
        entered = {cause: points for cause, points in each.entered.items() if points}
        assert entered == {cause: points for cause, points in settled.worth.items() if points}
        keys = [(entry.cause, entry.part) for entry in each.entries]
        assert len(keys) == len(set(keys)), "an entry is made once"


@settings(max_examples=60, deadline=None)
@given(pasts(), st.data())
def test_a_ledger_is_the_same_in_whatever_order_and_however_often_events_come(
    past: list[Past], data: st.DataObject
) -> None:
    plain = in_order(past)
    mixed = data.draw(st.permutations([*past, *data.draw(st.lists(st.sampled_from(past), max_size=6))]))
    life = Life(JOURNEYS)
    newest = DAY_0
    for each in mixed:
        newest = max(newest, each.at)
        each.feed(life, newest)
    life.until(LAST)
    check(life, plain)


@settings(max_examples=40, deadline=None)
@given(pasts(), st.data())
def test_the_ledgers_of_two_ids_of_one_person_are_that_of_one(past: list[Past], data: st.DataObject) -> None:
    halves = [Life(JOURNEYS, CustomerState(Facts(name))) for name in ("anna", "visitor")]
    for each in past:
        which = data.draw(st.sampled_from([(0,), (1,), (0, 1)]))
        for half in which:
            each.feed(halves[half], each.at)
    known = [
        load(half.state.facts.fact_state[MEMORY]) if MEMORY in half.state.facts.fact_state else Ledger()
        for half in halves
    ]
    united = known[0].united(known[1], None)
    plain = in_order(past)
    assert settle(united, LAST).worth == worth(plain).worth
    # What is entered for the join brings the entries of both to the same.
    for cause in settle(united, LAST).worth:
        entered = united.booked[cause].points if cause in united.booked else 0
        both = [half.entered[cause] for half in halves]
        if cause.startswith(EXPIRED):
            assert entered == sum(both)
        else:
            assert entered in both


@settings(max_examples=40, deadline=None)
@given(pasts(), st.integers(1, 6), st.integers(0, 110))
def test_a_settled_ledger_comes_to_the_same_now_and_later(past: list[Past], most: int, days: int) -> None:
    now = Instant(DAY_0 + days * DAY)
    life = Life(JOURNEYS)
    for each in past:
        if each.at <= now:
            each.feed(life, each.at)
    ledger = load(life.state.facts.fact_state.get(MEMORY, Ledger()))
    settled = settle(ledger, now)
    fewer = compacted(ledger, settled, now, most)
    for later in (now, Instant(now + 20 * DAY), Instant(now + 70 * DAY)):
        whole, part = settle(ledger, later), settle(fewer, later)
        assert (whole.available, whole.pending, whole.expiring, whole.last_day) == (
            part.available, part.pending, part.expiring, part.last_day
        )  # fmt: skip
    earned = [*settle(fewer, now).earned, *earned_before(fewer)]
    assert sum(points for _, points in earned) == sum(points for _, points in settled.earned)


@settings(max_examples=60, deadline=None)
@given(pasts(), st.lists(st.tuples(st.integers(0, 110), st.integers(1, 120)), max_size=5), st.data())
def test_a_balance_is_below_zero_only_where_something_was_taken_back(
    past: list[Past], asked: list[tuple[int, int]], data: st.DataObject
) -> None:
    late = data.draw(st.lists(st.integers(0, 60), min_size=len(past), max_size=len(past)))
    steps: list[tuple[Instant, int, object]] = [
        (Instant(each.at + days * DAY), number, each)
        for number, (each, days) in enumerate(zip(past, late, strict=True))
    ]
    steps += [(Instant(DAY_0 + on * DAY), 1000 + n, points) for n, (on, points) in enumerate(asked)]
    life = Life(JOURNEYS)
    for now, number, step in sorted(steps, key=lambda step: step[:2]):
        life.until(now)
        if isinstance(step, Past):
            step.feed(life, now)
        elif isinstance(step, int) and life.values["points"] >= step:  # type: ignore[operator]
            life.spend(f"k{number}", step, now)
        points = life.values["points"]
        assert isinstance(points, int)
        taken_back = any(cause.startswith("-") and worth for cause, worth in life.entered.items())
        assert points >= 0 or taken_back
        sums = settle(load(life.state.facts.fact_state.get(MEMORY, Ledger())), now)
        assert sum(life.entered.values()) == sums.available + sums.pending
