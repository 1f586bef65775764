"""The ledger of points: what a marketer writes in `points:` and `tiers:` comes out."""

from __future__ import annotations

import datetime as dt

import pytest

from engine.core.facts.customer import CustomerState, Facts
from engine.core.happening import Event
from engine.core.points.compacting import compacted, earned_before
from engine.core.points.ledger import MEMORY, load
from engine.core.points.settling import settle
from engine.values import DAY, HOUR, Instant, Value, parse_instant
from tests.core.points.points_shop import EVENTS, POINTS, Life, money, shop

DAY_0 = parse_instant("2026-03-02T12:00:00") or Instant(0)


def day(number: float) -> Instant:
    """So many days after the first one."""
    return Instant(int(DAY_0 + number * DAY))


def test_an_order_earns_by_its_total_and_can_be_spent_after_the_time_of_return() -> None:
    anna = Life(shop())
    anna.event("o1", "order_placed", day(0), order_id="1", total=money("39.90"))
    assert (anna.values["points"], anna.values["points_pending"]) == (0, 39)
    anna.until(Instant(day(14) - 1))
    assert anna.values["points"] == 0
    anna.until(day(14))
    assert (anna.values["points"], anna.values["points_pending"]) == (39, 0)


def test_the_second_order_earns_its_points_and_two_hundred_more() -> None:
    anna = Life(shop())
    anna.event("o1", "order_placed", day(0), order_id="1", total=money(10))
    anna.event("o2", "order_placed", day(1), order_id="2", total=money(20))
    anna.event("o3", "order_placed", day(2), order_id="3", total=money(30))
    assert anna.values["points_pending"] == 10 + 20 + 200 + 30


def test_gold_earns_twice_from_the_order_behind_the_one_that_made_it_gold() -> None:
    anna = Life(shop())
    anna.event("o1", "order_placed", day(0), order_id="1", total=money(2000))
    assert anna.values["tier"] == "gold"
    anna.event("o2", "order_placed", day(1), order_id="2", total=money(10))
    assert anna.values["points_pending"] == 2000 + 20 + 200


def test_points_of_once_ever_count_once_and_those_of_a_month_so_often_then_the_next_line() -> None:
    anna = Life(shop())
    anna.event("s1", "subscribed", day(0))
    anna.event("s2", "subscribed", day(1))
    for number in range(4):
        anna.event(f"r{number}", "review_written", day(2 + number))
    assert anna.values["points_pending"] == 100 + 30 + 30 + 5 + 5
    anna.event("r9", "review_written", day(31))
    assert anna.values["points_pending"] == 30, "another month has begun; all others can be spent"


def test_a_return_takes_back_the_points_of_its_amount_and_a_cancellation_all_of_the_order() -> None:
    anna = Life(shop())
    anna.event("o1", "order_placed", day(0), order_id="1", total=money(100))
    anna.event("o2", "order_placed", day(1), order_id="2", total=money(50))
    anna.event("b1", "order_returned", day(2), order_id="1", total=money("30.50"))
    assert anna.values["points_pending"] == 69 + 50 + 200
    anna.event("c2", "order_cancelled", day(3), order_id="2")
    assert anna.values["points_pending"] == 69
    anna.event("b2", "order_returned", day(4), order_id="1", total=money(500))
    assert anna.values["points_pending"] == 0, "never more than was earned"


def test_what_takes_back_and_comes_first_is_kept_for_its_order() -> None:
    anna = Life(shop())
    anna.event("c1", "order_cancelled", day(0), order_id="1")
    anna.event("o1", "order_placed", Instant(day(0) - HOUR), day(1), order_id="1", total=money(100))
    assert anna.values["points_pending"] == 0


def test_spending_takes_what_ends_first_and_never_more_than_is_there() -> None:
    anna = Life(shop())
    anna.event("o1", "order_placed", day(0), order_id="1", total=money(100))
    anna.event("o2", "order_placed", day(100), order_id="2", total=money(100))
    anna.event("x1", "points_redeemed", day(120), points=120, reward="mug")
    assert (anna.values["points"], anna.values["points_expiring"]) == (280, 280)
    assert anna.values["points_expire_on"] == dt.date(2027, 6, 10)
    anna.event("x2", "points_redeemed", day(121), points=1000, reward="machine")
    assert anna.values["points"] == 0
    assert anna.entered["> points_redeemed x2"] == -280


