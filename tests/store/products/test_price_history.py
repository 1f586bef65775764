"""What products cost and how much was left of them is kept as long as anybody needs it; on both databases."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.products.prices import LOWEST, REACH_BACK, PriceHistory, price_of, with_lowest
from engine.store.database import Store
from engine.store.products import catalogue, history
from engine.store.sql import change_many, rows
from engine.values import DAY, HOUR, MINUTE, Instant, Money, Value

NOW = Instant(1_800_000_000_000)
numbers = itertools.count()


def euros(amount: int) -> Money:
    return Money(Decimal(amount), "EUR")


def put(store: Store, at: int, product: str = "p1", **fields: Value) -> None:
    store.write(lambda conn: catalogue.write(conn, {product: fields}, Instant(at)))


def fields_of(store: Store, product: str = "p1") -> dict[str, Value]:
    with store.read() as conn:
        return dict(catalogue.find(conn, [product])[product])


def prices(store: Store, product: str = "p1") -> list[tuple[int, int | None, str]]:
    with store.read() as conn:
        sql = "SELECT at, amount, currency FROM product_price WHERE product = ? ORDER BY at"
        return [tuple(row) for row in rows(conn, sql, (product,))]


def test_every_price_is_kept_and_the_lowest_of_30_days_is_a_field(store: Store) -> None:
    put(store, NOW, price=euros(100), stock=5)
    put(store, NOW + DAY, stock=4)
    put(store, NOW + 2 * DAY, price=euros(80))
    put(store, NOW + 3 * DAY, price=euros(90))
    assert fields_of(store) == {"price": euros(90), "stock": 4, LOWEST: euros(80)}
    assert prices(store) == [
        (NOW, 100_000_000, "EUR"),
        (NOW + 2 * DAY, 80_000_000, "EUR"),
        (NOW + 3 * DAY, 90_000_000, "EUR"),
    ]
    put(store, NOW + 60 * DAY, price=None)
    assert fields_of(store) == {"stock": 4}
    assert prices(store)[-1] == (NOW + 60 * DAY, None, "")


def test_what_the_engine_computes_cannot_be_written(store: Store) -> None:
    put(store, NOW, price=euros(100), lowest_30_days=euros(999))
    assert fields_of(store) == {"price": euros(100)}


def test_stock_is_one_line_a_day(store: Store) -> None:
    day = NOW - NOW % DAY
    for at, stock in ((day, 5), (day + HOUR, 4), (day + DAY, 0)):
        put(store, at, stock=stock, in_stock=stock > 0)
    put(store, day + DAY, price=euros(1))
    with store.read() as conn:
        found = rows(conn, "SELECT day, stock, in_stock FROM product_stock WHERE product = 'p1' ORDER BY day")
    assert [tuple(row) for row in found] == [(day, 4_000_000, True), (day + DAY, 0, False)]


def test_a_clock_that_is_set_back_puts_no_price_before_the_last(store: Store) -> None:
    put(store, NOW, price=euros(100))
    put(store, NOW - HOUR, price=euros(80))
    assert prices(store) == [(NOW, 80_000_000, "EUR")]


changes = st.lists(
    st.tuples(st.integers(0, 50), st.one_of(st.none(), st.integers(1, 6))), min_size=1, max_size=12
).map(lambda found: sorted(found, key=lambda each: each[0]))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=changes)
def test_the_store_says_what_the_core_says(store: Store, changes: Sequence[tuple[int, int | None]]) -> None:
    product = f"p{next(numbers)}"
    known, fields = PriceHistory(), dict[str, Value]()
    for day, amount in changes:
        at, price = Instant(NOW + day * DAY), euros(amount) if amount else None
        after = {name: value for name, value in {**fields, "price": price}.items() if value is not None}
        fields = with_lowest(fields, after, known, at)
        known.note(at, price_of(fields))
        put(store, at, product, price=price)
        assert fields_of(store, product) == fields


def fill(store: Store, points: Sequence[tuple[int, int | None]]) -> None:
    lines = [("p1", at, amount, "EUR") for at, amount in points]
    sql = "INSERT INTO product_price (product, at, amount, currency) VALUES (?, ?, ?, ?)"
    store.write(lambda conn: change_many(conn, sql, lines))


def tidy(store: Store, now: int) -> int:
    with store.read() as conn:
        old, after = history.find_old(conn, "", Instant(now))
    assert after is None
    return store.write(lambda conn: history.drop_prices(conn, old))


def test_a_year_of_prices_is_kept_and_what_the_lowest_needs(store: Store) -> None:
    points: list[tuple[int, int | None]] = [(NOW - days * DAY, days) for days in (800, 700, 500, 400, 100, 5)]
    fill(store, points)
    tidy(store, NOW)
    assert [amount for _, amount, _ in prices(store)] == [400, 100, 5]  # 400: it held a year ago
    assert tidy(store, NOW) == 0
    tidy(store, NOW + 900 * DAY)
    assert [amount for _, amount, _ in prices(store)] == [100, 5]  # before the present price


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    amounts=st.lists(st.one_of(st.none(), st.integers(1, 30)), min_size=260, max_size=320), next_at=st.data()
)
def test_of_a_price_that_changes_very_often_the_lowest_stays(
    store: Store, amounts: list[int | None], next_at: st.DataObject
) -> None:
    points = [(NOW + number * 2 * HOUR, amount) for number, amount in enumerate(amounts)]
    store.write(lambda conn: change_many(conn, "DELETE FROM product_price WHERE at >= ?", [(0,)]))
    fill(store, points)
    now = points[-1][0] + MINUTE
    began = Instant(now + next_at.draw(st.integers(0, 40)) * DAY)
    with store.read() as conn:
        whole = history.prices_of(conn, ["p1"])["p1"].lowest_before(began, "EUR")
    tidy(store, now)
    # one for each price that is dearer than the next that is kept, and what came after it
    assert len(prices(store)) <= history.MOST_PRICES + 60
    with store.read() as conn:
        assert history.prices_of(conn, ["p1"])["p1"].lowest_before(began, "EUR") == whole


def test_what_ended_a_low_price_is_kept_with_it(store: Store) -> None:
    amounts = [4, None, *([5, 6] * 150)]
    points: list[tuple[int, int | None]] = [
        (NOW + number * 2 * HOUR, amount) for number, amount in enumerate(amounts)
    ]
    fill(store, points)
    now = points[-1][0] + MINUTE
    # Thirty days before this moment there was no price.
    began = Instant(NOW + 3 * HOUR + REACH_BACK)
    assert began >= now
    tidy(store, now)
    assert len(prices(store)) < len(points)
    with store.read() as conn:
        lowest = history.prices_of(conn, ["p1"])["p1"].lowest_before(began, "EUR")
    assert lowest is not None
    assert lowest.amount * 1_000_000 == 5


def test_old_stock_goes(store: Store) -> None:
    for days in (100, 61, 10):
        put(store, NOW - days * DAY, stock=days)
    assert store.write(lambda conn: history.drop_stock(conn, NOW)) == 2
    assert store.write(lambda conn: history.drop_stock(conn, NOW)) == 0
