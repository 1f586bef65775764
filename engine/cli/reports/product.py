"""What `catalogue PRODUCT` tells: the fields of a product, what it cost when, and how much of it was left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from engine.core.products.prices import PriceHistory, in_currency
from engine.store.products import catalogue, history
from engine.values import UTC, Money, Value, iso, local_date


@dataclass(frozen=True, slots=True)
class PriceLine:
    """A price, and when it began, as ISO 8601 in UTC; None: from then on there was none. `change`: percent
    against the one before; `lowest`: of the 30 days before it began, by which an announced reduction is
    measured."""

    began: str
    price: Money | None
    change: Decimal | None
    lowest: Money | None


@dataclass(frozen=True, slots=True)
class StockLine:
    """What was left at the end of a day of UTC on which that changed; None: the catalogue did not say it."""

    day: str
    stock: Decimal | None
    in_stock: bool | None


@dataclass(frozen=True, slots=True)
class ProductReport:
    """A product, and when it was written last (ISO 8601 in UTC). `prices` and `stock` as far as they are
    kept, the newest first."""

    product: str
    written_at: str
    fields: Mapping[str, Value]
    prices: tuple[PriceLine, ...]
    stock: tuple[StockLine, ...]


def report(conn: Connection, product: str, currency: str) -> ProductReport | None:
    """What is known of a product; None: there is none of that id. `currency`: of prices that are plain
    numbers."""
    fields, written_at = catalogue.find(conn, [product]).get(product), catalogue.changed_at(conn, product)
    if fields is None or written_at is None:
        return None
    prices = history.prices_of(conn, [product]).get(product, PriceHistory())
    lines: list[PriceLine] = []
    before: Money | None = None
    for began, price in prices:
        change = lowest = None
        if price is not None:
            lowest = in_currency(prices.lowest_before(began, price.currency), currency)
            if before is not None and before.currency == price.currency and before.amount:
                change = round((price.amount / before.amount - 1) * 100, 1)
        lines.append(PriceLine(iso(began), in_currency(price, currency), change, lowest))
        before = price
    stock = [
        StockLine(local_date(day.day, UTC).isoformat(), day.stock, day.in_stock)
        for day in history.stock_of(conn, product)
    ]
    return ProductReport(product, iso(written_at), fields, tuple(lines[::-1]), tuple(stock[::-1]))