def test_points_end_with_the_last_day_and_are_told_of_before() -> None:
    anna = Life(shop())
    anna.event("s1", "subscribed", day(0))
    anna.until(day(14))
    assert anna.values["points_expire_on"] == dt.date(2027, 3, 2)
    anna.until(day(400))
    told = [(name, fields) for _, name, fields in anna.told if name.startswith("points_ex")]
    assert told == [
        ("points_expiring", {"points": 100, "on": dt.date(2027, 3, 2)}),
        ("points_expired", {"points": 100, "balance": 0}),
    ]
    moments = {name: at for at, name, _ in anna.told}
    assert moments["points_expiring"] == parse_instant("2027-02-16T00:00:00")
    assert moments["points_expired"] == parse_instant("2027-03-03T00:00:00")
    assert "points_expire_on" not in anna.values
    assert anna.entered["$expired 2027-03-02"] == -100


def test_points_can_end_with_the_next_year() -> None:
    anna = Life(shop(POINTS.replace("365 days after earning", "at the end of next year")))
    anna.event("s1", "subscribed", day(0))
    anna.event("s2", "review_written", day(200))
    anna.until(day(300))
    assert (anna.values["points_expire_on"], anna.values["points_expiring"]) == (dt.date(2027, 12, 31), 130)


def test_a_balance_below_zero_comes_from_what_was_taken_back_alone_and_is_paid_by_what_is_earned() -> None:
    anna = Life(shop())
    anna.event("o1", "order_placed", day(0), order_id="1", total=money(100))
    anna.until(day(20))
    anna.spend("k1", 80, day(20))
    anna.event("c1", "order_cancelled", day(21), order_id="1")
    assert anna.values["points"] == -80
    anna.event("s1", "subscribed", day(22))
    anna.until(day(40))
    assert anna.values["points"] == 20


def test_the_same_request_of_the_till_is_spent_once() -> None:
    anna = Life(shop())
    anna.event("s1", "subscribed", day(0))
    anna.until(day(20))
    anna.spend("k1", 40, day(20))
    anna.spend("k1", 40, day(21))
    assert anna.values["points"] == 60


def test_what_was_promised_at_the_till_comes_before_what_was_only_told_of() -> None:
    anna = Life(shop())
    anna.event("s1", "subscribed", day(0))
    anna.until(day(20))
    anna.spend("k1", 100, day(20))
    anna.event("x1", "points_redeemed", day(19), day(21), points=60)
    assert anna.values["points"] == 0
    assert (anna.entered["$spend k1"], anna.entered["> points_redeemed x1"]) == (-100, 0)


def test_points_that_were_an_attribute_are_where_the_ledger_begins() -> None:
    values: dict[str, Value] = {
        "points": 300,
        "points_expiring": 100,
        "points_expire_on": dt.date(2026, 3, 31),
        "tier": "gold",
    }
    anna = Life(shop(), CustomerState(Facts("anna", values=dict(values))))
    anna.event("s1", "subscribed", day(0))
    assert (anna.values["points"], anna.values["points_expiring"], anna.values["tier"]) == (300, 100, "gold")
    anna.until(day(40))
    assert anna.values["points"] == 300, "a hundred have ended, a hundred came"
    anna.until(day(364))
    assert anna.values["tier"] == "gold", "kept from the day on which the ledger began"
    anna.until(day(366))
    assert anna.values["tier"] == "bronze"


@pytest.mark.parametrize("name", ["opening", "step", "spend", "expired"])
def test_an_event_earns_whatever_the_shop_calls_it(name: str) -> None:
    """The ledger has words of its own for causes that are no events."""
    with_event = shop(
        f"points: {{earn: [{{event: {name}, points: 30}}]}}\n", events=f"{EVENTS}  {name}: {{}}\n"
    )
    anna = Life(with_event)
    anna.event("1", name, day(0))
    assert [(entry.kind, entry.about, entry.at) for entry in anna.entries] == [("earned", name, day(0))]
    assert [(told, fields) for _, told, fields in anna.told] == [
        ("points_earned", {"points": 30, "balance": 30})
    ]


