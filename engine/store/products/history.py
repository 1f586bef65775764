"""What products cost and how much of them was left, as the catalogue said it: noted in the transaction of the
change, without anything of a person.

Prices are kept for a year, and as long before the present price as the lowest of its 30 days needs; stock for
60 days, one line a day. Of a product whose price changes very often what is older than its newest prices is
kept as far as it may still be the lowest of some 30 days.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Connection

from engine.core.products.prices import REACH_BACK, PriceHistory, price_of, with_lowest
from engine.store import amounts
from engine.store.sql import change, change_many, ids, rows
from engine.values import DAY, Instant, Money, Value

KEPT_PRICES = 365 * DAY
KEPT_STOCK = 60 * DAY

MOST_PRICES = 200
"""So many of the newest prices of a product are kept whole."""

SLICE = 2_000
"""Rows that one transaction drops."""

_PRODUCTS = 500
"""Products whose prices are looked through at once."""


class ProductChange(NamedTuple):
    """The fields of a product, as they were and as they are written."""

    product: str
    before: Mapping[str, Value]
    after: Mapping[str, Value]


_LATELY = (
    "SELECT h.product, h.at, h.amount, h.currency FROM {ids} CROSS JOIN product_price h"
    " WHERE h.product = j.value AND h.at >= COALESCE((SELECT max(e.at) FROM product_price e"
    " WHERE e.product = j.value AND e.at <= ?), 0) ORDER BY h.product, h.at"
)
_ALL = (
    "SELECT h.product, h.at, h.amount, h.currency FROM {ids} CROSS JOIN product_price h"
    " WHERE h.product = j.value ORDER BY h.product, h.at"
)
_NOTE_PRICE = (
    "INSERT INTO product_price (product, at, amount, currency) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (product, at) DO UPDATE SET amount = excluded.amount, currency = excluded.currency"
)
_NOTE_STOCK = (
    "INSERT INTO product_stock (product, day, stock, in_stock) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (product, day) DO UPDATE SET stock = excluded.stock, in_stock = excluded.in_stock"
)


def note(conn: Connection, changes: Sequence[ProductChange], now: Instant) -> list[ProductChange]:
    """Notes the prices and the stock of changed products. The same changes, with the lowest price of the 30
    days before the present one began among the fields after them."""
    moved = {product for product, before, after in changes if price_of(before) != price_of(after)}
    known = _prices_lately(conn, sorted(moved), now)
    whole: list[ProductChange] = []
    prices: list[tuple[str, Instant, int | None, str]] = []
    stock: list[tuple[str, int, int | None, bool | None]] = []
    for product, before, after in changes:
        history = known.get(product, PriceHistory())
        # A clock that was set back must not put a price before those that are known.
        at = max(now, history.last_at)
        whole.append(ProductChange(product, before, with_lowest(before, after, history, at)))
        if product in moved:
            price = price_of(after)
            amount = amounts.stored(price.amount) if price is not None else None
            prices.append((product, at, amount, price.currency if price is not None else ""))
        if _stock_of(before) != _stock_of(after):
            stock.append((product, now - now % DAY, *_stock_of(after)))
    change_many(conn, _NOTE_PRICE, prices)
    change_many(conn, _NOTE_STOCK, stock)
    return whole


def prices_of(conn: Connection, products: Collection[str]) -> dict[str, PriceHistory]:
    """All prices of some products that are kept; of a product without any there is no history."""
    return _histories(rows(conn, _ALL, (ids(products),))) if products else {}


class StockDay(NamedTuple):
    """How much was left at the end of a day (of UTC, its first moment), or is left of the present one, on
    which that changed. None: the catalogue did not say it."""

    day: Instant
    stock: Decimal | None
    in_stock: bool | None


def stock_of(conn: Connection, product: str) -> list[StockDay]:
    """The days on which the stock of a product changed, as far as they are kept, in the order of time."""
    sql = "SELECT day, stock, in_stock FROM product_stock WHERE product = ? ORDER BY day"
    return [
        StockDay(
            Instant(day),
            amounts.amount_of(stock) if stock is not None else None,
            bool(in_stock) if in_stock is not None else None,
        )
        for day, stock, in_stock in rows(conn, sql, (product,))
    ]


def find_old(conn: Connection, after: str, now: Instant) -> tuple[list[tuple[str, Instant]], str | None]:
    """Prices that nobody needs, of some products behind `after`: (product, moment), and where the next look
    begins; None: that was the end."""
    many = rows(
        conn,
        "SELECT product FROM product_price WHERE product > ? GROUP BY product HAVING min(at) < ?"
        " OR count(*) > ? ORDER BY product LIMIT ?",
        (after, now - KEPT_PRICES, MOST_PRICES, _PRODUCTS),
    )
    products = [product for (product,) in many]
    found = rows(conn, _ALL, (ids(products),)) if products else []
    old = [
        (product, at)
        for product, points in groupby(found, key=lambda row: str(row[0]))
        for at in _not_needed([(at, amount) for _, at, amount, _ in points], now)
    ]
    return old, products[-1] if len(products) == _PRODUCTS else None


def drop_prices(conn: Connection, keys: Sequence[tuple[str, Instant]]) -> int:
    """Drops prices; how many."""
    return change_many(conn, "DELETE FROM product_price WHERE product = ? AND at = ?", keys)


def drop_stock(conn: Connection, now: Instant) -> int:
    """Drops a slice of the lines of stock that are old; how many."""
    return change(
        conn,
        "DELETE FROM product_stock WHERE (product, day) IN (SELECT product, day FROM product_stock"
        " WHERE day < ? ORDER BY day LIMIT ?)",
        (now - KEPT_STOCK, SLICE),
    )


def _not_needed(points: Sequence[tuple[Instant, int | None]], now: Instant) -> list[Instant]:
    """The moments of prices that can be dropped, of one product in the order of time."""
    oldest = min(now - KEPT_PRICES, points[-1][0] - REACH_BACK)
    # The price that held then is one of those that are kept.
    first = max((place for place, (at, _) in enumerate(points) if at <= oldest), default=0)
    dropped = [at for at, _ in points[:first]]
    whole = max(first, len(points) - MOST_PRICES)
    least = points[whole][1] if whole < len(points) else None
    kept: set[int] = set()
    for place in range(whole - 1, first - 1, -1):
        amount = points[place][1]
        # Whoever looks back to any other one looks at the lower one after it, too. What came next is kept as
        # well: without it this price would seem to have held for longer than it did.
        if amount is not None and (least is None or amount < least):
            least = amount
            kept |= {place, place + 1}
    dropped += [points[place][0] for place in range(first, whole) if place not in kept]
    return dropped


def _prices_lately(conn: Connection, products: Sequence[str], now: Instant) -> dict[str, PriceHistory]:
    """The prices of the last 30 days, and the one before them."""
    if not products:
        return {}
    return _histories(rows(conn, _LATELY, (ids(products), now - REACH_BACK)))


def _histories(found: Sequence[Any]) -> dict[str, PriceHistory]:
    return {
        product: PriceHistory(
            (at, None if amount is None else Money(amounts.amount_of(amount), currency))
            for _, at, amount, currency in points
        )
        for product, points in groupby(found, key=lambda row: str(row[0]))
    }


def _stock_of(fields: Mapping[str, Value]) -> tuple[int | None, bool | None]:
    stock, in_stock = fields.get("stock"), fields.get("in_stock")
    return (
        amounts.stored(stock) if isinstance(stock, int | Decimal) and not isinstance(stock, bool) else None,
        in_stock if isinstance(in_stock, bool) else None,
    )
