"""Since when products are known, and whose price fell: noted by every build, from the catalogue as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import Connection

from engine.store.database import Store
from engine.store.recommendations import statements
from engine.store.serialization import load_values
from engine.store.sql import insert_many, rows
from engine.values import DAY, Instant, Money, Value

CHEAPER_FOR = 30 * DAY
"""A price that fell longer ago is the price."""

_PAGE = 2_000
_UPSERT = (
    "ON CONFLICT (product) DO UPDATE SET price = excluded.price, price_before = excluded.price_before,"
    " dropped_at = excluded.dropped_at"
)
_DROPPED = (
    "SELECT k.product, k.price, k.price_before, CAST(p.fields AS TEXT) FROM known_product k"
    " JOIN product p ON p.id = k.product WHERE k.dropped_at > ? ORDER BY k.product"
)


def note(store: Store, currency: str, now: Instant) -> None:
    """Notes new products, and prices that fell since the last build. One that is as high again as before is
    no cheaper one any more."""
    last = ""
    while True:
        with store.read() as conn:
            found = rows(conn, statements.KNOWN, (last, _PAGE))
        records = [record for row in found if (record := _noted(row, currency, now)) is not None]
        store.write(partial(insert_many, table="known_product", records=records, on_conflict=_UPSERT))
        if len(found) < _PAGE:
            return
        last = found[-1][0]


def _noted(row: Any, currency: str, now: Instant) -> dict[str, Any] | None:
    """What is to be noted of a product; None: nothing is new."""
    product, fields, changed_at, first_at, known, before, dropped_at = row
    price = price_text(load_values(fields), currency)
    if first_at is not None and price == known:
        return None
    if first_at is None:  # the moment it was last written is the best that is known
        first_at, before, dropped_at = changed_at, "", 0
    elif _fell(known, price) is not None:
        before, dropped_at = (before if dropped_at and _fell(before, price) else known), now
    elif _fell(before, price) is None:
        before, dropped_at = "", 0
    return {
        "product": product, "first_at": first_at, "price": price, "price_before": before,
        "dropped_at": dropped_at,
    }  # fmt: skip


def price_text(fields: Mapping[str, Value], currency: str) -> str:
    """`12.50 EUR`; "" where there is no price."""
    price = fields.get("price")
    if isinstance(price, int | Decimal) and not isinstance(price, bool):
        price = Money(Decimal(price), currency)
    return str(price) if isinstance(price, Money) else ""


def cheaper(
    conn: Connection, fields: Sequence[str], now: Instant
) -> Iterator[tuple[str, str, int, str, int]]:
    """The largest drops first: (field, value, place, product, thousandths of the old price)."""
    found = [
        (share, product, load_values(document))
        for product, price, before, document in rows(conn, _DROPPED, (now - CHEAPER_FOR,))
        if (share := _fell(before, price)) is not None
    ]
    found.sort(key=lambda each: (-each[0], each[1]))
    places: dict[tuple[str, str], int] = {}
    for share, product, values in found:
        named = [(name, value) for name in fields if isinstance(value := values.get(name), str) and value]
        for name, value in [("", ""), *named]:
            place = places[name, value] = places.get((name, value), 0) + 1
            if place <= statements.LISTED:
                yield name, value, place, product, share


def _fell(before: str, price: str) -> int | None:
    """By how many thousandths; None: it did not, or the two cannot be compared."""
    old, _, currency = before.partition(" ")
    new, _, other = price.partition(" ")
    if not old or not new or currency != other or not 0 < Decimal(new) < Decimal(old):
        return None
    return int((Decimal(old) - Decimal(new)) / Decimal(old) * 1000)