def test_a_tier_is_reached_at_once_and_left_by_nobody_earlier_than_it_is_kept() -> None:
    anna = Life(shop())
    anna.event("o1", "order_placed", day(0), order_id="1", total=money(600))
    assert anna.values["tier"] == "silver"
    anna.event("c1", "order_cancelled", day(1), order_id="1")
    assert anna.values["tier"] == "silver"
    anna.until(Instant(day(365) - 1))
    assert anna.values["tier"] == "silver"
    anna.until(day(365))
    assert anna.values["tier"] == "bronze"
    assert [(name, fields) for _, name, fields in anna.told if name.startswith("tier")] == [
        ("tier_reached", {"tier": "silver", "before": "bronze"}),
        ("tier_left", {"tier": "silver", "after": "bronze"}),
    ]


def test_a_tier_may_go_by_a_fact() -> None:
    text = "tiers: {by: total_spent, into: {bronze: 0 EUR, silver: 50 EUR}}\n"
    anna = Life(shop(text))
    assert anna.values["tier"] == "bronze"
    anna.event("o1", "order_placed", day(0), order_id="1", total=money(60))
    assert anna.values["tier"] == "silver"


def test_history_earns_and_nobody_is_told_of_it() -> None:
    anna = Life(shop())
    fields: dict[str, Value] = {"order_id": "1", "total": money(100)}
    anna.feed(Event(1, "o1", "order_placed", day(-30), day(0), fields, starts=False), day(0))
    assert anna.values["points"] == 100
    assert anna.told == []


def test_all_points_that_somebody_ever_earned_count_for_the_tier_when_their_lines_are_settled() -> None:
    rules = POINTS.replace("by: points earned in last 365 days", "by: points earned")
    anna = Life(shop(rules))
    for number in range(40):
        at = day(number * 60)
        anna.event(f"o{number}", "order_placed", at, order_id=str(number), total=money(100))
    ledger, now = load(anna.state.facts.fact_state[MEMORY]), day(40 * 60)
    settled = before = settle(ledger, now)
    for _ in range(3):
        ledger = compacted(ledger, settled, now, 10)
        settled = settle(ledger, now)
    earned = [*settled.earned, *earned_before(ledger)]
    assert sum(points for _, points in earned) == sum(points for _, points in before.earned)


def test_a_long_ledger_of_points_that_nobody_spends_does_not_grow_for_ever() -> None:
    anna = Life(shop(POINTS.replace("365 days after earning", "at the end of next year")))
    for number in range(60):
        anna.event(f"o{number}", "order_placed", day(number * 5), order_id=str(number), total=money(10))
    ledger, now = load(anna.state.facts.fact_state[MEMORY]), day(301)
    settled = settle(ledger, now)
    fewer = compacted(ledger, settled, now, 40)
    assert ledger.lines == 61
    assert fewer.lines == 30 + 1 + 3, "the newer half, the older one, and what was pending of it"
    anna.state.facts.fact_state[MEMORY] = fewer
    before = sum(anna.entered.values())
    anna.event("c9", "order_cancelled", now, order_id="9")
    anna.event("o99", "order_placed", now, order_id="99", total=money(10))
    assert sum(anna.entered.values()) == before + 10, "what is settled cannot be cancelled any more"
    again = load(anna.state.facts.fact_state[MEMORY])
    earned = [*settle(again, now).earned, *earned_before(again)]
    assert sum(points for _, points in earned) == sum(points for _, points in settled.earned) + 10


@pytest.mark.parametrize("most", [10, 40])
def test_a_long_ledger_is_settled_and_comes_to_the_same(most: int) -> None:
    anna = Life(shop())
    for number in range(60):
        at = day(number * 5)
        anna.event(f"o{number}", "order_placed", at, order_id=str(number), total=money(10 + number))
        if number % 7 == 3:
            anna.event(f"x{number}", "points_redeemed", at, points=15)
        if number % 11 == 5:
            anna.event(f"b{number}", "order_returned", at, order_id=str(number - 2), total=money(5))
    now = day(301)
    ledger = load(anna.state.facts.fact_state[MEMORY])
    before = settle(ledger, now)
    fewer = compacted(ledger, before, now, most)
    assert fewer.lines < ledger.lines
    for later in (now, day(330), day(500)):
        one, other = settle(ledger, later), settle(fewer, later)
        assert (one.available, one.pending, one.expiring) == (other.available, other.pending, other.expiring)
    booked = sum(booking.points for booking in fewer.booked.values())
    assert booked == before.available + before.pending
