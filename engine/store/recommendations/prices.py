"""What is cheaper now: a price below the lowest of the 30 days before it began, as an announced reduction is
measured (`engine.core.products.prices`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from sqlalchemy import Connection

from engine.core.products.prices import LOWEST, price_of
from engine.store.recommendations import statements
from engine.store.serialization import load_values
from engine.store.sql import rows
from engine.values import DAY, Instant, Money, Value

CHEAPER_FOR = 30 * DAY
"""A price that began longer ago is the price."""


def cheaper(
    conn: Connection, fields: Sequence[str], now: Instant
) -> Iterator[tuple[str, str, int, str, int]]:
    """The largest drops first: (field, value, place, product, thousandths of the price before)."""
    begun = rows(conn, statements.CHEAPER, (now - CHEAPER_FOR,))
    read = ((product, load_values(document)) for product, document in begun)
    found = [(share, product, values) for product, values in read if (share := _fell(values)) is not None]
    found.sort(key=lambda each: (-each[0], each[1]))
    places: dict[tuple[str, str], int] = {}
    for share, product, values in found:
        named = [(name, value) for name in fields if isinstance(value := values.get(name), str) and value]
        for name, value in [("", ""), *named]:
            place = places[name, value] = places.get((name, value), 0) + 1
            if place <= statements.LISTED:
                yield name, value, place, product, share


def _fell(product: Mapping[str, Value]) -> int | None:
    """By how many thousandths; None: it did not."""
    lowest, price = product.get(LOWEST), price_of(product)
    before = lowest.amount if isinstance(lowest, Money) else lowest
    if price is None or not isinstance(before, int | Decimal) or not 0 < price.amount < before:
        return None
    return int((before - price.amount) / before * 1000)
