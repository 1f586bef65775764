"""What a product cost when, and the lowest price of the 30 days before the present one began."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.products.prices import LOWEST, PriceHistory, price_of, with_lowest
from engine.core.products.watched import WatcherKind, is_watcher, seen_price
from engine.values import DAY, Instant, Money, Value


def euros(amount: int | str) -> Money:
    return Money(Decimal(amount), "EUR")


def day(number: float) -> Instant:
    return Instant(int(1000 * DAY + number * DAY))


def priced(*prices: tuple[float, int | None]) -> PriceHistory:
    """(day, euros)."""
    return PriceHistory((day(at), None if price is None else euros(price)) for at, price in prices)


@pytest.mark.parametrize(
    ("prices", "began", "lowest"),
    [
        ([], 40, None),
        ([(0, 100)], 40, 100),  # it held when the 30 days began
        ([(0, 100), (20, 80)], 40, 80),
        ([(0, 60), (5, 100)], 40, 100),  # what ended before them does not count
        ([(0, 60), (10, 100)], 40, 100),  # nor what ended as they began
        ([(0, 60), (11, 100)], 40, 60),
        ([(0, 100), (20, 50), (21, 90)], 40, 50),  # an offer of a day counts
        ([(0, 100), (20, None)], 40, 100),
        ([(38, 100)], 40, 100),  # of a new product the days that there are
        ([(0, 100), (40, 70)], 40, 100),  # the present price is none of them
    ],
)
def test_the_lowest_price_of_the_30_days_before(
    prices: list[tuple[float, int | None]], began: float, lowest: int | None
) -> None:
    found = priced(*prices).lowest_before(day(began), "EUR")
    assert found == (None if lowest is None else euros(lowest))


def test_prices_of_another_currency_are_not_compared() -> None:
    history = priced((0, 100))
    history.note(day(1), Money(Decimal(5), "USD"))
    assert history.lowest_before(day(10), "EUR") == euros(100)
    assert history.lowest_before(day(10), "USD") == Money(Decimal(5), "USD")


prices = st.lists(st.tuples(st.integers(0, 100), st.integers(1, 20)), max_size=12).map(sorted)


@given(prices=prices, began=st.integers(0, 100))
def test_the_lowest_is_the_lowest_of_every_moment_of_the_30_days(
    prices: list[tuple[int, int]], began: int
) -> None:
    history = priced(*prices)
    quarters = [began - each / 4 for each in range(1, 121)]
    held = [price for at in quarters if (price := history.at(day(at))) is not None]
    assert history.lowest_before(day(began), "EUR") == min(held, key=lambda one: one.amount, default=None)


def test_it_is_settled_as_the_present_price_begins_and_stays_until_the_next() -> None:
    history, fields = PriceHistory(), dict[str, Value]()
    seen: list[Value] = []
    changes: list[dict[str, Value]] = [
        {"price": euros(100)},
        {"stock": 5},
        {"price": euros(80)},
        {"stock": 4},
    ]
    for at, change in enumerate(changes):
        fields = with_lowest(fields, {**fields, **change}, history, day(20 * at))
        history.note(day(20 * at), price_of(fields))
        seen.append(fields.get(LOWEST))
    assert seen == [None, None, euros(100), euros(100)]
    without = {name: value for name, value in fields.items() if name != "price"}
    assert LOWEST not in with_lowest(fields, without, history, day(90))


def test_a_price_that_is_a_number_has_a_lowest_that_is_one() -> None:
    history = PriceHistory([(day(0), price_of({"price": 20}))])
    assert with_lowest({"price": 20}, {"price": 10}, history, day(1)) == {"price": 10, LOWEST: 20}


def test_what_somebody_saw_is_the_price_at_their_last_touch_before_the_change() -> None:
    history = priced((0, 100), (10, 80))
    assert seen_price(history, {"viewed": day(5)}, day(20)) == euros(100)
    assert seen_price(history, {"viewed": day(5), "cart": day(10)}, day(20)) == euros(80)
    assert seen_price(history, {"viewed": day(-1)}, day(20)) is None  # nobody knows what it cost then
    assert seen_price(history, {"bought": day(5)}, day(20)) is None
    assert seen_price(history, {"viewed": day(20)}, day(20)) is None  # the change comes with the touch


def test_who_bought_it_watches_again_from_the_next_touch_on() -> None:
    kinds: tuple[WatcherKind, ...] = ("viewed", "cart")
    assert is_watcher(kinds, {"viewed": day(5)}, day(0))
    assert not is_watcher(kinds, {"viewed": day(5), "bought": day(5)}, day(0))
    assert not is_watcher(kinds, {"viewed": day(5), "bought": day(6)}, day(0))
    assert is_watcher(kinds, {"viewed": day(5), "cart": day(7), "bought": day(6)}, day(0))
    assert not is_watcher(("viewed",), {"wishlist": day(7)}, day(0))
